//! Properties of the whole model, tested with random links.

use proptest::prelude::*;

use crate::block::{Block, DigitisedBits, Epsilon, Estimation, Proof};
use crate::channel::{ExcessNoise, Fibre};
use crate::finite::Finite;
use crate::link::{Link, Reconciliation, Source};
use crate::optimise::{Objective, optimise_modulation};
use crate::rate::Asymptotic;
use crate::receiver::{Detection, Receiver, Trust};
use crate::report::LinkReport;

/// Bound of the formulas' numerical error, bit per symbol. Compared with 60 digits it was below
/// 2e-14 for 6000 links drawn as here.
const ERROR_BIT: f64 = 1e-13;

/// Any value of a wide range, uniform in the logarithm.
fn logarithmic(low: f64, high: f64) -> impl Strategy<Value = f64> {
    (low.ln()..high.ln()).prop_map(f64::exp)
}

prop_compose! {
    fn any_source()(
        variance in logarithmic(0.0011, 9999.0),
        baud in logarithmic(1.0, 1e12),
        overhead in 0.0..0.99,
    ) -> Source {
        Source::new(variance, baud).unwrap().with_overhead_share(overhead).unwrap()
    }
}

prop_compose! {
    fn any_receiver()(
        heterodyne: bool,
        untrusted: bool,
        efficiency in 0.01..=1.0,
        noise in prop_oneof![Just(0.0), logarithmic(1e-6, 10.0)],
    ) -> Receiver {
        let detection = if heterodyne { Detection::Heterodyne } else { Detection::Homodyne };
        let trust = if untrusted { Trust::Untrusted } else { Trust::Trusted };
        Receiver::trusted(detection, efficiency, noise).unwrap().with_trust(trust)
    }
}

prop_compose! {
    fn any_block()(
        log10_symbols in 4.0..15.0,
        disclosed in proptest::option::of(0.001..0.95),
        composable: bool,
        epsilon in logarithmic(1e-30, 9e-3),
        bits in 1u8..=16,
    ) -> Block {
        let epsilon = Epsilon::new(epsilon).unwrap();
        let digitised = DigitisedBits::new(bits).unwrap();
        let estimation = disclosed
            .map_or(Estimation::AfterCorrection, |share| Estimation::disclosed(share).unwrap());
        let proof = if composable {
            Proof::Composable { epsilon, digitised }
        } else {
            Proof::Lgg2010 { epsilon }
        };
        let block = Block::new(10f64.powf(log10_symbols) as u64).unwrap();
        block.with_estimation(estimation).with_proof(proof)
    }
}

prop_compose! {
    fn any_link()(
        source in any_source(),
        km in prop_oneof![Just(0.0), 0.0..300.0],
        noise in prop_oneof![Just(0.0), logarithmic(1e-9, 10.0)],
        receiver in any_receiver(),
        beta in 0.01..=1.0,
        fer in 0.0..=1.0,
        block in any_block(),
    ) -> Link {
        Link {
            source,
            fibre: Fibre::standard(km).unwrap(),
            excess_noise: ExcessNoise::at_input_snu(noise).unwrap(),
            receiver,
            reconciliation: Reconciliation::new(beta, fer).unwrap(),
            block,
        }
    }
}

fn key(link: &Link) -> f64 {
    Asymptotic::of(link).key_bit_per_symbol
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_valid_link_has_a_finite_rate_and_physical_eigenvalues(link in any_link()) {
        let asymptotic = Asymptotic::of(&link);
        prop_assert!(asymptotic.key_bit_per_symbol.is_finite());
        prop_assert!(asymptotic.secret_key_rate_bit_s >= 0.0);
        prop_assert!(asymptotic.holevo.bound_bit >= -ERROR_BIT);
        prop_assert!(asymptotic.holevo.eigenvalues.iter().all(|&l| l >= 1.0 && l.is_finite()));
        let finite = Finite::of(&link);
        prop_assert!(finite.key_bit_per_symbol.is_finite());
        prop_assert!(finite.secret_key_rate_bit_s >= 0.0);
        prop_assert!((0.0..=0.1).contains(&finite.total_epsilon));
    }

    #[test]
    fn every_valid_link_has_a_report(link in any_link()) {
        let report = LinkReport::of(&link);
        prop_assert_eq!(report.supply.block_bits == 0, report.supply.no_key.is_some());
        prop_assert!(report.rows().len() > 40);
    }

    #[test]
    fn key_stays_below_the_repeaterless_bound(link in any_link()) {
        prop_assert!(key(&link) <= link.channel().repeaterless_bound_bit() + ERROR_BIT);
    }

    #[test]
    fn key_falls_with_excess_noise(link in any_link(), factor in 1.01..10.0f64) {
        let noise = (link.excess_noise.snu().max(1e-9) * factor).min(10.0);
        let excess_noise = ExcessNoise::at_input_snu(noise).unwrap();
        let noisier = key(&Link { excess_noise, ..link });
        prop_assert!(noisier <= key(&link) + ERROR_BIT);
    }

    #[test]
    fn key_falls_with_electronic_noise_of_an_untrusted_receiver(
        link in any_link(),
        factor in 1.01..10.0f64,
    ) {
        let receiver = link.receiver;
        let noise = receiver.electronic_noise_snu();
        let with = |noise| {
            Receiver::trusted(receiver.detection(), receiver.efficiency(), noise)
                .unwrap()
                .untrusted()
        };
        let less = key(&Link { receiver: with(noise), ..link });
        let more = key(&Link { receiver: with((noise * factor).min(10.0)), ..link });
        prop_assert!(more <= less + ERROR_BIT);
    }

    #[test]
    fn trust_in_the_receiver_never_lowers_the_rate(link in any_link()) {
        let with = |trust| Link { receiver: link.receiver.with_trust(trust), ..link };
        prop_assert!(
            key(&with(Trust::Untrusted)) <= key(&with(Trust::Trusted)) + ERROR_BIT
        );
    }

    #[test]
    fn key_rises_with_reconciliation_efficiency(link in any_link(), less in 0.01..0.99) {
        let with = |beta| Link {
            reconciliation: Reconciliation::new(beta, 0.0).unwrap(),
            ..link
        };
        prop_assert!(key(&with(less)) < key(&with(less + 0.01)));
    }

    #[test]
    fn a_finite_block_never_gives_more_than_an_infinite_one(link in any_link()) {
        prop_assert!(
            Finite::of(&link).secret_key_rate_bit_s
                <= Asymptotic::of(&link).secret_key_rate_bit_s * (1.0 + 1e-9)
        );
    }

    #[test]
    fn a_larger_block_gives_more_key_per_symbol(link in any_link(), factor in 2u64..10) {
        let symbols = link.block.symbols();
        let block = link.block.with_symbols((symbols * factor).min(1_000_000_000_000_000)).unwrap();
        let larger = Link { block, ..link };
        prop_assert!(
            Finite::of(&larger).secret_key_rate_bit_s
                >= Finite::of(&link).secret_key_rate_bit_s * (1.0 - 1e-9)
        );
    }

    #[test]
    fn the_best_modulation_is_at_least_as_good(link in any_link()) {
        let variance = link.source.modulation_variance_snu().clamp(0.01, 1000.0);
        let link = link.with_modulation_variance_snu(variance).unwrap();
        let best = optimise_modulation(link, Objective::Asymptotic);
        prop_assert!(key(&best) >= key(&link) - ERROR_BIT);
    }
}
