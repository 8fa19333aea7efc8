//! A short, sortable encoding of a key's name.

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
    let mut octets = [0; UUID_LEN];
    let mut digits = 0;
    for (place, octet) in name.iter().enumerate() {
        let digit = match octet {
            b'-' if HYPHENS.contains(&place) => continue,
            _ if HYPHENS.contains(&place) => return None,
            b'0'..=b'9' => octet - b'0',
            b'a'..=b'f' => octet - b'a' + 10,
            _ => return None,
        };
        octets[digits / 2] = octets[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_and_two_names_never_look_alike() {
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
