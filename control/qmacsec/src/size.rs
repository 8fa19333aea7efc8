//! A number of octets in decimal units, in config files and arguments: `500MB`, `32GB`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A number of octets above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(u64);

/// A text that is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a whole number above 0 with its unit, like \"500MB\", \"32GB\" or \"2TB\"")]
pub struct NoSize;

/// Units, the largest first: powers of 1000.
const UNITS: [(&str, u64); 4] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
];

impl Size {
    /// A size in octets.
    #[must_use]
    pub const fn of(octets: u64) -> Self {
        Self(octets)
    }

    /// The number of octets.
    #[must_use]
    pub const fn octets(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = NoSize;

    fn from_str(text: &str) -> Result<Self, NoSize> {
        let upper = text.to_ascii_uppercase();
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((upper.strip_suffix(name)?, *unit)))
            .ok_or(NoSize)?;
        let number: u64 = number.trim().parse().map_err(|_| NoSize)?;
        let octets = number.checked_mul(unit).filter(|octets| *octets > 0);
        octets.map(Self).ok_or(NoSize)
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map_err(|error: NoSize| format!("is not a size; fix: {error}"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS
            .iter()
            .find(|(_, unit)| self.0.is_multiple_of(*unit) && self.0 > 0);
        match unit {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{} octets", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_in_their_own_form_and_in_others() {
        for (text, octets, shown) in [
            ("4GB", 4_000_000_000, "4GB"),
            ("2TB", 2_000_000_000_000, "2TB"),
            ("1500 kb", 1_500_000, "1500KB"),
            ("20mb", 20_000_000, "20MB"),
            ("32 GB", 32_000_000_000, "32GB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.octets(), size.to_string().as_str()), (octets, shown));
            assert_eq!(shown.parse(), Ok(size));
        }
        assert_eq!(Size::of(1234).to_string(), "1234 octets");
        for wrong in [
            "",
            "GB",
            "4",
            "-1MB",
            "0GB",
            "1.5GB",
            "4GiB",
            "99999999999TB",
        ] {
            assert_eq!(wrong.parse::<Size>(), Err(NoSize), "{wrong}");
        }
    }
}
