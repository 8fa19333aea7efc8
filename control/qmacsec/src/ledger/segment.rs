//! The files of a ledger: the live segment and the sealed segments.
//!
//! ```text
//! /var/lib/qmacsec/ledger                            live: entries are appended here
//! /var/lib/qmacsec/ledger.00000412.2026-11-30        sealed: never written again
//! /var/lib/qmacsec/ledger.00000411.2026-11-29.gz     the same, packed; `zcat` reads it
//! /var/lib/qmacsec/ledger.new                        the next live segment, for a moment
//! /var/lib/qmacsec/ledger.1.aside                    a file that stood in place of the live one
//! ```
//! The first entry of a segment is chained to the last entry of the segment before.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Least number of digits in a name, so that names sort by number.
const DIGITS: usize = 8;
/// Octets of a date, as in 2026-11-30.
const DATE_LEN: usize = 10;
const PACKED: &str = "gz";
const NEXT: &str = "new";
const ASIDE: &str = "aside";
/// Size of a reader's buffer.
const BUFFER: usize = 64 << 10;

/// A sealed segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sealed {
    /// Number of the segment, from 1.
    pub(super) number: u64,
    pub(super) packed: bool,
    pub(super) path: PathBuf,
}

/// Returns the sealed segments of a ledger, the oldest first, each once.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn sealed(live: &Path) -> io::Result<Vec<Sealed>> {
    let name = live.file_name().unwrap_or_default();
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder(live)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if let Some((base, number, packed)) = parts(&entry.file_name())
            && base == name
        {
            found.push(Sealed {
                number,
                packed,
                path: entry.path(),
            });
        }
    }
    // After a power cut during packing, both forms of a segment may exist.
    found.sort();
    found.dedup_by_key(|sealed| sealed.number);
    Ok(found)
}

/// Parses a sealed segment's name: name of the live segment, number, whether it is packed.
fn parts(name: &OsStr) -> Option<(&OsStr, u64, bool)> {
    let name = name.as_bytes();
    let (name, packed) = match name.strip_suffix(b".gz") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (name, date) = name.split_at_checked(name.len().checked_sub(DATE_LEN)?)?;
    let is_date = date.iter().enumerate().all(|(place, octet)| match place {
        4 | 7 => *octet == b'-',
        _ => octet.is_ascii_digit(),
    });
    let name = name.strip_suffix(b".")?;
    let dot = name.iter().rposition(|octet| *octet == b'.')?;
    let (base, number) = (&name[..dot], &name[dot + 1..]);
    let is_number = number.len() >= DIGITS && number.iter().all(u8::is_ascii_digit);
    if !is_date || !is_number || base.is_empty() {
        return None;
    }
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((OsStr::from_bytes(base), number, packed))
}

/// Returns the live file if the folder holds exactly one ledger, otherwise the number of ledgers.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn only_ledger(folder: &Path) -> io::Result<Result<PathBuf, usize>> {
    let mut bases = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let base = match parts(&name) {
            Some((base, ..)) => base.to_owned(),
            // A ledger without sealed segments is recognised by its first line.
            None if begins_a_ledger(&folder.join(&name)) => name,
            None => continue,
        };
        if !bases.contains(&base) {
            bases.push(base);
        }
    }
    Ok(match bases.as_slice() {
        [base] => Ok(folder.join(base)),
        several => Err(several.len()),
    })
}

fn begins_a_ledger(path: &Path) -> bool {
    const FRONT: &[u8] = b"{\"number\":";
    let mut front = [0; FRONT.len()];
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let read = is_file
        && File::open(path)
            .and_then(|mut file| file.read_exact(&mut front))
            .is_ok();
    let beside = [NEXT, ASIDE].map(|name| Some(OsStr::new(name)));
    read && front == FRONT && !beside.contains(&path.extension())
}

/// Returns the name of a live segment after sealing.
pub(super) fn sealed_name(live: &Path, number: u64, at_ms: u64) -> PathBuf {
    let time = UNIX_EPOCH + Duration::from_millis(at_ms);
    let date: String = humantime::format_rfc3339_seconds(time)
        .to_string()
        .chars()
        .take(DATE_LEN)
        .collect();
    with_suffix(live, &format!(".{number:0DIGITS$}.{date}"))
}

/// Returns the path of the next live segment while it is created.
pub(super) fn next_name(live: &Path) -> PathBuf {
    with_suffix(live, &format!(".{NEXT}"))
}

/// Returns a free name for a file that is no longer part of the ledger, but must be kept.
pub(super) fn aside_name(live: &Path) -> PathBuf {
    let mut number = 1_u64;
    loop {
        let name = with_suffix(live, &format!(".{number}.{ASIDE}"));
        // A link without a target is taken too.
        if fs::symlink_metadata(&name).is_err() {
            return name;
        }
        number += 1;
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().as_bytes().to_vec();
    name.extend_from_slice(suffix.as_bytes());
    PathBuf::from(OsString::from_vec(name))
}

/// Returns the folder of a ledger.
pub(super) fn folder(live: &Path) -> &Path {
    match live.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Syncs the names in a folder to the disk.
///
/// # Errors
/// The sync failed.
pub(super) fn sync_folder(live: &Path) -> io::Result<()> {
    File::open(folder(live))?.sync_all()
}

/// Opens a segment for reading from its beginning.
///
/// # Errors
/// The segment is missing or unreadable.
pub(super) fn open(sealed: &Sealed) -> io::Result<Box<dyn BufRead>> {
    match File::open(&sealed.path) {
        Ok(file) if sealed.packed => Ok(unpack(file)),
        Ok(file) => Ok(Box::new(BufReader::with_capacity(BUFFER, file))),
        // It was packed after the folder was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !sealed.packed => {
            Ok(unpack(File::open(packed_name(&sealed.path))?))
        }
        Err(error) => Err(error),
    }
}

fn unpack(file: File) -> Box<dyn BufRead> {
    let file = BufReader::with_capacity(BUFFER, file);
    Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file)))
}

fn packed_name(path: &Path) -> PathBuf {
    with_suffix(path, &format!(".{PACKED}"))
}

/// Packs a sealed segment, unless `stop` is set first. The packed form is complete and synced
/// before the unpacked one is removed.
///
/// # Errors
/// A write failed; the segment stays as it is.
pub(super) fn pack(sealed: &Sealed, stop: &AtomicBool) -> io::Result<()> {
    let part = with_suffix(&sealed.path, ".part");
    let packed = pack_into(sealed, &part, stop);
    if !matches!(packed, Ok(true)) {
        let _there_is_none_then = fs::remove_file(&part);
        return packed.map(drop);
    }
    fs::rename(&part, packed_name(&sealed.path))?;
    sync_folder(&sealed.path)?;
    fs::remove_file(&sealed.path)
}

/// Removes a sealed segment in all its forms: a power cut during packing leaves more than one.
///
/// # Errors
/// A file cannot be removed.
pub(super) fn remove(sealed: &Sealed) -> io::Result<()> {
    let packed = packed_name(&sealed.path);
    let part = with_suffix(&sealed.path, ".part");
    for path in [part, packed, sealed.path.clone()] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Packs into a file. Returns false if it was stopped.
fn pack_into(sealed: &Sealed, part: &Path, stop: &AtomicBool) -> io::Result<bool> {
    let mut from = File::open(&sealed.path)?;
    let to = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(part)?;
    let mut packer = GzEncoder::new(to, Compression::default());
    while !stop.load(Ordering::Relaxed) {
        if io::copy(&mut Read::take(&mut from, BUFFER as u64), &mut packer)? == 0 {
            packer.finish()?.sync_all()?;
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_as_they_are_formed() {
        let live = Path::new("/var/lib/qmacsec/ledger.of.a");
        let at_ms = 1_796_029_200_000;
        let name = sealed_name(live, 412, at_ms);
        assert_eq!(
            name,
            Path::new("/var/lib/qmacsec/ledger.of.a.00000412.2026-11-30")
        );
        let of = |path: &Path| {
            let parts = parts(path.file_name()?)?;
            Some((parts.0.to_owned(), parts.1, parts.2))
        };
        assert_eq!(of(&name), Some(("ledger.of.a".into(), 412, false)));
        assert_eq!(
            of(&packed_name(&name)),
            Some(("ledger.of.a".into(), 412, true))
        );
        let huge = sealed_name(live, 1_234_567_890, at_ms);
        assert_eq!(
            of(&huge),
            Some(("ledger.of.a".into(), 1_234_567_890, false))
        );
        for other in [
            "ledger",
            "ledger.new",
            "ledger.412.2026-11-30",
            "ledger.00000412.2026-11-3x",
            ".00000412.2026-11-30",
            "2026-11-30",
            "ledger.00000412.2026-11-30.gz.part",
        ] {
            assert_eq!(of(Path::new(other)), None, "{other}");
        }
    }
}
