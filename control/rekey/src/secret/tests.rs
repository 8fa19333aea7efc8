use super::{Origin, QkdKey, RootSecret, SecretError};
use zeroize::Zeroize;

#[test]
fn lengths_are_checked() {
    for len in [0, 31, 65] {
        assert_eq!(
            RootSecret::from_slice(&vec![7; len]).err(),
            Some(SecretError::RootLength(len))
        );
    }
    for len in [32, 33, 64] {
        assert_eq!(
            RootSecret::from_slice(&vec![7; len])
                .expect("in bounds")
                .expose()
                .len(),
            len
        );
    }
    for len in [0, 16, 31, 33] {
        let key = QkdKey::from_slice(&vec![7; len], Origin::Modelled);
        assert_eq!(key.err(), Some(SecretError::KeyLength(len)));
    }
}

#[test]
fn zeroizing_clears_every_octet() {
    let mut key = QkdKey::from_slice(&[0xA5; 32], Origin::Distilled).expect("32 octets");
    key.zeroize();
    assert_eq!(key.expose(), &[0; 32]);
    let mut root = RootSecret::from_slice(&[0xA5; 48]).expect("48 octets");
    root.zeroize();
    assert_eq!(*root.octets, [0; 64]);
}

#[test]
fn origin_codes_round_trip() {
    for origin in [
        Origin::Unlabelled,
        Origin::Modelled,
        Origin::Distilled,
        Origin::Pqc,
    ] {
        assert_eq!(Origin::from_code(origin.code()), Some(origin));
    }
    assert_eq!(Origin::from_code(4), None);
    let alone = QkdKey::from_slice(&[7; 32], Origin::Pqc);
    assert_eq!(alone.err(), Some(SecretError::Label));
}
