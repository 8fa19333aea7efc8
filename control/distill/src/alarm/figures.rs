//! The figures of a block by which alarms are decided.

use qkd::receiver::Receiver;

use crate::estimate::{Estimate, Measured};
use crate::source::Monitor;

/// The figures of a block. Everything in it is public.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockFigures {
    /// Transmittance of the channel; 0 if the data do not correlate.
    pub transmittance: Measured,
    /// Excess noise at the channel input in SNU; none if the data do not correlate.
    pub excess_noise_snu: Option<Measured>,
    /// Real shot noise over the assumed one, from slots whose signal was blocked; none without such
    /// slots.
    pub shot_noise: Option<Measured>,
    /// Mean of the samples, before the receiver removes its offset.
    pub mean: Measured,
    /// Kurtosis of the samples: 3 if they are Gaussian.
    pub kurtosis: Measured,
    /// Samples at the ends of the receiver's range.
    pub at_rails: Counted,
    /// Frames that failed to decode.
    pub lost_frames: Counted,
    /// Power of classical channels in the same fibre; none if nobody measures it.
    pub classical_mw: Option<f64>,
}

/// A part of a number of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Things of the kind.
    pub count: u64,
    /// All things.
    pub of: u64,
}

impl Counted {
    /// The share; 0 of nothing.
    pub fn share(self) -> f64 {
        self.count as f64 / self.of.max(1) as f64
    }
}

impl BlockFigures {
    /// The figures of a whole block. `estimate` is none if the data do not correlate, as over a cut
    /// fibre.
    pub fn of(
        estimate: Option<&Estimate>,
        monitor: &Monitor,
        receiver: &Receiver,
        lost_frames: Counted,
    ) -> Self {
        let samples = monitor.samples() as f64;
        let dark = Measured {
            value: 0.0,
            deviation: 1.0 / samples.sqrt(),
        };
        let electronic = receiver.electronic_noise_snu();
        let blocked = monitor.blocked();
        Self {
            transmittance: estimate.map_or(dark, Estimate::transmittance),
            excess_noise_snu: estimate.map(Estimate::excess_noise_snu),
            shot_noise: (blocked > 0).then(|| Measured {
                value: monitor.blocked_variance() - electronic,
                deviation: (1.0 + electronic) * (2.0 / blocked as f64).sqrt(),
            }),
            mean: Measured {
                value: monitor.mean(),
                deviation: (monitor.variance() / samples).sqrt(),
            },
            kurtosis: Measured {
                value: monitor.kurtosis(),
                deviation: (24.0 / samples).sqrt(),
            },
            at_rails: Counted {
                count: monitor.at_rails(),
                of: monitor.samples(),
            },
            lost_frames,
            classical_mw: Some(monitor.classical_mw()),
        }
    }
}

#[cfg(test)]
mod tests;
