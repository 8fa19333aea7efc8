//! Sizes of a measurement: of a frame with its FCS, as in RFC 2544, or of a payload.

use core::fmt;
use core::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde::{Serialize, Serializer};

use crate::window::PAYLOAD_MAX;

/// Octets of the FCS, which ports never see.
pub(crate) const FCS_LEN: usize = 4;
/// The shortest frame of Ethernet, and the longest that is measured.
const FRAME_LENS: (usize, usize) = (64, 9216);

/// Lengths of a mix, and how often each comes. The mix of frames is that of FD.io CSIT, 353.8
/// octets in the mean.
type Mix = [(usize, usize); 3];
const FRAME_MIX: Mix = [(64, 7), (570, 4), (1518, 1)];
const PAYLOAD_MIX: Mix = [(64, 7), (576, 4), (1500, 1)];

/// A size in the tables, in octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Size<const FRAME: bool> {
    /// All have the same.
    Octets(usize),
    /// Three sizes at 7:4:1, in random order.
    Imix,
}

/// A size of frames, FCS included.
pub(crate) type FrameSize = Size<true>;
pub(crate) type PayloadSize = Size<false>;

impl<const FRAME: bool> Size<FRAME> {
    const MIX: Mix = if FRAME { FRAME_MIX } else { PAYLOAD_MIX };

    /// Sets of this many hold a whole number of mixes.
    pub(crate) fn whole(self) -> usize {
        match self {
            Self::Octets(_) => 1,
            Self::Imix => Self::MIX.iter().map(|&(_, times)| times).sum(),
        }
    }

    pub(crate) fn longest(self) -> usize {
        match self {
            Self::Octets(len) => len,
            Self::Imix => Self::MIX[2].0,
        }
    }

    /// Mean over `per_len` of the lengths.
    pub(crate) fn mean_of(self, per_len: impl Fn(usize) -> f64) -> f64 {
        match self {
            Self::Octets(len) => per_len(len),
            Self::Imix => {
                let weighted = Self::MIX.map(|(len, times)| per_len(len) * times as f64);
                weighted.iter().sum::<f64>() / self.whole() as f64
            }
        }
    }

    pub(crate) fn mean(self) -> f64 {
        self.mean_of(|len| len as f64)
    }

    pub(crate) fn octets(self) -> Option<usize> {
        match self {
            Self::Octets(len) => Some(len),
            Self::Imix => None,
        }
    }

    /// Gbit/s at a rate in million frames a second.
    pub(crate) fn gbit_s(self, mpps: f64) -> f64 {
        mpps * self.mean() * 8.0 / 1000.0
    }

    /// Lengths of this many frames as a port sees them, without FCS, or of payloads. The mix is
    /// exact and shuffled by `rng`.
    pub(crate) fn lens(self, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let fcs_len = if FRAME { FCS_LEN } else { 0 };
        let one: Vec<usize> = match self {
            Self::Octets(len) => vec![len - fcs_len],
            Self::Imix => {
                let mix = Self::MIX.into_iter();
                mix.flat_map(|(len, times)| core::iter::repeat_n(len - fcs_len, times))
                    .collect()
            }
        };
        let mut lens: Vec<usize> = one.into_iter().cycle().take(count).collect();
        if self == Self::Imix {
            shuffle(&mut lens, rng);
        }
        lens
    }
}

impl FrameSize {
    /// The sizes of RFC 2544, the mix, and jumbo.
    pub(crate) fn usual() -> Vec<Self> {
        let mut usual = [64, 128, 256, 512, 1024, 1280, 1518]
            .map(Self::Octets)
            .to_vec();
        usual.extend([Self::Imix, Self::Octets(9000)]);
        usual
    }
}

impl PayloadSize {
    pub(crate) fn usual() -> Vec<Self> {
        let mut usual = [48, 64, 128, 256, 512, 1024, 1500, 9000]
            .map(Self::Octets)
            .to_vec();
        usual.push(Self::Imix);
        usual
    }

    /// Frames of a whole number of bursts and, for the mix, of mixes; 32 or more.
    pub(crate) fn frames(self, burst: usize) -> usize {
        let mut frames = (burst..).step_by(burst);
        let fits = |frames: &usize| *frames >= 32 && frames.is_multiple_of(self.whole());
        frames.find(fits).unwrap_or(burst)
    }
}

/// Fisher and Yates. The bias of the remainder is far below what a benchmark can see.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        let other = rng.next_u32() as usize % (last + 1);
        items.swap(last, other);
    }
}

impl<const FRAME: bool> fmt::Display for Size<FRAME> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octets(len) => fmt::Display::fmt(len, f),
            Self::Imix => f.pad("imix"),
        }
    }
}

impl<const FRAME: bool> Serialize for Size<FRAME> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Octets(len) => serializer.serialize_u64(*len as u64),
            Self::Imix => serializer.serialize_str("imix"),
        }
    }
}

impl<const FRAME: bool> FromStr for Size<FRAME> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, (least, most)) = if FRAME {
            ("frame size: give octets with FCS", FRAME_LENS)
        } else {
            ("payload size: give octets", (1, PAYLOAD_MAX))
        };
        if text.eq_ignore_ascii_case("imix") {
            return Ok(Self::Imix);
        }
        let octets = text.parse().ok().filter(|len| (least..=most).contains(len));
        let octets = octets.map(Self::Octets);
        octets.ok_or_else(|| format!("`{text}` is no {what}, {least} to {most}, or `imix`"))
    }
}

#[cfg(test)]
mod tests;
