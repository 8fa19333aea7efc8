use super::{ETHERTYPE_C_TAG, ETHERTYPE_S_TAG, EthernetFrame, ethertype};
use crate::{ETHERTYPE_MACSEC, MacAddr};
use proptest::prelude::{any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};

const DST: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 3];
const SRC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0a];

fn frame(after_source: &[u8]) -> Vec<u8> {
    [&DST[..], &SRC, after_source].concat()
}

#[test]
fn addresses_and_ethertype() {
    let octets = frame(&[0x08, 0x06, 1, 2, 3]);
    let view = EthernetFrame::parse(&octets).unwrap();
    assert_eq!(view.dst(), MacAddr(DST));
    assert_eq!(view.src(), MacAddr(SRC));
    assert_eq!(view.ethertype(), 0x0806);
    assert_eq!(view.vlan_tags(2), 0);
    assert_eq!(view.after_tags(0), &[0x08, 0x06, 1, 2, 3]);
    assert_eq!(ethertype(&octets), Some(0x0806));
}

#[test]
fn too_short_is_none() {
    for len in 0..14 {
        let octets = vec![0x88; len];
        assert!(EthernetFrame::parse(&octets).is_none(), "{len} octets");
        assert_eq!(ethertype(&octets), None, "{len} octets");
    }
}

#[test]
fn vlan_tags_are_skipped_up_to_the_maximum() {
    let c_tag = [0x81, 0x00, 0x20, 0x05];
    let s_tag = [0x88, 0xa8, 0x00, 0x07];
    let macsec = [0x88, 0xe5, 0x2c];
    // (octets after the source address, max, tags, EtherType after the tags)
    let cases: [(Vec<u8>, usize, usize, u16); 8] = [
        (macsec.to_vec(), 2, 0, ETHERTYPE_MACSEC),
        ([&c_tag[..], &macsec].concat(), 0, 0, ETHERTYPE_C_TAG),
        ([&c_tag[..], &macsec].concat(), 1, 1, ETHERTYPE_MACSEC),
        ([&c_tag[..], &macsec].concat(), 2, 1, ETHERTYPE_MACSEC),
        (
            [&s_tag[..], &c_tag, &macsec].concat(),
            1,
            1,
            ETHERTYPE_C_TAG,
        ),
        (
            [&s_tag[..], &c_tag, &macsec].concat(),
            2,
            2,
            ETHERTYPE_MACSEC,
        ),
        (
            [&s_tag[..], &c_tag, &c_tag, &macsec].concat(),
            2,
            2,
            ETHERTYPE_C_TAG,
        ),
        // A tag without an EtherType after it is not a tag: the frame ends before its EtherType.
        (s_tag.to_vec(), 2, 0, ETHERTYPE_S_TAG),
    ];
    for (after_source, max, tags, then) in cases {
        let octets = frame(&after_source);
        let view = EthernetFrame::parse(&octets).unwrap();
        assert_eq!(view.vlan_tags(max), tags, "{after_source:02x?} up to {max}");
        assert_eq!(
            view.ethertype_after_tags(max),
            then,
            "{after_source:02x?} up to {max}"
        );
    }
}

proptest! {
    /// Arbitrary octets: no accessor panics, and an EtherType follows the counted tags.
    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..64), max in 0..5usize) {
        if let Some(view) = EthernetFrame::parse(&octets) {
            let tags = view.vlan_tags(max);
            prop_assert!(tags <= max);
            prop_assert!(view.after_tags(tags).len() >= 2);
            prop_assert_eq!(view.after_tags(usize::MAX).len(), 0);
            prop_assert_eq!(Some(view.ethertype()), ethertype(&octets));
        } else {
            prop_assert!(octets.len() < 14);
        }
    }
}
