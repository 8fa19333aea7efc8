//! Files that are moved, removed, truncated or replaced under a running ledger.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::tests::{open, record};
use super::super::{Entry, LedgerFile, What, inspect, read};

struct Case {
    folder: tempfile::TempDir,
    path: PathBuf,
    ledger: LedgerFile,
}

impl Case {
    /// A ledger with five entries in its file.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ledger");
        let ledger = open(&path).unwrap();
        let mut case = Self {
            folder,
            path,
            ledger,
        };
        case.append(0..5, 5);
        case
    }

    /// Appends records, and waits until the ledger has this many entries.
    fn append(&mut self, keys: std::ops::Range<u32>, entries: u64) {
        keys.for_each(|key| self.ledger.append(record("out", key, 7)));
        let until = Instant::now() + Duration::from_secs(10);
        while self.ledger.health().waiting > 0 || self.ledger.health().entries < entries {
            assert!(Instant::now() < until, "{:?}", self.ledger.health());
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(self.ledger.health().entries, entries);
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the entries of the new file: 6 to 8.
    fn begun(&mut self, lost: &str) -> Vec<Entry> {
        self.append(5..7, 8);
        let health = self.ledger.health();
        assert!(health.replaced.is_some_and(|(_, text)| text.contains(lost)));
        assert_eq!((health.failing, health.lost), (None, 0));
        let entries = read(&self.path).unwrap();
        assert_eq!(entries.len(), 3);
        let What::Segment(note) = &entries[0].what else {
            panic!("{entries:?}");
        };
        assert_eq!((note.segment, note.lost.as_deref()), (2, Some(lost)));
        assert_eq!(entries[0].number, 6);
        entries
    }
}

fn put_back(from: &Path, case: &Case) {
    fs::copy(from, case.at("a.ledger.00000001.2026-11-30")).unwrap();
    assert_eq!(read(&case.path).unwrap().len(), 8);
}

#[test]
fn a_file_that_was_moved_goes_on_in_a_new_one_and_may_be_put_back() {
    let mut case = Case::new();
    fs::rename(&case.path, case.at("old")).unwrap();
    case.begun("it was moved or removed");
    put_back(&case.at("old"), &case);
}

#[test]
fn a_file_that_was_removed_goes_on_in_a_new_one() {
    let mut case = Case::new();
    fs::remove_file(&case.path).unwrap();
    case.begun("it was moved or removed");
}

#[test]
fn a_file_that_was_truncated_goes_on_in_a_new_one() {
    for len in [0, 700] {
        let mut case = Case::new();
        let copy = case.at("copy");
        fs::copy(&case.path, &copy).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&case.path).unwrap();
        file.set_len(len).unwrap();
        case.begun("it was truncated");
        assert_eq!(case.at("a.ledger.1.aside").exists(), len > 0);
        put_back(&copy, &case);
        assert_eq!(inspect(&case.path).unwrap().entries, 8);
    }
}

#[test]
fn a_file_with_the_name_of_the_live_one_is_moved_aside() {
    let mut case = Case::new();
    fs::copy(&case.path, case.at("z")).unwrap();
    fs::rename(case.at("z"), &case.path).unwrap();
    case.begun("another file has its name");
    put_back(&case.at("a.ledger.1.aside"), &case);
}

#[test]
fn octets_of_another_process_are_cut_off_and_noted() {
    use std::io::Write;
    let mut case = Case::new();
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(&case.path)
        .unwrap();
    file.write_all(b"hello\n").unwrap();
    case.append(5..6, 7);
    let entries = read(&case.path).unwrap();
    assert!(matches!(&entries[5].what, What::Cut(cut) if cut.octets == 6));
    assert_eq!(entries.len(), 7);
}

/// A ledger of older versions went on at the front of a truncated file.
#[test]
fn a_file_without_its_beginning_is_moved_aside_at_a_start() {
    let case = Case::new();
    let path = case.at("b.ledger");
    let lines = fs::read_to_string(&case.path).unwrap();
    let rest: String = lines.split_inclusive('\n').skip(2).collect();
    fs::write(&path, &rest).unwrap();
    let found = inspect(&path).unwrap();
    assert_eq!((found.entries, found.lost.is_some()), (5, true));
    assert_eq!(fs::read_to_string(&path).unwrap(), rest);
    drop(open(&path).unwrap());
    let entries = read(&path).unwrap();
    assert_eq!((entries.len(), entries[0].number), (1, 6));
    let aside = fs::read_to_string(case.at("b.ledger.1.aside")).unwrap();
    assert_eq!(aside, rest);
    assert_eq!(inspect(&path).unwrap().lost, None);
}

#[test]
fn a_ledger_whose_folder_is_gone_waits_for_it() {
    let mut case = Case::new();
    let folder = case.folder.path().to_owned();
    let away = folder.with_extension("away");
    fs::rename(&folder, &away).unwrap();
    case.ledger.append(record("out", 5, 7));
    let until = Instant::now() + Duration::from_secs(10);
    while case.ledger.health().failing.is_none() {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(2));
    }
    fs::rename(&away, &folder).unwrap();
    // The file is back under its name: nothing was lost.
    case.append(6..7, 7);
    assert_eq!(read(&case.path).unwrap().len(), 7);
}
