//! Throughput in bins of a millisecond around moments, and whether it dips at switches as it does at no
//! other moment.
//!
//! A machine that others use makes dips and bursts of its own: a thread that stands still for 20 ms is
//! 20 empty bins and one with 20 times the frames, wherever that falls. So the runs without rekeying
//! are looked at in the same way, at as many sham moments. Were a switch nothing special, the windows
//! around both would be one lot, and which of them stand around switches would be chance. So as many are drawn from
//! the lot again and again: the share of draws whose worst bin is as bad as that of the switches, or
//! worse, is how likely chance alone makes them that bad (a permutation test). Nothing is assumed of
//! how the machine's noise is distributed: one long stall falls to the switches in half of the
//! draws, and is no finding; what comes with every switch falls to them in no other draw.

use super::chance;

/// Throughput in a bin may be so far from the mean, per cent of it.
pub(super) const OFF_MAX: f64 = 2.0;

/// Arrivals in each millisecond of windows around moments.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// Of one window.
    bins: usize,
    /// One window after the other.
    arrivals: Vec<u32>,
    /// Arrivals that one bin would have if they came evenly.
    even: f64,
}

impl Windows {
    /// None yet, of so many bins each.
    pub(super) fn new(bins: usize) -> Self {
        Self {
            bins,
            arrivals: Vec::new(),
            even: 0.0,
        }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.arrivals.len() / self.bins.max(1)
    }

    /// One more, at this rate of frames per bin; all windows have the same. Its number.
    pub(super) fn open(&mut self, even: f64) -> usize {
        self.even = even;
        self.arrivals.resize(self.arrivals.len() + self.bins, 0);
        self.len() - 1
    }

    /// A frame came in this bin of a window.
    pub(super) fn arrive(&mut self, window: usize, bin: usize) {
        if bin < self.bins
            && let Some(arrivals) = self.arrivals.get_mut(window * self.bins + bin)
        {
            *arrivals += 1;
        }
    }

    /// Those of other runs.
    pub(super) fn merge(&mut self, other: &Self) {
        self.arrivals.extend(&other.arrivals);
        self.even = self.even.max(other.even);
    }

    /// Per cent of the mean in each bin, over all windows; nothing without windows.
    pub(super) fn percent(&self) -> Vec<f64> {
        if self.len() == 0 {
            return Vec::new();
        }
        let of_mean = self.of_mean();
        self.sums().into_iter().map(of_mean).collect()
    }

    fn sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.bins];
        for window in self.arrivals.chunks(self.bins.max(1)) {
            add(&mut sums, window);
        }
        sums
    }

    /// What a sum over as many windows is, per cent of the mean.
    fn of_mean(&self) -> impl Fn(u64) -> f64 + use<> {
        let all = self.even * self.len() as f64;
        move |sum| 100.0 * sum as f64 / all
    }

    /// The bin that is furthest from the mean, per cent of it; `None` without windows.
    pub(super) fn worst_percent(&self) -> Option<f64> {
        let off = self.percent().into_iter().map(|percent| percent - 100.0);
        off.max_by(|a, b| a.abs().total_cmp(&b.abs()))
    }

    /// How likely chance alone makes the worst bin of these windows as bad as it is, were they of one lot
    /// with `sham`. `None` where one of both has no windows.
    pub(super) fn chance(&self, sham: &Self) -> Option<f64> {
        let (ours, all) = (self.len(), self.len() + sham.len());
        if ours == 0 || sham.len() == 0 {
            return None;
        }
        let of_mean = self.of_mean();
        // Two that are equal have to come out equal: both are computed here.
        let worst = |sums: &[u64]| {
            let off = sums.iter().map(|&sum| (of_mean(sum) - 100.0).abs());
            off.fold(0.0, f64::max)
        };
        let observed = worst(&self.sums());
        let window = |n: usize| match n.checked_sub(ours) {
            None => &self.arrivals[n * self.bins..][..self.bins],
            Some(n) => &sham.arrivals[n * self.bins..][..self.bins],
        };
        let mut order: Vec<usize> = (0..all).collect();
        let mut sums = vec![0_u64; self.bins];
        Some(chance::of(|rng| {
            sums.fill(0);
            chance::draw(rng, &mut order, ours);
            for &n in &order[..ours] {
                add(&mut sums, window(n));
            }
            worst(&sums) >= observed
        }))
    }
}

fn add(sums: &mut [u64], window: &[u32]) {
    let bins = sums.iter_mut().zip(window);
    bins.for_each(|(sum, &arrivals)| *sum += u64::from(arrivals));
}

#[cfg(test)]
mod tests;
