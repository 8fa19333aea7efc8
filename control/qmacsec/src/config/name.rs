//! Names and IDs: they stand in status, logs, metrics and requests, which people and scripts read
//! line by line. So a name cannot end a line, move the cursor, or be invisible.

use std::path::Path;

use super::ConfigError;
use crate::limits;

/// Characters without a picture that change the order of text or end a line, beside the control
/// characters.
const INVISIBLE: [char; 11] = [
    '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
    '\u{2067}', '\u{2068}', '\u{2069}',
];

/// Checks one name.
pub(super) fn check(file: &Path, key: &str, name: &str) -> Result<(), ConfigError> {
    let forbidden = |c: char| c.is_control() || INVISIBLE.contains(&c);
    let problem = if name.trim().is_empty() {
        "is empty"
    } else if name.len() > limits::NAME_LEN_MAX {
        "is too long"
    } else if name.contains(forbidden) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(ConfigError::new(file, key, problem)
        .value(shortened(name))
        .fix(format!(
            "1 to {} octets of visible characters and spaces",
            limits::NAME_LEN_MAX
        )))
}

/// Returns the name for a message: escaped, and not longer than a line.
fn shortened(name: &str) -> String {
    let begin: String = name.chars().take(limits::NAME_LEN_MAX).collect();
    match begin == name {
        true => format!("{name:?}"),
        false => format!("{begin:?}... ({} octets)", name.len()),
    }
}
