//! A trial: one run over a pair of encryptors of its own, and everything observed of it.

use std::time::{Duration, Instant};

use qmacsec::ledger;

use crate::drops::{merge, port_drops};
use crate::frames::FLOWS;
use crate::harness::error::Error;
use crate::rekey::Fault;
use crate::rekey::analyse::account::Account;
use crate::rekey::analyse::row::{Row, Safety};
use crate::rekey::load::hosts::{Hosts, Offer, Run};
use crate::rekey::observe::accounting::{self, Carried};
use crate::rekey::observe::keys::{self, Keys};
use crate::rekey::observe::{sham, switches};
use crate::rekey::plan;
use crate::rekey::rig::cabling::Cables;
use crate::rekey::rig::encryptors::{Encryptors, Remains};
use crate::rekey::rig::probe::{Count, Probe};

/// Sham switches of one interval, in the first part of a run without rekeying.
pub(crate) struct Sham<'a> {
    pub(crate) account: &'a mut Account,
    pub(crate) interval: Duration,
    pub(crate) time: Duration,
}

/// Runs the load of a row for `time`, and adds everything observed to the row. The run is in
/// slices: the record of a slice has to fit into memory.
pub(crate) fn run(
    cables: Cables,
    time: Duration,
    fault: Option<Fault>,
    row: &mut Row,
    mut shams: Vec<Sham<'_>>,
) -> Result<(), Error> {
    let started = Instant::now();
    let (encryptors, ports) = Encryptors::start(cables, row.interval, fault)?;
    let mut hosts = Hosts::open(ports)?;
    let probes = &encryptors.probes;
    let mut carried = Carried::default();
    let before = accounting::at_rest(|| accounting::balances(&encryptors, &hosts, carried))?;
    let dropped_before = encryptors.drops()?;
    let stage_changes = encryptors.stage_changes()?;
    let watch = switches::watch(encryptors.sockets(), row.interval)?;
    let (offer, account) = (row.cell.offer, &mut row.on);
    let load = || -> Result<(), Error> {
        for time in plan::slices(time, offer.rate) {
            for probe in probes {
                probe.take_switches();
                probe.resume();
            }
            let intervals: Vec<Duration> = shams.iter().map(|sham| sham.interval).collect();
            let ordering = sham::order(&intervals, probes)?;
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
    if let Some(log) = watch.end() {
        log.add_to(&mut row.steps);
    }
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
    merge(&mut row.drops, &drops);
    merge(
        &mut row.unexplained,
        &accounting::unexplained(&before, &after),
    );
    for probe in probes {
        row.late_old_key += probe.count(Count::BlackRxOldKey);
        row.safety.counted.add(probe.safety());
    }
    row.keys.add_depth(depth_min);
    row.keys.stage_changes += encryptors.stage_changes()?.saturating_sub(stage_changes);
    row.keys.time += started.elapsed();
    row.keys.add_kmes(&encryptors.kmes);
    check(&encryptors.end(), &mut row.keys, &mut row.safety)
}

/// Adds a run to the accounts of the sham switches in it.
fn add_shams(shams: &mut [Sham<'_>], probes: &[Probe; FLOWS], run: &Run) {
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
fn check(remains: &Remains, keys: &mut Keys, safety: &mut Safety) -> Result<(), Error> {
    let setup = |error: &dyn core::fmt::Display| Error::Setup(error.to_string());
    for path in &remains.ledgers {
        keys.add_ledger(&ledger::read(path).map_err(|error| setup(&error))?);
    }
    let [a, b] = &remains.ledgers;
    let ledgers = ledger::verify([a, b], None).map_err(|error| setup(&error))?;
    safety.keys += ledgers.keys;
    let grave = ledgers.findings.into_iter().filter(|finding| finding.grave);
    safety.grave.extend(grave.map(|finding| finding.text));
    safety.on_disk.add(remains.folder.path(), &remains.sealed)?;
    Ok(())
}
