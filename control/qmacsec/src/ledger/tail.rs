//! The end of the live segment: the last whole entries, and the remains of a power cut after them.
//!
//! A start reads and checks only this end, so its time does not depend on the size of the file.
//! `qmacsec ledger verify` checks the rest.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::entry::{Entry, What};
use super::error::LedgerError;

/// Limit of octets in a line.
pub(super) const LINE_MAX: usize = 8192;
/// Start of each line.
const LINE_BEGINS: &[u8] = br#"{"number":"#;
/// Octets read and checked at the end: about 250 entries.
const WINDOW: u64 = 128 << 10;
/// Limit of octets that a power cut leaves: more than is written between two syncs.
const CUT_MAX: u64 = 64 << 10;
/// Octets per step of the backward search over NULs.
const STEP: u64 = 64 << 10;

/// Content of the live segment's file, as far as a writer needs it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// Octets up to the end of the last whole entry.
    pub(super) whole_len: u64,
    /// Octets after it that are not an entry.
    pub(super) cut: u64,
    /// The first entry of the file.
    pub(super) first: Option<Entry>,
    /// The last entry of the file.
    pub(super) last: Option<Entry>,
    /// The encryptor that wrote the last record at the end.
    pub(super) encryptor: Option<String>,
}

impl Tail {
    /// Reads the end of a file, and its first line.
    ///
    /// # Errors
    /// Unreadable, or the end is neither whole entries nor the result of a power cut.
    pub(super) fn read(path: &Path, file: &File) -> Result<Self, LedgerError> {
        let io = LedgerError::io(path);
        let len = file.metadata().map_err(&io)?.len();
        // A file that does not begin like a first entry may not be a ledger: it is left unchanged.
        let front = read(file, 0, len.min(LINE_BEGINS.len() as u64)).map_err(&io)?;
        if !may_begin_an_entry(&front) {
            return Err(LedgerError::Foreign {
                path: path.to_path_buf(),
            });
        }
        let end = without_nuls(file, len).map_err(&io)?;
        let from = end.saturating_sub(WINDOW);
        let mut window = read(file, from, end).map_err(&io)?;
        // No entry holds a NUL. The line with the first NUL, and all after it, was not written
        // completely.
        let nul = window.iter().position(|octet| *octet == 0);
        let written = nul.unwrap_or(window.len());
        let whole = past_last_newline(&window[..written]);
        let cut = window.len() - whole;
        let longest = if nul.is_some() {
            CUT_MAX
        } else {
            LINE_MAX as u64
        };
        if cut as u64 > longest {
            return Err(LedgerError::Line {
                path: path.to_path_buf(),
                at: from + whole as u64,
                cause: "more octets than a power cut leaves".to_owned(),
            });
        }
        window.truncate(whole);
        let whole_len = from + whole as u64;
        let (last, encryptor) = check(path, from, &window)?;
        let first = match whole_len {
            0 => None,
            _ => Some(first(path, file)?),
        };
        Ok(Self {
            whole_len,
            cut: len - whole_len,
            first,
            last,
            encryptor,
        })
    }

    /// Returns the number of the segment, and the time of its start.
    pub(super) fn segment(&self) -> (u64, Option<u64>) {
        match self.first.as_ref().map(|entry| &entry.what) {
            Some(What::Segment(note)) => (note.segment, Some(note.at_ms)),
            Some(What::Key(record)) => (1, Some(record.installed_ms)),
            _ => (1, None),
        }
    }
}

type Checked = (Option<Entry>, Option<String>);

/// Returns the offset of the NULs at the end; the file length if there are none.
fn without_nuls(file: &File, len: u64) -> io::Result<u64> {
    let mut end = len;
    while end > 0 {
        let from = end.saturating_sub(STEP);
        let octets = read(file, from, end)?;
        if let Some(last) = octets.iter().rposition(|octet| *octet != 0) {
            return Ok(from + last as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}

fn read(file: &File, from: u64, end: u64) -> io::Result<Vec<u8>> {
    let len = usize::try_from(end - from).unwrap_or(usize::MAX);
    let mut octets = vec![0; len];
    file.read_exact_at(&mut octets, from)?;
    Ok(octets)
}

fn past_last_newline(octets: &[u8]) -> usize {
    let newline = octets.iter().rposition(|octet| *octet == b'\n');
    newline.map_or(0, |place| place + 1)
}

/// True for the octets that an entry begins with, and for the first of them with NULs behind.
fn may_begin_an_entry(octets: &[u8]) -> bool {
    let written = octets.iter().position(|octet| *octet == 0);
    LINE_BEGINS.starts_with(&octets[..written.unwrap_or(octets.len())])
}

/// Checks the whole lines of a window that begins at `from`. Returns the last entry, and the
/// encryptor in the last record.
fn check(path: &Path, from: u64, window: &[u8]) -> Result<Checked, LedgerError> {
    let mut at = from;
    let mut before: Option<Entry> = None;
    let mut encryptor = None;
    // The window begins inside a line, except at the start of the file: skip that part.
    let mut skip = from > 0;
    for line in window.split_inclusive(|octet| *octet == b'\n') {
        let begins = at;
        at += line.len() as u64;
        if std::mem::take(&mut skip) {
            continue;
        }
        let entry = parse(path, begins, line)?;
        let fits = match &before {
            Some(before) => entry.follows(before.number, &before.hash),
            // A file whose beginning was cut off is handled by `lost_file`.
            None => entry.is_whole(),
        };
        if !fits {
            return Err(LedgerError::Chain {
                path: path.to_path_buf(),
                number: entry.number,
            });
        }
        if let Some(record) = entry.record() {
            encryptor = Some(record.encryptor.clone());
        }
        before = Some(entry);
    }
    Ok((before, encryptor))
}

/// Reads the first entry of the file.
fn first(path: &Path, file: &File) -> Result<Entry, LedgerError> {
    let io = LedgerError::io(path);
    let len = file.metadata().map_err(&io)?.len();
    let front = read(file, 0, len.min(LINE_MAX as u64)).map_err(&io)?;
    let line = front.split_inclusive(|octet| *octet == b'\n').next();
    let entry = parse(path, 0, line.unwrap_or_default())?;
    if entry.is_whole() {
        Ok(entry)
    } else {
        Err(LedgerError::Chain {
            path: path.to_path_buf(),
            number: entry.number,
        })
    }
}

/// Parses the entry of a line that begins at this octet of a file.
pub(super) fn parse(path: &Path, at: u64, line: &[u8]) -> Result<Entry, LedgerError> {
    serde_json::from_slice(line).map_err(|cause| LedgerError::Line {
        path: path.to_path_buf(),
        at,
        cause: cause.to_string(),
    })
}

#[cfg(test)]
mod tests;
