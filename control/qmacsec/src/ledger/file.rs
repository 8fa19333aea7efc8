//! The ledger's file: one JSON entry per line, appended by a thread of its own so that a slow disk
//! never holds up the driver.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use tracing::error;

use super::record::{BEGINNING, Entry, Record};

/// Records that wait for the disk: at 100 ms per key and direction, two minutes of it.
const WAITING_MAX: usize = 4096;
/// Octets of the longest line.
const LINE_MAX: usize = 4096;

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system says no.
    #[error("ledger {path}: {cause}; mend: a file in a folder that this user may write")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A line that is no entry.
    #[error("ledger {path}, line {line}: is no entry ({cause})")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        cause: serde_json::Error,
    },
    /// An entry that does not follow the one before it.
    #[error(
        "ledger {path}, line {line}: the chain is broken here: this entry or the one before was \
         changed, or entries are missing"
    )]
    Chain {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
    },
}

/// A ledger being written.
pub struct LedgerFile {
    records: Option<SyncSender<Record>>,
    thread: Option<JoinHandle<()>>,
    lost: u64,
}

impl LedgerFile {
    /// Opens or makes the file; an existing chain is checked and continued.
    ///
    /// # Errors
    /// Unreadable, unwritable, or its chain is broken: then it is not continued.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let io_error = |cause| LedgerError::Io {
            path: path.to_path_buf(),
            cause,
        };
        let (entries, whole_len) = match read_whole(path) {
            Ok(ledger) => ledger,
            Err(LedgerError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                (Vec::new(), 0)
            }
            Err(error) => return Err(error),
        };
        let (mut number, mut last) = entries.last().map_or((0, BEGINNING.to_owned()), |entry| {
            (entry.number, entry.hash.clone())
        });
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path);
        let mut file = file.map_err(io_error)?;
        // What a power cut left of a last line is no entry.
        file.set_len(whole_len).map_err(io_error)?;
        let (records, inbox) = mpsc::sync_channel::<Record>(WAITING_MAX);
        let shown = path.to_path_buf();
        let write = move || {
            for record in inbox {
                let entry = Entry::after(number, &last, record);
                if let Err(cause) = append(&mut file, &entry) {
                    error!(
                        "ledger {}: {cause}: this and later keys are not recorded",
                        shown.display()
                    );
                    return;
                }
                (number, last) = (entry.number, entry.hash);
            }
        };
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(write)
            .map_err(io_error)?;
        Ok(Self {
            records: Some(records),
            thread: Some(thread),
            lost: 0,
        })
    }

    /// Appends a record, soon.
    pub fn append(&mut self, record: Record) {
        let Some(records) = &self.records else { return };
        if let Err(TrySendError::Full(_)) = records.try_send(record) {
            self.lost += 1;
            if self.lost == 1 {
                error!("the ledger's disk is too slow: keys go unrecorded");
            }
        }
    }
}

impl Drop for LedgerFile {
    /// What waits is written before the process ends.
    fn drop(&mut self) {
        drop(self.records.take());
        if let Some(thread) = self.thread.take() {
            let _died_already = thread.join();
        }
    }
}

/// One write per entry: a crash leaves whole lines, or half a last one.
fn append(file: &mut File, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)
}

/// Reads a ledger and checks its chain. Half a last line, as a power cut leaves it, is left out.
///
/// # Errors
/// Unreadable, or broken: in which line.
pub fn read(path: &Path) -> Result<Vec<Entry>, LedgerError> {
    read_whole(path).map(|(entries, _)| entries)
}

/// The entries, and how many octets of the file they are.
fn read_whole(path: &Path) -> Result<(Vec<Entry>, u64), LedgerError> {
    let io_error = |cause| LedgerError::Io {
        path: path.to_path_buf(),
        cause,
    };
    let mut file = BufReader::new(File::open(path).map_err(io_error)?);
    let mut entries: Vec<Entry> = Vec::new();
    let mut whole_len = 0;
    let mut line = Vec::with_capacity(LINE_MAX);
    for number in 1.. {
        line.clear();
        let mut limited = io::Read::take(&mut file, LINE_MAX as u64);
        limited.read_until(b'\n', &mut line).map_err(io_error)?;
        if line.len() < LINE_MAX && line.last() != Some(&b'\n') {
            break;
        }
        let entry: Entry = serde_json::from_slice(&line).map_err(|cause| LedgerError::Line {
            path: path.to_path_buf(),
            line: number,
            cause,
        })?;
        let (before, hash) = entries
            .last()
            .map_or((0, BEGINNING), |entry| (entry.number, entry.hash.as_str()));
        if !entry.follows(before, hash) {
            return Err(LedgerError::Chain {
                path: path.to_path_buf(),
                line: number,
            });
        }
        entries.push(entry);
        whole_len += line.len() as u64;
    }
    Ok((entries, whole_len))
}
