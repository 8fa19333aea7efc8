//! The ledger: one record for each key that was used, in files that only grow, each record chained
//! to the one before by its hash.
//!
//! ```text
//! driver ─ events ─▶ Book (open records) ─ a key's life is over ─▶ LedgerFile (queue, writer thread)
//!                                                                      │ appends, chains, syncs
//!                              live segment ◀──────────────────────────┘
//!                              sealed segments ─▶ Entries (one after the other) ─▶ verify, keys
//! ```
//! In a record: which key (key_ID, direction, AN, epoch), where it came from, the root it was mixed
//! with, when it was installed, first and last used, wiped, and how many frames it protected. Never
//! key material. Times are those of this box's clock, in milliseconds since 1970, and as exact as the
//! driver looks (10 ms). Why files and not a database: docs/adr/0014.

mod book;
mod entry;
mod error;
mod file;
mod live;
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

use rekey::Event;
use secy::SaId;
use tracing::error;

pub use crate::capture::CaptureError;
pub(crate) use book::Book;
pub use entry::{Cut, Entry, Gap, Head, Heard, Removed, Segment, What};
pub use error::LedgerError;
pub use file::{LedgerFile, LedgerHealth};
pub use live::{Inspection, inspect};
pub use reader::{Entries, Source, read};
pub use record::Record;
pub use verify::{Finding, Line, Verdict, Verification, VerifyError, verify};

/// The peer's head is noted at most so often.
const HEARD_EVERY: Duration = Duration::from_secs(60);

/// Sizes of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerOptions {
    /// A segment of so many octets is sealed.
    pub segment_len: u64,
    /// So is one of this age.
    pub segment_age: Duration,
    /// All segments together; the oldest go when they are larger.
    pub max_len: u64,
    /// Sealed segments are packed so long after the start: the first keys come first.
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

/// The ledger of a running encryptor; without a file it keeps nothing.
pub(crate) struct Ledger {
    book: Book,
    file: Option<LedgerFile>,
    peer: Option<PeerHead>,
}

/// How far the peer's ledger reaches, as it was told last and as it was noted last.
struct PeerHead {
    told: Head,
    noted: Option<(Head, Instant)>,
}

impl Ledger {
    pub(crate) fn new(book: Book, file: Option<LedgerFile>) -> Self {
        Self {
            book,
            file,
            peer: None,
        }
    }

    pub(crate) fn on_event(&mut self, event: &Event) {
        if let Some(file) = &mut self.file
            && let Some(record) = self.book.on_event(now_ms(), event)
        {
            file.append(record);
        }
    }

    /// Frames that a key has carried until now.
    pub(crate) fn on_frames(&mut self, direction: rekey::Direction, id: SaId, frames: u64) {
        self.book.on_frames(now_ms(), direction, id, frames);
    }

    /// The peer tells how far its ledger reaches. The caller has checked that the peer told it. It
    /// goes into our own ledger, so that a ledger there that was rolled back shows.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "HELLO will carry the heads of the ledgers")
    )]
    pub(crate) fn on_peer_head(&mut self, head: Head) {
        let noted = self.peer.as_ref().and_then(|peer| peer.noted);
        if let Some(PeerHead { told, .. }) = &self.peer
            && head.number < told.number
        {
            error!(
                "the peer's ledger went back from entry {} to entry {}: rolled back, cut or begun afresh",
                told.number, head.number
            );
        }
        self.peer = Some(PeerHead { told: head, noted });
        let due = noted.is_none_or(|(_, when)| when.elapsed() >= HEARD_EVERY);
        if due {
            self.note_peer_head();
        }
    }

    /// How far our own ledger reaches, for the peer: what a power cut does not take.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "HELLO will carry the heads of the ledgers")
    )]
    pub(crate) fn head(&self) -> Option<Head> {
        self.file.as_ref()?.head()
    }

    /// How the file does; `None` where no ledger is kept.
    pub(crate) fn health(&self) -> Option<LedgerHealth> {
        Some(self.file.as_ref()?.health())
    }

    fn note_peer_head(&mut self) {
        if let (Some(file), Some(peer)) = (&mut self.file, &mut self.peer)
            && peer.noted.is_none_or(|(noted, _)| noted != peer.told)
        {
            file.heard(&peer.told);
            peer.noted = Some((peer.told, Instant::now()));
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.note_peer_head();
    }
}

/// Copies a ledger with all its segments into a folder, which keeps no others of that name.
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

/// Milliseconds since 1970, by this box's clock.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests;
