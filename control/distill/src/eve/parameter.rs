//! A value of an attack.

use qkd::OutOfRange;

/// Name, unit, range and default of a value.
pub(super) struct Parameter {
    pub(super) field: &'static str,
    /// A unit that may follow the number; empty if none.
    pub(super) unit: &'static str,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) fix: &'static str,
    pub(super) default: f64,
}

impl Parameter {
    /// The number of a text, with or without the unit. In dB it is a loss and becomes the share
    /// lost.
    pub(super) fn number(&self, text: &str) -> Option<f64> {
        let with_unit = text
            .strip_suffix(self.unit)
            .filter(|_| !self.unit.is_empty());
        let number: f64 = with_unit.unwrap_or(text).parse().ok()?;
        Some(match with_unit {
            Some(_) if self.unit == "dB" => 1.0 - 10f64.powf(-number / 10.0),
            _ => number,
        })
    }

    pub(super) fn check(&self, value: f64) -> Result<f64, OutOfRange> {
        // NaN is in no range.
        if (self.min..=self.max).contains(&value) {
            return Ok(value);
        }
        Err(OutOfRange {
            field: self.field,
            value,
            unit: if self.unit == "dB" { "" } else { self.unit },
            min: self.min,
            max: self.max,
            fix: self.fix,
        })
    }
}
