//! Octets left by a power cut are removed; a changed ledger is refused; `check` and `run` agree.

use std::fs;

use proptest::prelude::*;

use super::super::tests::{lines, open, record};
use super::super::{inspect, read};
use super::*;

fn keys(count: u32) -> Vec<String> {
    lines((0..count).map(|key| What::Key(record("out", key, 7))))
}

/// Returns the result of a start with this file: entries and octets removed, or an error. `check`
/// must agree.
fn start(octets: &[u8]) -> Result<(u64, u64), LedgerError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    fs::write(&path, octets).unwrap();
    let checked = inspect(&path);
    assert_eq!(fs::read(&path).unwrap(), octets, "check changes nothing");
    match open(&path) {
        Ok(ledger) => {
            drop(ledger);
            let checked = checked.expect("check says the same");
            let entries = read(&path).expect("what run goes on with is whole");
            let note = u64::from(checked.cut > 0);
            assert_eq!(entries.len() as u64, checked.entries + note);
            Ok((checked.entries, checked.cut))
        }
        Err(error) => {
            assert_eq!(
                checked.expect_err("check says the same").to_string(),
                error.to_string()
            );
            assert_eq!(fs::read(&path).unwrap(), octets, "evidence stays as it is");
            Err(error)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_cut_with_any_nuls_after_it_is_truncated(
        count in 0..40_u32,
        part in 0.0..1.0_f64,
        nuls in prop_oneof![Just(0_usize), 1..200_usize, 4090..4100_usize, 8000..300_000_usize],
    ) {
        let lines = keys(count);
        let whole = lines.concat();
        let cut = (whole.len() as f64 * part) as usize;
        let mut octets = whole.as_bytes()[..cut].to_vec();
        octets.resize(cut + nuls, 0);
        let (mut entries, mut len) = (0, 0);
        for line in &lines {
            if len + line.len() > cut {
                break;
            }
            len += line.len();
            entries += 1;
        }
        prop_assert_eq!(start(&octets).unwrap(), (entries, (octets.len() - len) as u64));
    }

    #[test]
    fn a_changed_octet_is_refused(count in 2..40_u32, place in 0.0..1.0_f64, bit in 0..8_u8) {
        let mut octets = keys(count).concat().into_bytes();
        // The last newline is left out: without it the last entry is incomplete, not changed.
        let place = ((octets.len() - 1) as f64 * place) as usize;
        octets[place] ^= 1 << bit;
        prop_assume!(octets[place] != 0);
        prop_assert!(start(&octets).is_err());
    }
}

#[test]
fn pages_written_out_of_order_are_cut_off_from_the_first_hole() {
    let lines = keys(30);
    let (before, behind) = (lines[..20].concat(), lines[20..].concat());
    for hole in [1, 4096, 20_000] {
        let mut octets = before.clone().into_bytes();
        let half = before.len() - 100;
        octets.truncate(half);
        octets.resize(half + hole, 0);
        octets.extend(behind.as_bytes());
        let (entries, cut) = start(&octets).unwrap();
        assert_eq!(entries, 19, "{hole}");
        assert_eq!(cut as usize, octets.len() - lines[..19].concat().len());
    }
}

#[test]
fn more_than_a_power_cut_leaves_is_refused() {
    let whole = keys(20).concat();
    let text = format!("{whole}{}", "x".repeat(LINE_MAX + 1));
    assert!(matches!(
        start(text.as_bytes()),
        Err(LedgerError::Line { .. })
    ));
    let mut octets = whole.clone().into_bytes();
    octets.push(0);
    octets.extend("x".repeat(70_000).as_bytes());
    assert!(matches!(start(&octets), Err(LedgerError::Line { .. })));
    assert_eq!(start(b"").unwrap(), (0, 0));
    assert_eq!(start(&[0; 10_000]).unwrap(), (0, 10_000));
}

#[test]
fn only_the_end_is_read() {
    let lines = keys(2000);
    let mut octets = lines.concat().into_bytes();
    assert!(octets.len() as u64 > 3 * WINDOW);
    // A change outside the end and the first entry is found by verify, not at a start.
    let place = octets.len() / 2;
    octets[place] ^= 1;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    fs::write(&path, &octets).unwrap();
    assert_eq!(inspect(&path).unwrap().entries, 2000);
    drop(open(&path).unwrap());
    read(&path).unwrap_err();
    // A change in the end or in the first entry is found at the start.
    for place in [60, octets.len() - 60_000] {
        let mut octets = lines.concat().into_bytes();
        octets[place] ^= 1;
        assert!(start(&octets).is_err(), "{place}");
    }
}

/// The config names another file by mistake, such as the PSK file: it stays unchanged.
#[test]
fn a_file_that_is_not_a_ledger_stays_unchanged() {
    let der = [&[0x30, 0x82, 1][..], &[0; 300]].concat();
    for octets in [
        &b"0f9c3b5ad1e8"[..],
        b"{\"name\":1",
        b"words\n",
        b"x\0",
        &der[..],
    ] {
        assert!(
            matches!(start(octets), Err(LedgerError::Foreign { .. })),
            "{octets:?}"
        );
    }
    for octets in [&b"{"[..], b"{\"numb", b"{\"number\":1,\"prev", b"{\"nu\0\0"] {
        assert_eq!(start(octets).unwrap(), (0, octets.len() as u64));
    }
}
