//! Limits for key: the most noise a link tolerates, the smallest block that gives key, the longest
//! fibre.

use crate::finite::Finite;
use crate::limits::{BLOCK_SYMBOLS, EXCESS_NOISE_SNU, FIBRE_KM, LOSS_DB};
use crate::link::Link;
use crate::optimise::{Objective, optimise_modulation};
use crate::rate::Asymptotic;
use crate::{block::Block, channel::ExcessNoise};

/// The excess noise at which the asymptotic key rate reaches zero, in SNU at the channel input,
/// with all other parameters unchanged. `None` if there is no key even without noise.
pub fn tolerable_excess_noise_snu(link: &Link) -> Option<f64> {
    most_noise(link, |link| Asymptotic::of(link).key_bit_per_symbol)
}

/// The same for the key rate of the link's own block, which tolerates less noise.
pub fn finite_tolerable_excess_noise_snu(link: &Link) -> Option<f64> {
    most_noise(link, |link| Finite::of(link).key_bit_per_symbol)
}

fn most_noise(link: &Link, key: impl Fn(&Link) -> f64) -> Option<f64> {
    let gives_key = |snu: f64| {
        let excess_noise =
            ExcessNoise::at_input_snu(snu).expect("the searched range is the allowed one");
        key(&Link {
            excess_noise,
            ..*link
        }) > 0.0
    };
    // The rate falls with the noise, so there is one crossing.
    largest(
        (EXCESS_NOISE_SNU.min, EXCESS_NOISE_SNU.max),
        1e-9,
        gives_key,
    )
}

/// The longest fibre, in km with a resolution of 10 m, over which the link gives key in its own
/// block. At each length the modulation is the one with the most asymptotic key. `None` if no
/// length gives key.
pub fn longest_km(link: &Link) -> Option<f64> {
    let gives_key = |km: f64| {
        let fibre = link.fibre.at_km(km);
        let fibre = fibre.expect("the searched range is the allowed one");
        let link = optimise_modulation(Link { fibre, ..*link }, Objective::Asymptotic);
        Finite::of(&link).key_bit_per_symbol > 0.0
    };
    // Slightly below the limit, because the product with the attenuation may round up.
    let spread_db = LOSS_DB.max - link.fibre.joints_db();
    let attenuation = link.fibre.attenuation_db_per_km();
    let most = FIBRE_KM.max.min(spread_db / attenuation * (1.0 - 1e-12));
    largest((FIBRE_KM.min, most), 0.01, gives_key)
}

/// The largest value between `low` and `high` for which `holds` is true. `holds` may change only
/// once, from true to false. `None` if it is false for `low`.
fn largest((low, high): (f64, f64), apart: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    let (mut below, mut above) = (low, high);
    if !holds(below) {
        return None;
    }
    if holds(above) {
        return Some(above);
    }
    while above - below > apart {
        let middle = f64::midpoint(below, above);
        if holds(middle) {
            below = middle;
        } else {
            above = middle;
        }
    }
    Some(below)
}

/// The smallest block, in symbols, that gives key, to 1 %. `None` if no block gives key.
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
