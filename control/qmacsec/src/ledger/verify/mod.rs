//! What two ledgers say together, and what a capture of the line says of them.
//!
//! ```text
//! ledger A ─ entries ─┐                       ┌─▶ findings (grave, or a note)
//!                     ├─▶ pair ─▶ Verification ┼─▶ what is not proven, and why
//! ledger B ─ entries ─┘      ▲                └─▶ counts
//!       capture ─ frames ─▶ line
//! ```
//! All of it runs in bounded memory, however long the ledgers and the capture are: what must be held
//! against each other is sorted in a temporary file.

mod fields;
mod heads;
mod key;
mod known;
mod line;
mod pair;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::LedgerError;
use super::reader::Source;
use crate::capture::CaptureError;

/// What findings call the two ledgers.
const NAMES: [char; 2] = ['A', 'B'];
/// Clocks of the two boxes and of the capturing machine may differ by so much, in milliseconds.
const CLOCKS_MS: u64 = 2000;
/// Findings that are kept in words; the rest is counted.
const FINDINGS_MAX: usize = 1000;
/// A crash takes the records of the keys that are open: so many of a direction at most.
const CRASH_KEYS: u64 = 4;

/// Why nothing can be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A ledger cannot be read, or its chain is broken.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The capture cannot be read.
    #[error("capture {path}: {cause}")]
    Capture {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: CaptureError,
    },
    /// The temporary file for sorting.
    #[error("temporary file (in TMPDIR, or /var/tmp): {0}")]
    Temporary(#[from] io::Error),
    /// More than is held in memory.
    #[error("{0}")]
    TooMuch(&'static str),
}

/// Something worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// It must never be: a key or nonce used twice, a ledger that was rolled back.
    pub grave: bool,
    /// In words.
    pub text: String,
}

/// How a verification ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All was checked that had to be, and nothing grave was found.
    Sound,
    /// Something grave was found.
    NotSound,
    /// Nothing grave was found, and too little could be checked.
    NotProven,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Entries of both ledgers.
    pub entries: [u64; 2],
    /// Segments of both ledgers.
    pub segments: [u64; 2],
    /// Keys that both ends tell the same of.
    pub keys: u64,
    /// Keys that carried frames, and of which one end alone tells.
    pub one_sided: u64,
    /// Heads of a ledger that the other end has heard, and that stand in the ledger.
    pub heads: u64,
    /// Frames of a capture that belong to a key of the ledgers: those that were checked.
    pub frames: u64,
    /// What the capture holds, if one was given.
    pub line: Option<Line>,
    /// What does not fit; the first of them.
    pub findings: Vec<Finding>,
    /// Grave findings beyond these.
    pub more_grave: u64,
    /// Notes beyond these.
    pub more_notes: u64,
    /// Why the ledgers prove too little.
    pub not_proven: Vec<String>,
}

/// The frames of a capture and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Frames of all kinds.
    pub frames: u64,
    /// Frames with a SecTAG, as far as could be seen.
    pub protected: u64,
    /// Of the checked ones, copies of another that is the same in all octets captured.
    pub copies: u64,
    /// Packet numbers that came twice in frames of which too little was captured to compare them.
    pub uncompared: u64,
    /// Packet numbers that came twice where times do not tell keys with the same AN apart.
    pub ambiguous: u64,
    /// Protected frames of a sender of the ledgers, in their time, under a key that they do not tell of.
    pub unknown_keys: u64,
    /// Protected frames of such senders before the first or after the last key told of.
    pub outside: u64,
    /// Protected frames of other senders.
    pub others: u64,
    /// Frames with a SecTAG that is none by the standard.
    pub malformed: u64,
    /// Frames of which too little was captured to know their packet number.
    pub too_short: u64,
    /// Frames without a time.
    pub untimed: u64,
    /// Frames of link types that are not read, by name.
    pub unread: BTreeMap<String, u64>,
    /// The file ends inside the record that begins at this octet.
    pub cut_at: Option<u64>,
    /// Why the file could not be read to its end.
    pub broken: Option<String>,
}

impl Verification {
    fn grave(&mut self, text: String) {
        self.find(true, text);
    }

    fn note(&mut self, text: String) {
        self.find(false, text);
    }

    fn find(&mut self, grave: bool, text: String) {
        // Notes leave room for what is grave.
        let max = if grave {
            2 * FINDINGS_MAX
        } else {
            FINDINGS_MAX
        };
        if self.findings.len() < max {
            self.findings.push(Finding { grave, text });
        } else if grave {
            self.more_grave += 1;
        } else {
            self.more_notes += 1;
        }
    }

    /// How it ends.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let grave = self.more_grave > 0 || self.findings.iter().any(|finding| finding.grave);
        match (grave, self.not_proven.is_empty()) {
            (true, _) => Verdict::NotSound,
            (false, true) => Verdict::Sound,
            (false, false) => Verdict::NotProven,
        }
    }

    /// All was checked that had to be, and nothing grave was found.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.verdict() == Verdict::Sound
    }
}

/// Holds the ledgers of the two ends of a line against each other, and a capture of the line against
/// them.
///
/// # Errors
/// Something cannot be read, or a chain is broken.
pub fn verify(ledgers: [&Path; 2], capture: Option<&Path>) -> Result<Verification, VerifyError> {
    let [a, b] = ledgers;
    let sources = [Source::find(a)?, Source::find(b)?];
    let mut verification = Verification::default();
    pair::verify(&sources, &mut verification)?;
    if let Some(capture) = capture {
        line::verify(capture, &sources, &mut verification)?;
    }
    Ok(verification)
}

#[cfg(test)]
mod tests;
