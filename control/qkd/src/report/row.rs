//! The lines of a report: a name for programs, one for people, a value and its unit.

use std::fmt;

/// One line of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which part of the report it belongs to.
    pub section: Section,
    /// Name for programs, with the unit at its end: `excess_noise_snu`. Unique in a report.
    pub key: &'static str,
    /// Name for people.
    pub label: String,
    /// The value.
    pub value: Value,
    /// Unit; empty for a pure number or a text.
    pub unit: &'static str,
}

/// The parts of a report, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// What was given.
    Inputs,
    /// The rate of endless blocks and what leads to it.
    Asymptotic,
    /// The rate of the link's block and what leads to it.
    Finite,
    /// What a KME gets.
    Supply,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inputs => "link",
            Self::Asymptotic => "endless blocks",
            Self::Finite => "blocks of this size",
            Self::Supply => "what a KME gets",
        })
    }
}

/// A value of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A finite number.
    Number(f64),
    /// A whole number.
    Count(u64),
    /// A word or a sentence.
    Text(String),
    /// There is none, for the reason given.
    None(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&readable(*number)),
            Self::Count(count) => write!(f, "{count}"),
            Self::Text(text) => f.write_str(text),
            Self::None(why) => write!(f, "none ({why})"),
        }
    }
}

/// The lines of one section, being written.
pub(super) struct Lines<'a> {
    pub(super) section: Section,
    pub(super) rows: &'a mut Vec<Row>,
}

impl Lines<'_> {
    pub(super) fn push(
        &mut self,
        key: &'static str,
        label: impl Into<String>,
        value: Value,
        unit: &'static str,
    ) {
        self.rows.push(Row {
            section: self.section,
            key,
            label: label.into(),
            value,
            unit,
        });
    }

    pub(super) fn number(
        &mut self,
        key: &'static str,
        label: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) {
        self.push(key, label, Value::Number(value), unit);
    }

    pub(super) fn count(&mut self, key: &'static str, label: &str, value: u64, unit: &'static str) {
        self.push(key, label, Value::Count(value), unit);
    }

    pub(super) fn text(&mut self, key: &'static str, label: &str, value: String) {
        self.push(key, label, Value::Text(value), "");
    }
}

/// Six significant digits, without zeros at the end; powers of ten where a number would grow long.
pub(super) fn readable(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let magnitude = number.abs();
    if !(1e-4..1e9).contains(&magnitude) {
        return trimmed(&format!("{number:.5e}"));
    }
    let before_point = magnitude.log10().floor() as i32 + 1;
    let decimals = usize::try_from(6 - before_point).unwrap_or(0);
    trimmed(&format!("{number:.decimals$}"))
}

/// Takes the zeros off the end of the fraction, in front of an exponent if there is one.
fn trimmed(text: &str) -> String {
    let (mantissa, exponent) = text.find('e').map_or((text, ""), |at| text.split_at(at));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    format!("{mantissa}{exponent}")
}
