//! T8: faults while the line is under load, each with a pair of its own, cables in memory.
//!
//! A fault begins a while after the load, lasts, ends, and the load goes on: what was lost, for how
//! long the line was blocked in effect, and when the last frame was lost after the fault had ended.

use std::thread;
use std::time::Duration;

use kme::faults::{Calls, Fault as KmeFault, Times, Wrong};
use port::fault::Faults;
use tests::site::Side;

use super::Error;
use super::cables::{Place, PortKind};
use super::load::{Hosts, Offer};
use super::pair::Pair;

/// From the beginning of the load to that of the fault.
const BEFORE: Duration = Duration::from_secs(1);
/// From the end of the fault to that of the load.
const AFTER: Duration = Duration::from_secs(3);
/// Both together.
pub(super) const AROUND: Duration = BEFORE.saturating_add(AFTER);
/// How long a fault lasts, and in a short look.
pub(super) const LASTS: Duration = Duration::from_secs(60);
pub(super) const LASTS_QUICK: Duration = Duration::from_secs(6);
/// A KME that is slow.
const SLOW: Duration = Duration::from_secs(2);
/// One of so many key_IDs is not to be had at the other end.
const LOST_ONE_OF: u32 = 20;
/// Frames that change places on the line: one of so many, all the time.
const SWAPPED: f64 = 0.01;

/// What is made wrong from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// Both KMEs are gone, and come back.
    KmsDown,
    /// Every answer takes 2 s.
    KmsSlow,
    /// One of twenty key_IDs is unknown to the other KME.
    KeyIdLost,
    /// Frames change places on the line, across switches, too.
    Reorder,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) trouble: Trouble,
    pub(super) lasted: Duration,
    pub(super) switches: u64,
    pub(super) lost: u64,
    pub(super) blocked_ms: f64,
    pub(super) clear: u64,
    /// From the end of the fault to the last frame lost after it; `None`: none was.
    pub(super) recovered: Option<Duration>,
}

impl Trouble {
    pub(super) const ALL: [Self; 4] =
        [Self::KmsDown, Self::KmsSlow, Self::KeyIdLost, Self::Reorder];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KmsDown => "kms_down",
            Self::KmsSlow => "kms_slow_2s",
            Self::KeyIdLost => "keyid_lost_5%",
            Self::Reorder => "reorder_across_switch",
        }
    }

    /// What it does to the frames of the line.
    fn on_the_line(self) -> Faults {
        Faults {
            reorder: if self == Self::Reorder { SWAPPED } else { 0.0 },
            ..Faults::default()
        }
    }
}

impl Outcome {
    /// No trouble of the KMEs stops the line while the last key may be held, and no order of frames
    /// within the replay window loses one.
    pub(super) fn passed(&self) -> bool {
        self.lost == 0 && self.clear == 0
    }
}

/// One fault under load, at this interval of keys.
pub(super) fn suffer(
    trouble: Trouble,
    lasts: Duration,
    interval: Duration,
    offer: Offer,
) -> Result<Outcome, Error> {
    let cables = Place::Memory.cables(PortKind::Mem)?;
    let cables = cables.with_faults(trouble.on_the_line());
    let (mut pair, ends) = Pair::start(cables, interval, None)?;
    let mut hosts = Hosts::new(ends)?;
    pair.seen.iter().for_each(|seen| drop(seen.take_switches()));
    let offer = Offer {
        time: BEFORE + lasts + AFTER,
        ..offer
    };
    let run = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(BEFORE);
            play(trouble, lasts, interval, &mut pair);
        });
        hosts.carry(offer)
    });
    let ended = (BEFORE + lasts).as_nanos() as u64;
    let mut lost = 0;
    let mut last_lost = None;
    for (flow, &sent) in run.flows.iter().zip(&run.sent) {
        for number in flow.lost(sent) {
            lost += 1;
            last_lost = last_lost.max(Some(offer.due_ns(number)));
        }
    }
    let after = last_lost.and_then(|due| due.checked_sub(ended));
    let switches = pair
        .seen
        .iter()
        .map(|seen| seen.take_switches().len() as u64);
    Ok(Outcome {
        trouble,
        lasted: lasts,
        switches: switches.sum(),
        lost,
        blocked_ms: lost as f64 / offer.rate * 1e3,
        clear: pair.seen.iter().map(|seen| seen.counts()[2]).sum(),
        recovered: after.map(Duration::from_nanos),
    })
}

/// Orders the fault, waits, and takes it back.
fn play(trouble: Trouble, lasts: Duration, interval: Duration, pair: &mut Pair) {
    let order = |pair: &Pair, fault, calls, times| {
        let of_side = |side| pair.kmes.faults(side).order(fault, calls, times);
        Side::BOTH.into_iter().for_each(of_side);
    };
    let clear = |pair: &Pair| {
        let of_side = |side| pair.kmes.faults(side).clear();
        Side::BOTH.into_iter().for_each(of_side);
    };
    match trouble {
        Trouble::KmsDown => {
            pair.kmes.take_down();
            thread::sleep(lasts);
            pair.kmes.bring_up(&pair.folder);
        }
        Trouble::KmsSlow => {
            order(pair, KmeFault::Latency(SLOW), Calls::Any, Times::Always);
            thread::sleep(lasts);
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
    }
}
