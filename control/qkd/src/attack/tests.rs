use crate::attack::{
    apparent_excess_noise_snu, estimate_deviation_snu, hiding_shot_noise_ratio, intercept_resend,
};
use crate::channel::{ExcessNoise, Fibre};
use crate::golden::{self, assert_near};
use crate::link::{Link, Reconciliation, Source};
use crate::preset::Preset;
use crate::rate::Asymptotic;
use crate::receiver::{Detection, Receiver};

fn link_25_km(detection: Detection, excess_noise: ExcessNoise) -> Link {
    Link {
        source: Source::new(5.0, 1e6).unwrap(),
        fibre: Fibre::standard(25.0).unwrap(),
        excess_noise,
        receiver: Receiver::trusted(detection, 0.6, 0.1).unwrap(),
        reconciliation: Reconciliation::new(0.95, 0.0).unwrap(),
        ..Preset::Metro50Km.link()
    }
}

/// A link with T = eta = 0.5 and 0.1 SNU, all of whose symbols are intercepted.
fn intercepted_link() -> Link {
    Link {
        fibre: Fibre::new(10.0, 2f64.log10()).unwrap(),
        excess_noise: intercept_resend(ExcessNoise::at_input_snu(0.1).unwrap(), 1.0).unwrap(),
        receiver: Receiver::trusted(Detection::Homodyne, 0.5, 0.0).unwrap(),
        ..Preset::Metro50Km.link()
    }
}

#[test]
fn attacks_equal_the_reference() {
    let rows = golden::rows(include_str!("../../vectors/attack.csv"));
    assert_eq!(rows.len(), 14);
    for row in rows {
        let attack = row.text("attack");
        let expected = row.number("xi_apparent_input");
        if attack == "intercept-resend" {
            let before = ExcessNoise::at_input_snu(0.01).unwrap();
            let noise = intercept_resend(before, row.number("mu")).unwrap();
            assert_near(attack, noise.snu(), expected, 1e-14);
            let key = |detection| Asymptotic::of(&link_25_km(detection, noise)).key_bit_per_symbol;
            assert_near(
                attack,
                key(Detection::Heterodyne),
                row.number("K_het_25km"),
                1e-12,
            );
            assert_near(
                attack,
                key(Detection::Homodyne),
                row.number("K_hom_25km"),
                1e-12,
            );
        } else {
            assert!(attack.starts_with("LO-calibration"), "{attack}");
            let ratio = row.number("N0_assumed/N0_real");
            let noise = apparent_excess_noise_snu(&intercepted_link(), ratio).unwrap();
            assert_near(attack, noise, expected, 1e-12);
        }
    }
}

#[test]
fn the_hiding_ratio_hides_all_noise() {
    let link = intercepted_link();
    let ratio = hiding_shot_noise_ratio(&link);
    assert_near("ratio", ratio, 1.525, 1e-12);
    assert_near(
        "noise",
        apparent_excess_noise_snu(&link, ratio).unwrap(),
        0.0,
        1e-12,
    );
}

#[test]
fn the_deviation_of_the_estimate_falls_with_the_root_of_the_symbols() {
    let link = Preset::Metro50Km.link();
    // 1.1006 * sqrt(2 / 5e5) / 0.06
    assert_near(
        "5e5",
        estimate_deviation_snu(&link, 500_000),
        0.036_687,
        1e-6,
    );
    let (few, many) = (
        estimate_deviation_snu(&link, 500_000),
        estimate_deviation_snu(&link, 50_000_000),
    );
    assert_near("falls with the root", few / many, 10.0, 1e-12);
}

/// Normal numbers from a fixed seed: SplitMix64 and Box-Muller.
fn normal(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    let mut uniform = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    move || {
        let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * uniform()).cos()
    }
}

#[test]
fn simulated_estimates_scatter_as_predicted() {
    const BLOCKS: u32 = 1000;
    const SYMBOLS: u32 = 1000;
    for detection in [Detection::Homodyne, Detection::Heterodyne] {
        let link = link_25_km(detection, ExcessNoise::at_input_snu(0.05).unwrap());
        let split = f64::from(detection.quadratures());
        let arriving = 0.6 * link.fibre.transmittance() / split;
        let spread = (1.1 + arriving * 0.05).sqrt();
        let mut normal = normal(2);
        let estimates: Vec<f64> = (0..BLOCKS)
            .map(|_| {
                let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
                let samples = f64::from(SYMBOLS) * split;
                for _ in 0..samples as u32 {
                    let x = 5f64.sqrt() * normal();
                    let y = arriving.sqrt() * x + spread * normal();
                    (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
                }
                let gain = xy / xx;
                let variance = (yy - gain * xy) / samples;
                (variance - 1.1) / (gain * gain)
            })
            .collect();
        let mean = estimates.iter().sum::<f64>() / f64::from(BLOCKS);
        let square = |x: &f64| (x - mean).powi(2);
        let deviation = (estimates.iter().map(square).sum::<f64>() / f64::from(BLOCKS)).sqrt();
        let predicted = estimate_deviation_snu(&link, u64::from(SYMBOLS));
        // The deviation of 1000 blocks itself has an error of 2.2 %.
        assert_near(&detection.to_string(), deviation / predicted, 1.0, 0.08);
        assert_near(
            "mean",
            mean,
            0.05,
            4.0 * predicted / f64::from(BLOCKS).sqrt(),
        );
    }
}

#[test]
fn impossible_attacks_are_refused() {
    let noise = ExcessNoise::at_input_snu(0.01).unwrap();
    assert_eq!(
        intercept_resend(noise, 1.1).unwrap_err().field,
        "share of intercepted symbols"
    );
    let error = apparent_excess_noise_snu(&Preset::Metro50Km.link(), 0.0).unwrap_err();
    assert_eq!(error.field, "ratio of assumed to real shot noise");
}
