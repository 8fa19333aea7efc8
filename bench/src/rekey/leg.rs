//! A leg: one run over a pair of its own, and everything that it shows.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::account::Account;
use super::cables::Cables;
use super::closure::{self, Carried};
use super::keys::{self, Keys};
use super::load::Offer;
use super::pair::{Drops, Pair, port_drops};
use super::rows::Safety;
use super::sham::{self, Sham};
use super::steps::{Asking, Steps};
use super::watch::Count;
use super::{Error, Fault, length};

/// One run's figures.
pub(super) struct Leg {
    pub(super) account: Account,
    pub(super) shams: Vec<Sham>,
    pub(super) drops: Drops,
    pub(super) unexplained: Drops,
    pub(super) steps: Steps,
    pub(super) keys: Keys,
    pub(super) late_old_key: u64,
    pub(super) safety: Safety,
}

/// One run over these cables, in slices: what is written down of each frame has to fit into memory.
pub(super) fn over(
    cables: Cables,
    offer: Offer,
    interval: Duration,
    fault: Option<Fault>,
    mut shams: Vec<Sham>,
) -> Result<Leg, Error> {
    let started = Instant::now();
    let (pair, mut hosts) = Pair::start(cables, interval, fault)?;
    let mut carried = Carried::default();
    let before = closure::at_rest(|| pair.remainders(&hosts, carried))?;
    let dropped_before = pair.drops()?;
    let stage_changes = pair.stage_changes()?;
    let asking = Asking::start(pair.sockets(), interval)?;
    let mut account = Account::new(interval);
    let load = || -> Result<(), Error> {
        for time in length::slices(offer.time, offer.rate) {
            for seen in &pair.seen {
                seen.take_switches();
                seen.resume();
            }
            let ordering = sham::Ordering::start(&shams, &pair.seen)?;
            let run = hosts.carry(Offer { time, ..offer })?;
            ordering.end();
            let switches = [0, 1].map(|end| pair.seen[end].take_switches());
            account.add(&run, &switches);
            carried.add(&run);
            sham::account(&mut shams, &pair.seen, &run);
        }
        Ok(())
    };
    let (carried_out, depth_min) = keys::watched(&pair.kmes, load);
    carried_out?;
    let after = closure::at_last(&before, || pair.remainders(&hosts, carried))?;
    let steps = asking.end();
    let mut drops = pair.drops()?;
    for (name, frames) in &dropped_before {
        drops.entry(name.clone()).and_modify(|now| *now -= frames);
    }
    for end in hosts.ends() {
        merge(&mut drops, &port_drops("host", &end.counters()));
    }
    let of_control = closure::control_dropped(&before, &after);
    drops.insert("rekey frames: on the line".to_owned(), of_control);
    drops.retain(|_, frames| *frames > 0);
    let late = pair
        .seen
        .iter()
        .map(|seen| seen.count(Count::BlackRxOldKey));
    let late_old_key = late.sum();
    let [a, b] = [0, 1].map(|end| pair.seen[end].counts());
    let [nonces, repeated, clear] = core::array::from_fn(|n| a[n] + b[n]);
    let mut keys = Keys {
        depth_min,
        stage_changes: pair.stage_changes()?.saturating_sub(stage_changes),
        time: started.elapsed(),
        ..Keys::default()
    };
    keys.hear(&pair.kmes);
    let (ledgers, on_disk) = pair.end(&mut keys)?;
    let grave = ledgers.findings.into_iter().filter(|finding| finding.grave);
    Ok(Leg {
        account,
        shams,
        drops,
        unexplained: closure::unexplained(&before, &after),
        steps,
        keys,
        late_old_key,
        safety: Safety {
            nonces,
            repeated,
            clear,
            keys: ledgers.keys,
            grave: grave.map(|finding| finding.text).collect(),
            on_disk,
        },
    })
}

/// Adds counters by their names.
pub(super) fn merge(into: &mut Drops, from: &BTreeMap<String, u64>) {
    for (name, frames) in from {
        *into.entry(name.clone()).or_default() += frames;
    }
}
