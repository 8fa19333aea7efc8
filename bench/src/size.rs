//! How long the payloads of a measurement are.

use core::fmt;
use core::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde::{Serialize, Serializer};

use crate::window::PAYLOAD_MAX;

/// A mix of lengths: octets, and how often of [`Mix::count`].
pub(crate) struct Mix(pub(crate) &'static [(usize, usize)]);

/// Simple IMIX of payloads.
const IMIX: Mix = Mix(&[(64, 7), (576, 4), (1500, 1)]);

impl Mix {
    /// So many make one whole mix.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|&(_, times)| times).sum()
    }

    /// That many lengths, as near to the mix as they can be, shuffled by `rng`.
    pub(crate) fn lens(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let one_mix = self.0.iter();
        let one_mix = one_mix.flat_map(|&(len, times)| core::iter::repeat_n(len, times));
        let mut lens: Vec<usize> = one_mix.cycle().take(count).collect();
        shuffle(&mut lens, rng);
        lens
    }

    /// Octets of the longest.
    pub(crate) fn longest(&self) -> usize {
        self.0.iter().map(|&(len, _)| len).max().unwrap_or(0)
    }

    /// Mean over `per_len` of the lengths.
    pub(crate) fn mean(&self, per_len: impl Fn(usize) -> f64) -> f64 {
        let weighted = self
            .0
            .iter()
            .map(|&(len, times)| per_len(len) * times as f64);
        weighted.sum::<f64>() / self.count() as f64
    }
}

/// One column of the tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// All payloads have this many octets.
    Octets(usize),
    /// 64, 576 and 1500 octets at 7:4:1 in random order.
    Imix,
}

impl Size {
    /// What is measured unless the user says otherwise.
    pub const USUAL: [Self; 9] = [
        Self::Octets(48),
        Self::Octets(64),
        Self::Octets(128),
        Self::Octets(256),
        Self::Octets(512),
        Self::Octets(1024),
        Self::Octets(1500),
        Self::Octets(9000),
        Self::Imix,
    ];

    /// Frames that make a whole number of bursts and, for the mix, of mixes; 32 or more.
    #[must_use]
    pub fn frames(self, burst: usize) -> usize {
        let whole = match self {
            Self::Octets(_) => burst,
            Self::Imix => lcm(burst, IMIX.count()),
        };
        whole * 32_usize.div_ceil(whole)
    }

    /// Lengths of that many payloads, octets; the mix is exact and shuffled by `rng`.
    pub fn payload_lens(self, frames: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        match self {
            Self::Octets(len) => vec![len; frames],
            Self::Imix => IMIX.lens(frames, rng),
        }
    }

    /// Length of the longest payload, octets.
    #[must_use]
    pub fn longest(self) -> usize {
        match self {
            Self::Octets(len) => len,
            Self::Imix => IMIX.longest(),
        }
    }

    /// Mean over `per_len` of the lengths of the payloads.
    #[must_use]
    pub fn mean(self, per_len: impl Fn(usize) -> f64) -> f64 {
        match self {
            Self::Octets(len) => per_len(len),
            Self::Imix => IMIX.mean(per_len),
        }
    }
}

pub(crate) fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

/// Fisher and Yates. The bias of the remainder is far below what a benchmark can see.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        let other = rng.next_u32() as usize % (last + 1);
        items.swap(last, other);
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octets(len) => fmt::Display::fmt(len, f),
            Self::Imix => f.pad("imix"),
        }
    }
}

/// A number, or `"imix"`.
impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Octets(len) => serializer.serialize_u64(*len as u64),
            Self::Imix => serializer.serialize_str("imix"),
        }
    }
}

/// A text that names no size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no payload size: give octets, 1 to {PAYLOAD_MAX}, or `imix`")]
pub struct UnknownSize(String);

impl FromStr for Size {
    type Err = UnknownSize;

    fn from_str(text: &str) -> Result<Self, UnknownSize> {
        if text.eq_ignore_ascii_case("imix") {
            return Ok(Self::Imix);
        }
        match text.parse() {
            Ok(len) if (1..=PAYLOAD_MAX).contains(&len) => Ok(Self::Octets(len)),
            _ => Err(UnknownSize(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
