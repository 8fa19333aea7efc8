//! Reads a TOML file into a config struct. Unknown keys are mistakes, and each mistake names file,
//! key, value and fix.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::{ConfigError, Mistakes};

/// Limit for the length of a config file, which has a page or two of text.
const FILE_LEN_MAX: usize = 1 << 20;
/// Limit of mistakes in one report.
const MISTAKES_MAX: usize = 32;

/// Reads and parses `file`.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<T, ConfigError> {
    parse(file, &text(file)?)
}

/// Reads `file`, up to the length limit of a config.
pub(crate) fn text(file: &Path) -> Result<String, ConfigError> {
    let unreadable = |problem: String| {
        ConfigError::new(file, "", format!("cannot be read: {problem}"))
            .fix("give the path of a readable TOML file with --config")
    };
    let octets = keyclient::file::read(file, FILE_LEN_MAX);
    let octets = octets.map_err(|error| unreadable(error.to_string()))?;
    String::from_utf8(octets.to_vec()).map_err(|_| unreadable("is not text in UTF-8".to_owned()))
}

/// Parses `text` as far as possible. Each unreadable part is reported and blanked, so that the
/// parts after it are checked too. The value is `None` if something required is missing.
pub(crate) fn parse_all<T: DeserializeOwned>(file: &Path, text: &str) -> (Option<T>, Mistakes) {
    let (mut text, mut mistakes) = (text.to_owned(), Mistakes::default());
    let mut left_out = Vec::new();
    for _ in 0..MISTAKES_MAX {
        let fault = match attempt::<T>(file, &text) {
            Ok(parsed) => return (Some(parsed), mistakes),
            Err(fault) => fault,
        };
        let missing = fault.missing_in();
        if missing.as_ref().is_none_or(|key| !left_out.contains(key)) {
            mistakes.add(fault.mistake);
        }
        let Some(span) = fault.span.filter(|_| fault.key != ".") else {
            break;
        };
        let lines = match missing {
            // A section that lacks a required key is blanked as a whole.
            Some(_) => section_around(&text, span.start),
            None => lines_of(&text, &span),
        };
        // A blanked key is not missing.
        left_out.push(fault.key.clone());
        let section = fault.key.split(['.', '[']).next().unwrap_or_default();
        left_out.push(section.to_owned());
        blank(&mut text, lines);
    }
    (None, mistakes)
}

/// Parses `text`; `file` is for messages only.
pub(crate) fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ConfigError> {
    attempt(file, text).map_err(|fault| fault.mistake)
}

/// A mistake in a text.
struct Fault {
    mistake: ConfigError,
    /// Path of the key; `.` for the whole file.
    key: String,
    /// Its octets in the text; `None` if the text is not valid TOML.
    span: Option<Range<usize>>,
    /// The key that is missing in `key`.
    missing: Option<String>,
}

impl Fault {
    /// Returns the path of the missing key.
    fn missing_in(&self) -> Option<String> {
        let missing = self.missing.as_ref()?;
        Some(match self.key.as_str() {
            "." => missing.clone(),
            section => format!("{section}.{missing}"),
        })
    }
}

fn attempt<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, Box<Fault>> {
    let syntax = |error: &toml::de::Error| Fault {
        mistake: ConfigError::new(file, at_line(text, error), error.message().to_owned())
            .fix("the file is TOML: [section] lines, then key = \"value\" lines"),
        key: ".".to_owned(),
        span: None,
        missing: None,
    };
    let document = toml::Deserializer::parse(text).map_err(|error| Box::new(syntax(&error)))?;
    serde_path_to_error::deserialize(document).map_err(|error| {
        let key = error.path().to_string();
        let inner = error.into_inner();
        let missing = inner.message().strip_prefix("missing field ");
        let (problem, mut fix) = split_fix(inner.message());
        if is_section(text, &inner) && inner.message().ends_with(", expected a sequence") {
            fix = Some(format!("write [[{key}]]"));
        }
        let mut mistake = if key == "." {
            ConfigError::new(file, at_line(text, &inner), problem)
        } else {
            ConfigError::new(file, format!("{} ({key})", at_line(text, &inner)), problem)
        };
        if let Some(value) = value_at(text, &inner) {
            mistake = mistake.value(value);
        }
        if let Some(fix) = fix {
            mistake = mistake.fix(fix);
        }
        Box::new(Fault {
            mistake,
            missing: missing.map(|name| name.trim_matches('`').to_owned()),
            key,
            span: inner.span(),
        })
    })
}

/// Returns the lines that hold the octets of `span`.
fn lines_of(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.get(..span.start).and_then(|before| before.rfind('\n'));
    let behind = span.end.max(span.start + 1).min(text.len());
    let end = text.get(behind..).and_then(|after| after.find('\n'));
    start.map_or(0, |at| at + 1)..end.map_or(text.len(), |len| behind + len)
}

/// Returns the lines of the section that contains this octet, with its header.
fn section_around(text: &str, octet: usize) -> Range<usize> {
    let mut section = 0..text.len();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            if at > octet {
                section.end = at;
                break;
            }
            section.start = at;
        }
        at += line.len();
    }
    section
}

/// Blanks lines but keeps their newlines, so that later line numbers stay correct.
fn blank(text: &mut String, lines: Range<usize>) {
    if let Some(old) = text.get(lines.clone()) {
        let empty: String = old.chars().filter(|char| *char == '\n').collect();
        text.replace_range(lines, &empty);
    }
}

/// Splits off the fix: messages of our own value types end with `; fix: ...`.
fn split_fix(message: &str) -> (String, Option<String>) {
    let first_line = message.lines().next().unwrap_or(message);
    if let Some((problem, fix)) = first_line.split_once("; fix: ") {
        return (problem.to_owned(), Some(fix.to_owned()));
    }
    let fix = if first_line.starts_with("unknown field") {
        Some("correct the spelling, or delete the line: unknown keys are never ignored".to_owned())
    } else if let Some(rest) = first_line.strip_prefix("missing field ") {
        Some(format!("add the line {} = ...", rest.trim_matches('`')))
    } else if first_line == "invalid socket address syntax" {
        Some("write address and port: \"127.0.0.1:8443\"".to_owned())
    } else {
        first_line
            .rsplit_once(", expected ")
            .map(|(_, kind)| format!("write {}", in_words(kind)))
    };
    (first_line.to_owned(), fix)
}

/// Describes the type that serde expects in plain words.
fn in_words(kind: &str) -> String {
    let upto = |largest: u64| format!("a whole number from 0 to {largest}, without quotes");
    match kind {
        "u8" => upto(u8::MAX.into()),
        "u16" => upto(u16::MAX.into()),
        "u32" => upto(u32::MAX.into()),
        "u64" | "usize" => "a whole number, 0 or more, without quotes".to_owned(),
        "f64" => "a number, without quotes".to_owned(),
        "a boolean" => "true or false, without quotes".to_owned(),
        "a string" | "a borrowed string" | "path string" => "text in quotes".to_owned(),
        "a sequence" => "a list: [\"...\", \"...\"]".to_owned(),
        other => other.to_owned(),
    }
}

fn at_line(text: &str, error: &toml::de::Error) -> String {
    match error.span() {
        Some(span) => {
            let line = text.get(..span.start).unwrap_or("").lines().count().max(1);
            let starts_line = text
                .get(..span.start)
                .is_some_and(|before| before.ends_with('\n'));
            format!("line {}", line + usize::from(starts_line && span.start > 0))
        }
        None => "the file".to_owned(),
    }
}

/// True if the mistake is about a section: `[peer]` where `[[peer]]` is expected.
fn is_section(text: &str, error: &toml::de::Error) -> bool {
    let value = error.span().and_then(|span| text.get(span));
    value.is_some_and(|value| value.trim_start().starts_with('['))
        && error.message().contains("invalid type: map")
}

fn value_at(text: &str, error: &toml::de::Error) -> Option<String> {
    let value = text.get(error.span()?)?.trim();
    let one_line = !value.contains('\n') && !value.is_empty() && value.len() <= 80;
    one_line.then(|| value.to_owned())
}
