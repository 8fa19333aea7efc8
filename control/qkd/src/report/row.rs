//! The lines of a report: a name for programs, a name for people, a value and its unit.

use std::fmt;

use crate::readable::readable;

/// One line of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The part of the report.
    pub section: Section,
    /// Name for programs, which ends with the unit: `excess_noise_snu`. Unique in a report.
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
    /// The inputs.
    Inputs,
    /// The rate of infinite blocks and its intermediate results.
    Asymptotic,
    /// The rate of the link's block and its intermediate results.
    Finite,
    /// The key that a KME gets.
    Supply,
    /// The same link and block under other assumptions.
    Beside,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inputs => "link",
            Self::Asymptotic => "infinite blocks",
            Self::Finite => "blocks of this size",
            Self::Supply => "supply of a KME",
            Self::Beside => "the same link, other assumptions",
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
    /// Several numbers, all finite.
    Numbers(Vec<f64>),
    /// A word or a sentence.
    Text(String),
    /// There is no value, for the given reason.
    None(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&readable(*number)),
            Self::Count(count) => write!(f, "{count}"),
            Self::Numbers(numbers) => {
                let texts: Vec<_> = numbers.iter().copied().map(readable).collect();
                f.write_str(&texts.join(" "))
            }
            Self::Text(text) => f.write_str(text),
            Self::None(why) => write!(f, "none ({why})"),
        }
    }
}

/// The lines of one section under construction.
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
