//! The journal: a file with the states of the keys between two domains, one JSON line each.
//!
//! It holds no key material. Lines are appended and synced before anything that depends on them is
//! done. A line that a crash has cut off at the end was never acted on, and is dropped. At the
//! start, and when it has grown, the file is replaced by one with the last state of each key.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use keyclient::file::{self, FileError};
use kme_api::etsi020::{CallbackUrl, KeyUuid, Parties, SaeId};
use network::interworking::{Record, Side, State, Verdict};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::limits::{JOURNAL_OCTETS_MAX, JOURNAL_SPARE_LINES};

/// A journal that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system returned an error.
    #[error("journal {path}: {source}; check the folder and the free space")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("journal {path} {problem}; {}", problem.fix(path))]
    File {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: FileError,
    },
    /// Another KME uses the file.
    #[error("journal {0} is in use by another KME; stop that one, or name another file")]
    InUse(PathBuf),
    /// A line before the last one is not of a journal.
    #[error(
        "journal {path}, line {line} is not a record; name another file, or restore this one: \
         without it, keys that were under way end in the neighbour domain only"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
}

/// An open journal.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// A file beside it, locked as long as this journal is open.
    _lock: File,
    lines: usize,
}

/// A record as its line has it.
#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    side: SideName,
    state: StateName,
    initiator: String,
    targets: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    callback: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    released: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    absent: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SideName {
    Sent,
    Received,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateName {
    Offering,
    Accepted,
    Relaying,
    Relayed,
    Voiding,
    WithdrawingVoided,
    WithdrawingFailed,
    Released,
    Voided,
    Failed,
}

impl From<&Record> for Line {
    fn from(record: &Record) -> Self {
        let targets = record.parties.targets().iter();
        Self {
            key: record.key_id.to_string(),
            side: match record.side {
                Side::Sent => SideName::Sent,
                Side::Received => SideName::Received,
            },
            state: match record.state {
                State::Offering => StateName::Offering,
                State::Accepted => StateName::Accepted,
                State::Relaying => StateName::Relaying,
                State::Relayed => StateName::Relayed,
                State::Voiding => StateName::Voiding,
                State::Withdrawing(Verdict::Voided) => StateName::WithdrawingVoided,
                State::Withdrawing(Verdict::Failed) => StateName::WithdrawingFailed,
                State::Released => StateName::Released,
                State::Voided => StateName::Voided,
                State::Failed => StateName::Failed,
            },
            initiator: record.parties.initiator().to_string(),
            targets: targets.map(ToString::to_string).collect(),
            callback: record.callback.as_ref().map(|url| url.url().to_string()),
            released: record.released,
            absent: record.absent,
        }
    }
}

impl Line {
    /// `None` if a value is not valid.
    fn record(&self) -> Option<Record> {
        let targets: Result<Vec<_>, _> = self.targets.iter().map(|id| SaeId::parse(id)).collect();
        let initiator = SaeId::parse(&self.initiator).ok()?;
        let callback = self.callback.as_ref().map(|url| CallbackUrl::parse(url));
        Some(Record {
            key_id: KeyUuid::parse(&self.key).ok()?,
            side: match self.side {
                SideName::Sent => Side::Sent,
                SideName::Received => Side::Received,
            },
            parties: Parties::new(initiator, targets.ok()?).ok()?,
            state: match self.state {
                StateName::Offering => State::Offering,
                StateName::Accepted => State::Accepted,
                StateName::Relaying => State::Relaying,
                StateName::Relayed => State::Relayed,
                StateName::Voiding => State::Voiding,
                StateName::WithdrawingVoided => State::Withdrawing(Verdict::Voided),
                StateName::WithdrawingFailed => State::Withdrawing(Verdict::Failed),
                StateName::Released => State::Released,
                StateName::Voided => State::Voided,
                StateName::Failed => State::Failed,
            },
            released: self.released,
            callback: callback.transpose().ok()?,
            absent: self.absent,
        })
    }
}

impl Journal {
    /// Opens a journal, or creates it. Returns the last record of each key.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Record>), JournalError> {
        let lock = lock(path)?;
        let octets = match file::read(path, JOURNAL_OCTETS_MAX) {
            Ok(octets) => octets,
            Err(FileError::Absent) => Zeroizing::default(),
            Err(problem) => {
                return Err(JournalError::File {
                    path: path.into(),
                    problem,
                });
            }
        };
        let mut last = HashMap::new();
        // A crash has cut off the octets after the last line end.
        let whole = octets.iter().rposition(|&octet| octet == b'\n');
        let whole = octets
            .get(..whole.map_or(0, |at| at + 1))
            .unwrap_or_default();
        for (number, line) in whole.split_inclusive(|&octet| octet == b'\n').enumerate() {
            let line: Option<Line> = serde_json::from_slice(line).ok();
            let record = line.and_then(|line| line.record());
            let record = record.ok_or_else(|| JournalError::Line {
                path: path.into(),
                line: number + 1,
            })?;
            last.insert(record.key_id, record);
        }
        let records: Vec<Record> = last.into_values().collect();
        let (file, lines) = create(path, &records)?;
        let journal = Self {
            path: path.into(),
            file,
            _lock: lock,
            lines,
        };
        Ok((journal, records))
    }

    /// Appends records. When this returns, they survive a crash.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut append = || {
            let (text, lines) = lines(records)?;
            self.file.write_all(&text)?;
            self.file.sync_data()?;
            self.lines += lines;
            Ok(())
        };
        append().map_err(|source| JournalError::Io {
            path: self.path.clone(),
            source,
        })
    }

    /// True if the file has many more lines than the `keys` that are known.
    pub(super) fn is_long(&self, keys: usize) -> bool {
        self.lines > 2 * keys + JOURNAL_SPARE_LINES
    }

    /// Replaces the file by one with the last state of each key.
    pub(super) fn shorten(
        &mut self,
        records: impl Iterator<Item = Record>,
    ) -> Result<(), JournalError> {
        let records: Vec<_> = records.collect();
        (self.file, self.lines) = create(&self.path, &records)?;
        Ok(())
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

/// Keeps other KMEs off the journal.
fn lock(path: &Path) -> Result<File, JournalError> {
    let failed = |source| JournalError::Io {
        path: path.into(),
        source,
    };
    let lock = open(&beside(path, ".lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse(path.into())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Writes a new file with these records in place of an old one, which stays until the new one is
/// complete. Returns the file, and the number of its lines.
fn create(path: &Path, records: &[Record]) -> Result<(File, usize), JournalError> {
    let create = || {
        let new = beside(path, ".new");
        let mut file = open(&new)?;
        let (text, lines) = lines(records)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok((file, lines))
    };
    create().map_err(|source| JournalError::Io {
        path: path.into(),
        source,
    })
}

fn lines(records: &[Record]) -> io::Result<(Vec<u8>, usize)> {
    let (mut text, mut lines) = (Vec::new(), 0);
    for record in records {
        serde_json::to_writer(&mut text, &Line::from(record))?;
        text.push(b'\n');
        lines += 1;
    }
    Ok((text, lines))
}

#[cfg(test)]
mod tests;
