use super::{Journal, JournalError};
use kme_api::etsi020::{CallbackUrl, KeyUuid, Parties, SaeId};
use network::interworking::{Record, Side, State, Verdict};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn record(number: u8, state: State) -> Record {
    let sae = |text| SaeId::parse(text).unwrap();
    Record {
        key_id: KeyUuid::from_bytes([number; 16]),
        side: if number.is_multiple_of(2) {
            Side::Sent
        } else {
            Side::Received
        },
        parties: Parties::new(sae("a"), vec![sae("b"), sae("c")]).unwrap(),
        state,
        released: state == State::Released,
        callback: (number > 3).then(|| CallbackUrl::parse("https://kme-1/ack").unwrap()),
        absent: number == 9,
    }
}

const ALL: [State; 10] = [
    State::Offering,
    State::Accepted,
    State::Relaying,
    State::Relayed,
    State::Voiding,
    State::Withdrawing(Verdict::Voided),
    State::Withdrawing(Verdict::Failed),
    State::Released,
    State::Voided,
    State::Failed,
];

#[test]
fn the_last_record_of_each_key_survives_and_a_cut_line_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut journal, records) = Journal::open(&path).unwrap();
    assert!(records.is_empty());
    let written: Vec<_> = (0..).zip(ALL).map(|(n, state)| record(n, state)).collect();
    journal
        .append(&[record(0, State::Accepted), record(1, State::Relaying)])
        .unwrap();
    journal.append(&written).unwrap();
    drop(journal);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let mut text = fs::read(&path).unwrap();
    let cut = text.split(|&octet| octet == b'\n').next().unwrap().len() / 2;
    text.extend_from_within(..cut);
    fs::write(&path, &text).unwrap();

    let (mut journal, mut records) = Journal::open(&path).unwrap();
    records.sort_unstable_by_key(|record| record.key_id);
    assert_eq!(records, written);
    // The cut line is gone: what is appended now is not joined to it.
    journal.append(&[record(0, State::Voided)]).unwrap();
    drop(journal);
    let (_, records) = Journal::open(&path).unwrap();
    assert!(records.contains(&record(0, State::Voided)) && records.len() == 10);
    let lines = fs::read_to_string(&path).unwrap().lines().count();
    assert_eq!(lines, 10, "the file is shortened at the start");
}

impl Journal {
    /// A journal whose disk is full.
    pub(in crate::etsi020) fn on_full_disk(path: &std::path::Path) -> Self {
        let (mut journal, _) = Self::open(path).unwrap();
        journal.file = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        journal
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::on_full_disk(&dir.path().join("journal"));
    let error = journal.append(&[record(0, State::Offering)]).err().unwrap();
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
}

#[test]
fn a_folder_is_no_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    fs::create_dir(&path).unwrap();
    let error = Journal::open(&path).err().unwrap();
    assert!(matches!(error, JournalError::File { .. }), "{error}");
}

#[test]
fn two_kmes_do_not_share_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (first, _) = Journal::open(&path).unwrap();
    let error = Journal::open(&path).err().unwrap();
    assert!(matches!(error, JournalError::InUse(_)), "{error}");
    drop(first);
    assert!(Journal::open(&path).is_ok());
}

#[test]
fn a_broken_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (mut journal, _) = Journal::open(&path).unwrap();
    journal.append(&[record(0, State::Offering)]).unwrap();
    let mut text = fs::read_to_string(&path).unwrap();
    drop(journal);
    text.push_str("{\"key\":1}\n");
    fs::write(&path, &text).unwrap();
    let error = Journal::open(&path).err().unwrap();
    assert!(
        matches!(error, JournalError::Line { line: 2, .. }),
        "{error}"
    );
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        text,
        "the file is left as it was"
    );
}

#[test]
fn a_journal_that_cannot_be_written_is_named() {
    let error = Journal::open("/nonexistent/journal".as_ref())
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("/nonexistent/journal"),
        "{error}"
    );
}
