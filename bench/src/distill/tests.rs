use distill::estimate::{Corrected, SecretLength};
use distill::protocol::{BlockId, BlockReport};
use serde_json::Value;

use super::report::ChainRow;
use super::*;
use crate::tests::{keys, parse};

#[test]
fn a_row_has_its_promised_keys_and_figures() {
    let tally = Tally {
        frames: 4,
        lost: 1,
        iterations: 100,
        disclosed: 400,
        time: Duration::from_millis(2),
    };
    let row = serde_json::to_value(Row::Decode(DecodeRow::new(
        "avx2", 0.1, 0.9, 10_000, &tally,
    )))
    .unwrap();
    let promised = [
        "beta",
        "engine",
        "fer",
        "frames",
        "iterations",
        "msym_s",
        "rate",
        "what",
    ];
    assert_eq!(keys(&row), promised);
    assert_eq!(
        (&row["what"], &row["engine"]),
        (&"decode".into(), &"avx2".into())
    );
    let number = |key: &str| row[key].as_f64().unwrap();
    assert_eq!((number("fer"), number("iterations")), (0.25, 25.0));
    assert!((number("beta") - 0.81).abs() < 1e-12);
    assert!((number("msym_s") - 20.0).abs() < 1e-9);
}

#[test]
fn a_row_of_the_chain_has_its_promised_keys_and_figures() {
    let report = BlockReport {
        block: BlockId(1),
        estimate: None,
        corrected: Corrected {
            kept_symbols: 3_000_000,
            lost_symbols: 1_000_000,
            undisclosed_bits: 0,
            further_disclosed_bits: 0,
        },
        secret: SecretLength {
            lgg_bits: 2_100_000,
            composable_bits: 1_000_000,
        },
        key_bits: 2_000_000,
        reserve_bits: 0,
    };
    let row = ChainRow::new(10.0, &report).measured(Duration::from_secs(2), 17.0);
    let row = serde_json::to_value(Row::Chain(row)).unwrap();
    let expected = serde_json::json!({
        "what": "chain", "km": 10.0, "symbols": 4_000_000, "proof": "lgg-2010",
        "kbit_s": 1000.0, "composable_kbit_s": 500.0,
        "key_bits": 2_000_000, "composable_bits": 1_000_000,
        "fer": 0.25, "msym_s": 2.0, "peak_mib": 17.0,
    });
    assert_eq!(row, expected);
}

#[test]
fn a_run_of_one_frame_loses_nothing_far_below_capacity() {
    let options: Options = parse("--rates 0.2 --beta 0.75 --frames 1 --json").unwrap();
    let output: Value = serde_json::from_str(&run(&options).unwrap()).unwrap();
    let rows = output["rows"].as_array().unwrap();
    let of = |what: &str| rows.iter().filter(|row| row["what"] == what).count();
    assert_eq!((of("decode"), of("hash")), (1, 2));
    assert!(rows[1]["block_mbit"].as_f64() < rows[2]["block_mbit"].as_f64());
    assert!(rows[2]["mbit_s"].as_f64().unwrap() > 0.0);
    assert_eq!(
        (&rows[0]["fer"], &rows[0]["beta"]),
        (&0.0.into(), &0.75.into())
    );
}

#[test]
fn options_out_of_range_are_refused() {
    for wrong in ["--beta 1.1", "--beta x", "--rates 0.3", "--frames 0"] {
        assert!(parse::<Options>(wrong).is_err(), "{wrong}");
    }
}
