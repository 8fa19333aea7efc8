use crate::channel::{ExcessNoise, Fibre};
use crate::discrete::{Constellation, DiscreteRate, Moments, NotProven, QamOrder};
use crate::golden::{self, assert_near};
use crate::link::{Link, Reconciliation, Source};
use crate::preset::Preset;
use crate::rate::Asymptotic;
use crate::receiver::{Detection, Receiver, Trust};

fn constellation(name: &str) -> Constellation {
    match name {
        "qpsk" => Constellation::qpsk(),
        "8psk" => Constellation::psk8(),
        "16qam_nu.5" => Constellation::qam(QamOrder::Qam16, 0.5).unwrap(),
        "64qam_nu.2" => Constellation::qam(QamOrder::Qam64, 0.2).unwrap(),
        "256qam_nu.1" => Constellation::qam(QamOrder::Qam256, 0.1).unwrap(),
        other => panic!("constellation {other}"),
    }
}

fn link(variance: f64, transmittance: f64, noise: f64) -> Link {
    Link {
        source: Source::new(variance, 1e6).unwrap(),
        fibre: Fibre::standard(-50.0 * transmittance.log10()).unwrap(),
        excess_noise: ExcessNoise::at_input_snu(noise).unwrap(),
        receiver: Receiver::trusted(Detection::Heterodyne, 1.0, 0.0)
            .unwrap()
            .untrusted(),
        reconciliation: Reconciliation::new(0.95, 0.0).unwrap(),
        ..Preset::Metro50Km.link()
    }
}

#[test]
fn rates_equal_the_reference() {
    let rows = golden::rows(include_str!("../../vectors/dm.csv"));
    assert_eq!(rows.len(), 19);
    let mut last: Option<(String, f64, Moments)> = None;
    for row in rows {
        let name = row.text("constellation");
        let variance = row.number("V_A");
        let states = constellation(name);
        let moments = match &last {
            Some((n, v, moments)) if n == name && *v == variance => *moments,
            _ => Moments::of(&states, variance).unwrap(),
        };
        last = Some((name.to_owned(), variance, moments));

        let link = link(variance, row.number("T"), row.number("xi_in"));
        let rate = DiscreteRate::of(&link, &states, &moments).unwrap();
        let what = format!("{name} V_A {variance} T {}", row.text("T"));
        let near = |got: f64, column: &str| assert_near(&what, got, row.number(column), 1e-11);
        near(moments.correlation_snu, "z_lin=2tr(sqrt.tau a sqrt.tau a^)");
        near(moments.deviation, "w");
        near(rate.correlation_snu, "Z_star");
        near(rate.mutual_information_bit, "I_AB_gauss");
        near(rate.holevo_bit, "chi");
        near(rate.key_bit_per_symbol, "K_DM");
        near(
            Asymptotic::of(&link).key_bit_per_symbol,
            "K_gaussian_same_V",
        );
    }
}

#[test]
fn no_constellation_beats_the_gaussian() {
    for name in ["qpsk", "8psk", "16qam_nu.5"] {
        let states = constellation(name);
        for variance in [0.1, 0.5, 1.0, 2.0] {
            let moments = Moments::of(&states, variance).unwrap();
            assert!(moments.correlation_snu < (variance * (variance + 2.0)).sqrt());
            for transmittance in [0.5, 0.1, 0.01] {
                let link = link(variance, transmittance, 0.005);
                let key = DiscreteRate::of(&link, &states, &moments)
                    .unwrap()
                    .key_bit_per_symbol;
                assert!(key < Asymptotic::of(&link).key_bit_per_symbol);
            }
        }
    }
}

#[test]
fn moments_are_physical_from_weak_to_bright() {
    for states in [
        Constellation::qpsk(),
        Constellation::psk8(),
        Constellation::qam(QamOrder::Qam16, 0.0).unwrap(),
        Constellation::qam(QamOrder::Qam64, 0.5).unwrap(),
        Constellation::qam(QamOrder::Qam256, 0.0).unwrap(),
    ] {
        for variance in [0.001, 0.1, 3.0, 15.0] {
            let moments = Moments::of(&states, variance).unwrap();
            let gaussian = (variance * (variance + 2.0)).sqrt();
            assert!(
                (0.0..gaussian).contains(&moments.correlation_snu),
                "{moments:?}"
            );
            assert!((0.0..variance).contains(&moments.deviation), "{moments:?}");
        }
    }
}

#[test]
fn mutual_information_is_at_most_the_entropy_of_the_states() {
    let states = Constellation::qpsk();
    assert_near("entropy", states.entropy_bit(), 2.0, 1e-15);
    let moments = Moments::of(&states, 20.0).unwrap();
    let rate = DiscreteRate::of(&link(20.0, 0.99, 0.0), &states, &moments).unwrap();
    assert_near("I_AB", rate.mutual_information_bit, 2.0, 1e-15);
}

#[test]
fn links_without_a_proof_are_not_computed() {
    let states = Constellation::qpsk();
    let moments = Moments::of(&states, 0.5).unwrap();
    let error = DiscreteRate::of(&Preset::Metro50Km.link(), &states, &moments).unwrap_err();
    let (detection, trust) = (Detection::Homodyne, Trust::Trusted);
    assert_eq!(error, NotProven { detection, trust });
    assert!(
        error
            .to_string()
            .contains("not for homodyne detection with a trusted receiver")
    );
}

#[test]
fn states_too_bright_to_expand_are_refused() {
    let states = Constellation::qam(QamOrder::Qam256, 1.0).unwrap();
    assert_eq!(
        Moments::of(&states, 5.0).unwrap_err().field,
        "photons of the brightest state"
    );
    let error = Constellation::qam(QamOrder::Qam16, -0.1).unwrap_err();
    assert_eq!(error.field, "shaping of the constellation");
}
