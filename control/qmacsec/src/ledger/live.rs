//! The live segment: opened at its end, appended to, sealed when it is full.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rekey::LedgerHead;

use super::LedgerOptions;
use super::entry::{BEGINNING, Entry, Removed, Segment, What};
use super::error::LedgerError;
use super::lost_file::{self, Start};
use super::segment::{self, Sealed};
use super::tail::{LINE_MAX, Tail, parse};

/// A packed segment has a fifth of its size; a quarter is a safe estimate.
const PACKED_PART: u64 = 4;
/// Sealed segments that count with their packed size, because they are packed next.
const PACKED_NEXT: usize = 1;

/// The file that entries are appended to, and its place in the chain.
pub(super) struct Live {
    path: PathBuf,
    file: File,
    options: LedgerOptions,
    /// Octets of whole entries; octets after them are removed before the next append.
    whole_len: u64,
    /// True if there may be octets after the whole entries.
    ragged: bool,
    segment: u64,
    began_ms: u64,
    number: u64,
    last: String,
    /// True if an entry was written since the last sync.
    unsynced: bool,
}

/// The file of the next segment, with its first entry.
struct Begun {
    file: File,
    len: u64,
    first: Entry,
}

/// The live segment, and the result of its check at opening.
pub(super) struct Opened {
    pub(super) live: Live,
    /// Octets that a power cut left and that are removed.
    pub(super) cut: u64,
    /// The loss of the file, if a new one began in its place.
    pub(super) lost: Option<&'static str>,
}

/// Makes the checks of `run` without any change to the file.
///
/// # Errors
/// Same as `open`.
pub fn inspect(path: &Path) -> Result<Inspection, LedgerError> {
    let io = LedgerError::io(path);
    // A power cut between the two renames of a seal leaves only this name.
    let next = segment::next_name(path);
    let named = match path.exists() || !next.exists() {
        true => path,
        false => &next,
    };
    regular(named)?;
    let tail = match File::open(named) {
        Ok(file) => {
            let tail = Tail::read(path, &file);
            if tail.is_ok() {
                may_write(named).map_err(&io)?;
            }
            tail
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            folder_takes_files(path)?;
            Ok(Tail::default())
        }
        Err(error) => return Err(io(error)),
    };
    Ok(match lost_file::start(path, tail)? {
        Start::GoesOn(tail) => Inspection {
            entries: tail.last.as_ref().map_or(0, |entry| entry.number),
            segment: tail.segment().0,
            cut: tail.cut,
            lost: None,
        },
        Start::New(new_file) => {
            folder_takes_files(path)?;
            Inspection {
                entries: new_file.number,
                segment: new_file.segment,
                cut: 0,
                lost: Some(new_file.lost),
            }
        }
    })
}

/// Content of a ledger, as far as its end shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Number of the last entry.
    pub entries: u64,
    /// Number of the live segment.
    pub segment: u64,
    /// Octets after the last entry that a power cut left; `run` removes them.
    pub cut: u64,
    /// The loss of the live file, if it is lost; `run` begins a new one.
    pub lost: Option<&'static str>,
}

/// Refuses other file types: opening a pipe would block until its other end opens.
pub(super) fn regular(path: &Path) -> Result<(), LedgerError> {
    match fs::metadata(path) {
        Ok(data) if !data.is_file() => {
            let cause = io::Error::new(ErrorKind::Unsupported, "is not a regular file");
            Err(LedgerError::io(path)(cause))
        }
        _ => Ok(()),
    }
}

fn folder_takes_files(path: &Path) -> Result<(), LedgerError> {
    may_write(segment::folder(path)).map_err(LedgerError::io(path))
}

fn may_write(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

/// Opens or creates the live segment. Reads and checks its end, and removes the remains of a power
/// cut.
///
/// # Errors
/// Unreadable, unwritable, in use, or broken at its end: a broken ledger is not continued.
pub(super) fn open(
    path: &Path,
    options: LedgerOptions,
    now_ms: u64,
) -> Result<Opened, LedgerError> {
    let io = LedgerError::io(path);
    finish_a_change(path).map_err(&io)?;
    regular(path)?;
    let file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(&io)?;
    lock(path, &file)?;
    let tail = match lost_file::start(path, Tail::read(path, &file))? {
        Start::GoesOn(tail) => *tail,
        Start::New(new_file) => {
            let mut live = Live {
                path: path.to_path_buf(),
                file,
                options,
                whole_len: 0,
                ragged: false,
                segment: new_file.segment,
                began_ms: now_ms,
                number: new_file.number,
                last: new_file.hash,
                unsynced: true,
            };
            live.begin_new_file(now_ms, new_file.lost).map_err(&io)?;
            return Ok(Opened {
                live,
                cut: 0,
                lost: Some(new_file.lost),
            });
        }
    };
    let (whole_len, cut) = (tail.whole_len, tail.cut);
    file.set_len(whole_len).map_err(&io)?;
    let (segment, began_ms) = tail.segment();
    let (number, last) = tail.last.map_or((0, BEGINNING.to_owned()), |entry| {
        (entry.number, entry.hash)
    });
    let live = Live {
        path: path.to_path_buf(),
        file,
        options,
        whole_len,
        ragged: false,
        segment,
        began_ms: began_ms.unwrap_or(now_ms),
        number,
        last,
        unsynced: true,
    };
    Ok(Opened {
        live,
        cut,
        lost: None,
    })
}

/// Completes a change of segments that a power cut interrupted.
fn finish_a_change(path: &Path) -> io::Result<()> {
    let next = segment::next_name(path);
    if !next.exists() {
        return Ok(());
    }
    match path.exists() {
        // The next segment has no record yet.
        true => fs::remove_file(next),
        false => fs::rename(next, path),
    }
}

fn lock(path: &Path, file: &File) -> Result<(), LedgerError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse {
            path: path.to_path_buf(),
        }),
        // Some network file systems have no locks.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(LedgerError::io(path)(error)),
    }
}

impl Live {
    pub(super) const fn segment(&self) -> u64 {
        self.segment
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Appends an entry completely, or not at all.
    ///
    /// # Errors
    /// The write failed; the same entry may be tried again.
    pub(super) fn append(&mut self, what: What) -> io::Result<()> {
        let entry = Entry::after(self.number, &self.last, what);
        let line = line(&entry)?;
        self.clean()?;
        self.ragged = true;
        if let Err(error) = self.file.write_all(&line) {
            // Part of the entry may be in the file. It is removed now, or before the next append.
            let _tried_again = self.clean();
            return Err(error);
        }
        self.ragged = false;
        self.unsynced = true;
        self.whole_len += line.len() as u64;
        (self.number, self.last) = (entry.number, entry.hash);
        Ok(())
    }

    /// Removes the octets of a failed write.
    fn clean(&mut self) -> io::Result<()> {
        if self.ragged {
            self.file.set_len(self.whole_len)?;
            self.ragged = false;
        }
        Ok(())
    }

    /// Syncs all entries to the disk, and returns the last one.
    ///
    /// # Errors
    /// The sync failed.
    pub(super) fn sync(&mut self) -> io::Result<Option<LedgerHead>> {
        self.file.sync_data()?;
        self.unsynced = false;
        Ok(super::entry::octets(&self.last)
            .filter(|_| self.number > 0)
            .map(|hash| LedgerHead {
                number: self.number,
                hash,
            }))
    }

    /// True if the segment is full, or old enough to be sealed.
    pub(super) fn is_full(&self, now_ms: u64) -> bool {
        let age = Duration::from_millis(now_ms.saturating_sub(self.began_ms));
        self.number > 0
            && self.whole_len > 0
            && (self.whole_len >= self.options.segment_len || age >= self.options.segment_age)
    }

    /// Seals the live segment and begins the next one. At any time the entries have one of the
    /// names, and the next segment has its first entry before it gets its name.
    ///
    /// # Errors
    /// A write failed; the segment continues.
    pub(super) fn seal(&mut self, now_ms: u64) -> io::Result<()> {
        self.clean()?;
        self.file.sync_data()?;
        let next = segment::next_name(&self.path);
        let begun = self.make_next(&next, now_ms, None)?;
        let sealed = segment::sealed_name(&self.path, self.segment, now_ms);
        fs::rename(&self.path, &sealed)?;
        if let Err(error) = fs::rename(&next, &self.path) {
            fs::rename(&sealed, &self.path)?;
            return Err(error);
        }
        segment::sync_folder(&self.path)?;
        self.go_on_in(begun, now_ms);
        Ok(())
    }

    /// Returns what happened to the file, if its name no longer leads to all that was written.
    ///
    /// # Errors
    /// The file or its name cannot be examined.
    pub(super) fn lost(&self) -> io::Result<Option<&'static str>> {
        lost_file::lost(&self.path, &self.file, self.whole_len)
    }

    /// Begins a new file in place of a lost one. Its first entry tells what happened.
    ///
    /// # Errors
    /// A write failed; it may be tried again.
    pub(super) fn begin_new_file(&mut self, now_ms: u64, lost: &str) -> io::Result<()> {
        // A file that was moved is whole where it is now.
        let _kept_if_it_can_be = self.clean().and_then(|()| self.file.sync_data());
        let next = segment::next_name(&self.path);
        let begun = self.make_next(&next, now_ms, Some(lost.to_owned()))?;
        lost_file::set_aside(&self.path)?;
        fs::rename(&next, &self.path)?;
        segment::sync_folder(&self.path)?;
        self.go_on_in(begun, now_ms);
        Ok(())
    }

    /// Removes octets of another process after the last entry, and returns their number.
    ///
    /// # Errors
    /// They cannot be removed.
    pub(super) fn cut_foreign(&mut self) -> io::Result<u64> {
        let foreign = self.file.metadata()?.len().saturating_sub(self.whole_len);
        if self.ragged || foreign == 0 {
            return Ok(0);
        }
        self.ragged = true;
        self.clean()?;
        Ok(foreign)
    }

    /// Makes the file of the next segment with its first entry.
    fn make_next(&self, next: &Path, now_ms: u64, lost: Option<String>) -> io::Result<Begun> {
        let first = Entry::after(
            self.number,
            &self.last,
            What::Segment(Segment {
                segment: self.segment + 1,
                at_ms: now_ms,
                lost,
            }),
        );
        let line = line(&first)?;
        match make(next, &line) {
            Ok(file) => Ok(Begun {
                file,
                len: line.len() as u64,
                first,
            }),
            Err(error) => {
                let _there_is_none_then = fs::remove_file(next);
                Err(error)
            }
        }
    }

    fn go_on_in(&mut self, begun: Begun, now_ms: u64) {
        self.file = begun.file;
        self.whole_len = begun.len;
        self.ragged = false;
        self.segment += 1;
        self.began_ms = now_ms;
        self.unsynced = false;
        (self.number, self.last) = (begun.first.number, begun.first.hash);
    }

    /// Returns the oldest segments whose removal brings the ledger below its limit.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn oldest_that_go(&self) -> io::Result<Vec<Sealed>> {
        let sealed = segment::sealed(&self.path)?;
        // Only the newest segment surely waits for packing. Others may have failed to be packed.
        let newest = sealed.len().saturating_sub(PACKED_NEXT);
        let size = |(place, segment): (usize, &Sealed)| {
            let len = fs::metadata(&segment.path).map_or(0, |data| data.len());
            if !segment.packed && place >= newest {
                len / PACKED_PART
            } else {
                len
            }
        };
        let sizes: Vec<_> = sealed.iter().enumerate().map(size).collect();
        let mut all = sizes.iter().sum::<u64>() + self.whole_len;
        let goes = |(_, size): &(Sealed, u64)| {
            let too_large = all > self.options.max_len;
            all -= size;
            too_large
        };
        let gone = sealed.into_iter().zip(sizes).take_while(goes);
        Ok(gone.map(|(segment, _)| segment).collect())
    }

    /// Removes the oldest segments while the ledger is above its limit. The chain records the
    /// removal of each segment first, so that it holds wherever a power cut ends the removal.
    ///
    /// # Errors
    /// A write failed.
    pub(super) fn remove_oldest(&mut self, now_ms: u64) -> io::Result<usize> {
        let gone = self.oldest_that_go()?;
        self.note_removal(&gone, now_ms)?;
        for segment in &gone {
            segment::remove(segment)?;
        }
        Ok(gone.len())
    }

    /// Notes the last entry of each of these segments, and syncs the notes.
    ///
    /// # Errors
    /// A write failed.
    fn note_removal(&mut self, gone: &[Sealed], now_ms: u64) -> io::Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        let mut after = segment::sealed(&self.path)?;
        after.push(Sealed {
            number: self.segment,
            packed: false,
            path: self.path.clone(),
        });
        for last in gone {
            // The first entry after a segment holds the hash of its last entry.
            let next = after.iter().find(|segment| segment.number > last.number);
            let next = next.ok_or(ErrorKind::NotFound)?;
            let behind = first_entry(next)?;
            self.append(What::Removed(Removed {
                number: behind.number.saturating_sub(1),
                hash: behind.previous,
                at_ms: now_ms,
            }))?;
        }
        self.sync()?;
        Ok(())
    }

    pub(super) const fn pack_after(&self) -> Duration {
        self.options.pack_after
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

fn make(next: &Path, line: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(next)?;
    file.set_len(0)?;
    file.write_all(line)?;
    file.sync_all()?;
    match file.try_lock() {
        Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => Err(error),
        _ => Ok(file),
    }
}

fn first_entry(sealed: &Sealed) -> io::Result<Entry> {
    let mut line = Vec::with_capacity(LINE_MAX);
    let reader = segment::open(sealed)?;
    let mut limited = io::Read::take(reader, LINE_MAX as u64);
    io::BufRead::read_until(&mut limited, b'\n', &mut line)?;
    parse(&sealed.path, 0, &line).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
