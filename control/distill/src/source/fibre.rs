//! The fibre and Bob's receiver at its end.

use qkd::OutOfRange;
use qkd::attack;
use qkd::channel::{Channel, ExcessNoise};
use qkd::link;
use qkd::receiver::Receiver;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

use super::monitor::Monitor;
use crate::wiped::Wiped;

/// Stream of the generator for the data.
const DATA_STREAM: u64 = 1;
/// Stream for the slots whose signal is blocked: apart, so that the data does not depend on them.
const BLOCKED_STREAM: u64 = 2;

/// Variance that a symbol gets when Eve measures both of its quadratures and sends a new state: one
/// SNU for her measurement, one for the vacuum of the new state.
const INTERCEPTED_NOISE_SNU: f64 = 2.0;

/// Range of the converter, in deviations of the signal that the link was set up for. A Gaussian
/// value lies outside once in 4e11 samples.
const RANGE_DEVIATIONS: f64 = 7.0;

/// Quadratures for each blocked slot. The receiver blocks its input there and measures its shot
/// noise: 8,192 times in a million quadratures, so within 1.6 %.
const QUADRATURES_PER_BLOCKED: usize = 128;

/// Quadratures over which the receiver averages its offset, and the weight of each average in the
/// offset that it removes. Amplifiers drift, so every receiver removes an offset. About a million
/// quadratures count, so that the error of the offset is no noise of note.
const OFFSET_WINDOW: usize = 1 << 16;
const OFFSET_WEIGHT: f64 = 1.0 / 8.0;

/// What Bob has of a stretch of the transmission.
pub struct Received {
    /// His values, in the order of Alice's.
    pub measured: Wiped<f32>,
    /// The readings of his receiver about itself.
    pub monitor: Monitor,
}

/// The fibre with the receiver at its end.
pub struct Fibre {
    generator: ChaCha8Rng,
    blocked_generator: ChaCha8Rng,
    quadratures: usize,
    gain: f64,
    /// Deviation of `sqrt(eta T / m) e + z`: of a symbol that nobody touched, and of one that Eve
    /// resent. The channel's noise and the receiver's are independent, so one draw stands for both.
    noise: [f64; 2],
    intercepted_share: f64,
    blocked_noise: f64,
    range: f32,
    offset: Offset,
    since_blocked: usize,
}

impl Fibre {
    /// A link whose noise follows from the seed alone. The range of the receiver's converter suits
    /// the signal of `source` over `channel`.
    pub fn new(
        source: &link::Source,
        channel: &Channel,
        receiver: &Receiver,
        seed: [u8; 32],
    ) -> Self {
        let quadratures = receiver.detection().quadratures();
        let arriving = receiver.efficiency() * channel.transmittance() / f64::from(quadratures);
        let excess = channel.excess_noise_snu();
        let still = 1.0 + receiver.electronic_noise_snu();
        let noise = [excess, excess + INTERCEPTED_NOISE_SNU]
            .map(|excess| (still + arriving * excess).sqrt());
        let variance = arriving * source.modulation_variance_snu() + noise[0].powi(2);
        let generator = |stream| {
            let mut generator = ChaCha8Rng::from_seed(seed);
            generator.set_stream(stream);
            generator
        };
        Self {
            generator: generator(DATA_STREAM),
            blocked_generator: generator(BLOCKED_STREAM),
            quadratures: quadratures.into(),
            gain: arriving.sqrt(),
            noise,
            intercepted_share: 0.0,
            blocked_noise: still.sqrt(),
            range: (RANGE_DEVIATIONS * variance.sqrt()) as f32,
            offset: Offset::default(),
            since_blocked: 0,
        }
    }

    /// Sets the share of the symbols (0 to 1) that Eve measures and resends from now on.
    ///
    /// # Errors
    /// The share is out of range.
    pub fn intercept_resend(&mut self, share: f64) -> Result<(), OutOfRange> {
        // Its range is that of the model of this attack.
        attack::intercept_resend(ExcessNoise::at_input_snu(0.0)?, share)?;
        self.intercepted_share = share;
        Ok(())
    }

    /// What arrives of Alice's values: whole symbols, as [`super::Modulator`] gives them.
    pub fn receive(&mut self, sent: &[f32]) -> Received {
        let mut measured = Wiped::zeroed(sent.len());
        self.detect(sent, &mut measured);
        let mut monitor = Monitor::default();
        let mut rest = &mut measured[..];
        while !rest.is_empty() {
            let (part, after) = rest.split_at_mut(self.offset.open().min(rest.len()));
            rest = after;
            for sample in &mut *part {
                *sample = sample.clamp(-self.range, self.range);
            }
            let readings = Monitor::of(part, self.range);
            self.offset.remove(part, &readings);
            monitor.add(&readings);
        }
        self.measure_blocked(sent.len(), &mut monitor);
        Received { measured, monitor }
    }

    /// The quadratures at the detector, before its range limits them.
    fn detect(&mut self, sent: &[f32], measured: &mut [f32]) {
        let sent = sent.chunks(self.quadratures);
        for (sent, measured) in sent.zip(measured.chunks_mut(self.quadratures)) {
            let noise = self.noise[usize::from(self.is_intercepted())];
            for (sent, measured) in sent.iter().zip(measured) {
                let draw: f64 = StandardNormal.sample(&mut self.generator);
                *measured = (self.gain * f64::from(*sent) + noise * draw) as f32;
            }
        }
    }

    /// Whether Eve takes the next symbol.
    fn is_intercepted(&mut self) -> bool {
        if self.intercepted_share == 0.0 {
            return false;
        }
        let draw: f64 = StandardUniform.sample(&mut self.generator);
        draw < self.intercepted_share
    }

    /// The blocked slots between `quadratures` quadratures.
    fn measure_blocked(&mut self, quadratures: usize, monitor: &mut Monitor) {
        self.since_blocked += quadratures;
        for _ in 0..self.since_blocked / QUADRATURES_PER_BLOCKED {
            let draw: f64 = StandardNormal.sample(&mut self.blocked_generator);
            monitor.add_blocked((self.blocked_noise * draw) as f32);
        }
        self.since_blocked %= QUADRATURES_PER_BLOCKED;
    }
}

/// The offset that the receiver finds and removes.
#[derive(Default)]
struct Offset {
    removed: f64,
    window: usize,
    sum: f64,
}

impl Offset {
    /// Samples until the window is full.
    fn open(&self) -> usize {
        OFFSET_WINDOW - self.window
    }

    /// Removes the offset known so far, and learns from the readings of these samples.
    fn remove(&mut self, samples: &mut [f32], readings: &Monitor) {
        for sample in &mut *samples {
            *sample -= self.removed as f32;
        }
        self.window += samples.len();
        self.sum += readings.mean() * samples.len() as f64;
        if self.window == OFFSET_WINDOW {
            let mean = self.sum / OFFSET_WINDOW as f64;
            *self = Self {
                removed: self.removed + OFFSET_WEIGHT * (mean - self.removed),
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests;
