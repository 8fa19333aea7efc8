//! The ledger: one record for each used key, in files that only grow. The hash of each record
//! chains it to the one before.
//!
//! ```text
//! driver ─ events ─▶ Book (open records) ─ a key's life ends ─▶ LedgerFile (queue, writer thread)
//!                                                                   │ appends, chains, syncs
//!                              live segment ◀───────────────────────┘
//!                              sealed segments ─▶ Entries (one after the other) ─▶ verify, keys
//! ```
//! A record holds the key (key_ID, direction, AN, epoch), its origin, the root it was mixed with,
//! the times of install, first use, last use and wipe, and its number of frames. It never holds key
//! material. Times are from this box's clock, in milliseconds since 1970, with the driver's
//! resolution (10 ms). docs/adr/0014 explains why the ledger uses files and not a database.

mod book;
mod canonical;
mod entry;
mod error;
mod file;
mod live;
mod lost_file;
mod owner;
mod queue;
mod reader;
mod record;
mod segment;
mod sort;
mod tail;
mod verify;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};

use rekey::{Event, LedgerHead};
use secy::SaId;
use tracing::error;

pub use crate::capture::CaptureError;
pub(crate) use book::Book;
pub use entry::{Cut, Entry, Gap, Heard, Removed, Segment, What};
pub use error::LedgerError;
pub use file::{LedgerFile, LedgerHealth};
pub use live::{Inspection, inspect};
pub use owner::inspect_of;
pub use reader::{Entries, Source, read};
pub use record::Record;
pub use verify::{Finding, Line, Verdict, Verification, VerifyError, verify};

/// Time between two notes of the peer's head.
const HEARD_EVERY: Duration = Duration::from_secs(60);

/// Limits of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerOptions {
    /// Size at which a segment is sealed.
    pub segment_len: u64,
    /// Age at which a segment is sealed.
    pub segment_age: Duration,
    /// Limit for all segments together. Above it the oldest are removed.
    pub max_len: u64,
    /// Delay of packing after the start, so that the first keys are not delayed.
    pub pack_after: Duration,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            segment_len: crate::limits::LEDGER_SEGMENT_LEN,
            segment_age: crate::limits::LEDGER_SEGMENT_AGE,
            max_len: crate::limits::LEDGER_MAX_LEN,
            pack_after: crate::limits::LEDGER_PACK_AFTER,
        }
    }
}

/// The ledger of a running encryptor. Without a file it keeps nothing.
pub(crate) struct Ledger {
    book: Book,
    file: Option<LedgerFile>,
    peer: Option<PeerHead>,
}

/// The last head that the peer reported, and the last one noted.
struct PeerHead {
    last: LedgerHead,
    noted: Option<(LedgerHead, Instant)>,
}

impl Ledger {
    pub(crate) fn new(book: Book, file: Option<LedgerFile>) -> Self {
        Self {
            book,
            file,
            peer: None,
        }
    }

    pub(crate) fn on_event(&mut self, event: &Event, passport: Option<String>) {
        if let Some(file) = &mut self.file
            && let Some(record) = self.book.on_event(now_ms(), event, passport)
        {
            file.append(record);
        }
    }

    /// Enters the number of frames that a key has carried until now.
    pub(crate) fn on_frames(&mut self, direction: rekey::Direction, id: SaId, frames: u64) {
        self.book.on_frames(now_ms(), direction, id, frames);
    }

    /// Takes the head of the peer's ledger, which the caller has authenticated. Our ledger notes
    /// it, so that a rollback of the peer's ledger can be detected.
    pub(crate) fn on_peer_head(&mut self, head: LedgerHead) {
        let noted = self.peer.as_ref().and_then(|peer| peer.noted);
        if let Some(PeerHead { last, .. }) = &self.peer
            && head.number < last.number
        {
            error!(
                "the ledger of the peer went back from entry {} to entry {}: it was rolled back, \
                 cut or started again",
                last.number, head.number
            );
        }
        self.peer = Some(PeerHead { last: head, noted });
        let due = noted.is_none_or(|(_, when)| when.elapsed() >= HEARD_EVERY);
        if due {
            self.note_peer_head();
        }
    }

    /// Returns the head of our ledger for the peer: the last synced entry.
    pub(crate) fn head(&self) -> Option<LedgerHead> {
        self.file.as_ref()?.head()
    }

    /// Returns the state of the file; `None` if no ledger is kept.
    pub(crate) fn health(&self) -> Option<LedgerHealth> {
        Some(self.file.as_ref()?.health())
    }

    fn note_peer_head(&mut self) {
        if let (Some(file), Some(peer)) = (&mut self.file, &mut self.peer)
            && peer.noted.is_none_or(|(noted, _)| noted != peer.last)
        {
            file.heard(&peer.last);
            peer.noted = Some((peer.last, Instant::now()));
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.note_peer_head();
    }
}

/// Copies a ledger with all its segments into a folder, and removes others of that name there.
///
/// # Errors
/// A file cannot be read or written.
pub fn copy(live: &Path, folder: &Path) -> io::Result<()> {
    let to = folder.join(live.file_name().unwrap_or_default());
    for old in segment::sealed(&to)? {
        fs::remove_file(old.path)?;
    }
    let sealed = segment::sealed(live)?;
    for file in sealed
        .iter()
        .map(|sealed| sealed.path.as_path())
        .chain([live])
    {
        fs::copy(file, folder.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// Returns the milliseconds since 1970 by this box's clock.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests;
