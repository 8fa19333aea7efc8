use proptest::prelude::*;

use crate::bb84::{Bb84, binary_entropy_bit};
use crate::channel::{Channel, ExcessNoise};
use crate::golden::{self, assert_near};
use crate::link::{Link, Reconciliation};
use crate::optimise::{Objective, optimise_modulation};
use crate::preset::Preset;
use crate::rate::Asymptotic;
use crate::receiver::{Detection, Receiver};

#[test]
fn rates_and_bound_equal_the_reference() {
    let rows = golden::rows(include_str!("../../vectors/dv.csv"));
    assert_eq!(rows.len(), 11);
    let noiseless = ExcessNoise::at_input_snu(0.0).unwrap();
    for row in rows {
        let km = row.number("km_0.2dB");
        let what = format!("{km} km");
        let transmittance = row.number("T");
        let bound = Channel::new(transmittance, noiseless)
            .unwrap()
            .repeaterless_bound_bit();
        assert_near(&what, bound / row.number("PLOB"), 1.0, 1e-9);
        for (link, column) in [
            (Bb84::NANOWIRES, "BB84_asym_SNSPD(.8,1e-8,1%)"),
            (Bb84::AVALANCHE_PHOTODIODES, "BB84_asym_InGaAs(.2,1e-6,2%)"),
        ] {
            let key = link.best_rate(transmittance).unwrap().key_bit_per_pulse;
            let expected = row.number(column);
            if expected > 0.0 {
                // The reference takes the best value of a grid of photon numbers.
                assert!(
                    key >= expected * (1.0 - 1e-9),
                    "{what}: {key:e} < {expected:e}"
                );
                assert_near(&what, key / expected, 1.0, 1e-3);
            } else {
                assert!(key <= 0.0);
            }
        }
    }
}

#[test]
fn the_model_gives_the_continuous_variable_column() {
    for row in golden::rows(include_str!("../../vectors/dv.csv")) {
        let km = row.number("km_0.2dB");
        let link = Link {
            excess_noise: ExcessNoise::at_input_snu(0.005).unwrap(),
            receiver: Receiver::trusted(Detection::Heterodyne, 0.6, 0.1).unwrap(),
            reconciliation: Reconciliation::new(0.95, 0.0).unwrap(),
            ..Preset::Metro50Km.at_km(km).unwrap()
        };
        let key = Asymptotic::of(&optimise_modulation(link, Objective::Asymptotic));
        let expected = row.number("CV_het_asym_Vopt(.005,.6,.1,.95)");
        assert_near(
            &format!("{km} km"),
            key.key_bit_per_symbol / expected,
            1.0,
            1e-5,
        );
    }
}

/// The experiment of Gobby, Yuan, Shields (2004), to which the formulas were first applied.
#[test]
fn the_gys_experiment_ends_at_142_km() {
    let gys = Bb84::new(0.045, 0.85e-6, 0.033)
        .unwrap()
        .with_unbiased_bases(1.22)
        .unwrap();
    let key = |km: f64| {
        gys.rate(10f64.powf(-0.021 * km), 0.48)
            .unwrap()
            .key_bit_per_pulse
    };
    assert_near("0 km", key(0.0), 2.55e-3, 0.01e-3);
    assert_near("100 km", key(100.0), 1.72e-5, 0.01e-5);
    assert!(key(142.0) > 0.0 && key(142.02) < 0.0);
}

#[test]
fn binary_entropy_has_known_values() {
    for (probability, expected) in [(0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.11, 0.499_915_958)] {
        assert_near("h2", binary_entropy_bit(probability), expected, 1e-9);
    }
}

#[test]
fn values_out_of_range_are_refused() {
    assert_eq!(
        Bb84::new(0.8, -1.0, 0.01).unwrap_err().field,
        "dark counts per gate"
    );
    assert_eq!(Bb84::new(0.8, 1e-8, 0.6).unwrap_err().field, "misalignment");
    assert_eq!(
        Bb84::NANOWIRES.with_unbiased_bases(0.9).unwrap_err().field,
        "inefficiency of error correction"
    );
    assert_eq!(
        Bb84::NANOWIRES.rate(0.1, 0.0).unwrap_err().field,
        "mean photon number"
    );
    assert_eq!(
        Bb84::NANOWIRES.best_rate(2.0).unwrap_err().field,
        "channel transmittance"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn key_stays_below_the_repeaterless_bound(
        efficiency in 0.01..=1.0,
        dark in 0.0..=0.01,
        misalignment in 0.0..=0.5,
        loss_db in 0.0..=60.0f64,
    ) {
        let link = Bb84::new(efficiency, dark, misalignment).unwrap();
        let transmittance = 10f64.powf(-loss_db / 10.0).clamp(1e-6, 1.0);
        let rate = link.best_rate(transmittance).unwrap();
        prop_assert!(rate.key_bit_per_pulse.is_finite());
        let noiseless = ExcessNoise::at_input_snu(0.0).unwrap();
        let bound = Channel::new(transmittance, noiseless).unwrap().repeaterless_bound_bit();
        prop_assert!(rate.key_bit_per_pulse <= bound);
    }
}
