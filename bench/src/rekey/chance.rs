//! How likely chance alone makes something as bad as it was (a permutation test): were switches nothing special, they
//! might as well have been at other moments, so such moments are drawn again and again. Nothing is assumed of how the
//! machine's noise is distributed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What is as rare as this comes with the switches: a report has some tens of rows, each of which may be found
/// guilty by chance.
pub(super) const CHANCE_MAX: f64 = 0.001;
/// So many draws, the real one among them: enough to find chance below that bound ...
const DRAWS: u32 = 2000;
/// ... and after so many as bad ones it is known well enough that it is not.
const ENOUGH: u32 = 20;
const SEED: u64 = 0x62_69_6e_73;

const _: () = assert!(DRAWS as f64 * CHANCE_MAX >= 2.0);

/// The share of draws that are as bad as what was observed, or worse; it is one of them itself.
pub(super) fn of(mut as_bad: impl FnMut(&mut ChaCha8Rng) -> bool) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut bad = 1;
    for draws in 2..=DRAWS {
        bad += u32::from(as_bad(&mut rng));
        if bad == ENOUGH {
            return f64::from(bad) / f64::from(draws);
        }
    }
    f64::from(bad) / f64::from(DRAWS)
}

/// Brings `ours` of these to the front, each as likely as any other.
pub(super) fn draw(rng: &mut ChaCha8Rng, all: &mut [usize], ours: usize) {
    for place in 0..ours {
        let left = (all.len() - place) as u64;
        let other = (u64::from(rng.next_u32()) * left) >> 32;
        all.swap(place, place + other as usize);
    }
}
