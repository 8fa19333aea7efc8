//! How long the frames of a measurement are. FCS included, as in RFC 2544; ports never see the FCS.

use core::fmt;
use core::str::FromStr;

use rand_chacha::ChaCha8Rng;
use serde::{Serialize, Serializer};

use crate::size::Mix;

/// Octets of the FCS.
pub const FCS_LEN: usize = 4;
/// The shortest frame of Ethernet.
const SHORTEST: usize = 64;
/// The longest frame that is measured.
const LONGEST: usize = 9216;
/// What a frame takes on a line beside its octets: preamble, start of frame, gap.
pub const LINE_OVERHEAD: usize = 20;

/// As FD.io CSIT has it: 353.8 octets in the mean.
const IMIX: Mix = Mix(&[(64, 7), (570, 4), (1518, 1)]);

/// One row of the tables: octets, FCS included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameSize {
    /// All frames have this many octets.
    Octets(usize),
    /// 64, 570 and 1518 octets at 7:4:1.
    Imix,
}

impl FrameSize {
    /// Those of RFC 2544, the mix, and jumbo.
    pub const USUAL: [Self; 9] = [
        Self::Octets(64),
        Self::Octets(128),
        Self::Octets(256),
        Self::Octets(512),
        Self::Octets(1024),
        Self::Octets(1280),
        Self::Octets(1518),
        Self::Imix,
        Self::Octets(9000),
    ];

    /// Frames of which a stock must be made, so that it is a whole number of mixes.
    #[must_use]
    pub fn whole(self) -> usize {
        match self {
            Self::Octets(_) => 1,
            Self::Imix => IMIX.count(),
        }
    }

    /// Lengths of that many frames as a port sees them, without FCS; the mix is shuffled.
    pub fn lens(self, frames: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut lens = match self {
            Self::Octets(len) => vec![len; frames],
            Self::Imix => IMIX.lens(frames, rng),
        };
        lens.iter_mut().for_each(|len| *len -= FCS_LEN);
        lens
    }

    /// Octets of the longest frame, FCS included.
    #[must_use]
    pub fn longest(self) -> usize {
        match self {
            Self::Octets(len) => len,
            Self::Imix => IMIX.longest(),
        }
    }

    /// Mean octets of a frame, FCS included.
    #[must_use]
    pub fn mean(self) -> f64 {
        match self {
            Self::Octets(len) => len as f64,
            Self::Imix => IMIX.mean(|len| len as f64),
        }
    }

    /// Octets, where all frames have the same.
    #[must_use]
    pub fn octets(self) -> Option<usize> {
        match self {
            Self::Octets(len) => Some(len),
            Self::Imix => None,
        }
    }

    /// Gbit/s of frames, FCS included, at so many million frames a second.
    #[must_use]
    pub fn gbit_s(self, mpps: f64) -> f64 {
        mpps * self.mean() * 8.0 / 1000.0
    }
}

impl fmt::Display for FrameSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octets(len) => fmt::Display::fmt(len, f),
            Self::Imix => f.pad("imix"),
        }
    }
}

/// A number, or `"imix"`.
impl Serialize for FrameSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Octets(len) => serializer.serialize_u64(*len as u64),
            Self::Imix => serializer.serialize_str("imix"),
        }
    }
}

/// A text that names no frame size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no frame size: give octets with FCS, {SHORTEST} to {LONGEST}, or `imix`")]
pub struct UnknownFrameSize(String);

impl FromStr for FrameSize {
    type Err = UnknownFrameSize;

    fn from_str(text: &str) -> Result<Self, UnknownFrameSize> {
        if text.eq_ignore_ascii_case("imix") {
            return Ok(Self::Imix);
        }
        match text.parse() {
            Ok(len) if (SHORTEST..=LONGEST).contains(&len) => Ok(Self::Octets(len)),
            _ => Err(UnknownFrameSize(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
