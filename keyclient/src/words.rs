//! The text of a failure, from the KME or a server in front of it.

use serde::de::IgnoredAny;

use crate::fault::Message;
use crate::limits::MESSAGE_CHARS_MAX;
use crate::reply::Reply;
use crate::text::Texts;

/// Texts by which KMEs report that keys have run out, without status 503.
const SHORTAGE: [&str; 20] = [
    "not enough",
    "insufficient",
    "no key",
    "no more key",
    "no qkd key",
    "no available key",
    "no free key",
    "not have enough",
    "out of key",
    "exhaust",
    "deplet",
    "shortage",
    "unavailable",
    "not available",
    "too few",
    "lack of",
    "run out",
    "ran out",
    "is empty",
    "try again",
];

/// Texts by which KMEs report that a key is not present.
const NOT_HERE: [&str; 13] = [
    "not found",
    "not exist",
    "doesn't exist",
    "unknown",
    "no such",
    "no key",
    "not available",
    "not present",
    "missing",
    "not known",
    "could not find",
    "cannot find",
    "expired",
];

/// Words for keys.
const KEYS: [&str; 6] = ["key", "keys", "keystore", "keypool", "keyid", "keyids"];

/// The meaning of the words in a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// The text to show.
    pub(crate) message: Message,
    /// A text reports that keys have run out.
    pub(crate) shortage: bool,
    /// A text reports that a key is not present.
    pub(crate) not_here: bool,
    /// A text speaks of keys, as only a KME does.
    pub(crate) of_keys: bool,
}

/// Reads the texts of a body, and the reason phrase after them.
pub(crate) fn read(reply: &Reply) -> Words {
    let mut texts = Texts::of(reply.body.json(), &reply.kind);
    if texts.head.is_empty() {
        texts.head.clone_from(&reply.reason);
    } else {
        texts.rest.push(reply.reason.clone());
    }
    judge(&texts, reply.status.as_u16())
}

/// Judges the texts of a reply with this status.
pub(crate) fn judge(texts: &Texts, status: u16) -> Words {
    // Servers use the words of a shortage for their own failures. So the text must mention keys,
    // except where the status and the form leave little else.
    let of_a_kme = !texts.page && matches!(status, 400 | 409 | 422);
    let mut words = Words {
        message: Message::new(&texts.head),
        shortage: false,
        not_here: false,
        of_keys: false,
    };
    let mut telling = None;
    for (n, text) in texts.all().enumerate() {
        let plain = plain(text);
        let keys = mentions_keys(&plain);
        let shortage = contains(&plain, &SHORTAGE) && (keys || of_a_kme);
        let not_here = contains(&plain, &NOT_HERE) && (keys || n == 0 || !texts.page);
        words.shortage |= shortage;
        words.not_here |= not_here;
        words.of_keys |= keys && (shortage || not_here || !texts.page);
        if shortage || not_here {
            telling = telling.or(Some((n, text)));
        }
    }
    if let Some((1.., text)) = telling {
        let head = words.message.as_str();
        words.message = match head.is_empty() || head.len() > MESSAGE_CHARS_MAX / 2 {
            true => Message::new(text),
            false => Message::new(&format!("{head}: {text}")),
        };
    }
    words
}

pub(crate) fn is_html(reply: &Reply) -> bool {
    reply.kind.starts_with("text/html")
}

pub(crate) fn is_json(reply: &Reply) -> bool {
    let json = reply.body.json();
    matches!(json.trim_ascii_start().first(), Some(b'{' | b'['))
        || serde_json::from_slice::<IgnoredAny>(json).is_ok()
}

/// True if nginx, Apache, IIS or others report that our certificate is missing or not accepted. A
/// reply never refers to the certificate of the KME itself.
pub(crate) fn name_our_certificate(reply: &Reply, message: &Message) -> bool {
    let page = !is_json(reply) && holds(reply, "certificate");
    page || message
        .as_str()
        .to_ascii_lowercase()
        .contains("certificate")
}

/// True if Apache requests a certificate only for a part of a site.
pub(crate) fn asks_too_late(reply: &Reply) -> bool {
    holds(reply, "post-handshake") || holds(reply, "renegotiation")
}

/// The text in lower case, codes such as `NO_KEYS` and `NoKeys` as words, without paths.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for word in text.split_whitespace().filter(|word| !word.contains('/')) {
        let mut small = false;
        for c in word.chars() {
            if c.is_uppercase() && small {
                plain.push(' ');
            }
            small = c.is_lowercase();
            plain.push(if c == '_' {
                ' '
            } else {
                c.to_ascii_lowercase()
            });
        }
        plain.push(' ');
    }
    plain
}

fn contains(plain: &str, words: &[&str]) -> bool {
    words.iter().any(|word| plain.contains(word))
}

/// True if the text has the word "key". Host names do not count.
fn mentions_keys(plain: &str) -> bool {
    let words = plain.split(|c: char| !c.is_alphanumeric() && c != '.');
    let mut words = words.map(|word| word.trim_matches('.'));
    words.any(|word| KEYS.contains(&word))
}

fn holds(reply: &Reply, word: &str) -> bool {
    let lower = reply.body.json().to_ascii_lowercase();
    String::from_utf8_lossy(&lower).contains(word)
}

#[cfg(test)]
mod tests;
