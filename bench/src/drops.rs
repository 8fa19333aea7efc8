//! Frames dropped, by the name of their counter.

use std::collections::BTreeMap;

use port::PortCounters;
use worker::StatsSnapshot;

/// Frames dropped by name.
pub(crate) type Drops = BTreeMap<String, u64>;

pub(crate) fn merge(into: &mut Drops, from: &Drops) {
    for (name, frames) in from {
        *into.entry(name.clone()).or_default() += frames;
    }
}

/// The drops of a port, prefixed by the name of its place.
pub(crate) fn port_drops(place: &str, counters: &PortCounters) -> Drops {
    let drops = counters.drops();
    drops
        .map(|(name, frames)| (format!("{place} {name}"), frames))
        .collect()
}

pub(crate) fn worker_drops(numbers: &StatsSnapshot) -> Drops {
    let mut drops = port_drops("red", &numbers.red);
    drops.extend(port_drops("black", &numbers.black));
    let own = numbers.drops();
    drops.extend(own.map(|(name, frames)| (name.to_owned(), frames)));
    drops
}
