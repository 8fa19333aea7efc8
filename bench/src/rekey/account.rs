//! What runs amount to: frames counted, latencies in the windows around switches and outside.

use std::time::{Duration, Instant};

use super::bins::Windows;
use super::latency::{Latency, quantile_ns};
use super::load::{Arrival, FLOWS, Flow, Offer, Run};
use super::standstill::{Disturbed, Placed, Standstill, Watched};
use super::tails::{KEPT, Tails};
use crate::stats::percentile;

/// A window reaches so far before and behind a switch; less where switches come close together.
const WINDOW: Duration = Duration::from_millis(50);
/// From the start of a run until its latencies count.
pub(super) const SETTLING: Duration = Duration::from_millis(200);
const SETTLED_NS: i64 = SETTLING.as_nanos() as i64;
/// How long a moment is, and how much before the first frame under a new key those are due that a
/// stall at the switch holds up.
const MOMENT: Duration = Duration::from_millis(10);
const EARLY_NS: i64 = 1_000_000;
/// A bin of the throughput around a switch.
const BIN_NS: i64 = 1_000_000;
/// A window begins where a frame leaves. Few frames in a millisecond, and no whole number of them, would beat with
/// bins that begin there, too: they begin another fraction of a frame earlier in each window.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// How far a window reaches at this interval: no more than a quarter of it, or nothing would be
/// outside.
pub(super) fn window(interval: Duration) -> Duration {
    WINDOW.min(interval / 4)
}

/// Sums over runs: numbers are added, histograms too, so no percentile is ever averaged.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) frames: u64,
    pub(super) lost: u64,
    /// Of these, due in a window.
    pub(super) lost_inside: u64,
    pub(super) duplicated: u64,
    pub(super) disordered: u64,
    pub(super) changed: u64,
    pub(super) switches: u64,
    pub(super) inside: Latency,
    pub(super) outside: Latency,
    /// The latest of the undisturbed ones.
    pub(super) tails: Tails,
    /// The longest time without an arrival that touched a window, and that did not; ns.
    pub(super) gap_inside: u64,
    pub(super) gap_outside: u64,
    /// Arrivals by millisecond, in the windows that are wholly in a run, after it has settled, and undisturbed.
    pub(super) windows: Windows,
    /// Windows that were disturbed by a standstill.
    pub(super) windows_disturbed: u64,
    /// The longest latency of the frames due right after each switch, ns ...
    pub(super) at_switches: Vec<u32>,
    /// ... and in as long a time at moments that have nothing to do with it.
    pub(super) elsewhere: Vec<u32>,
    /// How the machine ran meanwhile.
    pub(super) machine: Watched,
    /// And whether it stood still at switches or elsewhere.
    pub(super) placed: Placed,
    half: Duration,
}

/// One direction of a run, its first `sent` frames.
struct Direction<'a> {
    offer: Offer,
    flow: &'a Flow,
    sent: u64,
    /// ns from the start of the run, in order.
    switches: &'a [i64],
    /// When standstills began, since the start of the run.
    stood: &'a [Duration],
    disturbed: &'a Disturbed,
}

/// One of its frames that came.
struct Came {
    /// When it was due and when it came, ns from the start of the run.
    due: i64,
    at: i64,
    late_ns: u32,
    disturbed: bool,
}

impl Direction<'_> {
    /// Those that came, in the order in which they did.
    fn came(&self) -> impl Iterator<Item = Came> {
        let ours = |arrival: &&Arrival| u64::from(arrival.number) < self.sent;
        self.flow.arrivals.iter().filter(ours).map(|arrival| {
            let due = self.due(arrival.number.into());
            let at = due + i64::from(arrival.late_ns);
            Came {
                due,
                at,
                late_ns: arrival.late_ns,
                disturbed: self.disturbed.touches(due..=at),
            }
        })
    }

    fn due(&self, number: u64) -> i64 {
        self.offer.due_ns(number) as i64
    }

    /// The latest of those that count and were not disturbed: when they were due, and how long they took.
    fn latest(&self) -> impl Iterator<Item = (i64, u32)> {
        let timed = || {
            let came = self.came();
            came.filter(|frame| frame.due >= SETTLED_NS && !frame.disturbed)
        };
        let least = quantile_ns(timed().map(|frame| frame.late_ns), 1.0 - KEPT);
        let latest = timed().filter(move |frame| frame.late_ns >= least);
        latest.map(|frame| (frame.due, frame.late_ns))
    }
}

/// Of switches in order the one that is nearest to `at`, if it is no further than `half`, and how far it is.
pub(super) fn nearest(switches: &[i64], half: i64, at: i64) -> Option<(usize, i64)> {
    let next = switches.partition_point(|switch| *switch < at);
    let near = [next.checked_sub(1), Some(next)].into_iter().flatten();
    let near = near.filter_map(|index| Some((index, at - switches.get(index)?)));
    near.min_by_key(|(_, offset)| offset.abs())
        .filter(|(_, offset)| (-half..half).contains(offset))
}

impl Account {
    /// Of runs at this interval.
    pub(super) fn new(interval: Duration) -> Self {
        let half = window(interval);
        Self {
            frames: 0,
            lost: 0,
            lost_inside: 0,
            duplicated: 0,
            disordered: 0,
            changed: 0,
            switches: 0,
            inside: Latency::new(),
            outside: Latency::new(),
            tails: Tails::new(half.as_nanos() as i64),
            gap_inside: 0,
            gap_outside: 0,
            windows: Windows::new(2 * half.as_millis() as usize),
            windows_disturbed: 0,
            at_switches: Vec::new(),
            elsewhere: Vec::new(),
            machine: Watched::default(),
            placed: Placed::default(),
            half,
        }
    }

    /// One more run; `switches` are those of the sender of each direction.
    pub(super) fn add(&mut self, run: &Run, switches: &[Vec<Instant>; FLOWS]) {
        self.add_first(run.offer.time, run, switches);
    }

    /// The first part of a run, and nothing of what was due later.
    pub(super) fn add_first(
        &mut self,
        part: Duration,
        run: &Run,
        switches: &[Vec<Instant>; FLOWS],
    ) {
        let offer = Offer {
            time: part.min(run.offer.time),
            ..run.offer
        };
        let standstills = run.standstills.as_deref().unwrap_or_default();
        let end = run.start + offer.time;
        let in_part = standstills.iter().filter(|still| still.from < end);
        let in_part: Vec<_> = in_part.copied().collect();
        if run.standstills.is_some() {
            self.machine.merge(&Watched::of(offer.time, &in_part));
        }
        let stood = |still: &Standstill| still.from.checked_duration_since(run.start);
        let stood: Vec<_> = in_part.iter().filter_map(stood).collect();
        let disturbed = Disturbed::of(standstills, run.start);
        for ((flow, switches), &sent) in run.flows.iter().zip(switches).zip(&run.sent) {
            let in_part = |at: &Instant| {
                let at = at.checked_duration_since(run.start)?;
                (at < offer.time).then_some(at.as_nanos() as i64)
            };
            let switches: Vec<i64> = switches.iter().filter_map(in_part).collect();
            let direction = Direction {
                offer,
                flow,
                sent: sent.min(offer.frames()),
                switches: &switches,
                stood: &stood,
                disturbed: &disturbed,
            };
            self.add_direction(&direction);
            let span = (SETTLED_NS, offer.time.as_nanos() as i64);
            self.tails.add(direction.latest(), &switches, span);
        }
    }

    /// Another account of the same interval.
    pub(super) fn merge(&mut self, other: &Self) {
        let sums = [
            (&mut self.frames, other.frames),
            (&mut self.lost, other.lost),
            (&mut self.lost_inside, other.lost_inside),
            (&mut self.duplicated, other.duplicated),
            (&mut self.disordered, other.disordered),
            (&mut self.changed, other.changed),
            (&mut self.switches, other.switches),
            (&mut self.windows_disturbed, other.windows_disturbed),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.inside.merge(&other.inside);
        self.outside.merge(&other.outside);
        self.tails.merge(&other.tails);
        self.gap_inside = self.gap_inside.max(other.gap_inside);
        self.gap_outside = self.gap_outside.max(other.gap_outside);
        self.windows.merge(&other.windows);
        self.at_switches.extend(&other.at_switches);
        self.elsewhere.extend(&other.elsewhere);
        self.machine.merge(&other.machine);
        self.placed.merge(other.placed);
    }

    fn add_direction(&mut self, direction: &Direction<'_>) {
        let &Direction {
            offer,
            flow,
            sent,
            switches,
            stood,
            disturbed,
        } = direction;
        let half = self.half.as_nanos() as i64;
        let near = |half, at| nearest(switches, half, at);
        let nearest = |at| near(half, at);
        let even = offer.rate * (BIN_NS as f64 / 1e9);
        let whole = SETTLED_NS + half + BIN_NS..=offer.time.as_nanos() as i64 - half;
        let mut window = |at: &i64| {
            let whole = whole.contains(at);
            let disturbed = disturbed.touches(at - half - BIN_NS..=at + half);
            self.windows_disturbed += u64::from(whole && disturbed);
            (whole && !disturbed).then(|| self.windows.open(even))
        };
        let windows: Vec<Option<usize>> = switches.iter().map(&mut window).collect();
        let begins = |window: usize| {
            let of_a_frame = (window as f64 * GOLDEN).fract() * 1e9 / offer.rate;
            BIN_NS.min(of_a_frame as i64)
        };
        self.frames += sent;
        self.switches += switches.len() as u64;
        self.duplicated += flow.duplicated;
        self.disordered += flow.disordered;
        self.changed += flow.changed;
        for number in flow.lost(sent) {
            self.lost += 1;
            self.lost_inside += u64::from(nearest(direction.due(number)).is_some());
        }
        for from in stood {
            match nearest(from.as_nanos() as i64) {
                Some(_) => self.placed.inside += 1,
                None => self.placed.outside += 1,
            }
        }
        let mut before = None;
        for frame in direction.came() {
            let Came { due, at, .. } = frame;
            if let Some((switch, offset)) = near(half + BIN_NS, at)
                && let Some(window) = windows[switch]
                && let Ok(since) = u64::try_from(offset + half + begins(window))
            {
                self.windows
                    .arrive(window, (since / BIN_NS as u64) as usize);
            }
            if due < SETTLED_NS {
                continue; // as in `latest`
            }
            let latency = match nearest(due) {
                Some(_) => &mut self.inside,
                None => &mut self.outside,
            };
            latency.record(frame.late_ns.into(), frame.disturbed);
            if let Some(before) = before.replace(at) {
                let gap = (at - before).max(0) as u64;
                let touches = nearest(at).is_some() || nearest(before).is_some();
                let longest = if touches {
                    &mut self.gap_inside
                } else {
                    &mut self.gap_outside
                };
                *longest = gap.max(*longest);
            }
        }
        self.moments(direction);
    }

    /// A stall of a few milliseconds at every switch hides in the p99.99 of a machine that stalls
    /// by itself now and then. It does not hide in the median over the switches, and where the machine
    /// stalls all the time not in the best tenth of them.
    fn moments(&mut self, direction: &Direction<'_>) {
        let &Direction {
            offer, switches, ..
        } = direction;
        let moment = MOMENT.as_nanos() as i64;
        let mut longest = vec![0; (offer.time.as_nanos() as i64 / moment) as usize + 1];
        let mut after = vec![0; switches.len()];
        for Came { due, late_ns, .. } in direction.came().filter(|frame| !frame.disturbed) {
            let place = switches.partition_point(|switch| *switch <= due + EARLY_NS);
            let switch = place.checked_sub(1).filter(|&n| due - switches[n] < moment);
            let slot = match switch {
                Some(n) => after.get_mut(n),
                None => longest.get_mut((due / moment) as usize),
            };
            if let Some(slot) = slot {
                *slot = late_ns.max(*slot);
            }
        }
        self.at_switches
            .extend(after.into_iter().filter(|&late| late > 0));
        let settled = (SETTLED_NS / moment) as usize;
        self.elsewhere
            .extend(longest.into_iter().skip(settled).filter(|&late| late > 0));
    }

    /// What share of the time the windows are, by the frames that came.
    pub(super) fn share_inside(&self) -> f64 {
        let (inside, outside) = (self.inside.all.len(), self.outside.all.len());
        inside as f64 / (inside + outside).max(1) as f64
    }

    /// The longest latency right after a switch and elsewhere, us, at that quantile of all of them.
    pub(super) fn stall_us(&self, quantile: f64) -> Option<(f64, f64)> {
        let at = |latencies: &[u32]| {
            let mut sorted: Vec<f64> = latencies.iter().map(|&ns| f64::from(ns) / 1e3).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            (!sorted.is_empty()).then(|| percentile(&sorted, quantile))
        };
        Some((at(&self.at_switches)?, at(&self.elsewhere)?))
    }

    /// How long the line was blocked, in effect, us for each switch: frames lost by the rate at which
    /// they were offered (FD.io CSIT).
    pub(super) fn blocked_us_per_switch(&self, rate: f64) -> f64 {
        if self.switches == 0 {
            return 0.0;
        }
        self.lost as f64 / rate * 1e6 / self.switches as f64
    }

    /// With 95 % confidence no greater share of frames is lost than this: 3/N where none was.
    pub(super) fn loss_upper_95(&self) -> f64 {
        poisson_upper_95(self.lost) / (self.frames.max(1) as f64)
    }
}

/// Upper 95 % bound of the mean of a Poisson variable that came out as `count` (Wilson and Hilferty):
/// 3 for none.
pub(super) fn poisson_upper_95(count: u64) -> f64 {
    const Z: f64 = 1.645;
    let k = count as f64 + 1.0;
    k * (1.0 - 1.0 / (9.0 * k) + Z / (3.0 * k.sqrt())).powi(3)
}

#[cfg(test)]
mod tests;
