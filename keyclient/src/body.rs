//! The octets of a reply, in memory that is wiped.

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

    /// The octets, without blanks and the byte order mark that some servers send first.
    pub(crate) fn json(&self) -> &[u8] {
        let octets = self.0.trim_ascii_start();
        octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets)
    }

    /// True if the body is one JSON object or array up to its last bracket.
    pub(crate) fn is_whole_json(&self) -> bool {
        let json = self.json().trim_ascii();
        let mut place = JsonPosition::default();
        for (n, &octet) in json.iter().enumerate() {
            place.pass(octet);
            if place.depth == 0 {
                return n > 0 && n + 1 == json.len();
            }
        }
        false
    }

    /// Replaces what JSON forbids and some KMEs send. Control characters become spaces: between
    /// JSON tokens the meaning is the same, and within strings they are line ends in base64. The
    /// numbers NaN and Infinity, which Python writes, become 0.
    pub(crate) fn forgive(&mut self) {
        for octet in self.0.iter_mut().filter(|octet| octet.is_ascii_control()) {
            *octet = b' ';
        }
        let start = self.0.len() - self.json().len();
        let Some(json @ [b'{' | b'[', ..]) = self.0.get_mut(start..) else {
            return;
        };
        let mut place = JsonPosition::default();
        for at in 0..json.len() {
            let rest = json.get_mut(at..).unwrap_or_default();
            for word in [b"NaN".as_slice(), b"Infinity"] {
                if place.quoted || !rest.starts_with(word) {
                    continue;
                }
                if let [first, others @ ..] = rest.get_mut(..word.len()).unwrap_or_default() {
                    *first = b'0';
                    others.fill(b' ');
                }
            }
            if let Some(&octet) = rest.first() {
                place.pass(octet);
            }
        }
    }
}

/// A place in JSON.
#[derive(Default)]
struct JsonPosition {
    /// Open brackets.
    depth: usize,
    /// Inside a string.
    quoted: bool,
    /// After a backslash in a string.
    escaped: bool,
}

impl JsonPosition {
    fn pass(&mut self, octet: u8) {
        match octet {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.quoted => self.escaped = true,
            b'"' => self.quoted = !self.quoted,
            _ if self.quoted => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
