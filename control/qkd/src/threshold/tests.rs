use crate::block::{Estimation, Proof};
use crate::channel::ExcessNoise;
use crate::finite::Finite;
use crate::link::Link;
use crate::preset::Preset;
use crate::rate::Asymptotic;
use crate::threshold::{
    finite_tolerable_excess_noise_snu, longest_km, smallest_block_symbols,
    tolerable_excess_noise_snu,
};

#[test]
fn the_rate_reaches_zero_at_the_tolerable_noise() {
    let link = Preset::Metro50Km.link();
    let most = tolerable_excess_noise_snu(&link).unwrap();
    let key = |snu: f64| {
        let excess_noise = ExcessNoise::at_input_snu(snu).unwrap();
        Asymptotic::of(&Link {
            excess_noise,
            ..link
        })
        .key_bit_per_symbol
    };
    assert!(key(most) > 0.0);
    assert!(key(most + 1e-6) < 0.0);
}

#[test]
fn no_tolerable_noise_if_there_is_no_key_without_noise() {
    let link = Preset::Metro50Km.link();
    assert_eq!(
        tolerable_excess_noise_snu(&Link {
            receiver: link.receiver.untrusted(),
            ..link
        }),
        None
    );
}

#[test]
fn the_rate_exceeds_zero_from_the_smallest_block() {
    for proof in [Proof::LGG_2010, Proof::COMPOSABLE] {
        let link = Preset::Metro50Km.link();
        let half = Estimation::disclosed(0.5).unwrap();
        let block = link.block.with_proof(proof).with_estimation(half);
        let link = Link { block, ..link };
        let smallest = smallest_block_symbols(&link).unwrap();
        let key = |symbols: u64| {
            let block = link.block.with_symbols(symbols).unwrap();
            Finite::of(&Link { block, ..link }).key_bit_per_symbol
        };
        assert!(key(smallest) > 0.0);
        assert!(key(smallest / 100 * 98) < 0.0);
        // With half of the data disclosed: at least 2.5e7 by the first proof, at least 1.5e8 by the
        // second.
        let expected = if proof == Proof::LGG_2010 {
            2.5e7..5e7
        } else {
            1.5e8..7e8
        };
        assert!(expected.contains(&(smallest as f64)), "{smallest}");
    }
}

#[test]
fn no_smallest_block_if_no_block_gives_key() {
    let link = Preset::Metro50Km.link();
    assert_eq!(
        smallest_block_symbols(&Link {
            receiver: link.receiver.untrusted(),
            ..link
        }),
        None
    );
}

#[test]
fn a_finite_block_tolerates_less_noise_than_infinite_ones() {
    let link = Preset::Metro50Km.link();
    let most = finite_tolerable_excess_noise_snu(&link).unwrap();
    assert!((0.0665..0.068).contains(&most), "{most}");
    let key = |snu: f64| {
        let excess_noise = ExcessNoise::at_input_snu(snu).unwrap();
        Finite::of(&Link {
            excess_noise,
            ..link
        })
        .key_bit_per_symbol
    };
    assert!(key(most) > 0.0 && key(most + 1e-6) < 0.0 && key(0.068) < 0.0);
}

#[test]
fn the_rate_reaches_zero_at_the_longest_fibre() {
    for preset in Preset::ALL {
        let longest = longest_km(&preset.link()).unwrap();
        let key = |km: f64| Finite::of(&preset.at_km(km).unwrap()).key_bit_per_symbol;
        assert!(key(longest) > 0.0, "{preset} {longest}");
        assert!(key(longest + 0.02) < 0.0, "{preset} {longest}");
    }
    // With the composable bound the key rate reaches zero before 60 km.
    let link = Preset::Metro50Km.link();
    let block = link.block.with_proof(Proof::COMPOSABLE);
    let longest = longest_km(&Link { block, ..link }).unwrap();
    assert!((50.0..60.0).contains(&longest), "{longest}");
    let receiver = link.receiver.untrusted();
    assert!(longest_km(&Link { receiver, ..link }).unwrap_or(0.0) < 50.0);
}
