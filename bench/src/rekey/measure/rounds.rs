//! Rounds: at each size and load, runs without rekeying, at each interval and of each peer
//! alternate, so that a slow minute of the machine meets all of them.

use std::time::Duration;

use indicatif::ProgressBar;

use super::faults::{self, Outcome, Scenario};
use super::peers::{Cell, Peer};
use super::rates::{self, Rates};
use super::trial::{self, Sham, Trial};
use crate::harness::rounds as harness;
use crate::rekey::Error;
use crate::rekey::analyse::account::Account;
use crate::rekey::analyse::row::{Row, Safety};
use crate::rekey::analyse::verdict::Verdict;
use crate::rekey::load::hosts::{self, Offer};
use crate::rekey::observe::keys::Keys;
use crate::rekey::observe::switches::Steps;
use crate::rekey::plan::{self, Plan, ms, of_run};
use crate::rekey::rig::cabling::Rig;
use crate::rekey::rig::cores::Cores;
use crate::rekey::rig::drops::{Drops, merge};
use crate::rekey::rig::encryptors::NEVER;

/// The load during faults, as a share of the no-drop rate.
const FAULT_LOAD: f64 = 0.1;

/// All results of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    pub(crate) cores: Cores,
    /// The cost of the load itself, ns a frame.
    pub(crate) load_ns: f64,
    /// Ports that this machine does not have, and why.
    pub(crate) absent: Vec<String>,
    /// No-drop rates; at each size ours first.
    pub(crate) rates: Vec<Rates>,
    pub(crate) rows: Vec<Row>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) outcomes: Vec<Outcome>,
}

impl Results {
    /// Whether every row and every fault passed.
    pub(crate) fn passed(&self) -> bool {
        let passed = |verdict: Verdict| verdict == Verdict::Pass;
        self.rows.iter().all(|row| passed(row.verdict()))
            && self.outcomes.iter().all(|of| passed(of.verdict()))
    }
}

/// Measures everything in a plan.
pub(crate) fn run(plan: &Plan, cores: Cores) -> Result<Results, Error> {
    let bar = harness::bar(ms(plan::of_all(plan)));
    let mut results = Results {
        cores,
        load_ns: hosts::own_cost_ns(cores)?,
        absent: Vec::new(),
        rates: Vec::new(),
        rows: Vec::new(),
        peers: Vec::new(),
        outcomes: Vec::new(),
    };
    for &port in &plan.ports {
        let rig = Rig::new(port, cores)?;
        for &size in &plan.sizes {
            bar.set_message(format!("{} {size}: no-drop rate", port.as_str()));
            let ours = match rates::ours(plan, &rig, port, size) {
                // This machine does not have such a port; the others are measured all the same.
                Err(Error::Ended(why)) if plan.ports.len() > 1 => {
                    results.absent.push(format!("{}: {why}", port.as_str()));
                    bar.set_length(bar.length().unwrap_or_default() - ms(plan::of_port(plan)));
                    break;
                }
                ours => ours?,
            };
            results.rates.push(ours);
            for device in plan.searched_devices() {
                results
                    .rates
                    .push(rates::of_peer(device, &rig, port, size)?);
            }
            bar.inc(ms(plan::of_searches(plan)));
            for &load_percent in &plan.loads {
                bar.set_message(format!("{} {size} at {load_percent} %", port.as_str()));
                let offer = Offer {
                    size,
                    rate: ours.no_drop.lower * f64::from(load_percent) / 100.0,
                    time: plan.time,
                };
                let cell = Cell {
                    port,
                    offer,
                    load_percent,
                };
                let (rows, peers) = rows(plan, &rig, cell, &bar)?;
                results.rows.extend(rows);
                results.peers.extend(peers);
            }
        }
    }
    if let Some(first) = results.rates.first().filter(|_| plan.faults) {
        let interval = faults::interval(plan);
        let offer = Offer {
            size: first.size,
            rate: first.no_drop.lower * FAULT_LOAD,
            time: Duration::ZERO, // each fault has its own
        };
        for scenario in Scenario::ALL {
            bar.set_message(scenario.name());
            let outcome = faults::play(scenario, plan.fault_time, interval, offer, cores)?;
            results.outcomes.push(outcome);
        }
    }
    bar.finish_and_clear();
    Ok(results)
}

/// Every interval and every peer under one load.
fn rows(
    plan: &Plan,
    rig: &Rig,
    cell: Cell,
    bar: &ProgressBar,
) -> Result<(Vec<Row>, Vec<Peer>), Error> {
    let mut rows: Vec<Row> = plan.intervals.iter().map(|at| empty(cell, *at)).collect();
    let mut peers = Peer::of_cell(&plan.devices, &plan.intervals, cell);
    let mut off = Account::new(NEVER);
    let fault = plan.fault;
    let trial = |interval, time, shams: Vec<Sham>| -> Result<Trial, Error> {
        let offer = Offer { time, ..cell.offer };
        rig.run(move |rig| trial::run(rig.cables()?, offer, interval, fault, shams))?
    };
    for left in (1..=plan.pairs).rev() {
        // As many sham switches as the runs with rekeying will have switches.
        let sham = |row: &Row| Sham {
            account: Account::new(row.interval),
            interval: row.interval,
            time: plan.run_time(row.interval, row.on.switches, left),
        };
        let run = trial(NEVER, plan.time, rows.iter().map(sham).collect())?;
        off.merge(&run.account);
        for (row, sham) in rows.iter_mut().zip(&run.shams) {
            row.sham.merge(&sham.account);
        }
        bar.inc(ms(of_run(plan.time)));
        for row in &mut rows {
            let time = plan.run_time(row.interval, row.on.switches, left);
            add(row, trial(row.interval, time, Vec::new())?);
            bar.inc(ms(of_run(plan.run_time(row.interval, 0, plan.pairs))));
        }
        for peer in &mut peers {
            peer.measure(
                rig,
                plan.peer_time(peer.interval, peer.account.switches, left),
            )?;
            bar.inc(ms(of_run(plan.peer_time(peer.interval, 0, plan.pairs))));
        }
    }
    if !peers.is_empty() {
        peers.push(Peer::xpn_256(cell, &off));
    }
    for row in &mut rows {
        row.off = off.clone();
        row.bin_chance = row.on.windows.bin_chance(&row.sham.windows);
        row.tail_chance = row.on.windows.tail_chance(&row.sham.windows);
    }
    Ok((rows, peers))
}

/// A row without a run.
fn empty(cell: Cell, interval: Duration) -> Row {
    Row {
        port: cell.port.as_str(),
        interval,
        size: cell.offer.size,
        load_percent: cell.load_percent,
        rate: cell.offer.rate,
        on: Account::new(interval),
        off: Account::new(interval),
        sham: Account::new(interval),
        bin_chance: None,
        tail_chance: None,
        drops: Drops::new(),
        unexplained: Drops::new(),
        keys: Keys::default(),
        steps: Steps::default(),
        late_old_key: 0,
        safety: Safety::default(),
    }
}

/// Adds a trial with rekeying to its row.
fn add(row: &mut Row, trial: Trial) {
    row.on.merge(&trial.account);
    merge(&mut row.drops, &trial.drops);
    merge(&mut row.unexplained, &trial.unexplained);
    row.steps.merge(&trial.steps);
    row.keys.merge(&trial.keys);
    row.late_old_key += trial.late_old_key;
    row.safety.add(trial.safety);
}
