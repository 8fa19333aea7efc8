//! The seeds of a simulation, from the environment.

/// The number in a variable.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

/// `SEEDS` seeds from `FROM` on.
pub fn seeds(default: u64) -> impl Iterator<Item = u64> {
    let from = number("FROM").unwrap_or(0);
    from..from + number("SEEDS").unwrap_or(default)
}
