//! A MAC address with wildcard digits: `01:80:c2:00:00:0x` stands for the sixteen addresses that
//! the standards write as 01-80-C2-00-00-0X.

use core::fmt;
use core::str::FromStr;

use crate::MacAddr;

#[cfg(test)]
mod tests;

/// The wildcard for any hex digit.
const ANY: u8 = b'x';
const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// One address, or all addresses that match the given digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacPattern {
    value: MacAddr,
    /// 0xf for a given digit, 0 for a wildcard.
    mask: MacAddr,
}

impl MacPattern {
    /// Matches this address only.
    #[must_use]
    pub const fn exactly(address: MacAddr) -> Self {
        Self {
            value: address,
            mask: MacAddr([0xff; 6]),
        }
    }

    /// The given digits; a wildcard is 0.
    #[must_use]
    pub const fn value(&self) -> MacAddr {
        self.value
    }

    /// The mask: 0xf for a given digit, 0 for a wildcard.
    #[must_use]
    pub const fn mask(&self) -> MacAddr {
        self.mask
    }

    /// True if the address matches all given digits.
    #[must_use]
    pub fn matches(&self, address: MacAddr) -> bool {
        let octets = self.value.0.iter().zip(self.mask.0).zip(address.0);
        octets.fold(true, |same, ((value, mask), octet)| {
            same & (octet & mask == *value)
        })
    }

    /// True if all matching addresses are group addresses: the digit with the group bit is given,
    /// and has the bit set.
    #[must_use]
    pub const fn is_group(&self) -> bool {
        self.value.0[0] & self.mask.0[0] & 1 == 1
    }
}

impl fmt::Display for MacPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = self.value.0.into_iter().zip(self.mask.0);
        for (at, (value, mask)) in octets.enumerate() {
            if at > 0 {
                f.write_str(":")?;
            }
            for shift in [4, 0] {
                let digit = DIGITS[usize::from(value >> shift & 0xf)];
                let given = mask >> shift & 0xf != 0;
                write!(f, "{}", char::from(if given { digit } else { ANY }))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for MacPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a pattern: six pairs of hex digits or `x`, joined by colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMacPatternError;

impl fmt::Display for ParseMacPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "addresses are six pairs of hex digits joined by colons, x for any digit: 01:80:c2:00:00:0x",
        )
    }
}

impl core::error::Error for ParseMacPatternError {}

impl FromStr for MacPattern {
    type Err = ParseMacPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut pattern = Self {
            value: MacAddr([0; 6]),
            mask: MacAddr([0; 6]),
        };
        let mut pairs = text.split(':');
        for (value, mask) in pattern.value.0.iter_mut().zip(&mut pattern.mask.0) {
            let pair = pairs.next().ok_or(ParseMacPatternError)?;
            let &[high, low] = pair.as_bytes() else {
                return Err(ParseMacPatternError);
            };
            for digit in [high, low] {
                let (bits, given) = digit_of(digit).ok_or(ParseMacPatternError)?;
                *value = *value << 4 | bits;
                *mask = *mask << 4 | given;
            }
        }
        match pairs.next() {
            None => Ok(pattern),
            Some(_) => Err(ParseMacPatternError),
        }
    }
}

/// The value of a digit and its mask.
fn digit_of(digit: u8) -> Option<(u8, u8)> {
    let digit = digit.to_ascii_lowercase();
    if digit == ANY {
        return Some((0, 0));
    }
    (0..)
        .zip(DIGITS)
        .find_map(|(bits, of)| (of == digit).then_some((bits, 0xf)))
}
