//! Rounds: at each size and load, runs without rekeying, at each interval and of each peer
//! alternate, so that a slow minute of the machine meets all of them.

use std::time::Duration;

use indicatif::ProgressBar;

use super::faults::{self, Outcome, Scenario};
use super::peers::Peer;
use super::rates::Rates;
use super::trial::{self, Sham};
use crate::harness::choice::name;
use crate::harness::error::Error;
use crate::harness::rounds as harness;
use crate::rekey::analyse::row::{Cell, Row};
use crate::rekey::analyse::verdict::Verdict;
use crate::rekey::load::hosts::{self, Offer};
use crate::rekey::plan::Plan;
use crate::rekey::rig::cabling::Rig;
use crate::rekey::rig::cores::Cores;
use crate::rekey::rig::encryptors::NEVER;

/// The load during faults, as a share of the no-drop rate.
const FAULT_LOAD: f64 = 0.1;

#[derive(Clone, Debug, Default)]
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
    pub(crate) fn passed(&self) -> bool {
        let passed = |verdict: Verdict| verdict == Verdict::Pass;
        self.rows.iter().all(|row| passed(row.verdict()))
            && self.outcomes.iter().all(|of| passed(of.verdict()))
    }
}

pub(crate) fn run(plan: &Plan, cores: Cores) -> Result<Results, Error> {
    let of_port = (plan.sizes.len() * plan.loads.len()) as u64 * u64::from(plan.pairs);
    let bar = harness::bar(of_port * plan.ports.len() as u64);
    let mut results = Results {
        cores,
        load_ns: hosts::own_cost_ns(cores)?,
        ..Results::default()
    };
    for &port in &plan.ports {
        let rig = Rig::new(port, cores)?;
        for &size in &plan.sizes {
            bar.set_message(format!("{} {size}: no-drop rate", name(&port)));
            let ours = results.rates.len();
            let searched = plan.searched_devices();
            let searched = searched.map(|device| Rates::of(device, plan.rate, &rig, port, size));
            match searched.collect::<Result<Vec<_>, _>>() {
                Ok(rates) => results.rates.extend(rates),
                // This machine does not have such a port; the others are measured all the same.
                Err(Error::Ended(why)) if plan.ports.len() > 1 => {
                    results.absent.push(format!("{}: {why}", name(&port)));
                    bar.set_length(bar.length().unwrap_or_default() - of_port);
                    break;
                }
                Err(error) => return Err(error),
            }
            for &load_percent in &plan.loads {
                let rate = results.rates[ours].no_drop.lower * f64::from(load_percent) / 100.0;
                let time = plan.time;
                let cell = Cell {
                    port,
                    offer: Offer { size, rate, time },
                    load_percent,
                };
                bar.set_message(cell.to_string());
                rows(plan, &rig, cell, &bar, &mut results)?;
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

fn rows(
    plan: &Plan,
    rig: &Rig,
    cell: Cell,
    bar: &ProgressBar,
    results: &mut Results,
) -> Result<(), Error> {
    let intervals = plan.intervals.iter();
    let mut rows: Vec<Row> = intervals.map(|at| Row::new(cell, *at)).collect();
    let mut peers = Peer::of_cell(&plan.devices, &plan.intervals, cell);
    let mut off = Row::new(cell, NEVER);
    for left in (1..=plan.pairs).rev() {
        let time = |row: &Row| plan.run_time(Some(row.interval), row.on.switches, left);
        // As many sham switches as the runs with rekeying will have switches.
        let shams = rows.iter_mut().map(|row| Sham {
            time: time(row),
            interval: row.interval,
            account: &mut row.sham,
        });
        let shams = shams.collect();
        rig.run(|cables| trial::run(cables, plan.time, plan.fault, &mut off, shams))?;
        for row in &mut rows {
            let time = time(row);
            rig.run(|cables| trial::run(cables, time, plan.fault, row, Vec::new()))?;
        }
        for peer in &mut peers {
            let time = plan.run_time(peer.interval, peer.account.switches, left);
            peer.measure(rig, time)?;
        }
        bar.inc(1);
    }
    if !peers.is_empty() {
        peers.push(Peer::xpn_256(cell, &off.on));
    }
    for row in &mut rows {
        row.off = off.on.clone();
        row.bin_chance = row.on.windows.bin_chance(&row.sham.windows);
        row.tail_chance = row.on.windows.tail_chance(&row.sham.windows);
    }
    results.rows.extend(rows);
    results.peers.extend(peers);
    Ok(())
}
