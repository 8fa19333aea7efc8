//! Whole numbers as clients write them. JSON has one number type (RFC 8259 6): `1`, `1.0` and `1e0`
//! are equal, and some clients keep all numbers as floats. `"1"` is a string, not a number.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// Up to this value a float is parsed exactly, however many digits follow the point. All our limits
/// are far below it.
const EXACT_MAX: f64 = 1e12;

/// A whole number, at least zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Whole(u64);

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, 0 or more")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        if number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number) {
            Ok(number as u64)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor).map(Self)
    }
}

/// Reads a field that may be absent or `null`.
///
/// # Errors
/// The field holds anything else than a whole number.
pub fn optional<'de, D: Deserializer<'de>>(number: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<Whole>::deserialize(number)?;
    Ok(number.map(|Whole(number)| number))
}

/// The same for a query, where all values are text.
///
/// # Errors
/// The text is no whole number.
pub fn from_text<'de, D: Deserializer<'de>>(text: D) -> Result<Option<u64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(text)? else {
        return Ok(None);
    };
    match serde_json::from_str(&text) {
        Ok(Whole(number)) => Ok(Some(number)),
        Err(_) => {
            let found = Unexpected::Str(&text);
            Err(D::Error::invalid_value(found, &WholeVisitor))
        }
    }
}

#[cfg(test)]
mod tests;
