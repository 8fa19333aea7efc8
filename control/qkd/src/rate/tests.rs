use crate::channel::{Channel, ExcessNoise};
use crate::golden::{self, Row, assert_near};
use crate::link::{Reconciliation, Source};
use crate::rate::{Asymptotic, Holevo, entropy_bit};
use crate::receiver::{Detection, Receiver};

fn detection(row: &Row) -> Detection {
    match row.text("det") {
        "hom" => Detection::Homodyne,
        "het" => Detection::Heterodyne,
        other => panic!("detection {other}"),
    }
}

fn receiver(row: &Row) -> Receiver {
    let trusted = Receiver::trusted(detection(row), row.number("eta"), row.number("v_el")).unwrap();
    match row.text("receiver") {
        "trusted" => trusted,
        "untrusted" => trusted.untrusted(),
        other => panic!("receiver {other}"),
    }
}

#[test]
fn rates_equal_the_reference_of_fifty_digits() {
    let rows = golden::rows(include_str!("../../vectors/rates.csv"));
    assert_eq!(rows.len(), 64);
    for row in rows {
        let what = ["id", "det", "receiver"]
            .map(|column| row.text(column))
            .join(" ");
        let noise = ExcessNoise::at_input_snu(row.number("xi_in")).unwrap();
        let channel = Channel::new(row.number("T"), noise).unwrap();
        let source = Source::new(row.number("V_A"), 1e6).unwrap();
        let reconciliation = Reconciliation::new(row.number("beta"), 0.0).unwrap();
        let rate = Asymptotic::at(&source, &channel, &receiver(&row), &reconciliation);

        assert_near(
            &what,
            rate.mutual_information_bit,
            row.number("I_AB"),
            1e-13,
        );
        assert_near(&what, rate.holevo.bound_bit, row.number("chi_BE"), 1e-13);
        assert_near(
            &what,
            rate.key_bit_per_symbol,
            row.number("K_asym_unclamped"),
            1e-13,
        );
        // The file's eigenvalues come from the textbook form in double precision.
        for (i, eigenvalue) in rate.holevo.eigenvalues.into_iter().enumerate() {
            let expected = row.number(&format!("lambda{}", i + 1));
            assert_near(
                &format!("{what} lambda{}", i + 1),
                eigenvalue,
                expected,
                1e-12 * expected,
            );
        }
        assert_near(
            &what,
            rate.secret_key_rate_bit_s,
            1e6 * row.number("K_asym_unclamped").max(0.0),
            1e-5,
        );
    }
}

#[test]
fn entropy_of_a_thermal_mode() {
    assert_near("vacuum", entropy_bit(1.0), 0.0, 0.0);
    assert_near("one photon", entropy_bit(3.0), 2.0, 1e-15);
    // (n + 1) log2(n + 1) - n log2 n at n = 1e-9 and 1e9, computed with 50 digits. 1 + 2e-9 itself
    // is exact only to 1e-16, which limits the first.
    assert_near(
        "few photons",
        entropy_bit(1.0 + 2e-9),
        3.134_004_789_559_657e-8,
        1e-14,
    );
    assert_near(
        "many photons",
        entropy_bit(2e9 + 1.0),
        31.340_047_895_596_57,
        1e-13,
    );
}

#[test]
fn an_ideal_homodyne_link_tends_to_half_the_repeaterless_bound() {
    let ideal = Receiver::trusted(Detection::Homodyne, 1.0, 0.0).unwrap();
    let perfect = Reconciliation::new(1.0, 0.0).unwrap();
    let source = Source::new(1e4, 1e6).unwrap();
    for transmittance in [0.001, 0.1, 0.5, 0.9] {
        let channel = Channel::new(transmittance, ExcessNoise::at_input_snu(0.0).unwrap()).unwrap();
        let key = Asymptotic::at(&source, &channel, &ideal, &perfect).key_bit_per_symbol;
        let half_bound = channel.repeaterless_bound_bit() / 2.0;
        // It approaches the bound from below, and the distance falls as 1 / V_A.
        assert!(key < half_bound);
        assert_near("half PLOB", key, half_bound, 1e-3 * half_bound);
    }
}

#[test]
fn rates_agree_with_published_experiments() {
    let rows = golden::rows(include_str!("../../vectors/reference_points.csv"));
    let mut compared = 0;
    for row in &rows {
        let what = format!("{} {} km", row.text("source"), row.text("km"));
        let detection = if what.contains(" hom ") {
            Detection::Homodyne
        } else {
            Detection::Heterodyne
        };
        // This source states its transmittance; its loss in dB is rounded.
        let transmittance = if what.starts_with("Hajomer Sci.Adv.") {
            0.028
        } else {
            10f64.powf(-row.number("loss_dB") / 10.0)
        };
        let noise = ExcessNoise::at_input_snu(row.number("xi_in")).unwrap();
        let channel = Channel::new(transmittance, noise).unwrap();
        let receiver = Receiver::trusted(detection, row.number("eta"), row.number("v_el")).unwrap();
        let reconciliation = Reconciliation::new(row.number("beta"), row.number("FER")).unwrap();
        let source = Source::new(row.number("V_A"), row.number("symbol_rate")).unwrap();

        // A tenth of Zhang's symbols carries no key; the other papers state effective rates.
        let zhang = what.starts_with("Zhang");
        let source = source
            .with_overhead_share(if zhang { 0.1 } else { 0.0 })
            .unwrap();
        let rate =
            Asymptotic::at(&source, &channel, &receiver, &reconciliation).secret_key_rate_bit_s;
        let model = row.number("model_asym_bps");
        assert_near(&what, rate, model, 1e-4 * model);

        if zhang && row.number("km") < 71.0 {
            let published = row.number("published_bps");
            assert_near(&what, rate, published, 0.031 * published);
            compared += 1;
        }
    }
    assert_eq!((rows.len(), compared), (15, 3));
}

#[test]
fn eve_has_no_information_without_loss_and_noise() {
    // The state stays pure; here the textbook form of the eigenvalues loses half of all digits.
    let channel = Channel::new(1.0, ExcessNoise::at_input_snu(0.0).unwrap()).unwrap();
    let source = Source::new(14.0, 1e6).unwrap();
    for detection in [Detection::Homodyne, Detection::Heterodyne] {
        let receiver = Receiver::trusted(detection, 0.39, 0.0).unwrap();
        assert_near(
            "chi_BE",
            Holevo::of(&source, &channel, &receiver).bound_bit,
            0.0,
            1e-13,
        );
    }
}
