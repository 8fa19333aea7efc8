//! Reads the entry of a key from a line exactly as we write it: the millions of lines of a
//! verification. Any other line is left to the JSON parser, which decides what is an entry.

use super::entry::{Entry, What};
use super::record::Record;

/// Reads a line into an entry and reuses its strings. Returns false if the line has another form;
/// the entry then holds no useful content.
pub(super) fn read(line: &[u8], entry: &mut Entry) -> bool {
    if !matches!(entry.what, What::Key(_)) {
        entry.what = What::Key(Record::default());
    }
    let What::Key(record) = &mut entry.what else {
        return false;
    };
    let mut rest = Rest(line);
    let read = rest
        .number("{\"number\":", &mut entry.number)
        .and_then(|()| rest.text(",\"previous\":\"", &mut entry.previous))
        .and_then(|()| rest.record(record))
        .and_then(|()| rest.text("},\"hash\":\"", &mut entry.hash))
        .and_then(|()| rest.literal("}\n"));
    read.is_some() && rest.0.is_empty()
}

/// The part of a line that is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn record(&mut self, record: &mut Record) -> Option<()> {
        record.passport = None; // its quotes are escaped: the JSON parser reads it
        self.text(",\"record\":{\"encryptor\":\"", &mut record.encryptor)?;
        self.text(",\"direction\":\"", &mut record.direction)?;
        self.text(",\"sender\":\"", &mut record.sender)?;
        self.text(",\"key_id\":\"", &mut record.key_id)?;
        self.text(",\"origin\":\"", &mut record.origin)?;
        self.number(",\"root\":", &mut record.root)?;
        self.text(",\"suite\":\"", &mut record.suite)?;
        self.number(",\"an\":", &mut record.an)?;
        self.number(",\"epoch\":", &mut record.epoch)?;
        self.number(",\"installed_ms\":", &mut record.installed_ms)?;
        record.first_frame_ms = self.time(",\"first_frame_ms\":")?;
        record.last_frame_ms = self.time(",\"last_frame_ms\":")?;
        self.number(",\"frames\":", &mut record.frames)?;
        self.number(",\"wiped_ms\":", &mut record.wiped_ms)
    }

    fn literal(&mut self, literal: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(literal.as_bytes())?;
        Some(())
    }

    /// Printable ASCII without escapes, up to its closing quote.
    fn text(&mut self, name: &str, into: &mut String) -> Option<()> {
        self.literal(name)?;
        let end = self.0.iter().position(|octet| *octet == b'"')?;
        let (text, rest) = self.0.split_at(end);
        let strange = |octet: &u8| !(0x20..0x7f).contains(octet) || *octet == b'\\';
        if text.iter().fold(false, |any, octet| any | strange(octet)) {
            return None;
        }
        self.0 = &rest[1..];
        into.clear();
        into.push_str(std::str::from_utf8(text).ok()?);
        Some(())
    }

    fn number<T: TryFrom<u64>>(&mut self, name: &str, into: &mut T) -> Option<()> {
        self.literal(name)?;
        *into = T::try_from(self.digits()?).ok()?;
        Some(())
    }

    fn time(&mut self, name: &str) -> Option<Option<u64>> {
        self.literal(name)?;
        if self.literal("null").is_some() {
            return Some(None);
        }
        Some(Some(self.digits()?))
    }

    /// A number without leading zeros, of at most 19 digits: no such number is too large.
    fn digits(&mut self) -> Option<u64> {
        const DIGITS_MAX: usize = 19;
        let digit = |octet: &u8| octet.is_ascii_digit();
        let len = self.0.iter().take_while(|octet| digit(octet)).count();
        let (digits, rest) = self.0.split_at(len);
        let zeros_before = len > 1 && digits.first() == Some(&b'0');
        if len == 0 || len > DIGITS_MAX || zeros_before {
            return None;
        }
        self.0 = rest;
        Some(
            digits
                .iter()
                .fold(0, |number, digit| number * 10 + u64::from(digit - b'0')),
        )
    }
}

#[cfg(test)]
mod tests;
