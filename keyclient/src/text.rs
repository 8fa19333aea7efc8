//! The texts in the body of a failure: JSON of any structure, a web page, XML or plain text.

use kme_api::field_name::{self, MESSAGE_NAMES, message_rank};
use serde_json::Value;

/// Limit for the texts of one body.
const TEXTS_MAX: usize = 64;

/// Rank of a text under a name that servers do not use for messages.
const LAST: usize = MESSAGE_NAMES.len();

/// The texts of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    /// The text that is most likely the message. May be empty.
    pub(crate) head: String,
    /// The other texts.
    pub(crate) rest: Vec<String>,
    /// The body is a web page or XML.
    pub(crate) page: bool,
}

impl Texts {
    /// Finds the texts. `kind` is the `Content-Type` in lower case.
    pub(crate) fn of(body: &[u8], kind: &str) -> Self {
        let body = body.trim_ascii();
        if let Ok(value) = serde_json::from_slice(body) {
            return Self::of_json(&value);
        }
        if body.first() == Some(&b'<') {
            return of_page(&String::from_utf8_lossy(body), kind);
        }
        // Octets that are not text have no words, unless the server calls them text.
        let head = match str::from_utf8(body) {
            Ok(text) => text.to_owned(),
            Err(_) if kind.starts_with("text/") => String::from_utf8_lossy(body).into_owned(),
            Err(_) => String::new(),
        };
        Self {
            head,
            ..Self::default()
        }
    }

    /// Finds the texts in JSON.
    pub(crate) fn of_json(value: &Value) -> Self {
        let mut found = Vec::new();
        walk(value, 0, &mut found);
        found.sort_by_key(|(rank, _)| *rank); // stable: else in the order of the body
        let mut texts = found.into_iter().map(|(_, text)| text.to_owned());
        Self {
            head: texts.next().unwrap_or_default(),
            rest: texts.collect(),
            page: false,
        }
    }

    /// All texts, the likeliest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        let rest = self.rest.iter().map(String::as_str);
        core::iter::once(self.head.as_str()).chain(rest)
    }
}

/// Collects the strings of a JSON value. The parser limits the depth.
fn walk<'a>(value: &'a Value, above: usize, found: &mut Vec<(usize, &'a str)>) {
    match value {
        _ if found.len() >= TEXTS_MAX => {}
        // A single word under an unknown name is a value, not a text.
        Value::String(text) if above < LAST || text.trim().contains(' ') => {
            found.push((above, text));
        }
        Value::Array(elements) => elements.iter().for_each(|e| walk(e, above, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let name = field_name::plain(name);
                // Never quote what may be a key.
                if !matches!(name.as_str(), "key" | "keys") {
                    walk(value, message_rank(&name).unwrap_or(LAST), found);
                }
            }
        }
        _ => {}
    }
}

/// The texts between the tags. Of a web page only the title is likely to be the message.
fn of_page(text: &str, kind: &str) -> Texts {
    let lower = text.to_ascii_lowercase();
    let html =
        kind.contains("html") || lower.contains("<html") || lower.starts_with("<!doctype html");
    let xml = !html && (kind.contains("xml") || lower.starts_with("<?xml"));
    let mut found = Vec::new();
    let mut hidden = false;
    for piece in text.split('<').skip(1) {
        let Some((tag, text)) = piece.split_once('>') else {
            continue; // no tag
        };
        let tag = tag.split([' ', '/', '\t']).next().unwrap_or_default();
        let tag = field_name::plain(tag);
        hidden = match tag.as_str() {
            "script" | "style" => true,
            "" => hidden && !["/script", "/style"].iter().any(|end| begins(piece, end)),
            _ => hidden,
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if hidden || text.is_empty() || found.len() >= TEXTS_MAX {
            continue;
        }
        let rank = match tag.as_str() {
            "title" => 0,
            "h1" => 1,
            tag if xml => message_rank(tag).unwrap_or(LAST - 1),
            _ => LAST,
        };
        found.push((rank, decoded(&text)));
    }
    found.sort_by_key(|(rank, _)| *rank);
    let has_head = found.first().is_some_and(|(rank, _)| *rank < LAST);
    let mut texts = found.into_iter().map(|(_, text)| text);
    Texts {
        head: has_head.then(|| texts.next()).flatten().unwrap_or_default(),
        rest: texts.collect(),
        page: true,
    }
}

fn begins(text: &str, start: &str) -> bool {
    let head = text.get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// Decodes the character references that error pages use.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for (reference, character) in [
        ("&nbsp;", " "),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        text = text.replace(reference, character);
    }
    text
}

#[cfg(test)]
mod tests;
