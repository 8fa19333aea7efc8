use super::{Sak, SakLengthError};
use crate::Suite;
use gcm::RawKey;
use subtle::ConstantTimeEq;

#[test]
fn length_is_the_suites() {
    for suite in Suite::ALL {
        for len in 0..40 {
            let sak = Sak::from_slice(suite, &vec![7; len]);
            if len == suite.key_len() {
                assert_eq!(sak.map(|sak| sak.len()), Ok(len));
            } else {
                assert_eq!(sak.err(), Some(SakLengthError { suite, len }));
            }
        }
    }
    let error = SakLengthError {
        suite: Suite::GcmAes256,
        len: 31,
    };
    assert_eq!(
        error.to_string(),
        "a SAK of gcm-aes-256 has 32 octets, not 31"
    );
}

#[test]
fn the_engine_sees_the_octets() {
    let octets: Vec<u8> = (0..32).collect();
    let sak = Sak::from_slice(Suite::GcmAes128, &octets[..16]).unwrap();
    assert!(matches!(sak.expose(), RawKey::Aes128(key) if key[..] == octets[..16]));
    let sak = Sak::from_slice(Suite::GcmAesXpn256, &octets).unwrap();
    assert!(matches!(sak.expose(), RawKey::Aes256(key) if key[..] == octets[..]));
}

#[test]
fn equality() {
    let sak = |octet, suite: Suite| Sak::from_slice(suite, &vec![octet; suite.key_len()]).unwrap();
    let a = sak(1, Suite::GcmAes128);
    assert!(bool::from(a.ct_eq(&sak(1, Suite::GcmAesXpn128))));
    assert!(!bool::from(a.ct_eq(&sak(2, Suite::GcmAes128))));
    assert!(!bool::from(a.ct_eq(&sak(1, Suite::GcmAes256))));
}
