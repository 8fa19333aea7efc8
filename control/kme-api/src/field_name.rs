//! The names of JSON fields as servers in the field write them.

/// Names under which servers put their message, as [`plain`] writes them. The most exact names come
/// first.
pub const MESSAGE_NAMES: [&str; 16] = [
    "message",
    "errormessage",
    "errordescription",
    "description",
    "detail",
    "msg",
    "reason",
    "error",
    "faultstring",
    "title",
    "cause",
    "text",
    "info",
    "errorcode",
    "code",
    "status",
];
/// Rank of the last name that is used only for messages (`error`).
const SURE: usize = 7;

/// A name in lower case without `_` and `-`.
#[must_use]
pub fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-'));
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// The position of a plain name in [`MESSAGE_NAMES`].
#[must_use]
pub fn message_rank(name: &str) -> Option<usize> {
    MESSAGE_NAMES.iter().position(|known| *known == name)
}

/// True if a field of this plain name holds a message, also in a reply that is no failure.
#[must_use]
pub fn names_a_message(name: &str) -> bool {
    let one = name.strip_suffix('s').unwrap_or(name);
    message_rank(one).is_some_and(|rank| rank <= SURE)
}
