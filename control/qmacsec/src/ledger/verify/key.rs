//! A short, sortable encoding of a key's name.

use crate::ledger::entry::hex_octets;

/// Tag of a UUID, encoded in 16 octets.
const UUID: u8 = 1;
/// Tag of any other name, encoded as it is with a zero after it.
const TEXT: u8 = 2;
const UUID_LEN: usize = 16;
/// Limit of octets in a name.
const NAME_MAX: usize = 64;
/// Offsets of the hyphens in a UUID.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// Appends a key's name.
pub(super) fn put(item: &mut Vec<u8>, name: &str) {
    if let Some(octets) = uuid(name) {
        item.push(UUID);
        item.extend_from_slice(&octets);
    } else {
        item.push(TEXT);
        let name = name.as_bytes();
        item.extend(name.iter().take(NAME_MAX).filter(|octet| **octet != 0));
        item.push(0);
    }
}

/// Splits a key's name from the front.
pub(super) fn split(item: &[u8]) -> (&[u8], &[u8]) {
    let end = match item.first() {
        Some(&UUID) => 1 + UUID_LEN,
        _ => item.iter().position(|octet| *octet == 0).unwrap_or(0) + 1,
    };
    item.split_at(end.min(item.len()))
}

/// Decodes a name.
pub(super) fn text(name: &[u8]) -> String {
    match name.split_first() {
        Some((&UUID, octets)) => {
            let mut text = String::with_capacity(36);
            for octet in octets {
                if HYPHENS.contains(&text.len()) {
                    text.push('-');
                }
                text += &format!("{octet:02x}");
            }
            text
        }
        Some((_, text)) => {
            let text = text.strip_suffix(&[0]).unwrap_or(text);
            String::from_utf8_lossy(text).into_owned()
        }
        None => String::new(),
    }
}

fn uuid(name: &str) -> Option<[u8; UUID_LEN]> {
    let name: &[u8; 36] = name.as_bytes().try_into().ok()?;
    if HYPHENS.iter().any(|place| name[*place] != b'-') {
        return None;
    }
    let mut digits = [0; 2 * UUID_LEN];
    let mut from = 0;
    // The hyphens before each group move it to the right.
    for (hyphens, until) in HYPHENS.into_iter().chain([name.len()]).enumerate() {
        digits[from - hyphens..until - hyphens].copy_from_slice(&name[from..until]);
        from = until + 1;
    }
    hex_octets(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_encoding_and_stay_distinct() {
        let names = [
            "b06bd032-0ff6-4a05-05d1-16d8ed999624",
            "B06BD032-0ff6-4a05-05d1-16d8ed999624",
            "b06bd0320ff6-4a05-05d1-16d8ed999624-",
            "key-1",
            "key-10",
            "k",
        ];
        let mut seen = Vec::new();
        for name in names {
            let mut item = Vec::new();
            put(&mut item, name);
            item.extend([7, 0, 7]);
            let (front, rest) = split(&item);
            assert_eq!(text(front), name);
            assert_eq!(rest, [7, 0, 7], "{name}");
            assert!(!seen.contains(&front.to_vec()));
            seen.push(front.to_vec());
        }
    }
}
