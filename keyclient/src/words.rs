//! The text of a failure, from the KME or a server in front of it.

use crate::fault::Message;
use crate::model::ErrorBody;
use crate::reply::Reply;

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

/// The `message` of a JSON body, the title of a web page, or a short text.
pub(crate) fn message(reply: &Reply) -> Message {
    let octets = reply.body.json();
    if let Ok(body) = serde_json::from_slice::<ErrorBody>(octets) {
        return Message::new(&body.message);
    }
    if let Some(title) = between(octets, "<title", "</title").or(between(octets, "<h1", "</h1")) {
        return Message::new(&title);
    }
    match reply.kind.starts_with("text/plain") {
        true => Message::new(&String::from_utf8_lossy(octets)),
        false => Message::default(),
    }
}

pub(crate) fn is_html(reply: &Reply) -> bool {
    reply.kind.starts_with("text/html")
}

pub(crate) fn is_json(reply: &Reply) -> bool {
    matches!(
        reply.body.json().trim_ascii_start().first(),
        Some(b'{' | b'[')
    )
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

/// True if the text reports that keys have run out. Servers use some of these words for their own
/// failures, so with a 5xx status the text must mention keys.
pub(crate) fn say_shortage(status: u16, message: &Message) -> bool {
    says(message, &SHORTAGE) && (status < 500 || says(message, &["key"]))
}

pub(crate) fn say_not_here(message: &Message) -> bool {
    says(message, &NOT_HERE)
}

fn says(message: &Message, words: &[&str]) -> bool {
    let message = message.as_str().to_ascii_lowercase();
    words.iter().any(|word| message.contains(word))
}

fn holds(reply: &Reply, word: &str) -> bool {
    let lower = reply.body.json().to_ascii_lowercase();
    String::from_utf8_lossy(&lower).contains(word)
}

/// Returns the text of an HTML element.
fn between(octets: &[u8], open: &str, close: &str) -> Option<String> {
    let text = String::from_utf8_lossy(octets);
    let lower = text.to_ascii_lowercase(); // same length as `text`
    let open = lower.find(open)?;
    let begin = open + lower.get(open..)?.find('>')? + 1;
    let end = begin + lower.get(begin..)?.find(close)?;
    Some(text.get(begin..end)?.to_owned())
}
