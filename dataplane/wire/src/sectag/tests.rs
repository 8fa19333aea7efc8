use super::{Channel, SecTag, SecTagError, short_len};
use crate::{An, Sci};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

const SCI: [u8; 8] = [2, 0, 0, 0, 0, 0x0a, 0, 1];

/// The octets of a SecTAG with `data` octets of user data, an ICV and `pad` octets of pad.
fn octets(tci: u8, sl: u8, data: usize, pad: usize) -> Vec<u8> {
    let mut octets = vec![0x88, 0xe5, tci, sl, 0, 0, 0, 7];
    if tci & 0x20 != 0 {
        octets.extend(SCI);
    }
    octets.resize(octets.len() + data + 16 + pad, 0x5a);
    octets
}

#[test]
fn explicit_sci() {
    let tag = SecTag::parse(&octets(0x2e, 0, 48, 0)).unwrap();
    assert_eq!(tag.an, An::new(2).unwrap());
    assert!(tag.encrypted && tag.changed);
    assert_eq!(tag.sci(), Some(Sci::from_bytes(SCI)));
    assert_eq!((tag.pn_low, tag.short_len, tag.len()), (7, 0, 16));
    assert_eq!(tag.user_data_len(16 + 48 + 16), 48);
}

#[test]
fn implied_sci() {
    // (TCI, ES, SCB)
    for (tci, es, scb) in [
        (0x40, true, false),
        (0x10, false, true),
        (0x50, true, true),
        (0, false, false),
    ] {
        let tag = SecTag::parse(&octets(tci, 0, 48, 0)).unwrap();
        assert_eq!(
            (tag.end_station(), tag.scb(), tag.sci(), tag.len()),
            (es, scb, None, 8)
        );
        assert!(!tag.encrypted && !tag.changed);
    }
}

#[test]
fn short_length_says_where_the_user_data_ends() {
    // No standard sender writes 48. A Linux kernel accepts it, and so do we.
    for sl in 2..=48 {
        for pad in [0, 1, 30] {
            let octets = octets(0x2c, sl, usize::from(sl), pad);
            let tag = SecTag::parse(&octets).unwrap();
            assert_eq!(
                tag.user_data_len(octets.len()),
                usize::from(sl),
                "SL {sl}, pad {pad}"
            );
        }
    }
    assert_eq!(
        (short_len(2), short_len(47), short_len(48), short_len(1500)),
        (2, 47, 0, 0)
    );
}

#[test]
fn checks_in_order() {
    let cases = [
        (vec![], SecTagError::Untagged),
        (vec![0x88], SecTagError::Untagged),
        (vec![0x08, 0x00, 0x45], SecTagError::Untagged),
        (vec![0x88, 0xe5], SecTagError::Truncated),
        (vec![0x88, 0xe5, 0x2c, 0, 0, 0, 0], SecTagError::Truncated),
        (octets(0x4c, 0, 0, 0), SecTagError::Truncated),
        (octets(0xac, 0, 48, 0), SecTagError::Version),
        (octets(0x6c, 0, 48, 0), SecTagError::Channel),
        (octets(0x3c, 0, 48, 0), SecTagError::Channel),
        (octets(0x7c, 0, 48, 0), SecTagError::Channel),
        (octets(0x2c, 1, 60, 0), SecTagError::ShortLength),
        (octets(0x2c, 48, 47, 0), SecTagError::UserData),
        (octets(0x2c, 49, 60, 0), SecTagError::ShortLength),
        (octets(0x2c, 0x40, 60, 0), SecTagError::ShortLength),
        (octets(0x2c, 0x82, 60, 0), SecTagError::ShortLength),
        (octets(0x2c, 0, 47, 0), SecTagError::UserData),
        (octets(0x4c, 0, 47, 0), SecTagError::UserData),
        (octets(0x2c, 20, 19, 0), SecTagError::UserData),
        // Earlier checks win: V, then ES with SC, then SL.
        (octets(0xec, 0xff, 2, 0), SecTagError::Version),
        (octets(0x6c, 0xff, 2, 0), SecTagError::Channel),
        (octets(0x2c, 0xff, 2, 0), SecTagError::ShortLength),
    ];
    for (octets, error) in cases {
        assert_eq!(SecTag::parse(&octets), Err(error), "{octets:02x?}");
    }
}

#[test]
fn emit_needs_room() {
    let tag = SecTag::parse(&octets(0x2e, 0, 48, 0)).unwrap();
    let mut out = [0; 15];
    assert_eq!(tag.emit(&mut out), 0);
    assert_eq!(out, [0; 15]);
}

fn any_tag() -> impl Strategy<Value = SecTag> {
    let channel = prop_oneof![
        any::<[u8; 8]>().prop_map(|sci| Channel::Explicit(Sci::from_bytes(sci))),
        any::<(bool, bool)>().prop_map(|(end_station, scb)| Channel::Implied { end_station, scb }),
    ];
    let sl = prop_oneof![Just(0), 2..=48u8];
    (
        0..4u8,
        any::<bool>(),
        any::<bool>(),
        channel,
        sl,
        any::<u32>(),
    )
        .prop_map(
            |(an, encrypted, changed, channel, short_len, pn_low)| SecTag {
                an: An::from_tci(an),
                encrypted,
                changed,
                channel,
                short_len,
                pn_low,
            },
        )
}

proptest! {
    #[test]
    fn parse_of_emit_is_identity(tag in any_tag()) {
        let mut octets = [0u8; 16 + 48 + 16];
        prop_assert_eq!(tag.emit(&mut octets), tag.len());
        prop_assert_eq!(SecTag::parse(&octets), Ok(tag));
    }

    /// The reverse: a SecTAG that parses is written back octet for octet.
    #[test]
    fn emit_of_parse_is_identity(tail in prop::collection::vec(any::<u8>(), 0..120)) {
        let octets = [&[0x88, 0xe5][..], &tail].concat();
        if let Ok(tag) = SecTag::parse(&octets) {
            let mut out = vec![0; tag.len()];
            tag.emit(&mut out);
            prop_assert_eq!(&out[..], &octets[..tag.len()]);
            let data = tag.user_data_len(octets.len());
            prop_assert!(tag.len() + data + 16 <= octets.len());
            prop_assert!(data >= 2);
        }
    }
}
