use crate::budget::{Budget, Cause, Causes, Detector, Phase};
use crate::channel::Fibre;
use crate::golden::assert_near;
use crate::link::{Link, Source};
use crate::preset::Preset;
use crate::raman::{Band, ClassicalLight, Propagation, RamanNoise};
use crate::receiver::{Detection, Receiver};

/// V_A 4, T 0.1, 100 MBaud, heterodyne with a perfect receiver.
fn link() -> Link {
    Link {
        source: Source::new(4.0, 1e8).unwrap(),
        fibre: Fibre::standard(50.0).unwrap(),
        receiver: Receiver::trusted(Detection::Heterodyne, 1.0, 0.0).unwrap(),
        ..Preset::Metro50Km.link()
    }
}

fn noise(link: &Link, causes: Causes, key: &str) -> f64 {
    let budget = Budget::of(link, &causes.checked().unwrap());
    let item = budget.items.iter().find(|item| item.cause.key() == key);
    item.unwrap().at_input_snu
}

#[test]
fn every_source_has_its_known_value() {
    let causes = Causes {
        adc_bits: 8.0,
        dac_bits: 8.0,
        ..Causes::default()
    };
    for (key, expected) in [
        ("phase", 4.0e-3),
        ("signal_rin", 7.1e-4),
        ("local_oscillator_rin", 2.0 * 9.5e-8),
        ("dac", 5.0e-5),
        ("adc", 2.5e-3),
        ("raman", 0.0),
        ("other", 0.0),
    ] {
        let got = noise(&link(), causes, key);
        assert_near(key, got, expected, 0.02 * expected);
    }
}

#[test]
fn the_phase_of_two_lasers_drifts_between_pilots() {
    let phase = Phase::LocalOscillator {
        linewidth_hz: 1e4,
        pilot_rate_hz: 1e8,
        pilot_snr: 1e9,
    };
    assert_near("rad^2", phase.variance_rad2(), 1.26e-3, 0.01e-3);
}

#[test]
fn raman_is_that_of_the_band_and_power() {
    let light = ClassicalLight::new(0.0, Propagation::Counter).unwrap();
    let causes = Causes {
        shared: Some((Band::S1500, light)),
        ..Causes::default()
    };
    let expected = RamanNoise::of(&link().fibre, Band::S1500, &light).at_input_snu;
    assert_eq!(noise(&link(), causes, "raman"), expected);
    assert!(expected > 0.0);
}

#[test]
fn the_detector_counts_only_if_untrusted_and_its_noise_follows_from_the_electronics() {
    let detector = Some(Detector {
        nep_w_per_root_hz: 5e-12,
        local_oscillator_dbm: 9.0,
    });
    let causes = Causes {
        detector,
        ..Causes::default()
    };
    let homodyne = Receiver::trusted(Detection::Homodyne, 0.6, 0.1).unwrap();
    for receiver in [homodyne, homodyne.untrusted()] {
        let link = Link { receiver, ..link() };
        let budget = Budget::of(&link, &causes);
        assert_near("v_el", budget.electronic_noise_snu, 0.0246, 1e-4);
        let item = budget.items.last().unwrap();
        assert_eq!(item.cause, Cause::Detector);
        assert_eq!(item.counts, receiver == homodyne.untrusted());
        let all: f64 = budget.items.iter().map(|item| item.at_input_snu).sum();
        assert_near("sum", budget.sum_snu(), all - item.at_input_snu, 1e-12);
        assert_eq!(
            Budget::of(&link, &Causes::default()).electronic_noise_snu,
            0.1
        );
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let refused = |causes: Causes| causes.checked().unwrap_err().field;
    let good = Causes::default();
    let phase = Phase::Variance { rad2: -1.0 };
    assert_eq!(
        refused(Causes { phase, ..good }),
        "variance of the residual phase"
    );
    let adc_bits = 0.0;
    assert_eq!(refused(Causes { adc_bits, ..good }), "bits of a converter");
}
