//! Reads the entries of a ledger in order through all its segments, and checks the chain at the
//! same time. One entry is in memory at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use super::canonical;
use super::entry::{BEGINNING, Entry, What};
use super::error::LedgerError;
use super::live::regular;
use super::record::Record;
use super::segment::{self, Sealed};
use super::tail::{LINE_MAX, Tail, parse};

/// The place of a ledger: its live file, or the folder that holds it.
#[derive(Clone, Debug)]
pub struct Source {
    live: PathBuf,
}

impl Source {
    /// Finds the ledger.
    ///
    /// # Errors
    /// The folder does not hold exactly one, or there is neither a live nor a sealed segment.
    pub fn find(path: &Path) -> Result<Self, LedgerError> {
        let io = LedgerError::io(path);
        if path.is_dir() {
            return match segment::only_ledger(path).map_err(&io)? {
                Ok(live) => Ok(Self { live }),
                Err(found) => Err(LedgerError::NotOne {
                    path: path.to_path_buf(),
                    found,
                }),
            };
        }
        regular(path)?;
        let live = path.to_path_buf();
        if !path.exists() && segment::sealed(path).map_err(&io)?.is_empty() {
            return Err(io(io::ErrorKind::NotFound.into()));
        }
        Ok(Self { live })
    }

    /// Returns all entries that are kept, the oldest first.
    ///
    /// # Errors
    /// A segment cannot be opened.
    pub fn entries(&self) -> Result<Entries, LedgerError> {
        Entries::of(&self.live)
    }

    /// Returns the last records, the oldest of them first. Reads and checks only the segments that
    /// hold them.
    ///
    /// # Errors
    /// A segment cannot be read, or its chain is broken.
    pub fn last_records(&self, count: usize) -> Result<Vec<Record>, LedgerError> {
        for segments in 1.. {
            let mut entries = Entries::of(&self.live)?;
            let before = entries.segments.len().saturating_sub(segments);
            entries.segments.drain(..before);
            let mut last = VecDeque::new();
            for entry in entries {
                if let What::Key(record) = entry?.what {
                    last.push_back(record);
                }
                if last.len() > count {
                    last.pop_front();
                }
            }
            if last.len() >= count || before == 0 {
                return Ok(last.into());
            }
        }
        Ok(Vec::new())
    }

    /// Returns the path of the live file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.live
    }
}

/// Reads a ledger and checks its chain. Skips the remains of a power cut at its end. Holds all
/// entries in memory, so use it for short ledgers only.
///
/// # Errors
/// Unreadable, or broken; the error gives the place.
pub fn read(path: &Path) -> Result<Vec<Entry>, LedgerError> {
    Source::find(path)?.entries()?.collect()
}

/// The entries of a ledger, the oldest first. It ends after the first error.
pub struct Entries {
    segments: VecDeque<Part>,
    reader: Option<(PathBuf, Box<dyn BufRead>)>,
    /// Octets of the segment read so far.
    at: u64,
    line: Vec<u8>,
    /// The last entry read; its strings are used again for the next one.
    entry: Entry,
    /// Number and hash of the entry before it.
    before: Option<(u64, String)>,
    begins: Option<(u64, String)>,
    segments_read: u64,
    ended: bool,
}

/// A segment to read.
enum Part {
    Sealed(Sealed),
    Live(PathBuf, Box<dyn BufRead>),
}

impl Entries {
    fn of(live: &Path) -> Result<Self, LedgerError> {
        let io = LedgerError::io(live);
        // The live segment is opened first, so that one sealed in the meantime is not read twice.
        let open = match File::open(live) {
            Ok(mut file) => {
                let tail = Tail::read(live, &file)?;
                file.rewind().map_err(&io)?;
                let whole = BufReader::new(file).take(tail.whole_len);
                let whole: Box<dyn BufRead> = Box::new(whole);
                Some((tail.segment().0, tail.first.is_some(), whole))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io(error)),
        };
        let mut sealed = segment::sealed(live).map_err(&io)?;
        if let Some((number, true, _)) = &open {
            sealed.retain(|sealed| sealed.number < *number);
        }
        let mut segments: VecDeque<_> = sealed.into_iter().map(Part::Sealed).collect();
        if let Some((_, _, whole)) = open {
            segments.push_back(Part::Live(live.to_path_buf(), whole));
        }
        Ok(Self {
            segments,
            reader: None,
            at: 0,
            line: Vec::with_capacity(LINE_MAX),
            entry: Entry::after(0, BEGINNING, What::Key(Record::default())),
            before: None,
            begins: None,
            segments_read: 0,
            ended: false,
        })
    }

    /// Returns number and hash of the entry before the oldest one kept; `None` if entry 1 is kept.
    #[must_use]
    pub fn begins_after(&self) -> Option<(u64, &str)> {
        let (number, hash) = self.begins.as_ref()?;
        (*number > 0).then_some((*number, hash))
    }

    /// Returns the number of segments read so far, the current one included.
    #[must_use]
    pub const fn segments_read(&self) -> u64 {
        self.segments_read
    }

    /// The next entry; `None` at the end. Faster than the iterator, which returns copies.
    ///
    /// # Errors
    /// A segment cannot be read, or its chain is broken.
    pub(super) fn advance(&mut self) -> Result<Option<&Entry>, LedgerError> {
        if self.ended {
            return Ok(None);
        }
        self.ended = true;
        if self.read_next()? {
            self.ended = false;
            return Ok(Some(&self.entry));
        }
        Ok(None)
    }

    /// Reads the next entry into `entry`; false at the end.
    fn read_next(&mut self) -> Result<bool, LedgerError> {
        loop {
            let Some((path, reader)) = &mut self.reader else {
                match self.segments.pop_front() {
                    Some(part) => self.begin(part)?,
                    None => return Ok(false),
                }
                continue;
            };
            self.line.clear();
            let mut limited = Read::take(&mut *reader, LINE_MAX as u64);
            limited
                .read_until(b'\n', &mut self.line)
                .map_err(LedgerError::io(path))?;
            if self.line.is_empty() {
                self.reader = None;
                continue;
            }
            if !canonical::read(&self.line, &mut self.entry) {
                self.entry = parse(path, self.at, &self.line)?;
            }
            let entry = &self.entry;
            self.at += self.line.len() as u64;
            let fits = match &self.before {
                Some((number, hash)) => entry.follows(*number, hash) || entry.skips_lost(*number),
                None => entry.may_begin(),
            };
            if !fits {
                return Err(LedgerError::Chain {
                    path: path.clone(),
                    number: entry.number,
                });
            }
            if self.begins.is_none() {
                self.begins = Some((entry.number.saturating_sub(1), entry.previous.clone()));
            }
            let (number, hash) = self.before.get_or_insert_default();
            *number = entry.number;
            hash.clone_from(&entry.hash);
            return Ok(true);
        }
    }

    fn begin(&mut self, part: Part) -> Result<(), LedgerError> {
        self.at = 0;
        self.segments_read += 1;
        self.reader = Some(match part {
            Part::Sealed(sealed) => {
                let reader = segment::open(&sealed).map_err(LedgerError::io(&sealed.path))?;
                (sealed.path, reader)
            }
            Part::Live(path, reader) => (path, reader),
        });
        Ok(())
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().map(|entry| entry.cloned()).transpose()
    }
}

/// True if this is a note of the removal of all entries up to this one.
pub(super) fn notes_removal(what: &What, number: u64, hash: &str) -> bool {
    matches!(what, What::Removed(removed) if removed.number == number && removed.hash == hash)
}
