use super::{EalConfig, arguments};

fn text(config: &EalConfig) -> String {
    let arguments = arguments(config).unwrap();
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_str().unwrap())
        .collect();
    words.join(" ")
}

#[test]
fn devices_that_are_not_named_stay_with_the_kernel() {
    let mut config = EalConfig::default();
    assert!(text(&config).contains("--no-pci"));
    config.pci = vec!["0000:3b:00.0".into(), "0000:3b:00.1".into()];
    let text = text(&config);
    assert!(text.ends_with("-a 0000:3b:00.0 -a 0000:3b:00.1") && !text.contains("--no-pci"));
    config.pci = vec!["0000\0".into()];
    assert!(arguments(&config).is_none());
}

#[test]
fn huge_pages_are_the_default() {
    let mut config = EalConfig::default();
    assert!(!text(&config).contains("--no-huge"));
    config.hugepages = false;
    assert!(text(&config).contains("--no-huge"));
}
