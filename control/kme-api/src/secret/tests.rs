use super::{KeyTextError, SecretText};
use crate::limits::KEY_OCTETS_MAX;
use zeroize::{ZeroizeOnDrop, Zeroizing};

fn text(text: &str) -> SecretText {
    SecretText(Zeroizing::new(text.to_owned()))
}

#[test]
fn base64_with_and_without_padding_gives_the_same_octets() {
    for (written, octets) in [
        ("+/8=", &[0xfb, 0xff][..]),
        ("+/8", &[0xfb, 0xff]),
        ("AA==", &[0]),
        ("AA", &[0]),
        ("AAEC", &[0, 1, 2]),
    ] {
        assert_eq!(
            text(written).decode().ok().unwrap().expose(),
            octets,
            "{written}"
        );
    }
}

#[test]
fn what_is_no_key_is_named() {
    let long = SecretText::encode(&[7; KEY_OCTETS_MAX + 1]);
    assert_eq!(long.decode().err(), Some(KeyTextError::TooLong));
    assert!(SecretText::encode(&[7; KEY_OCTETS_MAX]).decode().is_ok());
    for (written, error) in [
        ("", KeyTextError::Empty),
        ("====", KeyTextError::NotBase64),
        ("A", KeyTextError::NotBase64),
        (" \n", KeyTextError::Empty),
        ("AA.EC", KeyTextError::NotBase64),
        ("AB==", KeyTextError::NotBase64), // bits after the last octet
        ("sch\u{fc}ssel", KeyTextError::NotBase64),
    ] {
        assert_eq!(text(written).decode().err(), Some(error), "{written:?}");
    }
}

#[test]
fn base64_in_lines_and_of_the_alphabet_for_urls_is_taken() {
    for written in ["+/8=", "-_8=", "-_8", "+_8=", " +/\r\n8=\n", "+ / 8"] {
        let octets = text(written).decode().ok();
        assert_eq!(octets.unwrap().expose(), [0xfb, 0xff], "{written:?}");
    }
}

#[test]
fn encoding_is_the_standards() {
    let key: Vec<u8> = (0..32).collect();
    let text = SecretText::encode(&key);
    assert_eq!(
        text.expose(),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    );
    let back = text.decode().ok().unwrap();
    assert_eq!(back.expose_array::<32>().map(|k| &k[..]), Some(&key[..]));
    assert!(back.expose_array::<16>().is_none());
    assert_eq!(back.bits(), 256);
}

#[test]
fn same_key_is_recognised() {
    let key = |octet: u8| SecretText::encode(&[octet; 32]).decode().ok().unwrap();
    assert!(key(1).same_as(&key(1)));
    assert!(!key(1).same_as(&key(2)));
    assert!(!key(1).same_as(&SecretText::encode(&[1; 16]).decode().ok().unwrap()));
}

#[test]
fn secrets_are_wiped_on_drop() {
    fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<SecretText>();
    wiped::<super::KeyBytes>();
    // The test in tests/wiping.rs checks from outside that the octets are wiped.
}
