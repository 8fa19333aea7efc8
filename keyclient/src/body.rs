//! Octets of a reply, in memory that is wiped.

use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::limits::BODY_OCTETS_MAX;

/// A reply's body: grows without leaving copies behind, and is wiped on drop.
pub(crate) struct Body(Zeroizing<Vec<u8>>);

impl Body {
    /// With room for so many octets.
    pub(crate) fn with_capacity(octets: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(octets)))
    }

    /// `false` when it would become too long; then nothing is taken.
    pub(crate) fn push(&mut self, octets: &[u8]) -> bool {
        let len = self.0.len() + octets.len();
        if len > BODY_OCTETS_MAX {
            return false;
        }
        if len > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(len.next_power_of_two()));
            larger.extend_from_slice(&self.0);
            self.0 = larger; // the old one is wiped
        }
        self.0.extend_from_slice(octets);
        true
    }

    /// Its octets, without the byte order mark that some servers put in front.
    pub(crate) fn json(&self) -> &[u8] {
        self.0.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.0)
    }

    /// Whether it is one whole JSON object or array.
    pub(crate) fn is_whole_json(&self) -> bool {
        let last = self
            .json()
            .iter()
            .rfind(|octet| !octet.is_ascii_whitespace());
        matches!(last, Some(b'}' | b']'))
            && serde_json::from_slice::<IgnoredAny>(self.json()).is_ok()
    }

    /// Turns control characters into spaces. Between the parts of JSON they mean the same. Within a
    /// text JSON forbids them, but some KMEs send base64 in lines.
    pub(crate) fn forgive_control_characters(&mut self) {
        for octet in self.0.iter_mut().filter(|octet| octet.is_ascii_control()) {
            *octet = b' ';
        }
    }
}

#[cfg(test)]
mod tests;
