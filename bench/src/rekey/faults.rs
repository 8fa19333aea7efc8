//! T8: faults while the line is under load, each with a pair of its own, cables in memory.
//!
//! A fault begins a while after the load, lasts, ends, and the load goes on: what was lost, for how
//! long the line was blocked in effect, and how long after the end of the fault nothing was lost any
//! more and both directions had a fresh key. Each fault has its verdict, by bounds that are here.

use std::thread;
use std::time::{Duration, Instant};

use kme::faults::{Calls, Fault as KmeFault, Times, Wrong};
use lab::site::Site as Side;
use port::fault::Faults;
use qmacsec::status::Report;
use serde::Serialize;

use super::cables::Place;
use super::cores::Cores;
use super::load::{FLOWS, Offer, Run};
use super::outlet::{self, Outlets};
use super::pair::Pair;
use super::verdict::Verdict;
use super::{Error, Plan};
use crate::text::{figure, line};

/// From the beginning of the load to that of the fault.
const BEFORE: Duration = Duration::from_millis(1500);
/// From the end of the fault to that of the load.
const AFTER: Duration = Duration::from_secs(5);
/// Both together.
pub(super) const AROUND: Duration = BEFORE.saturating_add(AFTER);
/// How long a fault lasts, and in a short look.
pub(super) const LASTS: Duration = Duration::from_secs(60);
pub(super) const LASTS_QUICK: Duration = Duration::from_secs(6);
/// From the end of an encryptor until it is started anew.
const DEAD: Duration = Duration::from_secs(1);
/// A KME that is slow.
const SLOW: Duration = Duration::from_secs(2);
/// One of so many key_IDs is not to be had at the other end.
const LOST_ONE_OF: u32 = 20;
/// Frames that change places on the line: one of so many, all the time.
const SWAPPED: f64 = 0.01;
/// The longest interval of keys here: a key every second shows a fault soon.
const INTERVAL_MAX: Duration = Duration::from_secs(1);
/// After a fault all is well again within this, and the interval until the next key.
const RECOVERED_MAX: Duration = Duration::from_secs(3);
/// Where keys go on, at least so many of the changes that are due come.
const CHANGES_MIN: f64 = 0.5;

const _: () = assert!(AFTER.as_millis() > RECOVERED_MAX.as_millis() + INTERVAL_MAX.as_millis());
const _: () = assert!(BEFORE.as_millis() > INTERVAL_MAX.as_millis());

/// What is made wrong from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// Both KMEs are gone, and come back.
    KmsDown,
    /// Every answer takes 2 s.
    KmsSlow,
    /// One of twenty key_IDs is unknown to the other KME.
    KeyIdLost,
    /// The KMEs give different keys for one key_ID.
    KmsMismatch,
    /// Frames change places on the line, across switches, too.
    Reorder,
    /// An encryptor ends without a word, and is started anew.
    PeerKill,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) trouble: Trouble,
    pub(super) interval: Duration,
    pub(super) lasted: Duration,
    /// Changes of key, both directions; and those while the fault lasted, without such as were under
    /// way when it began.
    pub(super) switches: u64,
    pub(super) during: u64,
    pub(super) lost: u64,
    pub(super) blocked_ms: f64,
    pub(super) clear: u64,
    /// An encryptor says that something is wrong with its keys.
    pub(super) noticed: bool,
    /// From the end of the fault until nothing was lost any more and both directions had a fresh key;
    /// `None`: not while the load lasted.
    pub(super) recovered: Option<Duration>,
}

impl Trouble {
    pub(super) const ALL: [Self; 6] = [
        Self::KmsDown,
        Self::KmsSlow,
        Self::KeyIdLost,
        Self::KmsMismatch,
        Self::Reorder,
        Self::PeerKill,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KmsDown => "kms_down",
            Self::KmsSlow => "kms_slow_2s",
            Self::KeyIdLost => "keyid_lost_5%",
            Self::KmsMismatch => "kms_mismatch",
            Self::Reorder => "reorder_across_switch",
            Self::PeerKill => "peer_kill",
        }
    }

    /// What it does to the frames of the line.
    fn on_the_line(self) -> Faults {
        Faults {
            reorder: if self == Self::Reorder { SWAPPED } else { 0.0 },
            ..Faults::default()
        }
    }

    /// How long, where others last for `asked`.
    fn lasts(self, asked: Duration) -> Duration {
        match self {
            Self::PeerKill => DEAD,
            _ => asked,
        }
    }

    /// Keys change all the time, fault or not.
    fn keys_go_on(self) -> bool {
        matches!(self, Self::KeyIdLost | Self::Reorder)
    }
}

impl Outcome {
    /// No trouble of the KMEs stops the line while the last key
    /// may be held, no order of frames within the replay window loses one, and a dead encryptor
    /// stops it for as long as it is dead and finds its peer.
    pub(super) fn verdict(&self) -> Verdict {
        let mut why = Vec::new();
        if self.clear > 0 {
            why.push(format!("{} frames in clear", self.clear));
        }
        match (self.trouble, self.lost) {
            (Trouble::PeerKill, 0) => why.push("nothing was lost: was it dead?".to_owned()),
            (Trouble::PeerKill, _) | (_, 0) => {}
            (_, lost) => why.push(format!("lost {lost}")),
        }
        let bound = RECOVERED_MAX + self.interval;
        match self.recovered {
            None => why.push("not well again".to_owned()),
            Some(time) if time > bound => {
                why.push(format!("well again only after {:.1} s", time.as_secs_f64()));
            }
            Some(_) => {}
        }
        if self.trouble == Trouble::KmsMismatch {
            if self.during > 0 {
                why.push(format!("{} changes to keys not shared", self.during));
            }
            if !self.noticed {
                why.push("nobody noticed".to_owned());
            }
        }
        let due = FLOWS as f64 * self.lasted.div_duration_f64(self.interval);
        if self.trouble.keys_go_on() && (self.during as f64) < (CHANGES_MIN * due).floor() {
            why.push(format!("{} changes of {due:.0}", self.during));
        }
        Verdict::of(&why)
    }
}

/// The interval of keys with which faults are played.
pub(super) fn interval(plan: &Plan) -> Duration {
    let shortest = plan.intervals.iter().min().copied();
    shortest.map_or(INTERVAL_MAX, |interval| interval.min(INTERVAL_MAX))
}

/// One fault under load, at this interval of keys.
pub(super) fn suffer(
    trouble: Trouble,
    asked: Duration,
    interval: Duration,
    offer: Offer,
    cores: Cores,
) -> Result<Outcome, Error> {
    let lasts = trouble.lasts(asked);
    let (cables, outlets) = match trouble {
        Trouble::PeerKill => {
            let (cables, outlets) = outlet::cables(cores);
            (cables, Some(outlets))
        }
        _ => (Place::memory(cores).cables()?, None),
    };
    let cables = cables.with_faults(trouble.on_the_line());
    let (mut pair, mut hosts) = Pair::start(cables, interval, None)?;
    pair.seen.iter().for_each(|seen| drop(seen.take_switches()));
    let time = BEFORE + lasts + AFTER;
    let (run, played) = thread::scope(|scope| {
        let play = || {
            thread::sleep(BEFORE);
            let began = Instant::now();
            let noticed = play(trouble, lasts, interval, &mut pair, outlets.as_ref())?;
            Ok::<_, Error>((began, Instant::now(), noticed))
        };
        let player = scope.spawn(play);
        let run = hosts.carry(Offer { time, ..offer });
        (run, player.join())
    });
    let died = |_| Error::Ended("while a fault was played: a bug".to_owned());
    let run = run?;
    let (began, ended, noticed) = played.map_err(died)??;
    let switches = pair.seen.each_ref().map(|seen| seen.take_switches());
    let during = |at: &&Instant| (began + interval..ended).contains(*at);
    let lost: u64 = lost_at(&run).map(|(_, lost)| lost).sum();
    Ok(Outcome {
        trouble,
        interval,
        lasted: ended - began,
        switches: switches.iter().map(|each| each.len() as u64).sum(),
        during: switches.iter().flatten().filter(during).count() as u64,
        lost,
        blocked_ms: lost as f64 / (FLOWS as f64 * offer.rate) * 1e3,
        clear: pair.seen.iter().map(|seen| seen.counts()[2]).sum(),
        noticed,
        recovered: recovered(&run, &switches, ended),
    })
}

/// When the last frame that each direction lost was due, and how many it lost.
fn lost_at(run: &Run) -> impl Iterator<Item = (Option<Instant>, u64)> {
    run.flows.iter().zip(run.sent).map(|(flow, sent)| {
        let (mut last, mut count) = (None, 0);
        for number in flow.lost(sent) {
            last = Some(number);
            count += 1;
        }
        let due = |number| run.start + Duration::from_nanos(run.offer.due_ns(number));
        (last.map(due), count)
    })
}

/// Until the later of both directions had a fresh key, and had lost its last frame.
fn recovered(run: &Run, switches: &[Vec<Instant>; FLOWS], ended: Instant) -> Option<Duration> {
    let mut well = ended;
    for ((lost, _), switches) in lost_at(run).zip(switches) {
        let fresh = switches.iter().find(|at| **at >= ended)?;
        well = well.max(*fresh).max(lost.unwrap_or(ended));
    }
    Some(well - ended)
}

/// Orders the fault, waits, and takes it back. Whether an encryptor spoke of it, just before that.
fn play(
    trouble: Trouble,
    lasts: Duration,
    interval: Duration,
    pair: &mut Pair,
    outlets: Option<&Outlets>,
) -> Result<bool, Error> {
    let order = |pair: &Pair, fault, calls, times| {
        let of_side = |side| pair.kmes.faults(side).order(fault, calls, times);
        Side::BOTH.into_iter().for_each(of_side);
    };
    let clear = |pair: &Pair| {
        let of_side = |side| pair.kmes.faults(side).clear();
        Side::BOTH.into_iter().for_each(of_side);
    };
    let noticed = |pair: &Pair| {
        let has_trouble =
            |report: &Report| report.tx.trouble.is_some() || report.rx.trouble.is_some();
        Ok::<_, Error>(pair.reports()?.iter().any(has_trouble))
    };
    let mut said = false;
    match trouble {
        Trouble::KmsDown => {
            pair.kmes.take_down();
            thread::sleep(lasts);
            said = noticed(pair)?;
            pair.kmes.bring_up(&pair.folder)?;
        }
        Trouble::KmsSlow | Trouble::KmsMismatch => {
            let (fault, calls) = match trouble {
                Trouble::KmsSlow => (KmeFault::Latency(SLOW), Calls::Any),
                _ => (KmeFault::WrongKey, Calls::DecKeys),
            };
            order(pair, fault, calls, Times::Always);
            thread::sleep(lasts);
            said = noticed(pair)?;
            clear(pair);
        }
        Trouble::KeyIdLost => {
            let every = interval * LOST_ONE_OF;
            for _ in 0..lasts.div_duration_f64(every).ceil() as u32 {
                order(
                    pair,
                    KmeFault::Answer(Wrong::NotFound),
                    Calls::DecKeys,
                    Times::Next(1),
                );
                thread::sleep(every.min(lasts));
            }
            clear(pair);
        }
        Trouble::Reorder => thread::sleep(lasts), // all the time
        Trouble::PeerKill => {
            pair.kill(Side::A);
            thread::sleep(lasts);
            if let Some(outlets) = outlets {
                pair.start_again(Side::A, outlets.plug_in())?;
            }
        }
    }
    Ok(said)
}

/// T8.
pub(super) fn table(out: &mut String, outcomes: &[Outcome]) {
    let Some(first) = outcomes.first() else {
        return;
    };
    line!(
        out,
        "\nT8 FAULTS at a tenth of the no-drop rate, in memory, T = {} s; recovered: nothing lost any more and fresh keys both ways, at most {} s after the fault",
        first.interval.as_secs_f64(),
        (RECOVERED_MAX + first.interval).as_secs_f64()
    );
    line!(
        out,
        "fault                  lasted_s  switches  during     lost  blocked_ms  cleartext  recovered_s  verdict"
    );
    for outcome in outcomes {
        let recovered = outcome.recovered.map(|time| time.as_secs_f64());
        line!(
            out,
            "{:<22} {:>8.1} {:>9} {:>7} {:>8} {:>11.1} {:>10} {:>12}  {}",
            outcome.trouble.name(),
            outcome.lasted.as_secs_f64(),
            outcome.switches,
            outcome.during,
            outcome.lost,
            outcome.blocked_ms,
            outcome.clear,
            figure(recovered, 2),
            outcome.verdict(),
        );
    }
    line!(
        out,
        "ctl_restart is peer_kill: the control plane and the workers are one process, by design"
    );
}

/// An outcome in the JSON, under `faults`.
#[derive(Serialize)]
pub(super) struct JsonOutcome {
    fault: &'static str,
    interval_s: f64,
    lasted_s: f64,
    switches: u64,
    switches_during: u64,
    lost: u64,
    blocked_ms: f64,
    cleartext: u64,
    recovered_s: Option<f64>,
    verdict: &'static str,
}

impl From<&Outcome> for JsonOutcome {
    fn from(outcome: &Outcome) -> Self {
        Self {
            fault: outcome.trouble.name(),
            interval_s: outcome.interval.as_secs_f64(),
            lasted_s: outcome.lasted.as_secs_f64(),
            switches: outcome.switches,
            switches_during: outcome.during,
            lost: outcome.lost,
            blocked_ms: outcome.blocked_ms,
            cleartext: outcome.clear,
            recovered_s: outcome.recovered.map(|time| time.as_secs_f64()),
            verdict: outcome.verdict().word(),
        }
    }
}

#[cfg(test)]
mod tests;
