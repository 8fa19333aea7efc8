//! Frames of one direction: sent by one end, received by the other, and the drops between them.

use std::collections::BTreeMap;

use port::PortCounters;
use serde::Serialize;

use super::lives::Lives;

/// One direction.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DirectionVerdict {
    pub(crate) name: &'static str,
    pub(crate) switches: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Frames sent but not received, over all processes of both ends.
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) late: u64,
    pub(crate) drops: BTreeMap<String, u64>,
    /// Stages of the key supply: seconds since the start, and name.
    pub(crate) stages: Vec<(f64, String)>,
}

impl DirectionVerdict {
    pub(crate) fn between(name: &'static str, from: &Lives, to: &Lives) -> Self {
        let sent = from.sum(|worker| &worker.tx, "OutPktsEncrypted");
        let received = to.sum(|worker| &worker.rx, "InPktsOK");
        Self {
            name,
            switches: from.key_changes(),
            sent,
            received,
            lost: sent.saturating_sub(received),
            duplicated: to.sum(|worker| &worker.rx, "InPktsDuplicate"),
            late: to.sum(|worker| &worker.rx, "InPktsLate"),
            drops: drops(from, to),
            stages: Vec::new(),
        }
    }
}

/// Returns the named drops of one direction, from the red port of one end to the red port of the
/// other.
fn drops(from: &Lives, to: &Lives) -> BTreeMap<String, u64> {
    let mut drops = BTreeMap::new();
    let mut enter = |place: &str, counters: &BTreeMap<String, u64>, dropped: fn(&str) -> bool| {
        for (name, count) in counters
            .iter()
            .filter(|(name, count)| **count > 0 && dropped(name))
        {
            *drops.entry(format!("{place}{name}")).or_insert(0) += count;
        }
    };
    let discard = |name: &str| {
        secy::Discard::ALL
            .iter()
            .any(|discard| discard.name() == name)
    };
    let port_rx = |name: &str| PortCounters::RX_DROPS.contains(&name);
    let port_tx = |name: &str| PortCounters::TX_DROPS.contains(&name);
    for worker in from.workers() {
        enter("sender's red ", &worker.red.counters, port_rx);
        enter("", &worker.tx, discard);
        enter("sender's black ", &worker.black.counters, port_tx);
    }
    for worker in to.workers() {
        enter("receiver's black ", &worker.black.counters, port_rx);
        enter("", &worker.rx, discard);
        enter("receiver's red ", &worker.red.counters, port_tx);
    }
    drops
}
