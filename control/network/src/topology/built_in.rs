//! The built-in topologies.

/// Names of the built-in topologies.
pub const BUILT_IN: [&str; 5] = [
    "metro-12",
    "metro-12-fast",
    "ring-4",
    "line-3",
    "two-domains",
];

/// The file of a built-in topology.
pub(super) fn text(name: &str) -> Option<&'static str> {
    let files = [
        include_str!("built_in/metro-12.toml"),
        include_str!("built_in/metro-12-fast.toml"),
        include_str!("built_in/ring-4.toml"),
        include_str!("built_in/line-3.toml"),
        include_str!("built_in/two-domains.toml"),
    ];
    BUILT_IN
        .into_iter()
        .zip(files)
        .find(|(known, _)| *known == name)
        .map(|(_, text)| text)
}
