//! Where key ends: the most noise a link bears, the smallest block that gives key.

use crate::finite::Finite;
use crate::limits::{BLOCK_SYMBOLS, EXCESS_NOISE_SNU};
use crate::link::Link;
use crate::rate::Asymptotic;
use crate::{block::Block, channel::ExcessNoise};

/// The excess noise at which the asymptotic key rate reaches zero, in SNU at the channel input,
/// with everything else as it is. `None` if there is no key even without noise.
pub fn tolerable_excess_noise_snu(link: &Link) -> Option<f64> {
    let gives_key = |snu: f64| {
        let excess_noise =
            ExcessNoise::at_input_snu(snu).expect("the searched range is the allowed one");
        Asymptotic::of(&Link {
            excess_noise,
            ..*link
        })
        .key_bit_per_symbol
            > 0.0
    };
    let (mut below, mut above) = (EXCESS_NOISE_SNU.min, EXCESS_NOISE_SNU.max);
    if !gives_key(below) {
        return None;
    }
    if gives_key(above) {
        return Some(above);
    }
    // The rate falls with the noise, so there is one crossing.
    while above - below > 1e-9 {
        let middle = f64::midpoint(below, above);
        if gives_key(middle) {
            below = middle;
        } else {
            above = middle;
        }
    }
    Some(below)
}

/// The smallest block, in symbols, that gives key at all, to 1 %. `None` if none does, however
/// large.
pub fn smallest_block_symbols(link: &Link) -> Option<u64> {
    let gives_key = |log10: f64| {
        let symbols = (10f64.powf(log10).round() as u64).max(BLOCK_SYMBOLS.min as u64);
        let block: Block = link
            .block
            .with_symbols(symbols.min(BLOCK_SYMBOLS.max as u64))
            .expect("the searched range is the allowed one");
        (Finite::of(&Link { block, ..*link }).key_bit_per_symbol > 0.0).then_some(symbols)
    };
    let (mut below, mut above) = (BLOCK_SYMBOLS.min.log10(), BLOCK_SYMBOLS.max.log10());
    let mut smallest = gives_key(above)?;
    while above - below > 0.004 {
        let middle = f64::midpoint(below, above);
        match gives_key(middle) {
            Some(symbols) => (above, smallest) = (middle, symbols),
            None => below = middle,
        }
    }
    Some(smallest)
}

#[cfg(test)]
mod tests;
