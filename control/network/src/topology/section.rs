//! The keys of one section of a topology file, each with its line. Every mistake is collected.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::mistake::{Mistake, Mistakes};

/// Most mistakes that are kept. A file with more is something else than a topology.
const FOUND_MAX: usize = 1000;

/// The mistakes found in a file so far.
pub(super) struct Findings<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<Mistake>,
}

/// A place in the file: the offset of an octet.
pub(super) type Place = usize;

impl<'t> Findings<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            found: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, place: Place, problem: impl Display, fix: impl Display) {
        if self.found.len() >= FOUND_MAX {
            return;
        }
        let line = self.line(place);
        self.found.push(Mistake {
            file: self.file.to_owned(),
            line,
            problem: one_line(&problem.to_string()),
            fix: one_line(&fix.to_string()),
        });
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, place: Place) -> usize {
        let before = self
            .text
            .as_bytes()
            .get(..place)
            .unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|octet| **octet == b'\n').count()
    }

    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_mistakes(self) -> Mistakes {
        Mistakes::new(self.found)
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// A section of the file and the keys that it may have.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    /// Its header, such as `[[link]]`.
    pub(super) header: &'static str,
    pub(super) table: &'a DeTable<'a>,
    pub(super) place: Place,
}

impl<'a> Section<'a> {
    /// Finds keys that this section does not have.
    pub(super) fn refuse_others(&self, keys: &[&str], findings: &mut Findings<'_>) {
        for key in self.table.keys() {
            if !keys.contains(&key.get_ref().as_ref()) {
                findings.add(
                    key.span().start,
                    format_args!("{:?} is no key of {}", key.get_ref(), self.header),
                    format_args!("use one of {}", keys.join(", ")),
                );
            }
        }
    }

    /// The value of a key and its place.
    pub(super) fn value(&self, key: &str) -> Option<(&'a DeValue<'a>, Place)> {
        let value: &Spanned<DeValue<'a>> = self.table.get(key)?;
        Some((value.get_ref(), value.span().start))
    }

    /// A text.
    pub(super) fn text(
        &self,
        key: &str,
        like: &str,
        findings: &mut Findings<'_>,
    ) -> Option<(&'a str, Place)> {
        let (value, place) = self.value(key)?;
        let text = value.as_str();
        if text.is_none() {
            findings.add(
                place,
                format_args!("{key} is not a text"),
                format_args!("write {like}"),
            );
        }
        text.map(|text| (text, place))
    }

    /// A number in this range.
    pub(super) fn number(
        &self,
        key: &str,
        range: &RangeInclusive<f64>,
        findings: &mut Findings<'_>,
    ) -> Option<f64> {
        let (value, place) = self.value(key)?;
        let number = match value {
            DeValue::Integer(whole) if whole.radix() == 10 => whole.as_str().parse().ok(),
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => None,
        };
        // NaN is in no range. Adding zero makes the negative zero the positive one.
        let inside = number
            .filter(|number| range.contains(number))
            .map(|number: f64| number + 0.0);
        if inside.is_none() {
            let given = number.map_or_else(String::new, |number| format!(" {number}"));
            let (least, most) = (range.start(), range.end());
            findings.add(
                place,
                format_args!("{key}{given} is not a number from {least} to {most}"),
                "give a number in that range",
            );
        }
        inside
    }

    /// A whole number in this range.
    pub(super) fn whole(
        &self,
        key: &str,
        range: &RangeInclusive<u32>,
        findings: &mut Findings<'_>,
    ) -> Option<u32> {
        let (value, place) = self.value(key)?;
        let number = match value {
            DeValue::Integer(whole) => u32::from_str_radix(whole.as_str(), whole.radix()).ok(),
            _ => None,
        };
        let inside = number.filter(|number| range.contains(number));
        if inside.is_none() {
            let (least, most) = (range.start(), range.end());
            findings.add(
                place,
                format_args!("{key} is not a whole number from {least} to {most}"),
                "give a whole number in that range",
            );
        }
        inside
    }
}
