use std::collections::HashSet;

use crate::channel::{ExcessNoise, Fibre};
use crate::link::{Link, Reconciliation};
use crate::preset::Preset;
use crate::readable::readable;
use crate::report::{LinkReport, Value};

fn value(report: &LinkReport, key: &str) -> Value {
    let row = report.rows().into_iter().find(|row| row.key == key);
    row.unwrap_or_else(|| panic!("no row {key}")).value
}

#[test]
fn every_rate_names_trust_and_attacks() {
    let link = Preset::Metro50Km.link();
    for receiver in [link.receiver, link.receiver.untrusted()] {
        let report = LinkReport::of(&Link { receiver, ..link });
        let rates: Vec<_> = report
            .rows()
            .into_iter()
            .filter(|row| row.key.ends_with("_bit_s") || row.key.ends_with("_bit_per_symbol"))
            .collect();
        assert_eq!(rates.len(), 5 + 4);
        for row in rates {
            let trust = match row.key {
                key if key.ends_with("_untrusted_bit_s") => "untrusted receiver".to_owned(),
                key if key.ends_with("_trusted_bit_s") => "trusted receiver".to_owned(),
                _ => receiver.trust().to_string(),
            };
            assert!(
                row.label.contains(&format!("({trust}, collective attacks")),
                "{}",
                row.label
            );
        }
    }
}

#[test]
fn keys_are_unique_and_sections_in_order() {
    let rows = LinkReport::of(&Preset::Metro50Km.link()).rows();
    let keys: HashSet<_> = rows.iter().map(|row| row.key).collect();
    assert_eq!(keys.len(), rows.len());
    assert!(rows.is_sorted_by_key(|row| row.section));
}

#[test]
fn all_inputs_are_shown() {
    let report = LinkReport::of(&Preset::Metro50Km.link());
    for (key, expected) in [
        ("fibre_km", "50"),
        ("attenuation_db_per_km", "0.2"),
        ("symbol_rate_baud", "1000000"),
        ("overhead_share", "0"),
        ("modulation_variance_snu", "4.6"),
        ("excess_noise_snu", "0.01"),
        ("detection", "homodyne"),
        ("receiver_trust", "trusted receiver"),
        ("receiver_efficiency", "0.6"),
        ("electronic_noise_snu", "0.1"),
        ("reconciliation_efficiency", "0.95"),
        ("frame_error_rate", "0.1"),
        ("block_symbols", "100000000"),
        ("estimation", "all symbols, after error correction"),
        ("proof", "LGG 2010, collective attacks"),
        ("epsilon", "1e-10"),
    ] {
        assert_eq!(value(&report, key).to_string(), expected, "{key}");
    }
}

#[test]
fn numbers_are_finite_and_missing_values_give_a_reason() {
    let link = Preset::Metro50Km.link();
    let back_to_back = Link {
        fibre: Fibre::standard(0.0).unwrap(),
        ..link
    };
    let noisy = Link {
        excess_noise: ExcessNoise::at_input_snu(1.0).unwrap(),
        receiver: link.receiver.untrusted(),
        ..link
    };
    let long = Preset::Metro50Km.at_km(300.0).unwrap();
    for link in [link, back_to_back, noisy, long] {
        for row in LinkReport::of(&link).rows() {
            if let Value::Number(number) = row.value {
                assert!(number.is_finite(), "{}", row.key);
            }
        }
    }
    let bound = value(&LinkReport::of(&back_to_back), "repeaterless_bound_bit");
    assert_eq!(bound.to_string(), "none (a line without loss has no bound)");
    let tolerable = value(&LinkReport::of(&noisy), "tolerable_excess_noise_snu");
    assert_eq!(tolerable.to_string(), "none (no key even without noise)");
    assert!(matches!(
        value(&LinkReport::of(&noisy), "no_key"),
        Value::Text(_)
    ));
}

#[test]
fn numbers_are_readable() {
    for (number, expected) in [
        (0.0, "0"),
        (0.1, "0.1"),
        (-0.021_004_925_9, "-0.0210049"),
        (1e6, "1000000"),
        (12_345.678_9, "12345.7"),
        (999_999.96, "1000000"),
        (1e-10, "1e-10"),
        (3.5e12, "3.5e12"),
        (123_456_789.0, "123456789"),
    ] {
        assert_eq!(readable(number), expected);
    }
}

#[test]
fn the_report_also_shows_the_other_proof_and_the_untrusted_receiver() {
    let bit_s = |km: f64| {
        let report = LinkReport::of(&Preset::Metro50Km.at_km(km).unwrap());
        let own = report.supply.average_bit_s;
        let [lgg, composable, lgg_untrusted, composable_untrusted] =
            report.beside.map(|beside| beside.average_bit_s);
        assert!((own - lgg).abs() < 1e-9);
        assert_eq!((lgg_untrusted, composable_untrusted), (0.0, 0.0));
        (lgg, composable)
    };
    let (lgg, composable) = bit_s(50.0);
    assert!((11_500.0..11_600.0).contains(&lgg), "{lgg}");
    assert!((1_500.0..1_620.0).contains(&composable), "{composable}");
    assert_eq!(bit_s(60.0).1, 0.0);
}

#[test]
fn a_rate_without_a_known_code_is_noted() {
    let notes = |km: f64, beta: f64| {
        let link = Preset::Metro50Km.at_km(km).unwrap();
        let failed = link.reconciliation.frame_error_rate();
        let reconciliation = Reconciliation::new(beta, failed).unwrap();
        LinkReport::of(&Link {
            reconciliation,
            ..link
        })
        .notes()
        .len()
    };
    assert_eq!(notes(50.0, 0.95), 0);
    assert_eq!(notes(0.0, 0.95), 1);
    assert_eq!(notes(50.0, 1.0), 1);
    assert_eq!(notes(0.0, 1.0), 2);
    assert!(LinkReport::of(&Preset::Lab10Km.link()).notes().is_empty());
}
