//! Standstills: when the machine itself did not run a core of the frames.
//!
//! The core of a virtual machine stands still now and then, for some tens of milliseconds, because its host
//! gives the time to others. No timer of the machine ticks meanwhile, so this is not seen in its own
//! accounts (steal time has it only in part). It falls to the windows around switches or outside by luck.
//!
//! A witness sits on each core of the frames: a thread that goes before all others (`SCHED_FIFO`), sleeps a
//! fraction of a millisecond at a time, and writes down when it wakes late. What a program does on that core, ours
//! too, does not make it late: it is interrupted. (Where a kernel cannot be, the longest of its calls there is
//! below [`LATE_MIN`].) So a stall of an encryptor is not taken for one of the machine's; and were it, standstills
//! would come with the switches, which fails a row ([`Placed`]).
//!
//! What frames are lost in a standstill is not asked here: a loss is a loss.

use core::ops::RangeInclusive;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use super::cores;
use super::load::FLOWS;

/// A witness sleeps so long at a time. What is shorter than this and [`LATE_MIN`] together may pass between.
const NAP: Duration = Duration::from_micros(250);
/// So late it wakes where nothing is wrong, and more: it is tens of microseconds, rarely hundreds.
pub(super) const LATE_MIN: Duration = Duration::from_micros(250);
/// What has waited meanwhile goes on waiting until the backlog is gone: at 90 % of the no-drop rate a tenth
/// of the rate is left for that, and hosts catch up by no more ([`super::pace`]).
const AFTERMATH: u32 = 10;

/// From when to when a core may not have run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standstill {
    pub(super) from: Instant,
    pub(super) to: Instant,
}

impl Standstill {
    /// What a witness saw that woke at `to` after having woken at `from`, if it is anything.
    fn between(from: Instant, to: Instant) -> Option<Self> {
        (to.saturating_duration_since(from) > NAP + LATE_MIN).then_some(Self { from, to })
    }
}

/// Those of one run, and how long a watch was kept: not at all where that is not permitted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Watched {
    pub(super) time: Duration,
    pub(super) standstills: u64,
    pub(super) total: Duration,
    pub(super) longest: Duration,
}

impl Watched {
    /// Of one run.
    pub(super) fn of(time: Duration, standstills: &[Standstill]) -> Self {
        let lengths = standstills.iter().map(|still| still.to - still.from);
        Self {
            time,
            standstills: standstills.len() as u64,
            total: lengths.clone().sum(),
            longest: lengths.max().unwrap_or_default(),
        }
    }

    /// Another run.
    pub(super) fn merge(&mut self, other: &Self) {
        self.time += other.time;
        self.standstills += other.standstills;
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }
}

/// So many times what chance would place in the windows are too many, if chance does so as rarely as this: a
/// switch that is ordered in a standstill stands at its end, so they meet somewhat more often.
const TIMES_MAX: f64 = 3.0;
const CHANCE_MAX: f64 = 0.001;

/// Where standstills began, for each direction: in the windows around its switches, or not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Placed {
    pub(super) inside: u64,
    pub(super) outside: u64,
}

impl Placed {
    /// Another direction, or run.
    pub(super) fn merge(&mut self, other: Self) {
        self.inside += other.inside;
        self.outside += other.outside;
    }

    /// In the windows by chance, if they are that share of the time.
    pub(super) fn by_chance(self, share: f64) -> f64 {
        (self.inside + self.outside) as f64 * share
    }

    /// Whether they come with the switches: then they are ours, and excuse nothing.
    pub(super) fn come_with_switches(self, share: f64) -> bool {
        // Each is counted in both directions, but is one event.
        let (seen, expected) = (
            self.inside / FLOWS as u64,
            self.by_chance(share) / FLOWS as f64,
        );
        seen as f64 > TIMES_MAX * expected && chance_of(seen, expected) <= CHANCE_MAX
    }
}

/// No likelier than this a Poisson variable of a mean below `count` is that or more (Chernoff's bound).
fn chance_of(count: u64, mean: f64) -> f64 {
    let count = count as f64;
    (count - mean - count * (count / mean).ln()).exp()
}

/// What a run cannot be blamed for: its standstills and their aftermath, ns from its start, in order.
#[derive(Clone, Default, Debug)]
pub(super) struct Disturbed(Vec<(i64, i64)>);

impl Disturbed {
    /// Of a run that began then.
    pub(super) fn of(standstills: &[Standstill], start: Instant) -> Self {
        let ns = |at: Instant| at.saturating_duration_since(start).as_nanos() as i64;
        let mut in_order = standstills.to_vec();
        in_order.sort_unstable_by_key(|still| still.from);
        // Cores may stand at one time, which is one standstill. What waits from one before waits on behind the
        // next: so ends are in order, too.
        let (mut stood, mut recovered) = (start, start);
        let spans = in_order.into_iter().map(|still| {
            let begun = still.from.max(stood);
            stood = stood.max(still.to);
            let standing = still.to.saturating_duration_since(begun);
            recovered = recovered.max(begun) + standing * (1 + AFTERMATH);
            (ns(still.from), ns(recovered))
        });
        Self(spans.collect())
    }

    /// Whether anything of this time is disturbed.
    #[inline]
    pub(super) fn touches(&self, time: RangeInclusive<i64>) -> bool {
        let next = self.0.partition_point(|(_, end)| end < time.start());
        self.0.get(next).is_some_and(|(from, _)| from <= time.end())
    }
}

/// The witnesses of one run's cores; dropped, they leave.
pub(super) struct Witnesses {
    seen: Arc<Mutex<Vec<Standstill>>>,
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Witnesses {
    /// One on each of these cores; none of all, where one is not permitted.
    pub(super) fn start(cores: &[usize]) -> Option<Self> {
        let witnesses = Self {
            seen: Arc::default(),
            end: Arc::default(),
            threads: Vec::new(),
        };
        cores.iter().try_fold(witnesses, |mut witnesses, &core| {
            let thread = witnesses.sit(core).ok()?;
            witnesses.threads.push(thread);
            Some(witnesses)
        })
    }

    fn sit(&self, core: usize) -> io::Result<JoinHandle<()>> {
        let (seen, end) = (Arc::clone(&self.seen), Arc::clone(&self.end));
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let watch = move || {
            let placed = cores::pin(core).and_then(|()| before_all_others());
            let placed_well = placed.is_ok();
            let _nobody_asks = tell.send(placed);
            let mut last = Instant::now();
            while placed_well && !end.load(Ordering::Relaxed) {
                thread::sleep(NAP);
                let now = Instant::now();
                if let Some(standstill) = Standstill::between(last, now) {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.push(standstill);
                }
                last = now;
            }
        };
        let thread = thread::Builder::new()
            .name("witness".to_owned())
            .spawn(watch)?;
        told.recv().map_err(io::Error::other)??;
        Ok(thread)
    }

    /// What was seen since the last call.
    pub(super) fn take(&self) -> Vec<Standstill> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        core::mem::take(&mut *seen)
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _saw_it_all = thread.join();
        }
    }
}

/// This thread, from now on.
fn before_all_others() -> io::Result<()> {
    let least = ThreadPriorityValue::try_from(1).map_err(io::Error::other)?;
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(least),
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo),
    )
    .map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
