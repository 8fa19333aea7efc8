//! Texts for findings.

use std::time::{Duration, UNIX_EPOCH};

/// Formats a time in milliseconds since 1970, to the second.
pub(super) fn time(ms: u64) -> String {
    // The formatter's last time; later times are not formatted.
    const LAST_MS: u64 = 253_402_300_799_999;
    let time = UNIX_EPOCH + Duration::from_millis(ms.min(LAST_MS));
    humantime::format_rfc3339_seconds(time).to_string()
}

/// `1 key`, `2 keys`.
pub(super) fn count(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}
