//! T8: faults while frames flow, each with encryptors of its own over cables in memory.
//!
//! A fault starts some time after the load, lasts, and ends; the load goes on. The result is what
//! was lost, how long the line was blocked in effect, and how long after the end of the fault
//! frames were still lost or a direction had no fresh key. Each fault has a verdict, by the bounds
//! below.

use std::thread;
use std::time::{Duration, Instant};

use kme::faults::{Calls, Fault as KmeFault, Times, Wrong};
use lab::site::Site;
use port::fault::Faults;
use qmacsec::status::Report;

use crate::frames::FLOWS;
use crate::harness::error::Error;
use crate::rekey::analyse::verdict::Verdict;
use crate::rekey::load::hosts::{Hosts, Offer, Run};
use crate::rekey::plan::Plan;
use crate::rekey::rig::cabling;
use crate::rekey::rig::cores::Cores;
use crate::rekey::rig::encryptors::Encryptors;
use crate::rekey::rig::probe::Probe;
use crate::rekey::rig::replaceable::{self, Replacer};

const BEFORE: Duration = Duration::from_millis(1500);
const AFTER: Duration = Duration::from_secs(5);
/// Time from the end of an encryptor until it is started again.
const DEAD: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_secs(2);
/// One of this many key_IDs is unknown at the other end.
const LOST_ONE_OF: u32 = 20;
/// The share of frames that are reordered on the line, all the time.
const SWAPPED: f64 = 0.01;
/// The longest interval of keys here: at a key a second a fault shows soon.
const INTERVAL_MAX: Duration = Duration::from_secs(1);
/// The longest time of recovery after a fault, beside the interval until the next key.
const RECOVERED_MAX: Duration = Duration::from_secs(3);
/// The least share of due switches that happen during a fault that does not stop keys.
const CHANGES_MIN: f64 = 0.5;

const _: () = assert!(AFTER.as_millis() > RECOVERED_MAX.as_millis() + INTERVAL_MAX.as_millis());
const _: () = assert!(BEFORE.as_millis() > INTERVAL_MAX.as_millis());

/// A fault from outside the encryptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scenario {
    /// Both KMEs are down, and come back.
    KmsDown,
    /// Every answer takes 2 s.
    KmsSlow,
    /// One of twenty key_IDs is unknown to the other KME.
    KeyIdLost,
    /// The KMEs give different keys for one key_ID.
    KmsMismatch,
    /// Frames are reordered on the line, also across switches.
    Reorder,
    /// An encryptor crashes, and is started again.
    PeerKill,
}

#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) scenario: Scenario,
    pub(crate) interval: Duration,
    pub(crate) lasted: Duration,
    /// Switches of both directions, and those during the fault, without those under way when it
    /// began.
    pub(crate) switches: u64,
    pub(crate) during: u64,
    pub(crate) lost: u64,
    pub(crate) blocked_ms: f64,
    pub(crate) clear: u64,
    /// An encryptor reported trouble with its keys.
    pub(crate) noticed: bool,
    /// Time from the end of the fault until the last loss, and until both directions had a fresh
    /// key; `None` where the load ended before.
    pub(crate) recovered: Option<Duration>,
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] = [
        Self::KmsDown,
        Self::KmsSlow,
        Self::KeyIdLost,
        Self::KmsMismatch,
        Self::Reorder,
        Self::PeerKill,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KmsDown => "kms_down",
            Self::KmsSlow => "kms_slow_2s",
            Self::KeyIdLost => "keyid_lost_5%",
            Self::KmsMismatch => "kms_mismatch",
            Self::Reorder => "reorder_across_switch",
            Self::PeerKill => "peer_kill",
        }
    }
}

impl Outcome {
    pub(crate) fn recovered_max(&self) -> Duration {
        RECOVERED_MAX + self.interval
    }

    /// A fault of KMEs stops no frame while the last key may be used. Reordering within the replay
    /// window loses no frame. A crashed encryptor stops frames until it is running and finds its
    /// peer.
    pub(crate) fn verdict(&self) -> Verdict {
        let mut why = Vec::new();
        if self.clear > 0 {
            why.push(format!("{} frames in clear", self.clear));
        }
        match (self.scenario, self.lost) {
            (Scenario::PeerKill, 0) => why.push("nothing was lost: did it crash?".to_owned()),
            (Scenario::PeerKill, _) | (_, 0) => {}
            (_, lost) => why.push(format!("lost {lost}")),
        }
        let bound = self.recovered_max();
        match self.recovered {
            None => why.push("not recovered".to_owned()),
            Some(time) if time > bound => {
                why.push(format!("recovered only after {:.1} s", time.as_secs_f64()));
            }
            Some(_) => {}
        }
        if self.scenario == Scenario::KmsMismatch {
            if self.during > 0 {
                why.push(format!("{} switches to keys not shared", self.during));
            }
            if !self.noticed {
                why.push("no encryptor reported it".to_owned());
            }
        }
        let due = FLOWS as f64 * self.lasted.div_duration_f64(self.interval);
        let keys_go_on = matches!(self.scenario, Scenario::KeyIdLost | Scenario::Reorder);
        if keys_go_on && (self.during as f64) < (CHANGES_MIN * due).floor() {
            why.push(format!("{} switches of {due:.0}", self.during));
        }
        Verdict::of(&why)
    }
}

pub(crate) fn interval(plan: &Plan) -> Duration {
    let shortest = plan.intervals.iter().min().copied();
    shortest.map_or(INTERVAL_MAX, |interval| interval.min(INTERVAL_MAX))
}

pub(crate) fn play(
    scenario: Scenario,
    asked: Duration,
    interval: Duration,
    offer: Offer,
    cores: Cores,
) -> Result<Outcome, Error> {
    let lasts = match scenario {
        Scenario::PeerKill => DEAD,
        _ => asked,
    };
    let (cables, replacer) = match scenario {
        Scenario::PeerKill => {
            let (cables, replacer) = replaceable::cables(cores);
            (cables, Some(replacer))
        }
        _ => (cabling::in_memory(cores), None),
    };
    let cables = match scenario {
        Scenario::Reorder => cables.with_faults(Faults {
            reorder: SWAPPED,
            ..Faults::default()
        }),
        _ => cables,
    };
    let (mut encryptors, ports) = Encryptors::start(cables, interval, None)?;
    let mut hosts = Hosts::open(ports)?;
    for probe in &encryptors.probes {
        probe.take_switches();
    }
    let time = BEFORE + lasts + AFTER;
    let (run, injected) = thread::scope(|scope| {
        let injector = scope.spawn(|| {
            thread::sleep(BEFORE);
            let began = Instant::now();
            let noticed = inject(scenario, lasts, interval, &mut encryptors, replacer)?;
            Ok::<_, Error>((began, Instant::now(), noticed))
        });
        let run = hosts.carry(Offer { time, ..offer });
        (run, injector.join())
    });
    let died = |_| Error::Ended("the thread that plays faults died: a bug".to_owned());
    let run = run?;
    let (began, ended, noticed) = injected.map_err(died)??;
    let switches = encryptors.probes.each_ref().map(Probe::take_switches);
    let during = |at: &&Instant| (began + interval..ended).contains(*at);
    let clear = |probe: &Probe| probe.safety().clear;
    let lost: u64 = lost_at(&run).map(|(_, lost)| lost).sum();
    Ok(Outcome {
        scenario,
        interval,
        lasted: ended - began,
        switches: switches.iter().map(|each| each.len() as u64).sum(),
        during: switches.iter().flatten().filter(during).count() as u64,
        lost,
        blocked_ms: lost as f64 / (FLOWS as f64 * offer.rate) * 1e3,
        clear: encryptors.probes.iter().map(clear).sum(),
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

/// Time until both directions had a fresh key and no more losses.
fn recovered(run: &Run, switches: &[Vec<Instant>; FLOWS], ended: Instant) -> Option<Duration> {
    let mut recovered = ended;
    for ((lost, _), switches) in lost_at(run).zip(switches) {
        let fresh = switches.iter().find(|at| **at >= ended)?;
        recovered = recovered.max(*fresh).max(lost.unwrap_or(ended));
    }
    Some(recovered - ended)
}

/// Starts the fault, waits, and ends it. Returns whether an encryptor reported it just before that.
fn inject(
    scenario: Scenario,
    lasts: Duration,
    interval: Duration,
    encryptors: &mut Encryptors,
    replacer: Option<Replacer>,
) -> Result<bool, Error> {
    let order = |encryptors: &Encryptors, fault, calls, times| {
        for site in Site::BOTH {
            encryptors.kmes.faults(site).order(fault, calls, times);
        }
    };
    let noticed = |encryptors: &Encryptors| -> Result<bool, Error> {
        let trouble = |report: &Report| report.tx.trouble.is_some() || report.rx.trouble.is_some();
        Ok(encryptors.reports()?.iter().any(trouble))
    };
    let mut reported = false;
    match scenario {
        Scenario::KmsDown => {
            encryptors.kmes.take_down();
            thread::sleep(lasts);
            reported = noticed(encryptors)?;
            encryptors.kmes.bring_up(&encryptors.folder)?;
        }
        Scenario::KmsSlow | Scenario::KmsMismatch => {
            let (fault, calls) = match scenario {
                Scenario::KmsSlow => (KmeFault::Latency(SLOW), Calls::Any),
                _ => (KmeFault::WrongKey, Calls::DecKeys),
            };
            order(encryptors, fault, calls, Times::Always);
            thread::sleep(lasts);
            reported = noticed(encryptors)?;
        }
        Scenario::KeyIdLost => {
            let every = interval * LOST_ONE_OF;
            let unknown = KmeFault::Answer(Wrong::NotFound);
            for _ in 0..lasts.div_duration_f64(every).ceil() as u32 {
                order(encryptors, unknown, Calls::DecKeys, Times::Next(1));
                thread::sleep(every.min(lasts));
            }
        }
        Scenario::Reorder => thread::sleep(lasts), // all the time
        Scenario::PeerKill => {
            encryptors.kill(Site::A);
            thread::sleep(lasts);
            if let Some(replacer) = replacer {
                encryptors.restart(Site::A, replacer.replace())?;
            }
        }
    }
    for site in Site::BOTH {
        encryptors.kmes.faults(site).clear();
    }
    Ok(reported)
}

#[cfg(test)]
mod tests;
