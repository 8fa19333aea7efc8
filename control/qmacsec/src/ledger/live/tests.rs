//! A ledger at its limit.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::ledger::reader::{Source, notes_removal};
use crate::ledger::tests::record;

const SEGMENTS: u64 = 6;

/// A ledger of sealed segments with ten records each, and a live one.
struct Ledger {
    folder: tempfile::TempDir,
    live: Live,
}

impl Ledger {
    fn new(packed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = LedgerOptions {
            segment_len: u64::MAX,
            segment_age: Duration::MAX,
            max_len: u64::MAX,
            pack_after: Duration::ZERO,
        };
        let live = open(&folder.path().join("a"), options, 0).unwrap().live;
        let mut ledger = Self { folder, live };
        for segment in 0..SEGMENTS {
            ledger.records(segment);
            ledger.live.seal(segment).unwrap();
        }
        ledger.records(SEGMENTS);
        if packed {
            ledger.pack(usize::MAX);
        }
        ledger
    }

    fn records(&mut self, segment: u64) {
        for number in 0..10 {
            let key = u32::try_from(segment).unwrap() * 10 + number;
            self.live.append(What::Key(record("out", key, 7))).unwrap();
        }
    }

    fn pack(&self, count: usize) {
        for sealed in self.sealed().iter().take(count) {
            segment::pack(sealed, &AtomicBool::new(false)).unwrap();
        }
    }

    fn sealed(&self) -> Vec<Sealed> {
        segment::sealed(&self.live.path).unwrap()
    }

    fn len(&self) -> u64 {
        let files = fs::read_dir(self.folder.path()).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum()
    }

    fn limit(&mut self, max_len: u64) -> usize {
        self.live.options.max_len = max_len;
        self.live.remove_oldest(9).unwrap()
    }

    /// Number of the first entry kept, whose chain is whole and tells of the removal before it.
    fn first_kept(&self) -> u64 {
        let mut entries = Source::find(&self.live.path).unwrap().entries().unwrap();
        let (mut first, mut noted) = (None, false);
        while let Some(entry) = entries.advance().unwrap() {
            let (number, hash) = first.get_or_insert((entry.number, entry.previous.clone()));
            noted |= notes_removal(&entry.what, *number - 1, hash);
        }
        let (number, _) = first.unwrap();
        assert!(noted || number == 1, "the ledger notes the missing entries");
        number
    }
}

#[test]
fn at_the_limit_all_segments_stay_and_one_octet_above_it_one_is_removed() {
    let mut ledger = Ledger::new(true);
    let len = ledger.len();
    assert_eq!((ledger.limit(len), ledger.first_kept()), (0, 1));
    assert_eq!(ledger.len(), len, "not even a note");
    assert_eq!((ledger.limit(len - 1), ledger.first_kept()), (1, 11));
    assert_eq!(ledger.sealed().len() as u64, SEGMENTS - 1);
    // The note of the removal takes less than the segment gave.
    assert!(ledger.len() < len);
    assert_eq!(ledger.limit(len - 1), 0);
}

#[test]
fn no_more_segments_are_removed_than_necessary() {
    let mut ledger = Ledger::new(true);
    let len = ledger.len();
    let three: u64 = ledger.sealed()[..3]
        .iter()
        .map(|sealed| fs::metadata(&sealed.path).unwrap().len())
        .sum();
    assert_eq!((ledger.limit(len - three), ledger.first_kept()), (3, 33));
}

#[test]
fn the_live_segment_stays_even_if_it_is_above_the_limit_alone() {
    let mut ledger = Ledger::new(true);
    assert_eq!(ledger.limit(1) as u64, SEGMENTS);
    assert!(ledger.sealed().is_empty());
    let kept = ledger.first_kept();
    assert_eq!(ledger.limit(1), 0);
    // It goes on, is sealed and goes in its turn.
    ledger.records(7);
    ledger.live.seal(7).unwrap();
    assert_eq!(ledger.limit(1), 1);
    assert!(ledger.first_kept() > kept + 20);
}

#[test]
fn segments_that_are_not_packed_count_in_full_except_the_newest() {
    let mut ledger = Ledger::new(false);
    let len = ledger.len();
    let newest = fs::metadata(&ledger.sealed().last().unwrap().path)
        .unwrap()
        .len();
    let counted = len - newest + newest / PACKED_PART;
    assert_eq!(ledger.limit(counted), 0);
    // Packing fails for good: the files stay below the limit, but for the newest segment.
    assert_eq!(ledger.limit(counted - 1), 1);
    ledger.limit(len / 2);
    assert!(ledger.len() < len / 2 + newest);
    ledger.first_kept();
}

#[test]
fn a_power_cut_during_a_removal_leaves_a_chain_that_notes_it() {
    for removed in 0..=4 {
        let mut ledger = Ledger::new(true);
        let gone = &ledger.sealed()[..4];
        ledger.live.note_removal(gone, 9).unwrap();
        for segment in &gone[..removed] {
            segment::remove(segment).unwrap();
        }
        let first = ledger.first_kept();
        assert_eq!(first, if removed == 0 { 1 } else { removed as u64 * 11 });
        // The next start removes the rest.
        assert_eq!(ledger.limit(1), SEGMENTS as usize - removed);
        ledger.first_kept();
    }
}

#[test]
fn all_forms_of_a_segment_are_removed() {
    // A power cut during packing left the packed form beside the other, and a part.
    let mut ledger = Ledger::new(false);
    let first = &ledger.sealed()[0].path;
    let with = |suffix: &str| format!("{}{suffix}", first.display());
    fs::copy(first, with(".part")).unwrap();
    let kept = fs::read(first).unwrap();
    ledger.pack(1);
    fs::write(ledger.sealed()[0].path.with_extension(""), kept).unwrap();
    fs::write(with(".part"), "half").unwrap();
    assert_eq!(ledger.limit(1) as u64, SEGMENTS);
    let names: Vec<_> = fs::read_dir(ledger.folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        !names.iter().any(|name| name.contains(".0000")),
        "{names:?}"
    );
    ledger.first_kept();
}
