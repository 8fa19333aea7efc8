//! Windows around switches, and one permutation test against windows around sham moments.
//!
//! A shared machine makes dips, bursts and long tails of its own. Runs without rekeying are
//! therefore observed at as many sham moments. If a switch has no effect, windows around switches
//! and windows around sham moments are exchangeable. The test draws as many windows at random from
//! both, again and again. The share of draws that are as bad as the windows around switches is the
//! probability that chance alone makes them so. The test assumes nothing about the noise of the
//! machine: one long stall falls to the switches in half of the draws and is no finding; an effect
//! of every switch falls to them in no other draw.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::latency::TAIL;

/// Throughput in a bin may differ this much from the mean, per cent of it.
pub(crate) const OFF_MAX: f64 = 2.0;
/// A finding is at most this likely by chance: a report has some tens of rows.
pub(crate) const CHANCE_MAX: f64 = 0.001;
/// Draws, the observed one among them. The test ends early after `BAD_ENOUGH` draws as bad as that.
const DRAWS: u32 = 2000;
const BAD_ENOUGH: u32 = 20;
const SEED: u64 = 0x62_69_6e_73;
/// This share of the frames of a run is kept as its latest: five times those beyond p99.99.
pub(super) const KEPT: f64 = 5.0 * (1.0 - TAIL);

const _: () = assert!(DRAWS as f64 * CHANCE_MAX >= 2.0);

/// Windows around moments, all equally long and under the same load.
#[derive(Clone, Default, Debug)]
pub(crate) struct Windows {
    bins: usize,
    /// Frames that arrive in one bin of an even flow.
    even: f64,
    windows: Vec<Window>,
}

#[derive(Clone, Debug)]
struct Window {
    /// Frames that arrived in each bin of a millisecond.
    arrivals: Vec<u32>,
    /// Latencies of those of its frames that are among the latest of the run, ns.
    latest: Vec<u32>,
}

impl Windows {
    pub(super) fn new(bins: usize) -> Self {
        Self {
            bins,
            ..Self::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    /// Adds a window at a rate of `even` frames per bin, and returns its index.
    pub(super) fn open(&mut self, even: f64) -> usize {
        self.even = even;
        self.windows.push(Window {
            arrivals: vec![0; self.bins],
            latest: Vec::new(),
        });
        self.windows.len() - 1
    }

    /// Counts a frame that arrived in a bin of a window.
    pub(super) fn arrive(&mut self, window: usize, bin: usize) {
        let window = self.windows.get_mut(window);
        if let Some(arrivals) = window.and_then(|window| window.arrivals.get_mut(bin)) {
            *arrivals += 1;
        }
    }

    /// Keeps the latency of a frame that was due in a window.
    pub(super) fn keep_latest(&mut self, window: usize, late_ns: u32) {
        if let Some(window) = self.windows.get_mut(window) {
            window.latest.push(late_ns);
        }
    }

    /// Per cent of the mean in each bin, over all windows; empty without windows.
    pub(crate) fn percent(&self) -> Vec<f64> {
        match self.windows.is_empty() {
            true => Vec::new(),
            false => self.percent_of(&self.windows.iter().collect::<Vec<_>>()),
        }
    }

    fn percent_of(&self, windows: &[&Window]) -> Vec<f64> {
        let mut sums = vec![0_u64; self.bins];
        for window in windows {
            let bins = sums.iter_mut().zip(&window.arrivals);
            bins.for_each(|(sum, &arrivals)| *sum += u64::from(arrivals));
        }
        let even = self.even * windows.len() as f64;
        sums.iter().map(|&sum| 100.0 * sum as f64 / even).collect()
    }

    /// The bin furthest from the mean, per cent off it; `None` without windows.
    pub(crate) fn worst_percent(&self) -> Option<f64> {
        let off = self.percent().into_iter().map(|percent| percent - 100.0);
        off.max_by(|a, b| a.abs().total_cmp(&b.abs()))
    }

    /// The probability that chance alone puts the worst bin as far from the mean as it is.
    pub(crate) fn bin_chance(&self, sham: &Self) -> Option<f64> {
        self.chance(sham, |windows, _| {
            let off = self.percent_of(windows).into_iter();
            off.fold(0.0, |worst, percent| (percent - 100.0).abs().max(worst))
        })
    }

    /// The probability that chance alone makes p99.99 in these windows as long, beside that in sham
    /// windows, as it is.
    pub(crate) fn tail_chance(&self, sham: &Self) -> Option<f64> {
        let frames_in_window = self.even * self.bins as f64;
        let mut latest = Vec::new();
        let mut tail = move |windows: &[&Window]| {
            latest.clear();
            latest.extend(windows.iter().flat_map(|window| &window.latest).copied());
            // Fewer frames may be kept than are beyond p99.99: then the shortest of them stands for
            // it.
            let Some(last) = latest.len().checked_sub(1) else {
                return 1.0;
            };
            let beyond = frames_in_window * windows.len() as f64 * (1.0 - TAIL);
            let place = (beyond.ceil() as usize).saturating_sub(1).min(last);
            let (_, latency, _) = latest.select_nth_unstable_by(place, |a, b| b.cmp(a));
            f64::from((*latency).max(1))
        };
        self.chance(sham, move |windows, others| tail(windows) / tail(others))
    }

    /// The permutation test, by a figure that is greater where windows are worse than the others.
    /// `None` where there are no windows around switches or none around sham moments.
    fn chance(
        &self,
        sham: &Self,
        mut badness: impl FnMut(&[&Window], &[&Window]) -> f64,
    ) -> Option<f64> {
        let ours = self.windows.len();
        if ours == 0 || sham.windows.is_empty() {
            return None;
        }
        let mut all: Vec<&Window> = self.windows.iter().chain(&sham.windows).collect();
        let mut badness = |all: &[&Window]| badness(&all[..ours], &all[ours..]);
        let observed = badness(&all);
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let (mut draws, mut bad) = (1, 1);
        while draws < DRAWS && bad < BAD_ENOUGH {
            // Any window is as likely as any other to be among ours.
            for place in 0..ours {
                let left = (all.len() - place) as u64;
                let other = (u64::from(rng.next_u32()) * left) >> 32;
                all.swap(place, place + other as usize);
            }
            draws += 1;
            bad += u32::from(badness(&all) >= observed);
        }
        Some(f64::from(bad) / f64::from(draws))
    }
}

#[cfg(test)]
mod tests;
