//! Captures of the line from tcpdump, Wireshark and switches: classic pcap (microseconds,
//! nanoseconds, modified) and pcapng, in either byte order, with Ethernet or Linux cooked frames.
//!
//! A capture is read as a stream: one record is in memory at a time. A file that ends inside a
//! record gives all whole records before it. Unreadable parts are reported by name. We read the
//! formats ourselves: the available libraries do not give the byte order of modified files, an
//! interface's clock offset, or the place of a cut.

mod link;
mod pcap;
mod pcapng;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

pub(crate) use link::Link;

use crate::limits;

/// Octets read ahead.
const BUFFER: usize = 256 << 10;
/// Octets of a pipe that show whether it is a capture.
const HEAD: u64 = 24;
/// Octets of the longest frame: more than any segmentation offload makes.
const FRAME_MAX: u32 = 1 << 20;

/// The reason why a capture cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// An IO error.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The temporary copy cannot be written.
    #[error("temporary file (in TMPDIR, or /var/tmp): {0}; fix: make room there, or set TMPDIR")]
    Temporary(io::Error),
    /// Neither a file nor a pipe.
    #[error("is {0}; fix: give a file or a pipe")]
    NoFile(&'static str),
    /// A pipe with too many octets, or without an end.
    #[error(
        "has more than {0} GB, or no end; fix: write it to a file, and give that or a part of it"
    )]
    Endless(u64),
    /// The file has another format.
    #[error("is {0}; fix: give a pcap or pcapng file")]
    NoCapture(&'static str),
    /// Octets that the format does not allow.
    #[error("is broken at octet {at}: {what}")]
    Broken {
        /// Octet at which the record begins.
        at: u64,
        /// The mistake.
        what: String,
    },
}

/// One frame of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Milliseconds since 1970; `None` where the format has no time.
    pub(crate) at_ms: Option<u64>,
    /// The link type.
    pub(crate) link: Link,
    /// The captured octets, without FCS.
    pub(crate) octets: &'a [u8],
    /// Length of the frame on the line, without FCS.
    pub(crate) len: usize,
}

impl<'a> Frame<'a> {
    /// Removes the FCS, if it was captured.
    fn new(at_ms: Option<u64>, link: Link, octets: &'a [u8], len: u32, fcs_len: u8) -> Self {
        let len = (len as usize).max(octets.len());
        let len = len.saturating_sub(fcs_len.into());
        Self {
            at_ms,
            link,
            octets: octets.get(..len).unwrap_or(octets),
            len,
        }
    }
}

/// A capture, read from its beginning.
pub(crate) struct Capture {
    input: Input,
    format: Format,
}

enum Format {
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

impl Capture {
    /// Opens a capture. Captures are read twice, so a file that is not regular is first copied to a
    /// temporary file.
    ///
    /// # Errors
    /// The file cannot be read, or it is no capture; the error names its actual format.
    pub(crate) fn open(path: &Path) -> Result<Self, CaptureError> {
        // Some devices wait when they are opened. The file may change after that, so look again.
        refuse(&std::fs::metadata(path)?)?;
        let file = File::open(path)?;
        let about = file.metadata()?;
        refuse(&about)?;
        match about.is_file() {
            true => Self::of(file),
            false => Self::copied(file, limits::CAPTURE_COPY_MAX),
        }
    }

    /// Copies a pipe to a temporary file.
    fn copied(mut from: impl Read, max: u64) -> Result<Self, CaptureError> {
        let mut copy = temporary().map_err(CaptureError::Temporary)?;
        let mut buffer = vec![0; BUFFER];
        let mut copied = 0;
        loop {
            let got = match from.read(&mut buffer) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if got == 0 {
                return Self::of(copy);
            }
            copy.write_all(&buffer[..got])
                .map_err(CaptureError::Temporary)?;
            let first = copied < HEAD;
            copied += got as u64;
            if copied > max {
                return Err(CaptureError::Endless(max / 1_000_000_000));
            }
            // Another format is refused before all of it is copied.
            if first && copied >= HEAD {
                Self::of(copy.try_clone()?)?;
                copy.seek(io::SeekFrom::End(0))?;
            }
        }
    }

    fn of(mut file: File) -> Result<Self, CaptureError> {
        file.rewind()?;
        let mut input = Input {
            reader: BufReader::with_capacity(BUFFER, file),
            at: 0,
            record: Vec::new(),
            cut: None,
        };
        let magic = input.reader.fill_buf()?.first_chunk::<4>().copied();
        let Some(magic) = magic else {
            return Err(CaptureError::NoCapture("shorter than any capture"));
        };
        let format = if pcapng::begins_with(magic) {
            Format::Pcapng(pcapng::Pcapng::default())
        } else {
            Format::Pcap(pcap::Pcap::read(magic, &mut input)?)
        };
        Ok(Self { input, format })
    }

    /// Reads the capture from its beginning again.
    ///
    /// # Errors
    /// Same as [`Capture::open`].
    pub(crate) fn again(self) -> Result<Self, CaptureError> {
        Self::of(self.input.reader.into_inner())
    }

    /// Returns the next frame; `None` at the end.
    ///
    /// # Errors
    /// The capture is broken and cannot be read further.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.input),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.input),
        }
    }

    /// Octet at which the last record begins, if the file ends inside it.
    pub(crate) const fn cut(&self) -> Option<u64> {
        self.input.cut
    }
}

/// Refuses folders and devices. A device may have no end.
fn refuse(about: &std::fs::Metadata) -> Result<(), CaptureError> {
    let kind = about.file_type();
    if kind.is_dir() {
        Err(CaptureError::NoFile("a folder"))
    } else if kind.is_char_device() || kind.is_block_device() {
        Err(CaptureError::NoFile("a device"))
    } else {
        Ok(())
    }
}

/// Creates a file without a name, in `TMPDIR` if set, otherwise on a disk rather than in memory.
pub(crate) fn temporary() -> io::Result<File> {
    let folder = std::env::var_os("TMPDIR").map_or_else(|| "/var/tmp".into(), PathBuf::from);
    tempfile::tempfile_in(&folder)
}

/// The file, and the last record read.
struct Input {
    reader: BufReader<File>,
    /// Octets read so far.
    at: u64,
    record: Vec<u8>,
    cut: Option<u64>,
}

/// The result of a read: a whole record, or the end of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Got {
    Whole,
    /// The file ends before the record, or inside it; in the second case [`Input::cut`] is set.
    End,
}

impl Input {
    /// Reads `len` octets into `record`, after the first `keep` octets, which are there already.
    /// The whole record begins at `begins`.
    fn read(&mut self, keep: usize, len: usize, begins: u64) -> io::Result<Got> {
        self.record.resize(keep, 0);
        let wanted = len as u64;
        let got = Read::take(&mut self.reader, wanted).read_to_end(&mut self.record)?;
        self.at += got as u64;
        if got == len {
            return Ok(Got::Whole);
        }
        if self.at > begins {
            self.cut = Some(begins);
        }
        Ok(Got::End)
    }

    /// Skips `len` octets.
    fn skip(&mut self, len: u64, begins: u64) -> io::Result<Got> {
        let got = io::copy(&mut Read::take(&mut self.reader, len), &mut io::sink())?;
        self.at += got;
        if got == len {
            return Ok(Got::Whole);
        }
        self.cut = Some(begins);
        Ok(Got::End)
    }
}

/// Byte order of the numbers in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    /// Returns the number at this offset of a record; 0 past its end.
    fn u16(self, octets: &[u8], at: usize) -> u16 {
        let octets = octets.get(at..).and_then(|rest| rest.first_chunk());
        octets.map_or(0, |octets| match self {
            Self::Little => u16::from_le_bytes(*octets),
            Self::Big => u16::from_be_bytes(*octets),
        })
    }

    fn u32(self, octets: &[u8], at: usize) -> u32 {
        let octets = octets.get(at..).and_then(|rest| rest.first_chunk());
        octets.map_or(0, |octets| match self {
            Self::Little => u32::from_le_bytes(*octets),
            Self::Big => u32::from_be_bytes(*octets),
        })
    }

    fn i64(self, octets: &[u8], at: usize) -> i64 {
        let octets = octets.get(at..).and_then(|rest| rest.first_chunk());
        octets.map_or(0, |octets| match self {
            Self::Little => i64::from_le_bytes(*octets),
            Self::Big => i64::from_be_bytes(*octets),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
