//! Accounts of runs: frames counted, latencies in the windows around switches and outside.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::latency::Latency;
use super::windows::{KEPT, Windows};
use crate::frames::FLOWS;
use crate::rekey::load::hosts::{Arrival, Flow, Offer, Run};
use crate::rekey::load::standstill::{Disturbed, Placement, Standstills};
use crate::stats::percentile;

/// A window extends this far before and behind a switch, or less where intervals are short.
const WINDOW: Duration = Duration::from_millis(50);
/// Time from the start of a run until its latencies count.
pub(crate) const SETTLING: Duration = Duration::from_millis(200);
const SETTLED_NS: i64 = SETTLING.as_nanos() as i64;
/// Length of a moment. Frames due this long before the first frame under a new key belong to the
/// switch: a stall there holds them up, too.
const MOMENT_NS: i64 = 10_000_000;
const EARLY_NS: i64 = 1_000_000;
const BIN_NS: i64 = 1_000_000;
/// A window starts where a frame leaves. At few frames a millisecond these would beat with bins
/// that start there, too. So the bins of each window start another fraction of a frame earlier.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// How far a window extends at this interval: at most a quarter of it, or nothing would be outside.
pub(crate) fn window(interval: Duration) -> Duration {
    WINDOW.min(interval / 4)
}

/// Sums over runs. Histograms are added, too, so no percentile is ever averaged.
#[derive(Clone, Default, Debug)]
pub(crate) struct Account {
    pub(crate) frames: u64,
    pub(crate) lost: u64,
    /// Lost frames that were due in a window.
    pub(crate) lost_inside: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) changed: u64,
    pub(crate) switches: u64,
    pub(crate) inside: Latency,
    pub(crate) outside: Latency,
    /// The longest time without an arrival that touches a window, and outside; ns.
    pub(crate) gap_inside: u64,
    pub(crate) gap_outside: u64,
    /// Windows that lie completely in the settled part of a run, and are undisturbed.
    pub(crate) windows: Windows,
    /// The number of windows left out because a standstill disturbed them.
    pub(crate) windows_disturbed: u64,
    /// The longest latency of the frames due right after each switch, ns, and that of each moment
    /// elsewhere.
    pub(crate) at_switches: Vec<u32>,
    pub(crate) elsewhere: Vec<u32>,
    /// Standstills of the machine, and where they began.
    pub(crate) machine: Standstills,
    pub(crate) placement: Placement,
    half: Duration,
}

/// The first `sent` frames of one direction of a run.
struct Direction<'a> {
    offer: Offer,
    flow: &'a Flow,
    sent: u64,
    /// Moments in ns from the start of the run, in order.
    switches: &'a [i64],
    stood: &'a [i64],
    disturbed: &'a Disturbed,
}

/// A frame received. Times are in ns from the start of the run.
struct Received {
    due: i64,
    at: i64,
    late_ns: u32,
    disturbed: bool,
}

impl Direction<'_> {
    fn received(&self) -> impl Iterator<Item = Received> {
        let sent = |arrival: &&Arrival| u64::from(arrival.number) < self.sent;
        self.flow.arrivals.iter().filter(sent).map(|arrival| {
            let due = self.due(arrival.number.into());
            let at = due + i64::from(arrival.late_ns);
            Received {
                due,
                at,
                late_ns: arrival.late_ns,
                disturbed: self.disturbed.touches(due..=at),
            }
        })
    }

    /// The latency from which on an undisturbed frame is among the latest of the run, ns.
    fn latest_from(&self) -> u32 {
        let mut latencies: Histogram<u64> = Latency::default().all;
        let counts = |frame: &Received| frame.due >= SETTLED_NS && !frame.disturbed;
        for frame in self.received().filter(counts) {
            latencies.saturating_record(u64::from(frame.late_ns).max(1));
        }
        let from = latencies.lowest_equivalent(latencies.value_at_quantile(1.0 - KEPT));
        u32::try_from(from).unwrap_or(u32::MAX)
    }

    fn due(&self, number: u64) -> i64 {
        self.offer.due_ns(number) as i64
    }

    /// The switch nearest to `at` and the time from it, if it is within `half`.
    fn nearest(&self, half: i64, at: i64) -> Option<(usize, i64)> {
        let next = self.switches.partition_point(|switch| *switch < at);
        let near = [next.checked_sub(1), Some(next)].into_iter().flatten();
        let near = near.filter_map(|index| Some((index, at - self.switches.get(index)?)));
        near.min_by_key(|(_, offset)| offset.abs())
            .filter(|(_, offset)| (-half..half).contains(offset))
    }
}

impl Account {
    pub(crate) fn new(interval: Duration) -> Self {
        let half = window(interval);
        Self {
            windows: Windows::new(2 * half.as_millis() as usize),
            half,
            ..Self::default()
        }
    }

    /// Adds a run; `switches` are those of the sender of each direction.
    pub(crate) fn add(&mut self, run: &Run, switches: &[Vec<Instant>; FLOWS]) {
        self.add_first(run.offer.time, run, switches);
    }

    /// Adds the first part of a run, without frames that were due later.
    pub(crate) fn add_first(
        &mut self,
        part: Duration,
        run: &Run,
        switches: &[Vec<Instant>; FLOWS],
    ) {
        let offer = Offer {
            time: part.min(run.offer.time),
            ..run.offer
        };
        // ns from the start, of moments in this part.
        let in_part = |at: Instant| {
            let at = at.checked_duration_since(run.start)?;
            (at < offer.time).then_some(at.as_nanos() as i64)
        };
        let standstills = run.standstills.as_deref().unwrap_or_default();
        let end = run.start + offer.time;
        let begun = standstills.iter().filter(|still| still.from < end);
        if run.standstills.is_some() {
            self.machine.add(offer.time, begun.clone());
        }
        let stood: Vec<i64> = begun.filter_map(|still| in_part(still.from)).collect();
        let disturbed = Disturbed::of(standstills, run.start);
        for ((flow, switches), &sent) in run.flows.iter().zip(switches).zip(&run.sent) {
            let switches: Vec<i64> = switches.iter().copied().filter_map(in_part).collect();
            self.add_direction(&Direction {
                offer,
                flow,
                sent: sent.min(offer.frames()),
                switches: &switches,
                stood: &stood,
                disturbed: &disturbed,
            });
        }
    }

    fn add_direction(&mut self, direction: &Direction<'_>) {
        let (offer, flow, sent) = (direction.offer, direction.flow, direction.sent);
        let half = self.half.as_nanos() as i64;
        let nearest = |at| direction.nearest(half, at);
        self.frames += sent;
        self.switches += direction.switches.len() as u64;
        self.duplicated += flow.duplicated;
        self.reordered += flow.reordered;
        self.changed += flow.changed;
        for number in flow.lost(sent) {
            self.lost += 1;
            self.lost_inside += u64::from(nearest(direction.due(number)).is_some());
        }
        for &from in direction.stood {
            match nearest(from) {
                Some(_) => self.placement.inside += 1,
                None => self.placement.outside += 1,
            }
        }
        let windows = self.open_windows(direction);
        let bins_start = |window: usize| {
            let of_a_frame = (window as f64 * GOLDEN).fract() * 1e9 / offer.rate;
            BIN_NS.min(of_a_frame as i64)
        };
        let latest_from = direction.latest_from();
        let mut before = None;
        for frame in direction.received() {
            let Received { due, at, .. } = frame;
            if let Some((switch, offset)) = direction.nearest(half + BIN_NS, at)
                && let Some(window) = windows[switch]
                && let Ok(since) = u64::try_from(offset + half + bins_start(window))
            {
                self.windows
                    .arrive(window, (since / BIN_NS as u64) as usize);
            }
            if due < SETTLED_NS {
                continue;
            }
            let switch = nearest(due);
            let latency = match switch {
                Some(_) => &mut self.inside,
                None => &mut self.outside,
            };
            latency.record(frame.late_ns.into(), frame.disturbed);
            if let Some(window) = switch.and_then(|(switch, _)| windows[switch])
                && !frame.disturbed
                && frame.late_ns >= latest_from
            {
                self.windows.keep_latest(window, frame.late_ns);
            }
            if let Some(before) = before.replace(at) {
                let touches = nearest(at).is_some() || nearest(before).is_some();
                let longest = match touches {
                    true => &mut self.gap_inside,
                    false => &mut self.gap_outside,
                };
                *longest = (*longest).max((at - before).max(0) as u64);
            }
        }
        self.add_moments(direction);
    }

    /// A window for each switch whose window is complete and undisturbed.
    fn open_windows(&mut self, direction: &Direction<'_>) -> Vec<Option<usize>> {
        let offer = direction.offer;
        let half = self.half.as_nanos() as i64;
        let even = offer.rate * (BIN_NS as f64 / 1e9);
        let complete = SETTLED_NS + half + BIN_NS..=offer.time.as_nanos() as i64 - half;
        let open = |at: &i64| {
            let complete = complete.contains(at);
            let around = at - half - BIN_NS..=at + half;
            let disturbed = direction.disturbed.touches(around);
            self.windows_disturbed += u64::from(complete && disturbed);
            (complete && !disturbed).then(|| self.windows.open(even))
        };
        direction.switches.iter().map(open).collect()
    }

    /// Adds the longest latency of each moment. A stall of some milliseconds at every switch hides
    /// in the p99.99 of a machine that stalls now and then, but not in the median over the
    /// switches. Where the machine stalls all the time, it does not hide in the best tenth of them.
    fn add_moments(&mut self, direction: &Direction<'_>) {
        let (offer, switches) = (direction.offer, direction.switches);
        let moments = (offer.time.as_nanos() as i64 / MOMENT_NS) as usize + 1;
        let (mut after, mut longest) = (vec![0; switches.len()], vec![0; moments]);
        for Received { due, late_ns, .. } in direction.received().filter(|frame| !frame.disturbed) {
            let place = switches.partition_point(|switch| *switch <= due + EARLY_NS);
            let switch = place.checked_sub(1);
            let slot = match switch.filter(|&n| due - switches[n] < MOMENT_NS) {
                Some(n) => after.get_mut(n),
                None => longest.get_mut((due / MOMENT_NS) as usize),
            };
            if let Some(slot) = slot {
                *slot = late_ns.max(*slot);
            }
        }
        let settled = longest.into_iter().skip((SETTLED_NS / MOMENT_NS) as usize);
        self.at_switches
            .extend(after.into_iter().filter(|&late| late > 0));
        self.elsewhere.extend(settled.filter(|&late| late > 0));
    }

    /// The share of the time that is in windows, by the frames received.
    pub(crate) fn share_inside(&self) -> f64 {
        let (inside, outside) = (self.inside.all.len(), self.outside.all.len());
        inside as f64 / (inside + outside).max(1) as f64
    }

    /// The longest latency right after a switch and elsewhere, us, at a quantile over the moments.
    pub(crate) fn stall_us(&self, quantile: f64) -> Option<(f64, f64)> {
        let at = |latencies: &[u32]| {
            let mut sorted: Vec<f64> = latencies.iter().map(|&ns| f64::from(ns) / 1e3).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            (!sorted.is_empty()).then(|| percentile(&sorted, quantile))
        };
        Some((at(&self.at_switches)?, at(&self.elsewhere)?))
    }

    /// How long the line was blocked in effect, us for each switch: frames lost, divided by the
    /// rate at which they were offered (FD.io CSIT).
    pub(crate) fn blocked_us_per_switch(&self, rate: f64) -> f64 {
        match self.switches {
            0 => 0.0,
            switches => self.lost as f64 / rate * 1e6 / switches as f64,
        }
    }

    /// The upper 95 % bound of the share of frames lost: 3/N where none was.
    pub(crate) fn loss_upper_95(&self) -> f64 {
        poisson_upper_95(self.lost) / (self.frames.max(1) as f64)
    }
}

/// Upper 95 % bound of the mean of a Poisson variable that has the value `count` (Wilson and
/// Hilferty): 3 for 0.
pub(crate) fn poisson_upper_95(count: u64) -> f64 {
    const Z: f64 = 1.645;
    let k = count as f64 + 1.0;
    k * (1.0 - 1.0 / (9.0 * k) + Z / (3.0 * k.sqrt())).powi(3)
}

#[cfg(test)]
mod tests;
