//! Tests of chain, book, writer and segments.

use std::fs;
use std::path::Path;

use rekey::{Direction, Event, LedgerHead, Origin};
use secy::SaId;
use std::time::Duration;
use wire::{An, KeyId, MacAddr};

use super::entry::{BEGINNING, hex};
use super::{
    Book, Cut, Entry, Heard, Inspection, Ledger, LedgerError, LedgerFile, LedgerOptions, Record,
    Removed, Segment, Source, What, inspect, inspect_of, read, segment,
};

const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

pub(super) fn record(direction: &str, key: u32, frames: u64) -> Record {
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
        passport: None,
    }
}

/// Chains these entries, and returns them as lines of a file.
pub(super) fn lines(contents: impl IntoIterator<Item = What>) -> Vec<String> {
    let (mut number, mut hash) = (0, BEGINNING.to_owned());
    let link = |what| {
        let entry = Entry::after(number, &hash, what);
        (number, hash) = (entry.number, entry.hash.clone());
        serde_json::to_string(&entry).unwrap() + "\n"
    };
    contents.into_iter().map(link).collect()
}

/// One segment without an age limit: the records of these tests have times in 1970.
const LASTING: LedgerOptions = LedgerOptions {
    segment_len: u64::MAX,
    segment_age: Duration::MAX,
    max_len: u64::MAX,
    pack_after: Duration::ZERO,
};

/// Small segments, which are sealed after a few entries.
const SMALL: LedgerOptions = LedgerOptions {
    segment_len: 4000,
    ..LASTING
};

/// Opens a ledger of one segment.
pub(super) fn open(path: &Path) -> Result<LedgerFile, LedgerError> {
    LedgerFile::open_with(path, LASTING)
}

#[test]
fn a_ledger_is_continued_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    for run in 0..3 {
        let mut ledger = open(&path).unwrap();
        for key in 0..5 {
            ledger.append(record("out", run * 10 + key, 7));
        }
    }
    let entries = read(&path).unwrap();
    assert_eq!(entries.len(), 15);
    assert_eq!(entries[14].number, 15);
    assert_eq!(entries[14].record(), Some(&record("out", 24, 7)));
}

#[test]
fn every_change_breaks_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let mut ledger = open(&path).unwrap();
    for key in 0..4 {
        ledger.append(record("out", key, 7));
    }
    drop(ledger);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let headless = [lines[1], lines[2], lines[3], ""].join("\n");
    let spoiled = [
        text.replacen("\"frames\":7", "\"frames\":8", 1),
        text.replacen("key-2", "key-9", 1),
        text.replacen("\"an\":1", "\"an\":2", 1),
        text.replacen("\"wiped_ms\":1500", "\"wiped_ms\":1501", 1),
        [lines[0], lines[2], lines[3], ""].join("\n"),
        [lines[1], lines[0], lines[2], lines[3], ""].join("\n"),
        headless.clone(),
        [lines[0], lines[0], ""].join("\n"),
    ];
    for text in spoiled {
        std::fs::write(&path, &text).unwrap();
        assert!(
            matches!(read(&path), Err(LedgerError::Chain { .. })),
            "{text}"
        );
        // A broken chain is not continued. A file without its beginning is kept aside.
        assert_eq!(open(&path).is_err(), text != headless);
    }
    std::fs::write(&path, text.replacen("frames", "flames", 1)).unwrap();
    assert!(matches!(read(&path), Err(LedgerError::Line { at: 0, .. })));
}

#[test]
fn half_a_last_line_is_ignored_and_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    open(&path).unwrap().append(record("out", 0, 7));
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"number\":2,\"prev");
    std::fs::write(&path, &text).unwrap();
    assert_eq!(read(&path).unwrap().len(), 1);
    open(&path).unwrap().append(record("out", 1, 7));
    let entries = read(&path).unwrap();
    assert_eq!(entries.len(), 3);
    assert!(matches!(entries[1].what, What::Cut(Cut { octets: 17, .. })));
    assert_eq!(entries[2].record(), Some(&record("out", 1, 7)));
}

/// Returns the names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let name =
        |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

/// Waits until all sealed segments are packed.
fn wait_for_packing(path: &Path) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let all_packed = || {
        let sealed = segment::sealed(path).unwrap();
        sealed.iter().all(|sealed| sealed.packed)
            && names(segment::folder(path)).iter().all(|name| {
                !name.ends_with(".part") && (name.ends_with(".gz") || !name.contains(".0000"))
            })
    };
    while !all_packed() {
        assert!(std::time::Instant::now() < deadline, "not packed");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn full_segments_are_sealed_and_packed_and_the_chain_goes_through_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    for run in 0..3 {
        let mut ledger = LedgerFile::open_with(&path, SMALL).unwrap();
        for key in 0..20 {
            ledger.append(record("out", run * 20 + key, 7));
        }
        // The writer ends before packing is complete; the next start continues it.
    }
    let ledger = LedgerFile::open_with(&path, SMALL).unwrap();
    wait_for_packing(&path);
    let sealed = segment::sealed(&path).unwrap();
    assert!(sealed.len() >= 5, "{sealed:?}");
    assert_eq!(sealed[0].number, 1);
    assert_eq!(ledger.health().segment, sealed.len() as u64 + 1);
    drop(ledger);

    let copy = tempfile::tempdir().unwrap();
    super::copy(&path, copy.path()).unwrap();
    assert_eq!(names(copy.path()), names(folder.path()));

    let by_folder = Source::find(folder.path()).unwrap();
    assert_eq!(by_folder.path(), path);
    let entries = read(&path).unwrap();
    let keys: Vec<_> = entries.iter().filter_map(Entry::record).collect();
    assert_eq!(keys.len(), 60);
    assert!(
        keys.iter()
            .enumerate()
            .all(|(place, key)| key.epoch == place as u32)
    );
    let begun = entries.iter().filter_map(|entry| match &entry.what {
        What::Segment(Segment { segment, .. }) => Some(*segment),
        _ => None,
    });
    assert!(begun.eq(2..=sealed.len() as u64 + 1));
    assert_eq!(
        Source::find(&path).unwrap().last_records(17).unwrap(),
        keys[43..]
            .iter()
            .map(|key| (*key).clone())
            .collect::<Vec<_>>()
    );
    assert_eq!(
        Source::find(&path)
            .unwrap()
            .last_records(100)
            .unwrap()
            .len(),
        60
    );

    // A missing segment breaks the chain, and so does a change in a packed one.
    let gone = &sealed[3].path;
    let kept = fs::read(gone).unwrap();
    fs::remove_file(gone).unwrap();
    assert!(matches!(read(&path), Err(LedgerError::Chain { .. })));
    let mut spoiled = kept.clone();
    spoiled[kept.len() / 2] ^= 1;
    fs::write(gone, spoiled).unwrap();
    read(&path).unwrap_err();
    fs::write(gone, &kept).unwrap();
    read(&path).unwrap();
}

#[test]
fn a_change_of_segments_that_a_power_cut_stopped_is_finished_or_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let mut ledger = open(&path).unwrap();
    (0..5).for_each(|key| ledger.append(record("out", key, 7)));
    drop(ledger);
    let next = segment::next_name(&path);
    let five = read(&path).unwrap();
    let first = Entry::after(
        5,
        &five[4].hash,
        What::Segment(Segment {
            segment: 2,
            at_ms: 9,
            lost: None,
        }),
    );
    let line = serde_json::to_string(&first).unwrap() + "\n";
    // A power cut before the first rename.
    fs::write(&next, &line).unwrap();
    open(&path).unwrap().append(record("out", 5, 7));
    assert_eq!(names(folder.path()), ["a.ledger"]);
    assert_eq!(read(&path).unwrap().len(), 6);
    // A power cut between the two renames.
    let six = read(&path).unwrap();
    let first = Entry::after(6, &six[5].hash, first.what);
    fs::write(&next, serde_json::to_string(&first).unwrap() + "\n").unwrap();
    fs::rename(&path, segment::sealed_name(&path, 1, 0)).unwrap();
    assert_eq!(inspect(&path).unwrap().entries, 7);
    open(&path).unwrap().append(record("out", 6, 7));
    let entries = read(&path).unwrap();
    assert_eq!(entries.len(), 8);
    assert_eq!(entries[7].record(), Some(&record("out", 6, 7)));
}

#[test]
fn the_oldest_segments_are_removed_above_the_limit_and_the_chain_notes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let small = LedgerOptions {
        max_len: 12_000,
        ..SMALL
    };
    for run in 0..8 {
        let mut ledger = LedgerFile::open_with(&path, small).unwrap();
        for key in 0..20 {
            ledger.append(record("out", run * 20 + key, 7));
        }
    }
    let ledger = LedgerFile::open_with(&path, small).unwrap();
    wait_for_packing(&path);
    drop(ledger);
    let size: u64 = names(folder.path())
        .iter()
        .map(|name| fs::metadata(folder.path().join(name)).unwrap().len())
        .sum();
    assert!(size < 12_000 + 2 * 4000, "{size}");
    let mut entries = Source::find(&path).unwrap().entries().unwrap();
    let first = entries.next().unwrap().unwrap();
    let (number, hash) = entries.begins_after().unwrap();
    assert_eq!((number, hash), (first.number - 1, first.previous.as_str()));
    let noted = entries.any(|entry| {
        matches!(entry.unwrap().what, What::Removed(Removed { number, ref hash, .. })
            if number == first.number - 1 && *hash == first.previous)
    });
    assert!(noted, "the ledger notes what was removed");
}

#[test]
fn an_old_file_without_segments_is_continued_by_its_end_and_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let keys = 12_000;
    fs::write(
        &path,
        lines((0..keys).map(|key| What::Key(record("out", key, 7)))).concat(),
    )
    .unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(
        inspect(&path).unwrap(),
        Inspection {
            entries: keys.into(),
            segment: 1,
            cut: 0,
            lost: None,
        }
    );
    let mut ledger = LedgerFile::open(&path).unwrap();
    // A full read takes 0.4 s; a start reads 250 entries on any machine.
    assert!(begun.elapsed() < Duration::from_secs(1));
    // The records have times in 1970, so the segment is above its age limit.
    ledger.append(record("out", keys, 7));
    drop(ledger);
    let entries = read(&path).unwrap();
    assert_eq!(entries.len(), keys as usize + 2);
    assert_eq!(segment::sealed(&path).unwrap().len(), 1);
    assert!(fs::metadata(&path).unwrap().len() < 2000);
}

#[test]
fn a_new_file_begins_after_sealed_segments_without_a_live_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let mut ledger = LedgerFile::open_with(&path, SMALL).unwrap();
    (0..20).for_each(|key| ledger.append(record("out", key, 7)));
    drop(ledger);
    for content in [None, Some(&[][..]), Some(&[0; 100]), Some(b"words\n")] {
        fs::remove_file(&path).unwrap();
        let sealed = match content {
            Some(octets) => {
                fs::write(&path, octets).unwrap();
                20
            }
            // The sealed segments can still be verified.
            None => read(&path).unwrap().len(),
        };
        let found = inspect(&path).unwrap();
        assert!(found.lost.is_some(), "{content:?}");
        assert!(sealed >= 14);
        let ledger = open(&path).unwrap();
        assert_eq!(ledger.health().entries, found.entries + 1);
        drop(ledger);
        let entries = read(&path).unwrap();
        let last = entries.last().map(|entry| &entry.what);
        assert!(matches!(
            last,
            Some(What::Segment(Segment { lost: Some(_), .. }))
        ));
        assert_eq!(inspect(&path).unwrap().lost, None);
    }
    let aside = |number| fs::read(folder.path().join(format!("a.ledger.{number}.aside"))).unwrap();
    assert_eq!((aside(1), aside(2)), (vec![0; 100], b"words\n".to_vec()));
}

#[test]
fn a_pipe_in_place_of_the_file_does_not_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for error in [
        inspect(&path).err(),
        LedgerFile::open(&path).err(),
        Source::find(&path).err(),
    ] {
        assert!(error.unwrap().to_string().contains("not a regular file"));
    }
}

#[test]
fn a_ledger_of_another_encryptor_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let of = |encryptor| LedgerFile::open_of(&path, encryptor, SMALL);
    let mut ledger = of("site-a").unwrap();
    (0..3).for_each(|key| ledger.append(record("out", key, 7)));
    drop(ledger);
    let refused = |error: LedgerError| {
        let text = error.to_string();
        assert!(text.contains("belongs to site-a"), "{text}");
    };
    refused(of("site-b").err().unwrap());
    refused(inspect_of(&path, "site-b").unwrap_err());
    assert_eq!(inspect_of(&path, "site-a").unwrap().entries, 3);
    drop(of("site-a").unwrap());
    // Without a record in the live file the sealed segments tell.
    fs::rename(&path, segment::sealed_name(&path, 1, 0)).unwrap();
    refused(of("site-b").err().unwrap());
    drop(of("site-a").unwrap());
    refused(of("site-b").err().unwrap());
}

#[test]
fn an_error_of_a_file_names_the_right_fix() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = |path: &Path| read(path).unwrap_err().to_string();
    assert!(text(&at("missing")).contains("fix: name an existing file or folder"));
    fs::write(at("words"), "words\n").unwrap();
    let foreign = text(&at("words"));
    assert!(
        foreign.contains("is not a ledger") && !foreign.contains("verify"),
        "{foreign}"
    );
    for octets in [&b"words"[..], &[0x1f, 0x8b, 8, 0], &[]] {
        fs::write(at("b.00000001.2026-11-30.gz"), octets).unwrap();
        if !octets.is_empty() {
            let text = text(&at("b"));
            assert!(text.contains("cut, or not a gzip file"), "{text}");
        }
    }
}

#[test]
fn two_writers_cannot_share_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let first = open(&path).unwrap();
    assert!(matches!(open(&path).err(), Some(LedgerError::InUse { .. })));
    inspect(&path).unwrap();
    drop(first);
    open(&path).unwrap();
}

#[test]
fn a_folder_names_its_ledger_only_if_it_holds_one() {
    let folder = tempfile::tempdir().unwrap();
    let found = |path: &Path| Source::find(path).map(|source| source.path().to_path_buf());
    assert!(matches!(
        found(folder.path()),
        Err(LedgerError::NotOne { found: 0, .. })
    ));
    fs::write(folder.path().join("notes.txt"), "hello, this is no ledger").unwrap();
    let a = folder.path().join("a.ledger");
    open(&a).unwrap().append(record("out", 0, 7));
    assert_eq!(found(folder.path()).unwrap(), a);
    open(&folder.path().join("b.ledger"))
        .unwrap()
        .append(record("out", 0, 7));
    assert!(matches!(
        found(folder.path()),
        Err(LedgerError::NotOne { found: 2, .. })
    ));
    assert!(matches!(
        found(&folder.path().join("absent")),
        Err(LedgerError::Io { .. })
    ));
}

#[test]
fn the_peers_head_is_noted_at_intervals_and_our_own_is_sent_once_it_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ledger");
    let book = Book::new("site-a", "gcm-aes-xpn-256", A);
    let file = open(&path).unwrap();
    let mut ledger = Ledger::new(book, Some(file));
    assert_eq!(ledger.head(), None, "nothing is written yet");
    let head = |number: u64| LedgerHead {
        number,
        hash: [number as u8; 32],
    };
    // Only the first head is noted at once, and the last when the ledger ends.
    (5..20).for_each(|number| ledger.on_peer_head(head(number)));
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while ledger.head().is_none() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(20));
    }
    let own = ledger.head().unwrap();
    drop(ledger);
    let entries = read(&path).unwrap();
    assert_eq!((own.number, hex(&own.hash)), (1, entries[0].hash.clone()));
    let heard: Vec<_> = entries
        .iter()
        .map(|entry| match &entry.what {
            What::Heard(Heard { number, hash, .. }) => (*number, hash.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(heard, [(5, hex(&head(5).hash)), (19, hex(&head(19).hash))]);
}

#[test]
fn each_kind_of_entry_is_read_as_it_was_written_and_holds_one_content() {
    let hash = "ab".repeat(32);
    let contents = [
        What::Key(record("in", 3, 9)),
        What::Segment(Segment {
            segment: 2,
            at_ms: 5,
            lost: None,
        }),
        What::Gap(super::Gap {
            lost: 3,
            since_ms: 4,
            until_ms: 5,
        }),
        What::Cut(Cut {
            octets: 17,
            at_ms: 5,
        }),
        What::Heard(Heard {
            number: 8,
            hash: hash.clone(),
            at_ms: 5,
        }),
        What::Removed(Removed {
            number: 8,
            hash,
            at_ms: 5,
        }),
    ];
    for (line, what) in lines(contents.clone()).iter().zip(&contents) {
        let entry: Entry = serde_json::from_str(line).unwrap();
        assert_eq!(&entry.what, what);
        assert!(entry.is_whole());
        let two = line.replacen(
            "\"hash\":",
            concat!(
                r#""cut":{"octets":1,"at_ms":1},"#,
                r#""gap":{"lost":1,"since_ms":1,"until_ms":1},"hash":"#,
            ),
            1,
        );
        assert!(serde_json::from_str::<Entry>(&two).is_err());
    }
    let all: std::collections::BTreeSet<_> = contents
        .iter()
        .map(|what| Entry::after(1, "x", what.clone()).hash)
        .collect();
    assert_eq!(all.len(), contents.len());
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
    let passport = r#"{"paths":[]}"#.to_owned();
    let found = Event::PeerFound {
        peer: B,
        scis: 1,
        fresh: true,
    };
    assert_eq!(book.on_event(1, &found, None), None);
    // The record covers the whole life of the key, whether or not it is switched to.
    let installed = Event::Installed {
        direction,
        id: id(1),
        key_id,
        origin: Origin::Modelled,
        root: 3,
    };
    assert_eq!(book.on_event(10, &installed, Some(passport.clone())), None);
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
            None,
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
            passport: Some(passport),
        }
    );
    assert_eq!(
        book.on_event(
            61,
            &Event::Retired {
                direction,
                id: id(1)
            },
            None
        ),
        None,
        "once"
    );
}
