//! Whether a tail in the windows that is longer than outside comes with the switches, or by luck.
//!
//! p99.99 of some minutes is decided by a few backlogs of milliseconds, and on a machine that others use these fall to
//! the windows or outside as they like. So the latest frames are kept, by the window in which they were due; the time
//! outside is cut into pieces as long as a window. Were a switch nothing special, windows and pieces would be one lot.
//! So as many are drawn from it again and again: the share of draws whose tails are as unlike as those observed
//! is how likely luck alone makes them so. One backlog falls to the windows in many draws; what comes with the switches
//! in no other.

use super::account::nearest;
use super::chance;
use super::latency::TAIL;

/// Of all frames these are kept: five times those beyond p99.99.
pub(super) const KEPT: f64 = 5.0 * (1.0 - TAIL);

/// The latest frames of runs: how long they took, ns.
#[derive(Clone, Default, Debug)]
pub(super) struct Tails {
    /// How far a window reaches, ns.
    half: i64,
    /// One window after the other, ...
    windows: Vec<Vec<u32>>,
    /// ... and pieces of the time outside.
    pieces: Vec<Vec<u32>>,
}

impl Tails {
    /// Of windows that reach so far, ns.
    pub(super) fn new(half: i64) -> Self {
        Self {
            half,
            windows: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// One direction of a run, in the part of it that counts: its latest frames, when each was due and how long it
    /// took, and its switches in order. Moments are ns from the start of the run.
    pub(super) fn add(
        &mut self,
        latest: impl Iterator<Item = (i64, u32)>,
        switches: &[i64],
        (from, to): (i64, i64),
    ) {
        let width = (2 * self.half).max(1);
        let counts: Vec<i64> = switches.iter().copied().filter(|at| *at >= from).collect();
        let (windows, pieces) = (self.windows.len(), self.pieces.len());
        let outside = (to - from - width * counts.len() as i64).max(1) as u64;
        self.windows.resize(windows + counts.len(), Vec::new());
        self.pieces
            .resize(pieces + outside.div_ceil(width as u64) as usize, Vec::new());
        for (due, late) in latest {
            if let Some((window, _)) = nearest(&counts, self.half, due) {
                self.windows[windows + window].push(late);
                continue;
            }
            // By the time outside that has passed.
            let passed = counts.partition_point(|at| at + self.half <= due) as i64;
            let piece = (due - from - width * passed).max(0) / width;
            let last = self.pieces.len() - 1;
            self.pieces[last.min(pieces + piece as usize)].push(late);
        }
    }

    /// Those of other runs.
    pub(super) fn merge(&mut self, other: &Self) {
        self.windows.extend(other.windows.iter().cloned());
        self.pieces.extend(other.pieces.iter().cloned());
    }

    /// How likely luck alone makes the tail of so many frames inside as long beside that of those outside; `None` where
    /// one of both has none.
    pub(super) fn chance(&self, inside: u64, outside: u64) -> Option<f64> {
        let beyond = [inside, outside].map(|frames| (frames as f64 * (1.0 - TAIL)).ceil() as usize);
        let lot: Vec<&Vec<u32>> = self.windows.iter().chain(&self.pieces).collect();
        let ours = self.windows.len();
        if inside == 0 || outside == 0 || ours == 0 {
            return None;
        }
        let mut places = [Vec::new(), Vec::new()];
        let mut ratio = |order: &[usize]| {
            for (place, part) in places.iter_mut().zip([&order[..ours], &order[ours..]]) {
                place.clear();
                part.iter().for_each(|&n| place.extend(lot[n]));
            }
            let [inside, outside] = [0, 1].map(|n| nth_longest(&mut places[n], beyond[n]));
            inside / outside
        };
        let mut order: Vec<usize> = (0..lot.len()).collect();
        let observed = ratio(&order);
        Some(chance::of(|rng| {
            chance::draw(rng, &mut order, ours);
            ratio(&order) >= observed
        }))
    }
}

/// Where fewer are kept, the shortest of them; 1 ns where none is.
fn nth_longest(latencies: &mut [u32], nth: usize) -> f64 {
    if latencies.is_empty() {
        return 1.0;
    }
    let place = nth.clamp(1, latencies.len()) - 1;
    let (_, latency, _) = latencies.select_nth_unstable_by(place, |a, b| b.cmp(a));
    f64::from((*latency).max(1))
}

#[cfg(test)]
mod tests;
