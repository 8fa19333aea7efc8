//! Reading a TOML file into a config struct: unknown keys are mistakes, and each mistake names
//! file, key, value and mend.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::ConfigError;

/// A config file is a page or two of text; more is not a config file.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Reads and parses `file`.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<T, ConfigError> {
    parse(file, &text(file)?)
}

/// Reads `file`, which must be no longer than a config is.
pub(crate) fn text(file: &Path) -> Result<String, ConfigError> {
    let unreadable = |error: std::io::Error| {
        ConfigError::new(file, "", format!("cannot be read: {error}"))
            .mend("give the path of a readable TOML file with --config")
    };
    let len = std::fs::metadata(file).map_err(unreadable)?.len();
    if len > FILE_LEN_MAX {
        return Err(ConfigError::new(
            file,
            "",
            format!("has {len} octets; a config has at most {FILE_LEN_MAX}"),
        ));
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

/// Parses `text`; `file` is for messages only.
pub(crate) fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ConfigError> {
    let syntax = |error: &toml::de::Error| {
        ConfigError::new(file, at_line(text, error), error.message().to_owned())
            .mend("the file is TOML: [section] lines, then key = \"value\" lines")
    };
    let document = toml::Deserializer::parse(text).map_err(|error| syntax(&error))?;
    serde_path_to_error::deserialize(document).map_err(|error| {
        let key = error.path().to_string();
        let inner = error.into_inner();
        let (problem, mend) = split_mend(inner.message());
        let mut mistake = if key == "." {
            ConfigError::new(file, at_line(text, &inner), problem)
        } else {
            ConfigError::new(file, format!("{} ({key})", at_line(text, &inner)), problem)
        };
        if let Some(value) = value_at(text, &inner) {
            mistake = mistake.value(value);
        }
        match mend {
            Some(mend) => mistake.mend(mend),
            None => mistake,
        }
    })
}

/// Our own value types end their messages with `; mend: ...`.
fn split_mend(message: &str) -> (String, Option<String>) {
    let first_line = message.lines().next().unwrap_or(message);
    if let Some((problem, mend)) = first_line.split_once("; mend: ") {
        return (problem.to_owned(), Some(mend.to_owned()));
    }
    let mend = if first_line.starts_with("unknown field") {
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
    (first_line.to_owned(), mend)
}

/// What serde expects, as people say it.
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

fn value_at(text: &str, error: &toml::de::Error) -> Option<String> {
    let value = text.get(error.span()?)?.trim();
    let one_line = !value.contains('\n') && !value.is_empty() && value.len() <= 80;
    one_line.then(|| value.to_owned())
}
