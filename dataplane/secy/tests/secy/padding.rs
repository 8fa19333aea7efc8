//! SL and the pad: short user data is restored exactly, whatever pad the line adds after the ICV.

use gcm::Engine;
use proptest::prelude::{any, prop};
use proptest::{prop_assert_eq, proptest};
use secy::{Discard, Protection, RxConfig, Suite, TxScConfig};

use crate::line::{Key, frame, line, protect_one, tx_config, validate_one};

const RX: RxConfig = RxConfig {
    replay_window: 0,
    validate: secy::ValidateFrames::Strict,
    clear_vlan_tags: 2,
};

#[test]
fn every_short_length_and_pad() {
    let key = Key::new(Suite::GcmAesXpn256, 1);
    for protection in [Protection::Confidentiality, Protection::IntegrityOnly] {
        for explicit_sci in [true, false] {
            let config = TxScConfig {
                protection,
                explicit_sci,
                ..tx_config()
            };
            let (mut tx, mut rx) = line(&key, config, RX);
            for user_data_len in 2..48 {
                for pad in [0, 1, 16, 46] {
                    let plain = frame(user_data_len);
                    let mut protected = protect_one(&mut tx, &plain);
                    assert_eq!(usize::from(protected[15]), user_data_len, "SL");
                    protected.resize(protected.len() + pad, 0);
                    assert_eq!(validate_one(&mut rx, &protected), Ok(plain), "pad {pad}");
                }
            }
        }
    }
}

/// Without SL the frame ends with the ICV: octets after it are no pad.
#[test]
fn long_user_data_takes_no_pad() {
    let (mut tx, mut rx) = line(&Key::new(Suite::GcmAes256, 1), tx_config(), RX);
    for user_data_len in [48, 49, 64, 1500] {
        let plain = frame(user_data_len);
        let protected = protect_one(&mut tx, &plain);
        assert_eq!(protected[15], 0, "SL");
        let padded = [&protected[..], &[0]].concat();
        assert_eq!(validate_one(&mut rx, &padded), Err(Discard::InPktsNotValid));
        assert_eq!(validate_one(&mut rx, &protected), Ok(plain));
    }
}

/// No standard sender writes SL 48 for 48 octets. A Linux kernel accepts such a frame, and so do
/// we.
#[test]
fn a_short_length_of_48_is_taken() {
    let key = Key::new(Suite::GcmAes256, 1);
    let (_, mut rx) = line(&key, tx_config(), RX);
    let plain = frame(48);
    // SecTAG with SC, E, C, AN 0 and SL 48, PN 1.
    let sci = tx_config().sci.to_bytes();
    let tag = [&[0x88, 0xe5, 0x2c, 48, 0, 0, 0, 1][..], &sci].concat();
    let mut protected = [&plain[..12], &tag, &plain[12..], &[0; 16]].concat();
    let nonce = [&sci[..], &[0, 0, 0, 1]].concat();
    let mut jobs = [gcm::Job::new(
        &mut protected,
        12 + 16,
        nonce.try_into().expect("12 octets"),
    )];
    let mut sealer = key.engine.expand(gcm::RawKey::Aes256(&[key.fill; 32]));
    sealer.seal(&mut jobs);
    for pad in [0, 5] {
        let mut rx = line(&key, tx_config(), RX).1;
        let padded = [&protected[..], &vec![0; pad]].concat();
        assert_eq!(
            validate_one(&mut rx, &padded),
            Ok(plain.clone()),
            "pad {pad}"
        );
    }
    protected[30] ^= 1;
    assert_eq!(
        validate_one(&mut rx, &protected),
        Err(Discard::InPktsNotValid)
    );
}

/// A frame is truncated to every possible length.
#[test]
fn truncated_frames_are_bad() {
    for user_data_len in [2, 20, 47, 48, 100] {
        let (mut tx, mut rx) = line(&Key::new(Suite::GcmAes128, 1), tx_config(), RX);
        let plain = frame(user_data_len);
        let protected = protect_one(&mut tx, &plain);
        for len in 0..protected.len() {
            let outcome = validate_one(&mut rx, &protected[..len]);
            let discard = match len {
                0..14 => Discard::InPktsTooShort,
                _ if user_data_len >= 48 && len >= 12 + 16 + 48 + 16 => Discard::InPktsNotValid,
                _ => Discard::InPktsBadTag,
            };
            assert_eq!(outcome, Err(discard), "{len} of {}", protected.len());
        }
        assert_eq!(validate_one(&mut rx, &protected), Ok(plain));
    }
}

proptest! {
    /// Validate after protect is the identity, for all suites, engines, protections and tags in
    /// clear.
    #[test]
    fn validate_of_protect_is_identity(
        user_data in prop::collection::vec(any::<u8>(), 2..300),
        suite in prop::sample::select(&Suite::ALL[..]),
        engine in prop::sample::select(Engine::available().collect::<Vec<_>>()),
        integrity_only in any::<bool>(),
        explicit_sci in any::<bool>(),
        tags in 0..4usize,
        clear_vlan_tags in 0..3u8,
    ) {
        let tag = [0x81, 0x00, 0x20, 0x07];
        let plain = [&frame(0)[..], &tag.repeat(tags), &user_data].concat();
        let protection = if integrity_only {
            Protection::IntegrityOnly
        } else {
            Protection::Confidentiality
        };
        let config = TxScConfig { protection, explicit_sci, clear_vlan_tags, ..tx_config() };
        let (mut tx, mut rx) = line(&Key { engine, ..Key::new(suite, 9) }, config, RX);
        let protected = protect_one(&mut tx, &plain);
        prop_assert_eq!(protected.len(), plain.len() + if explicit_sci { 32 } else { 24 });
        prop_assert_eq!(validate_one(&mut rx, &protected), Ok(plain));
    }
}
