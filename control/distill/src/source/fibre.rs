//! The fibre and Bob's receiver at its end.

use qkd::channel::Channel;
use qkd::link;
use qkd::receiver::Receiver;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

use super::monitor::Monitor;
use super::optics::{Nominal, Optics};
use crate::eve::Attack;
use crate::wiped::Wiped;

/// Stream of the generator for the data.
const DATA_STREAM: u64 = 1;
/// Stream for the slots whose signal is blocked: apart, so that the data does not depend on them.
const BLOCKED_STREAM: u64 = 2;

/// Quadratures for each blocked slot. The receiver blocks its input there and measures its shot
/// noise: 8,192 times in a million quadratures, so within 1.6 %.
const QUADRATURES_PER_BLOCKED: usize = 128;

/// Quadratures over which the receiver averages its offset, and the weight of each average in the
/// offset that it removes. Amplifiers drift, so every receiver removes an offset. Half a million
/// quadratures count, so that the error of the offset is no noise of note.
const OFFSET_WINDOW: usize = 1 << 15;
const OFFSET_WEIGHT: f64 = 1.0 / 8.0;

/// Bob's part of a stretch of the transmission.
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
    nominal: Nominal,
    optics: Optics,
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
        let nominal = Nominal::of(source, channel, receiver);
        let generator = |stream| {
            let mut generator = ChaCha8Rng::from_seed(seed);
            generator.set_stream(stream);
            generator
        };
        Self {
            generator: generator(DATA_STREAM),
            blocked_generator: generator(BLOCKED_STREAM),
            quadratures: receiver.detection().quadratures().into(),
            nominal,
            optics: nominal.under(None),
            range: nominal.range() as f32,
            offset: Offset::default(),
            since_blocked: 0,
        }
    }

    /// Sets the attack on the symbols from now on, or ends it.
    pub fn attack(&mut self, attack: Option<Attack>) {
        self.optics = self.nominal.under(attack);
    }

    /// Receives Alice's values: whole symbols, as [`super::Modulator`] gives them.
    pub fn receive(&mut self, sent: &[f32]) -> Received {
        let mut measured = Wiped::zeroed(sent.len());
        self.detect(sent, &mut measured);
        let mut monitor = Monitor::beside(self.optics.classical_mw, sent.len());
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
        let Optics {
            gain,
            noise,
            displacement,
            ..
        } = self.optics;
        let sent = sent.chunks(self.quadratures);
        for (sent, measured) in sent.zip(measured.chunks_mut(self.quadratures)) {
            let noise = noise[usize::from(self.is_intercepted())];
            for (sent, measured) in sent.iter().zip(measured) {
                let draw: f64 = StandardNormal.sample(&mut self.generator);
                *measured = (gain * f64::from(*sent) + noise * draw + displacement) as f32;
            }
        }
    }

    /// Whether Eve takes the next symbol.
    fn is_intercepted(&mut self) -> bool {
        let share = self.optics.intercepted_share;
        if share == 0.0 {
            return false;
        }
        let draw: f64 = StandardUniform.sample(&mut self.generator);
        draw < share
    }

    /// The blocked slots between `quadratures` quadratures.
    fn measure_blocked(&mut self, quadratures: usize, monitor: &mut Monitor) {
        self.since_blocked += quadratures;
        for _ in 0..self.since_blocked / QUADRATURES_PER_BLOCKED {
            let draw: f64 = StandardNormal.sample(&mut self.blocked_generator);
            monitor.add_blocked((self.optics.blocked_noise * draw) as f32);
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
