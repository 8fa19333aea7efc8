//! The octets of a reply, in memory that is wiped.

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::limits::BODY_OCTETS_MAX;

/// The body of a reply. It is wiped on drop and leaves no copies behind when it grows.
pub(crate) struct Body(Zeroizing<Vec<u8>>);

impl Body {
    /// Creates a body with room for `octets` octets.
    pub(crate) fn with_capacity(octets: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(octets)))
    }

    /// Appends octets. `false` if the body would become too long; then it is unchanged.
    pub(crate) fn push(&mut self, octets: &[u8]) -> bool {
        let len = self.0.len() + octets.len();
        if len > BODY_OCTETS_MAX {
            return false;
        }
        if len > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(len.next_power_of_two()));
            larger.extend_from_slice(&self.0);
            self.0 = larger; // the old buffer is wiped
        }
        self.0.extend_from_slice(octets);
        true
    }

    /// The octets, without the byte order mark that some servers send first.
    pub(crate) fn json(&self) -> &[u8] {
        self.0.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.0)
    }

    /// True if the body is one complete JSON object or array.
    pub(crate) fn is_whole_json(&self) -> bool {
        let last = self
            .json()
            .iter()
            .rfind(|octet| !octet.is_ascii_whitespace());
        matches!(last, Some(b'}' | b']'))
            && serde_json::from_slice::<IgnoredAny>(self.json()).is_ok()
    }

    /// Replaces control characters by spaces. Between JSON tokens the meaning is the same. Within
    /// strings JSON forbids them, but some KMEs send base64 in lines.
    pub(crate) fn forgive_control_characters(&mut self) {
        for octet in self.0.iter_mut().filter(|octet| octet.is_ascii_control()) {
            *octet = b' ';
        }
    }
}

#[cfg(test)]
mod tests;
