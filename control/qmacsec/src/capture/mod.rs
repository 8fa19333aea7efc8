//! Captures of the line as tcpdump, Wireshark and switches write them: classic pcap (microseconds,
//! nanoseconds, modified) and pcapng, of either byte order, with Ethernet or Linux cooked frames.
//!
//! A capture is read as a stream: one record is in memory at a time. A file that ends inside a
//! record gives all whole records before it. What cannot be read is told by name, never left out in
//! silence. We read the formats ourselves because the libraries at hand do not give the byte order
//! of modified files, the offset of an interface's clock, or where a cut file ends.

mod link;
mod pcap;
mod pcapng;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

pub(crate) use link::Link;

/// Octets read ahead.
const BUFFER: usize = 256 << 10;
/// Octets of the longest frame: more than any offload makes.
const FRAME_MAX: u32 = 1 << 20;

/// Why a capture cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A file of another kind.
    #[error("is {0}; fix: give a pcap or pcapng file")]
    NoCapture(&'static str),
    /// Octets that the format does not allow.
    #[error("is broken at octet {at}: {what}")]
    Broken {
        /// Where the record begins.
        at: u64,
        /// What is wrong.
        what: String,
    },
}

/// One frame of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Milliseconds since 1970; `None` where the format has no time.
    pub(crate) at_ms: Option<u64>,
    /// How its octets begin.
    pub(crate) link: Link,
    /// The octets that were captured, without FCS.
    pub(crate) octets: &'a [u8],
    /// Octets of the frame on the line, without FCS.
    pub(crate) len: usize,
}

impl<'a> Frame<'a> {
    /// Leaves out the FCS, where it was captured.
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
    /// Opens a capture; what is no regular file is first copied to a temporary one, because captures
    /// are read twice.
    ///
    /// # Errors
    /// Unreadable, or no capture: what it is instead.
    pub(crate) fn open(path: &Path) -> Result<Self, CaptureError> {
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            let mut copy = tempfile::tempfile()?;
            io::copy(&mut file, &mut copy)?;
            file = copy;
        }
        Self::of(file)
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

    /// Reads it again from its beginning.
    ///
    /// # Errors
    /// As [`Capture::open`].
    pub(crate) fn again(self) -> Result<Self, CaptureError> {
        Self::of(self.input.reader.into_inner())
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// The capture is broken; it cannot be read further.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.input),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.input),
        }
    }

    /// Where the last record begins, if the file ends inside of it.
    pub(crate) const fn cut(&self) -> Option<u64> {
        self.input.cut
    }
}

/// The file, and the record that was read last.
struct Input {
    reader: BufReader<File>,
    /// Octets read so far.
    at: u64,
    record: Vec<u8>,
    cut: Option<u64>,
}

/// Whether a record was read, or the file ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Got {
    Whole,
    /// Before the first octet, or inside of it: then [`Input::cut`] is set.
    End,
}

impl Input {
    /// Reads so many octets into `record`, behind the first `keep` that are there already. `begins`
    /// is where the whole record begins.
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

    /// Leaves out so many octets.
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

/// How the numbers of a file are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    /// The number at a place of a record; 0 behind its end.
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
