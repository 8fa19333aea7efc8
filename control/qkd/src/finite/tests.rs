use crate::block::{Block, Epsilon, Estimation, Proof};
use crate::channel::{Channel, ExcessNoise};
use crate::finite::{Estimated, Finite, deviations, worst_channel, worst_estimated};
use crate::golden::{self, Row, assert_near};
use crate::link::{Link, Reconciliation, Source};
use crate::optimise::{Objective, optimise_modulation};
use crate::preset::Preset;
use crate::receiver::{Detection, Receiver};

fn link(row: &Row) -> (Link, Channel) {
    let detection = match row.text("det") {
        "hom" => Detection::Homodyne,
        "het" => Detection::Heterodyne,
        other => panic!("detection {other}"),
    };
    let excess_noise = ExcessNoise::at_input_snu(row.number("xi_in")).unwrap();
    let link = Link {
        source: Source::new(row.number("V_A"), 1e6).unwrap(),
        excess_noise,
        receiver: Receiver::trusted(detection, row.number("eta"), row.number("v_el")).unwrap(),
        reconciliation: Reconciliation::new(row.number("beta"), 0.0).unwrap(),
        block: Block::new(row.number("N") as u64)
            .unwrap()
            .with_estimation(Estimation::disclosed(row.number("pe_frac")).unwrap()),
        ..Preset::Metro50Km.link()
    };
    (link, Channel::new(row.number("T"), excess_noise).unwrap())
}

fn rows() -> Vec<Row> {
    let rows = golden::rows(include_str!("../../vectors/finite.csv"));
    assert_eq!(rows.len(), 20);
    rows
}

#[test]
fn lgg_rates_equal_the_reference() {
    for row in rows() {
        let what = format!(
            "{} {} km N={}",
            row.text("det"),
            row.text("km"),
            row.text("N")
        );
        let (link, channel) = link(&row);
        let finite = Finite::over(&link, &channel);
        let worst = finite
            .worst_case
            .expect("all blocks of the file bound the channel")
            .channel;
        assert_near(
            &what,
            worst.transmittance(),
            row.number("T_min_1e-10"),
            1e-13,
        );
        assert_near(
            &what,
            worst.excess_noise_snu(),
            row.number("xi_max_1e-10"),
            1e-12,
        );
        assert_near(&what, finite.penalty_bit, row.number("Delta_n"), 1e-14);
        assert_near(
            &what,
            finite.key_bit_per_symbol,
            row.number("K_LGG2010_unclamped"),
            1e-12,
        );
    }
}

#[test]
fn composable_rates_equal_the_reference() {
    for row in rows() {
        let what = format!(
            "{} {} km N={}",
            row.text("det"),
            row.text("km"),
            row.text("N")
        );
        let (lgg, channel) = link(&row);
        let composable = Link {
            reconciliation: Reconciliation::new(row.number("beta"), 0.1).unwrap(),
            block: lgg.block.with_proof(Proof::COMPOSABLE),
            ..lgg
        };
        let finite = Finite::over(&composable, &channel);
        let worst = finite
            .worst_case
            .expect("all blocks of the file bound the channel")
            .channel;
        assert_near(
            &what,
            worst.transmittance(),
            row.number("T_min_2^-32"),
            1e-13,
        );
        assert_near(
            &what,
            worst.excess_noise_snu(),
            row.number("xi_max_2^-32"),
            1e-12,
        );
        let expected = row.number("K_composable_unclamped(p_ec.9,d6)");
        assert_near(&what, finite.key_bit_per_symbol, expected, 1e-12);
    }
}

#[test]
fn deviations_invert_erfc() {
    assert_near(
        "1e-10",
        deviations(Epsilon::new(1e-10).unwrap()),
        6.466_951_087_240_517,
        1e-13,
    );
    for probability in [1e-2, 1e-6, 1e-10, 1e-20, 1e-30] {
        let z = deviations(Epsilon::new(probability).unwrap());
        let back = libm::erfc(z / std::f64::consts::SQRT_2);
        assert_near("erfc", back / probability, 1.0, 1e-12);
    }
}

/// Rates with estimation on all symbols after error correction, the optimal modulation for infinite
/// blocks, excess noise 0.005, FER 0.1: (km, symbols, homodyne, heterodyne).
const ALL_DATA: [(f64, u64, f64, f64); 17] = [
    (10.0, 1_000_000, 0.197, 0.182),
    (10.0, 10_000_000, 0.260, 0.257),
    (10.0, 100_000_000, 0.283, 0.286),
    (10.0, 1_000_000_000, 0.291, 0.296),
    (10.0, 10_000_000_000, 0.293, 0.299),
    (25.0, 1_000_000, 0.017, 0.003),
    (25.0, 10_000_000, 0.062, 0.056),
    (25.0, 100_000_000, 0.078, 0.075),
    (25.0, 1_000_000_000, 0.084, 0.082),
    (25.0, 10_000_000_000, 0.086, 0.084),
    (50.0, 10_000_000, 0.0, 0.0),
    (50.0, 100_000_000, 0.0127, 0.0110),
    (50.0, 1_000_000_000, 0.0179, 0.0171),
    (50.0, 10_000_000_000, 0.0196, 0.0192),
    (75.0, 100_000_000, 0.0, 0.0),
    (75.0, 1_000_000_000, 0.0033, 0.0027),
    (75.0, 10_000_000_000, 0.0050, 0.0048),
];

#[test]
fn estimation_after_correction_gives_the_published_table() {
    for (km, symbols, homodyne, heterodyne) in ALL_DATA {
        for (detection, expected) in [
            (Detection::Homodyne, homodyne),
            (Detection::Heterodyne, heterodyne),
        ] {
            let link = Link {
                fibre: crate::channel::Fibre::standard(km).unwrap(),
                excess_noise: ExcessNoise::at_input_snu(0.005).unwrap(),
                receiver: Receiver::trusted(detection, 0.6, 0.1).unwrap(),
                block: Block::new(symbols).unwrap(),
                ..Preset::Metro50Km.link()
            };
            let link = optimise_modulation(link, Objective::Asymptotic);
            let key = Finite::of(&link).key_bit_per_symbol.max(0.0);
            let rounding = if km < 30.0 { 0.0011 } else { 0.00011 };
            assert_near(
                &format!("{km} km {symbols} {detection}"),
                key,
                expected,
                rounding,
            );
        }
    }
}

#[test]
fn a_block_too_small_to_bound_the_channel_gives_no_key() {
    let link = Link {
        block: Block::new(10_000).unwrap(),
        ..Preset::Metro50Km.at_km(200.0).unwrap()
    };
    let finite = Finite::of(&link);
    assert_eq!(finite.worst_case, None);
    assert!(finite.key_bit_per_symbol < 0.0);
    assert_eq!(finite.secret_key_rate_bit_s, 0.0);
}

#[test]
fn the_worst_channel_approaches_the_real_one_as_the_block_grows() {
    let link = Preset::Metro50Km.link();
    let channel = link.channel();
    let epsilon = link.block.proof().epsilon();
    let worst =
        |samples| worst_channel(&link.source, &channel, &link.receiver, samples, epsilon).unwrap();
    let (small, large) = (worst(1e7), worst(1e9));
    assert!(small.transmittance < large.transmittance);
    assert!(large.transmittance < channel.transmittance);
    assert!(small.excess_noise_snu > large.excess_noise_snu);
    assert!(large.excess_noise_snu > channel.excess_noise_snu);
}

#[test]
fn no_key_if_every_frame_fails() {
    for proof in [Proof::LGG_2010, Proof::COMPOSABLE] {
        let link = Preset::Metro50Km.link();
        let link = Link {
            reconciliation: Reconciliation::new(0.95, 1.0).unwrap(),
            block: link.block.with_proof(proof),
            ..link
        };
        let finite = Finite::of(&link);
        assert_eq!(finite.key_bit_per_symbol, 0.0);
        assert!(finite.penalty_bit.is_finite());
    }
}

#[test]
fn total_epsilon_sums_the_steps() {
    let link = Preset::Metro50Km.link();
    assert_near("LGG", Finite::of(&link).total_epsilon, 3e-10, 1e-24);
    let composable = Link {
        block: link.block.with_proof(Proof::COMPOSABLE),
        ..link
    };
    assert_near(
        "composable",
        Finite::of(&composable).total_epsilon,
        5.7 / 2f64.powi(32),
        1e-22,
    );
}

/// A block can show less noise than vacuum by chance. The worst case takes that as it is.
#[test]
fn estimates_may_show_negative_excess_noise() {
    let link = Preset::Metro50Km.link();
    let arriving = link.receiver.efficiency() * link.fibre.transmittance();
    let worst = |excess_noise_snu: f64| {
        let own_noise = 1.0 + link.receiver.electronic_noise_snu();
        let estimated = Estimated {
            arriving,
            variance: own_noise + arriving * excess_noise_snu,
            samples: 1e8,
        };
        let epsilon = Epsilon::TEN_BILLIONTH;
        worst_estimated(&link.source, &link.receiver, &estimated, epsilon)
    };
    let [less, more] = [-0.005, 0.005].map(|snu| worst(snu).unwrap().excess_noise_snu());
    assert_near("shift", more - less, 0.01, 1e-4);
    assert_eq!(
        worst(-0.1),
        None,
        "less noise than vacuum in the worst case too"
    );
}
