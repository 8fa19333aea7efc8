use super::work::Piece;
use super::*;

fn piece(name: &str) -> Piece {
    Piece {
        name: name.to_owned(),
        frames: 10,
    }
}

#[test]
fn nothing_is_taken_off_and_the_engine_is_taken_off_the_secy() {
    let pieces = [
        "nothing",
        "rustcrypto seal 64",
        "rustcrypto open 64",
        "aws-lc seal 64",
        "rustcrypto+secy protect 64",
        "rustcrypto+secy validate 64",
    ];
    let counts = per_frame(&pieces.map(piece), &[40, 1040, 2040, 340, 1540, 2340]).unwrap();
    let expected = [
        ("aws-lc seal 64", 30.0),
        ("rustcrypto open 64", 200.0),
        ("rustcrypto seal 64", 100.0),
        ("secy protect", 50.0),
        ("secy validate", 30.0),
    ];
    let expected: Counts = expected
        .map(|(name, count)| (name.to_owned(), count))
        .into();
    assert_eq!(counts, expected);
}

#[test]
fn a_lost_count_is_an_error() {
    let error = per_frame(&[piece("nothing"), piece("a")], &[1]).unwrap_err();
    assert!(
        error.to_string().contains("2 pieces of work, but 1"),
        "{error}"
    );
}

#[test]
fn the_gate_shuts_for_more_new_and_gone_only() {
    let counts = |pairs: &[(&str, f64)]| -> Counts {
        pairs
            .iter()
            .map(|&(name, count)| (name.to_owned(), count))
            .collect()
    };
    let committed = counts(&[
        ("fewer", 100.0),
        ("gone", 1.0),
        ("more", 1000.0),
        ("same", 1000.0),
        ("small", 10.0),
    ]);
    let counted = counts(&[
        ("fewer", 90.0),
        ("more", 1031.0),
        ("new", 1.0),
        ("same", 1029.0),
        ("small", 11.9),
    ]);
    let findings: Vec<_> = compare(&committed, &counted, 3.0)
        .into_iter()
        .map(|(name, _, _, finding)| (name, finding))
        .collect();
    let expected = [
        ("fewer", Finding::Fewer),
        ("gone", Finding::Gone),
        ("more", Finding::More),
        ("new", Finding::New),
        ("same", Finding::Fine),
        ("small", Finding::Fine),
    ];
    assert_eq!(
        findings,
        expected.map(|(name, finding)| (name.to_owned(), finding))
    );
    let fails: Vec<bool> = findings
        .iter()
        .map(|(_, finding)| finding.fails())
        .collect();
    assert_eq!(fails, [false, true, true, true, false, false]);
}

#[test]
fn the_budget_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("icount.toml");
    let budget = Budget {
        rustc: "rustc 1.95.0".to_owned(),
        tolerance_percent: 3.0,
        step: [("vaes512 seal 64".to_owned(), 123.4)].into(),
        callgrind: [("ring".to_owned(), 1.0)].into(),
    };
    budget.write(&path).unwrap();
    assert_eq!(Budget::read(&path).unwrap(), budget);
    std::fs::write(&path, "rustc = 7").unwrap();
    let error = Budget::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("icount.toml") && error.contains("rustc"),
        "{error}"
    );
}

#[test]
fn the_committed_file_holds_every_piece_of_work() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("icount.toml");
    let budget = Budget::read(&path).unwrap();
    for (counts, engine) in [(&budget.step, "vaes512"), (&budget.callgrind, "rustcrypto")] {
        for work in [
            "seal 64",
            "open 64",
            "seal 256",
            "open 256",
            "seal 1500",
            "open 1500",
        ] {
            assert!(
                counts.contains_key(&format!("{engine} {work}")),
                "{engine} {work}"
            );
        }
        for work in ["secy protect", "secy validate"] {
            assert!(counts.contains_key(work), "{work} beside {engine}");
        }
    }
}

#[test]
fn callgrind_totals_are_found() {
    assert_eq!(
        callgrind::total("events: Ir\nsummary: 12\n\n\ntotals: 34\n"),
        Some(34)
    );
    assert_eq!(callgrind::total("events: Ir\n"), None);
}

#[test]
fn what_the_child_tells_is_understood_and_nonsense_is_not() {
    let piece = Piece {
        name: "vaes512 seal 64".to_owned(),
        frames: 32,
    };
    assert_eq!(step::parse(&step::tell(&piece)).unwrap(), [piece]);
    for nonsense in ["seal", "0 seal", "x seal"] {
        assert!(step::parse(nonsense).is_err(), "{nonsense}");
    }
}
