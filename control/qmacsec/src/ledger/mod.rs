//! The ledger: one record for each key that was used, in a file that only grows, each record
//! chained to the one before by its hash.
//!
//! ```text
//! driver ─ events ─▶ Book (open records) ─ a key's life is over ─▶ LedgerFile (appends, chains)
//!                                                                      │
//!                                          qmacsec keys, qmacsec ledger verify A B
//! ```
//! In a record: which key (key_ID, direction, AN, epoch), where it came from, the root it was mixed with, when it was
//! installed, first and last used, wiped, and how many frames it protected. Never key material.
//! Times are those of this box's clock, in milliseconds since 1970, and as exact as the driver
//! looks (10 ms).

mod book;
mod file;
mod record;
mod verify;

use std::time::SystemTime;

use rekey::Event;
use secy::SaId;

pub(crate) use book::Book;
pub use file::{LedgerError, LedgerFile, read};
pub use record::{Entry, Record};
pub use verify::{Finding, Verification, verify_capture, verify_pair};

/// The ledger of a running encryptor; without a file it keeps nothing.
pub(crate) struct Ledger {
    book: Book,
    file: Option<LedgerFile>,
}

impl Ledger {
    pub(crate) fn new(book: Book, file: Option<LedgerFile>) -> Self {
        Self { book, file }
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
