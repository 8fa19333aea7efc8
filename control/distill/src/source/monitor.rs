//! The readings of a receiver about itself, taken beside the data.

/// Lanes of the sums: as many `f64` as the widest vectors of common processors hold, twice.
const LANES: usize = 16;

/// Sums over the samples of a stretch. Sums of stretches add up to those of the whole.
///
/// Samples are in SNU, as the converter gives them: in units of the shot noise that the receiver
/// assumes, before its offset is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Monitor {
    samples: u64,
    /// Sums of the samples' first four powers.
    powers: [f64; 4],
    at_rails: u64,
    blocked: u64,
    blocked_squared: f64,
    /// Power of classical channels times samples.
    classical_mw_samples: f64,
}

impl Monitor {
    /// The reading of the span's power monitor over as many samples, and nothing else.
    pub(super) fn beside(classical_mw: f64, samples: usize) -> Self {
        Self {
            classical_mw_samples: classical_mw * samples as f64,
            ..Self::default()
        }
    }

    /// The sums over samples that the converter has limited to `-range..=range`.
    pub(super) fn of(samples: &[f32], range: f32) -> Self {
        let mut lanes = [[0f64; LANES]; 4];
        let mut at_rails = [0u32; LANES];
        for chunk in samples.chunks(LANES) {
            for (lane, &sample) in chunk.iter().enumerate() {
                let y = f64::from(sample);
                let squared = y * y;
                lanes[0][lane] += y;
                lanes[1][lane] += squared;
                lanes[2][lane] += squared * y;
                lanes[3][lane] += squared * squared;
                at_rails[lane] += u32::from(sample.abs() >= range);
            }
        }
        Self {
            samples: samples.len() as u64,
            powers: lanes.map(|lanes| lanes.iter().sum()),
            at_rails: at_rails.into_iter().map(u64::from).sum(),
            ..Self::default()
        }
    }

    /// Adds a sample of a slot whose signal was blocked.
    pub(super) fn add_blocked(&mut self, sample: f32) {
        self.blocked += 1;
        self.blocked_squared += f64::from(sample).powi(2);
    }

    /// Adds the readings of another stretch.
    pub fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        for (sum, other) in self.powers.iter_mut().zip(other.powers) {
            *sum += other;
        }
        self.at_rails += other.at_rails;
        self.blocked += other.blocked;
        self.blocked_squared += other.blocked_squared;
        self.classical_mw_samples += other.classical_mw_samples;
    }

    /// Samples of the signal.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Mean of the samples. Light that nobody displaced has none.
    pub fn mean(&self) -> f64 {
        self.moment(1)
    }

    /// Variance of the samples about their mean.
    pub fn variance(&self) -> f64 {
        self.moment(2) - self.mean().powi(2)
    }

    /// Kurtosis of the samples: 3 if they are Gaussian.
    pub fn kurtosis(&self) -> f64 {
        let mean = self.mean();
        let fourth = self.moment(4) - 4.0 * mean * self.moment(3)
            + 6.0 * mean.powi(2) * self.moment(2)
            - 3.0 * mean.powi(4);
        fourth / self.variance().powi(2)
    }

    /// Samples at the ends of the converter's range, which stand for a larger value.
    pub fn at_rails(&self) -> u64 {
        self.at_rails
    }

    /// Slots whose signal was blocked.
    pub fn blocked(&self) -> u64 {
        self.blocked
    }

    /// Variance of the samples of blocked slots: the real shot noise and the electronic noise, in
    /// units of the assumed shot noise. Not a number without such slots.
    pub fn blocked_variance(&self) -> f64 {
        self.blocked_squared / self.blocked as f64
    }

    /// Mean power of classical channels that the operator launches into the same fibre: 0 if it is
    /// dark.
    pub fn classical_mw(&self) -> f64 {
        self.classical_mw_samples / self.samples as f64
    }

    fn moment(&self, power: usize) -> f64 {
        self.powers[power - 1] / self.samples as f64
    }
}

#[cfg(test)]
mod tests;
