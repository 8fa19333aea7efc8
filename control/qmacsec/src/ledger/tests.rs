//! Chain, book, and what verification finds.

use port::pcap::PcapngWriter;
use rekey::{Direction, Event, Origin};
use secy::SaId;
use std::time::Duration;
use wire::{An, KeyId, MacAddr};

use super::record::BEGINNING;
use super::{Book, Entry, LedgerError, LedgerFile, Record, read, verify_capture, verify_pair};

const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn record(direction: &str, key: u32, frames: u64) -> Record {
    Record {
        encryptor: "site-a".to_owned(),
        direction: direction.to_owned(),
        sender: A.to_string(),
        key_id: format!("key-{key}"),
        origin: "modelled".to_owned(),
        root: 1,
        suite: "gcm-aes-xpn-256".to_owned(),
        an: (key % 4) as u8,
        epoch: key,
        installed_ms: u64::from(key) * 1000,
        first_frame_ms: Some(u64::from(key) * 1000 + 10),
        last_frame_ms: Some(u64::from(key) * 1000 + 900),
        frames,
        wiped_ms: u64::from(key) * 1000 + 1500,
    }
}

fn chain(records: impl IntoIterator<Item = Record>) -> Vec<Entry> {
    let (mut number, mut hash) = (0, BEGINNING.to_owned());
    let link = |record| {
        let entry = Entry::after(number, &hash, record);
        (number, hash) = (entry.number, entry.hash.clone());
        entry
    };
    records.into_iter().map(link).collect()
}

#[test]
fn a_ledger_is_continued_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    for run in 0..3 {
        let mut ledger = LedgerFile::open(&path).unwrap();
        for key in 0..5 {
            ledger.append(record("out", run * 10 + key, 7));
        }
    }
    let entries = read(&path).unwrap();
    assert_eq!(entries.len(), 15);
    assert_eq!(entries[14].number, 15);
    assert_eq!(entries[14].record, record("out", 24, 7));
}

#[test]
fn every_change_breaks_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let mut ledger = LedgerFile::open(&path).unwrap();
    for key in 0..4 {
        ledger.append(record("out", key, 7));
    }
    drop(ledger);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let spoiled = [
        text.replacen("\"frames\":7", "\"frames\":8", 1),
        text.replacen("key-2", "key-9", 1),
        text.replacen("\"an\":1", "\"an\":2", 1),
        text.replacen("\"wiped_ms\":1500", "\"wiped_ms\":1501", 1),
        [lines[0], lines[2], lines[3], ""].join("\n"),
        [lines[1], lines[0], lines[2], lines[3], ""].join("\n"),
        [lines[1], lines[2], lines[3], ""].join("\n"),
        [lines[0], lines[0], ""].join("\n"),
    ];
    for text in spoiled {
        std::fs::write(&path, &text).unwrap();
        assert!(
            matches!(read(&path), Err(LedgerError::Chain { .. })),
            "{text}"
        );
        assert!(
            LedgerFile::open(&path).is_err(),
            "a broken chain is not continued"
        );
    }
    std::fs::write(&path, text.replacen("frames", "flames", 1)).unwrap();
    assert!(matches!(
        read(&path),
        Err(LedgerError::Line { line: 1, .. })
    ));
}

#[test]
fn half_a_last_line_is_left_out_and_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    LedgerFile::open(&path).unwrap().append(record("out", 0, 7));
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"number\":2,\"prev");
    std::fs::write(&path, &text).unwrap();
    assert_eq!(read(&path).unwrap().len(), 1);
    LedgerFile::open(&path).unwrap().append(record("out", 1, 7));
    assert_eq!(read(&path).unwrap().len(), 2);
}

fn id(epoch: u32) -> SaId {
    SaId {
        an: An::from_tci(epoch as u8),
        epoch,
    }
}

#[test]
fn a_key_is_one_record_from_install_to_wipe() {
    let mut book = Book::new("site-a", "gcm-aes-xpn-256", A);
    let key_id = KeyId::new("key-1").unwrap();
    let direction = Direction::Rx;
    let found = Event::PeerFound {
        peer: B,
        scis: 1,
        fresh: true,
    };
    assert_eq!(book.on_event(1, &found), None);
    // Whether it is switched to or not: the record has all of it.
    let installed = Event::Installed {
        direction,
        id: id(1),
        key_id,
        origin: Origin::Modelled,
        root: 3,
    };
    assert_eq!(book.on_event(10, &installed), None);
    book.on_frames(20, direction, id(1), 0);
    book.on_frames(30, direction, id(1), 5);
    book.on_frames(40, direction, id(1), 5);
    book.on_frames(50, direction, id(1), 9);
    book.on_frames(50, Direction::Tx, id(1), 1000);
    let record = book
        .on_event(
            60,
            &Event::Retired {
                direction,
                id: id(1),
            },
        )
        .unwrap();
    assert_eq!(
        record,
        Record {
            encryptor: "site-a".to_owned(),
            direction: "in".to_owned(),
            sender: B.to_string(),
            key_id: "key-1".to_owned(),
            origin: "modelled".to_owned(),
            root: 3,
            suite: "gcm-aes-xpn-256".to_owned(),
            an: 1,
            epoch: 1,
            installed_ms: 10,
            first_frame_ms: Some(30),
            last_frame_ms: Some(50),
            frames: 9,
            wiped_ms: 60,
        }
    );
    assert_eq!(
        book.on_event(
            61,
            &Event::Retired {
                direction,
                id: id(1)
            }
        ),
        None,
        "once"
    );
}

#[test]
fn two_honest_ends_agree() {
    let a = chain((0..9).map(|key| record("out", key, 100)));
    let b = chain((0..9).map(|key| record("in", key, 100)));
    let verification = verify_pair(&a, &b);
    assert_eq!((verification.keys, verification.findings.len()), (9, 0));
}

#[test]
fn what_must_never_be_is_grave_and_the_rest_is_a_note() {
    let honest = || record("out", 1, 100);
    let cases = [
        (
            vec![honest(), honest()],
            vec![record("in", 1, 100)],
            true,
            "used twice",
        ),
        (
            vec![honest()],
            vec![record("in", 1, 101)],
            true,
            "only 100 protected",
        ),
        (
            vec![honest()],
            vec![Record {
                an: 3,
                ..record("in", 1, 100)
            }],
            true,
            "AN is 1",
        ),
        (
            vec![honest()],
            vec![Record {
                origin: "distilled".into(),
                ..record("in", 1, 100)
            }],
            true,
            "origin",
        ),
        (
            vec![honest()],
            vec![record("in", 1, 100), record("out", 1, 5)],
            true,
            "both directions",
        ),
        (
            vec![honest()],
            vec![record("in", 1, 99)],
            false,
            "1 of 100 frames did not arrive",
        ),
        (vec![honest()], vec![], false, "no record"),
        (vec![], vec![record("in", 1, 100)], false, "was it killed?"),
    ];
    for (a, b, grave, text) in cases {
        let verification = verify_pair(&chain(a), &chain(b));
        assert!(
            verification
                .findings
                .iter()
                .any(|finding| finding.grave == grave && finding.text.contains(text)),
            "{text}: {verification:?}"
        );
        assert_eq!(verification.sound(), !grave, "{text}");
    }
}

#[test]
fn a_capture_shows_a_packet_number_that_came_twice() {
    let a = chain((0..9).map(|key| record("out", key, 100)));
    let frame = |key: u32, pn: u32| {
        let mut frame = vec![
            2,
            0,
            0,
            0,
            0,
            2,
            2,
            0,
            0,
            0,
            0,
            1,
            0x88,
            0xe5,
            0x2c | (key % 4) as u8,
            0,
        ];
        frame.extend(pn.to_be_bytes());
        frame.extend([2, 0, 0, 0, 0, 1, 0, 1]);
        frame.extend([0xaa; 80]);
        frame
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("line.pcapng");
    let write = |frames: &[(u32, u32)]| {
        let mut writer = PcapngWriter::new(std::fs::File::create(&path).unwrap(), "test").unwrap();
        let interface = writer.interface("line").unwrap();
        for &(key, pn) in frames {
            let at = Duration::from_millis(u64::from(key) * 1000 + 100);
            writer.frame(interface, at, None, &frame(key, pn)).unwrap();
        }
    };
    let verify = || {
        let mut verification = verify_pair(&a, &[]);
        verification.findings.clear();
        verify_capture(&path, [&a, &[]], &mut verification).unwrap();
        verification
    };
    // The same PNs under another key with the same AN are no repetition.
    write(&[(0, 1), (0, 2), (4, 1), (4, 2), (8, 1)]);
    let verification = verify();
    assert_eq!(
        (verification.frames, verification.sound()),
        (5, true),
        "{verification:?}"
    );
    write(&[(0, 1), (0, 2), (0, 1)]);
    assert!(!verify().sound());
    std::fs::write(&path, b"not a capture").unwrap();
    assert!(verify_capture(&path, [&a, &[]], &mut verify_pair(&a, &[])).is_err());
}
