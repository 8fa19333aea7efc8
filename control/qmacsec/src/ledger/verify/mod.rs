//! Verifies two ledgers against each other, and a capture of the line against both.
//!
//! ```text
//! ledger A ─ entries ─┐                       ┌─▶ findings (grave, or a note)
//!                     ├─▶ pair ─▶ Verification ┼─▶ what is not proven, and why
//! ledger B ─ entries ─┘      ▲                └─▶ counts
//!       capture ─ frames ─▶ line
//! ```
//! Memory is bounded for ledgers and captures of any length: items to compare are sorted in a
//! temporary file.

mod channel;
mod fields;
mod heads;
mod key;
mod known;
mod line;
mod pair;
mod repeat;
mod texts;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::LedgerError;
use super::reader::Source;
use crate::capture::CaptureError;

/// Names of the two ledgers in findings.
const NAMES: [char; 2] = ['A', 'B'];
/// Limit in milliseconds for clock differences between the two boxes and the capturing machine.
const CLOCKS_MS: u64 = 2000;
/// Limit in milliseconds for frames that a capture has out of order.
const CAPTURE_ORDER_MS: u64 = 20;
/// Limit of findings kept as text; more are counted.
const FINDINGS_MAX: usize = 1000;
/// Limit of records per direction that a crash loses: those of the open keys.
const CRASH_KEYS: u64 = 4;

/// The reason why nothing can be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A ledger cannot be read, or its chain is broken.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Both ledgers were written by the same encryptor.
    #[error(
        "both ledgers are of encryptor {0}, so there is nothing to compare; fix: give one ledger \
         of each end"
    )]
    OneEnd(String),
    /// The capture cannot be read.
    #[error("capture {path}: {cause}")]
    Capture {
        /// The file.
        path: PathBuf,
        /// The reason.
        cause: CaptureError,
    },
    /// The temporary file for sorting.
    #[error("temporary file (in TMPDIR, or /var/tmp): {0}; fix: make room there, or set TMPDIR")]
    Temporary(#[from] io::Error),
    /// A limit of memory is exceeded.
    #[error("{0}")]
    TooMuch(&'static str),
}

/// A fact that the operator should check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A serious fault: a key or nonce used twice, a ledger rolled back.
    pub grave: bool,
    /// The text.
    pub text: String,
}

/// The verdict of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All required checks were made, and nothing grave was found.
    Sound,
    /// Something grave was found.
    NotSound,
    /// Nothing grave was found, but too little could be checked.
    NotProven,
}

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Entries of both ledgers.
    pub entries: [u64; 2],
    /// Segments of both ledgers.
    pub segments: [u64; 2],
    /// Keys with matching records at both ends.
    pub keys: u64,
    /// These keys by origin.
    pub origins: BTreeMap<String, u64>,
    /// Keys that carried frames and have a record at one end only.
    pub one_sided: u64,
    /// Heads that the other end noted and that match the ledger.
    pub heads: u64,
    /// Frames of a capture that belong to a key of the ledgers: these were checked.
    pub frames: u64,
    /// Result of the capture, if one was given.
    pub line: Option<Line>,
    /// The first findings.
    pub findings: Vec<Finding>,
    /// Number of further grave findings.
    pub more_grave: u64,
    /// Number of further notes.
    pub more_notes: u64,
    /// Reasons why the ledgers prove too little.
    pub not_proven: Vec<String>,
}

/// Counts of the frames of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// All frames.
    pub frames: u64,
    /// Frames with a visible SecTAG.
    pub protected: u64,
    /// Checked frames that equal another one in all captured octets.
    pub copies: u64,
    /// The copies that differ after the end of the frame.
    pub trailers: u64,
    /// Repeated packet numbers in frames that were captured too short to compare.
    pub uncompared: u64,
    /// Repeated packet numbers where neither times nor ANs separate keys with the same AN.
    pub ambiguous: u64,
    /// Protected frames of a sender in the ledgers, in their time, with an unrecorded key.
    pub unknown_keys: u64,
    /// Protected frames of such senders before the first or after the last recorded key.
    pub outside: u64,
    /// Protected frames of other senders.
    pub others: u64,
    /// Frames with an invalid SecTAG.
    pub malformed: u64,
    /// Frames that were captured too short to hold their packet number.
    pub too_short: u64,
    /// Frames without a time.
    pub untimed: u64,
    /// Frames of unsupported link types, by name.
    pub unread: BTreeMap<String, u64>,
    /// The file ends inside the record that begins at this octet.
    pub cut_at: Option<u64>,
    /// The reason why the file could not be read to its end.
    pub broken: Option<String>,
}

impl Verification {
    pub(crate) fn grave(&mut self, text: String) {
        self.find(true, text);
    }

    fn note(&mut self, text: String) {
        self.find(false, text);
    }

    fn find(&mut self, grave: bool, text: String) {
        // Notes leave space for grave findings.
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

    /// Adds the findings of a part, in their order.
    fn append(&mut self, part: Self) {
        self.heads += part.heads;
        self.more_grave += part.more_grave;
        self.more_notes += part.more_notes;
        self.not_proven.extend(part.not_proven);
        for finding in part.findings {
            self.find(finding.grave, finding.text);
        }
    }

    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let grave = self.more_grave > 0 || self.findings.iter().any(|finding| finding.grave);
        match (grave, self.not_proven.is_empty()) {
            (true, _) => Verdict::NotSound,
            (false, true) => Verdict::Sound,
            (false, false) => Verdict::NotProven,
        }
    }

    /// All required checks were made, and nothing grave was found.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.verdict() == Verdict::Sound
    }
}

/// Compares the ledgers of the two ends of a line, and checks a capture of the line against them.
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
