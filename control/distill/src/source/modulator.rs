//! Alice's end: a Gaussian value for each quadrature.

use qkd::link;
use qkd::receiver::Receiver;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::wiped::Wiped;

/// Stream of the generator. [`super::Fibre`] has others, so that one seed can serve both.
const STREAM: u64 = 0;

/// Alice's source.
pub struct Modulator {
    generator: ChaCha8Rng,
    quadratures: usize,
    deviation: f64,
}

impl Modulator {
    /// A source whose values follow from the seed alone. Of each symbol it gives the quadratures
    /// that the receiver measures.
    pub fn new(source: &link::Source, receiver: &Receiver, seed: [u8; 32]) -> Self {
        let mut generator = ChaCha8Rng::from_seed(seed);
        generator.set_stream(STREAM);
        Self {
            generator,
            quadratures: receiver.detection().quadratures().into(),
            deviation: source.modulation_variance_snu().sqrt(),
        }
    }

    /// The values of the next `symbols` symbols in SNU. The two of a heterodyne symbol are next to
    /// each other.
    pub fn transmit(&mut self, symbols: usize) -> Wiped<f32> {
        let mut sent = Wiped::zeroed(symbols * self.quadratures);
        for sent in sent.iter_mut() {
            let draw: f64 = StandardNormal.sample(&mut self.generator);
            *sent = (self.deviation * draw) as f32;
        }
        sent
    }
}
