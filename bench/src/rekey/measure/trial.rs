//! A trial: one run over a pair of encryptors of its own, and everything observed of it.

use std::time::{Duration, Instant};

use qmacsec::ledger;

use crate::rekey::analyse::account::Account;
use crate::rekey::analyse::row::Safety;
use crate::rekey::load::hosts::{Hosts, Offer, Run};
use crate::rekey::observe::accounting::{self, Carried};
use crate::rekey::observe::disk::Search;
use crate::rekey::observe::keys::{self, Keys};
use crate::rekey::observe::sham::ShamSwitches;
use crate::rekey::observe::switches::{Steps, SwitchPoller};
use crate::rekey::plan;
use crate::rekey::rig::cabling::Cables;
use crate::rekey::rig::drops::{Drops, merge, port_drops};
use crate::rekey::rig::encryptors::{Encryptors, Remains};
use crate::rekey::rig::frames::FLOWS;
use crate::rekey::rig::probe::{Count, Counted, Probe};
use crate::rekey::{Error, Fault};

/// The result of a trial.
pub(crate) struct Trial {
    pub(crate) account: Account,
    pub(crate) shams: Vec<Sham>,
    pub(crate) drops: Drops,
    pub(crate) unexplained: Drops,
    pub(crate) steps: Steps,
    pub(crate) keys: Keys,
    pub(crate) late_old_key: u64,
    pub(crate) safety: Safety,
}

/// Sham switches of one interval, in the first part of a run without rekeying.
pub(crate) struct Sham {
    pub(crate) account: Account,
    pub(crate) interval: Duration,
    pub(crate) time: Duration,
}

/// Runs an offer over these cables, in slices: the record of a run has to fit into memory.
pub(crate) fn run(
    cables: Cables,
    offer: Offer,
    interval: Duration,
    fault: Option<Fault>,
    mut shams: Vec<Sham>,
) -> Result<Trial, Error> {
    let started = Instant::now();
    let (encryptors, ports) = Encryptors::start(cables, interval, fault)?;
    let mut hosts = Hosts::open(ports)?;
    let probes = &encryptors.probes;
    let mut carried = Carried::default();
    let before = accounting::at_rest(|| accounting::balances(&encryptors, &hosts, carried))?;
    let dropped_before = encryptors.drops()?;
    let stage_changes = encryptors.stage_changes()?;
    let poller = SwitchPoller::start(encryptors.sockets(), interval)?;
    let mut account = Account::new(interval);
    let load = || -> Result<(), Error> {
        for time in plan::slices(offer.time, offer.rate) {
            for probe in probes {
                probe.take_switches();
                probe.resume();
            }
            let intervals: Vec<Duration> = shams.iter().map(|sham| sham.interval).collect();
            let ordering = ShamSwitches::start(&intervals, probes)?;
            let run = hosts.carry(Offer { time, ..offer })?;
            ordering.end();
            account.add(&run, &probes.each_ref().map(Probe::take_switches));
            carried.add(&run);
            add_shams(&mut shams, probes, &run);
        }
        Ok(())
    };
    let (loaded, depth_min) = keys::watch_pool(&encryptors.kmes, load);
    loaded?;
    let balances = || accounting::balances(&encryptors, &hosts, carried);
    let after = accounting::settled(&before, balances)?;
    let steps = poller.end();
    let mut drops = encryptors.drops()?;
    for (name, frames) in &dropped_before {
        drops.entry(name.clone()).and_modify(|now| *now -= frames);
    }
    for end in hosts.ends() {
        merge(&mut drops, &port_drops("host", &end.counters()));
    }
    let of_control = accounting::control_dropped(&before, &after);
    drops.insert("rekey frames: on the line".to_owned(), of_control);
    drops.retain(|_, frames| *frames > 0);
    let late_old_key = probes.iter().map(|probe| probe.count(Count::BlackRxOldKey));
    let late_old_key = late_old_key.sum();
    let [a, b] = probes.each_ref().map(Probe::safety);
    let counted = Counted {
        nonces: a.nonces + b.nonces,
        repeated: a.repeated + b.repeated,
        clear: a.clear + b.clear,
    };
    let mut keys = Keys {
        depth_min,
        stage_changes: encryptors.stage_changes()?.saturating_sub(stage_changes),
        time: started.elapsed(),
        ..Keys::default()
    };
    keys.add_kmes(&encryptors.kmes);
    let safety = check(encryptors.end(), counted, &mut keys)?;
    Ok(Trial {
        account,
        shams,
        drops,
        unexplained: accounting::unexplained(&before, &after),
        steps,
        keys,
        late_old_key,
        safety,
    })
}

/// Adds a run to the accounts of the sham switches in it.
fn add_shams(shams: &mut [Sham], probes: &[Probe; FLOWS], run: &Run) {
    let all = probes.each_ref().map(Probe::take_shams);
    for (number, sham) in shams.iter_mut().enumerate() {
        let moments = all.each_ref().map(|all| {
            let own = all.iter().filter(|(of, _)| *of == number);
            own.map(|(_, at)| *at).collect()
        });
        sham.account.add_first(sham.time, run, &moments);
        sham.time = sham.time.saturating_sub(run.offer.time);
    }
}

/// Compares the ledgers of both ends, adds their keys, and searches the files for SAKs.
fn check(remains: Remains, counted: Counted, keys: &mut Keys) -> Result<Safety, Error> {
    let setup = |error: &dyn core::fmt::Display| Error::Setup(error.to_string());
    for path in &remains.ledgers {
        keys.add_ledger(&ledger::read(path).map_err(|error| setup(&error))?);
    }
    let [a, b] = &remains.ledgers;
    let ledgers = ledger::verify([a, b], None).map_err(|error| setup(&error))?;
    let grave = ledgers.findings.into_iter().filter(|finding| finding.grave);
    Ok(Safety {
        counted,
        keys: ledgers.keys,
        grave: grave.map(|finding| finding.text).collect(),
        on_disk: Search::of(remains.folder.path(), &remains.sealed)?,
    })
}
