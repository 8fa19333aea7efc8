//! A live file that was lost: moved, removed, truncated or replaced. A new file begins in its
//! place.
//!
//! The first entry of the new file names the loss and is chained to the last known entry. If the
//! lost file is put back under the name of a sealed segment, the chain is whole again.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::entry::Entry;
use super::error::LedgerError;
use super::segment::{self, Sealed};
use super::tail::{LINE_MAX, Tail, parse};

/// Tells how a start treats the live file.
pub(super) enum Start {
    GoesOn(Box<Tail>),
    New(NewFile),
}

/// The place in the chain at which a new file begins.
pub(super) struct NewFile {
    pub(super) lost: &'static str,
    /// The last known entry.
    pub(super) number: u64,
    pub(super) hash: String,
    /// Number of the lost segment.
    pub(super) segment: u64,
}

/// Decides from the end of the live file whether a start continues it.
///
/// # Errors
/// The file must stay as it is: no ledger, or a broken one.
pub(super) fn start(path: &Path, tail: Result<Tail, LedgerError>) -> Result<Start, LedgerError> {
    let sealed = segment::sealed(path).map_err(LedgerError::io(path))?;
    let segment = sealed.last().map_or(0, |newest| newest.number) + 1;
    let (lost, (number, hash)) = match (tail, sealed.last()) {
        (
            Ok(Tail {
                first,
                last: Some(last),
                ..
            }),
            _,
        ) if headless(first.as_ref()) => ("its beginning is missing", (last.number, last.hash)),
        (Ok(Tail { last: None, .. }), Some(newest)) => {
            ("it was empty or missing at a start", end_of(newest)?)
        }
        (Err(LedgerError::Foreign { .. }), Some(newest)) => {
            ("another file had its name at a start", end_of(newest)?)
        }
        (tail, _) => return tail.map(|tail| Start::GoesOn(Box::new(tail))),
    };
    Ok(Start::New(NewFile {
        lost,
        number,
        hash,
        segment,
    }))
}

/// True if a ledger cannot begin with this first entry: the file was truncated while an encryptor
/// wrote it.
fn headless(first: Option<&Entry>) -> bool {
    first.is_some_and(|first| !first.may_begin())
}

/// Reads number and hash of the last entry of a sealed segment.
fn end_of(sealed: &Sealed) -> Result<(u64, String), LedgerError> {
    let io = LedgerError::io(&sealed.path);
    let mut reader = segment::open(sealed).map_err(&io)?;
    let (mut at, mut line, mut next) = (0, Vec::new(), Vec::new());
    loop {
        next.clear();
        let mut limited = io::Read::take(&mut reader, LINE_MAX as u64);
        if io::BufRead::read_until(&mut limited, b'\n', &mut next).map_err(&io)? == 0 {
            break;
        }
        at += line.len() as u64;
        std::mem::swap(&mut line, &mut next);
    }
    let entry = parse(&sealed.path, at, &line)?;
    match entry.is_whole() {
        true => Ok((entry.number, entry.hash)),
        false => Err(LedgerError::Chain {
            path: sealed.path.clone(),
            number: entry.number,
        }),
    }
}

/// Returns what happened to the open file, if its name no longer leads to all that was written.
///
/// # Errors
/// The file or its name cannot be examined.
pub(super) fn lost(path: &Path, file: &File, len: u64) -> io::Result<Option<&'static str>> {
    let ours = file.metadata()?;
    let named = match fs::metadata(path) {
        Ok(named) => named,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some("it was moved or removed"));
        }
        Err(error) => return Err(error),
    };
    Ok(if (named.dev(), named.ino()) != (ours.dev(), ours.ino()) {
        Some("another file has its name")
    } else if ours.len() < len {
        Some("it was truncated")
    } else {
        None
    })
}

/// Keeps a file that stands in the place of the live one under another name. An empty one is
/// replaced.
///
/// # Errors
/// It cannot be renamed.
pub(super) fn set_aside(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.len() > 0 => fs::rename(path, segment::aside_name(path)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
