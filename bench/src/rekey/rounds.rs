//! Rounds: for each size and load, runs without rekeying and at each interval, one after the other
//! and again, so that a slow minute of the machine meets all of them.

use std::time::Duration;

use indicatif::ProgressBar;

use super::account::Account;
use super::arms::Peer;
use super::cables::{Place, PortKind};
use super::cores::Cores;
use super::faults::{self, Outcome, Trouble};
use super::keys::Keys;
use super::leg::{self, Leg, merge};
use super::length;
use super::load::{self, Offer};
use super::pair::{Drops, NEVER};
use super::rates::{self, Rates};
use super::rows::{Row, Safety};
use super::sham::Sham;
use super::steps::Steps;
use super::verdict::Verdict;
use super::{Error, Fault, Plan};
use crate::sweeps;

/// Of the no-drop rate, where faults are played.
const FAULT_LOAD: f64 = 0.1;

/// All that was measured.
#[derive(Clone, Debug)]
pub(super) struct Results {
    /// Which core did what.
    pub(super) cores: Cores,
    /// What the load itself costs, ns a frame.
    pub(super) load_ns: f64,
    /// Ports that could not be had, and why.
    pub(super) absent: Vec<String>,
    /// What is carried at all, ours first at each size.
    pub(super) rates: Vec<Rates>,
    pub(super) rows: Vec<Row>,
    /// What else was measured in the same rounds.
    pub(super) peers: Vec<Peer>,
    /// What came of faults, where these were asked for.
    pub(super) outcomes: Vec<Outcome>,
}

impl Results {
    /// Whether every row and every fault passed.
    pub(super) fn passed(&self) -> bool {
        let passed = |verdict: Verdict| verdict == Verdict::Pass;
        self.rows.iter().all(|row| passed(row.verdict()))
            && self.outcomes.iter().all(|of| passed(of.verdict()))
    }
}

/// Measures everything.
pub(super) fn run(plan: &Plan, cores: Cores) -> Result<Results, Error> {
    let bar = sweeps::bar(length::ms(length::of_all(plan)));
    let mut results = Results {
        cores,
        load_ns: load::own_cost_ns(cores)?,
        absent: Vec::new(),
        rates: Vec::new(),
        rows: Vec::new(),
        peers: Vec::new(),
        outcomes: Vec::new(),
    };
    for &port in &plan.ports {
        let place = Place::new(port, cores)?;
        for &size in &plan.sizes {
            bar.set_message(format!("{} {size}: no-drop rate", port.as_str()));
            let ours = match rates::ours(plan, &place, port, size) {
                // This machine has no such port: the others are measured all the same.
                Err(Error::Ended(why)) if plan.ports.len() > 1 => {
                    results.absent.push(format!("{}: {why}", port.as_str()));
                    bar.set_length(
                        bar.length().unwrap_or_default() - length::ms(length::of_port(plan)),
                    );
                    break;
                }
                ours => ours?,
            };
            results.rates.push(ours);
            for arm in plan.searched_arms() {
                results.rates.push(rates::of_peer(arm, &place, port, size)?);
            }
            bar.inc(length::ms(length::of_searches(plan)));
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
                let (rows, peers) = rows(plan, &place, cell, &bar)?;
                results.rows.extend(rows);
                results.peers.extend(peers);
            }
        }
    }
    if plan.faults {
        results.outcomes = faults(plan, &results.rates, cores, &bar)?;
    }
    bar.finish_and_clear();
    Ok(results)
}

/// Each fault, at a tenth of the no-drop rate.
fn faults(
    plan: &Plan,
    rates: &[Rates],
    cores: Cores,
    bar: &ProgressBar,
) -> Result<Vec<Outcome>, Error> {
    let Some(first) = rates.first() else {
        return Ok(Vec::new());
    };
    let interval = faults::interval(plan);
    let offer = Offer {
        size: first.size,
        rate: first.no_drop.lower * FAULT_LOAD,
        time: Duration::ZERO, // each fault has its own
    };
    let suffer = |trouble: Trouble| {
        bar.set_message(trouble.name());
        faults::suffer(trouble, plan.fault_time, interval, offer, cores)
    };
    Trouble::ALL.into_iter().map(suffer).collect()
}

/// One offer over one kind of port.
#[derive(Clone, Copy)]
struct Cell {
    port: PortKind,
    offer: Offer,
    load_percent: u32,
}

/// Every interval and every peer at one offer.
fn rows(
    plan: &Plan,
    place: &Place,
    cell: Cell,
    bar: &ProgressBar,
) -> Result<(Vec<Row>, Vec<Peer>), Error> {
    let row = |&interval: &Duration| Row {
        port: cell.port.as_str(),
        interval,
        size: cell.offer.size,
        load_percent: cell.load_percent,
        rate: cell.offer.rate,
        on: Account::new(interval),
        off: Account::new(interval),
        sham: Account::new(interval),
        bins_chance: None,
        tail_chance: None,
        drops: Drops::new(),
        unexplained: Drops::new(),
        keys: Keys::default(),
        steps: Steps::default(),
        late_old_key: 0,
        safety: Safety::default(),
    };
    let mut rows: Vec<Row> = plan.intervals.iter().map(row).collect();
    let of_cell = (cell.port, cell.offer, cell.load_percent);
    let mut peers = Peer::of_cell(&plan.arms, &plan.intervals, of_cell);
    let mut off = Account::new(NEVER);
    let fault = plan.fault;
    let one = |interval, time, shams: Vec<Sham>| {
        place.run(move |place| one_leg(place, cell, (interval, time), fault, shams))?
    };
    for left in (1..=plan.pairs).rev() {
        // As many sham moments as the runs with rekeying will have switches.
        let sham = |row: &Row| Sham {
            account: Account::new(row.interval),
            interval: row.interval,
            time: plan.run_time(row.interval, row.on.switches, left),
        };
        let leg = one(NEVER, plan.time, rows.iter().map(sham).collect())?;
        off.merge(&leg.account);
        for (row, sham) in rows.iter_mut().zip(&leg.shams) {
            row.sham.merge(&sham.account);
        }
        bar.inc(length::ms(length::of_run(plan.time)));
        for row in &mut rows {
            let leg = one(
                row.interval,
                plan.run_time(row.interval, row.on.switches, left),
                Vec::new(),
            )?;
            row.on.merge(&leg.account);
            merge(&mut row.drops, &leg.drops);
            merge(&mut row.unexplained, &leg.unexplained);
            row.steps.merge(&leg.steps);
            row.keys.merge(&leg.keys);
            row.late_old_key += leg.late_old_key;
            row.safety.add(leg.safety);
            let expected = plan.run_time(row.interval, 0, plan.pairs);
            bar.inc(length::ms(length::of_run(expected)));
        }
        for peer in &mut peers {
            let time = plan.peer_time(peer.interval, peer.switches(), left);
            peer.measure(place, time)?;
            bar.inc(length::ms(length::of_run(plan.peer_time(
                peer.interval,
                0,
                plan.pairs,
            ))));
        }
    }
    if !peers.is_empty() {
        peers.push(Peer::xpn_256(of_cell, &off));
    }
    for row in &mut rows {
        row.off = off.clone();
        row.bins_chance = row.on.windows.chance(&row.sham.windows);
        let timed = [&row.on.inside, &row.on.outside].map(|latency| latency.undisturbed.len());
        row.tail_chance = row.on.tails.chance(timed[0], timed[1]);
    }
    Ok((rows, peers))
}

/// One run over a pair of its own.
fn one_leg(
    place: &Place,
    cell: Cell,
    (interval, time): (Duration, Duration),
    fault: Option<Fault>,
    shams: Vec<Sham>,
) -> Result<Leg, Error> {
    let offer = Offer { time, ..cell.offer };
    leg::over(place.cables()?, offer, interval, fault, shams)
}
