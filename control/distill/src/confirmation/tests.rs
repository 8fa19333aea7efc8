use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wiped::Wiped;

fn bits(words: &[u64], len: usize) -> SecretBits {
    SecretBits::new(Wiped::new(words.into()), len).expect("as many words as bits")
}

#[test]
fn the_tag_is_polyval() {
    // Key and first block of RFC 8452, appendix A; the second block is the length.
    let point = Point(0x25629347589242761d31f826ba4b757b_u128.to_be_bytes());
    let first = 0x4f4f95668c83dfb6401762bb2d01a262_u128.to_be_bytes();
    let word = |i: usize| u64::from_le_bytes(first[8 * i..][..8].try_into().expect("8 octets"));
    let length = 128u128.to_le_bytes();
    let mut expected = Polyval::new(&point.0.into());
    expected.update(&[first.into(), length.into()]);
    let tag = Tag::of(&bits(&[word(0), word(1)], 128), &point);
    assert_eq!(tag.octets(), expected.finalize()[..8]);
}

#[test]
fn the_length_counts() {
    let point = Point([7; 16]);
    let short = Tag::of(&bits(&[1], 63), &point);
    assert!(!short.confirms(&Tag::of(&bits(&[1], 64), &point)));
    assert!(!short.confirms(&Tag::of(&bits(&[1, 0], 65), &point)));
}

#[test]
fn the_bound_for_common_frames() {
    assert!(failure_bound(1 << 18) < 2f64.powi(-52));
}

proptest! {
    #[test]
    fn one_flipped_bit_is_detected(
        words in vec(any::<u64>(), 1..40),
        flipped in any::<prop::sample::Index>(),
        point in any::<[u8; 16]>().prop_filter("zero hides all", |point| *point != [0; 16]),
    ) {
        let len = 64 * words.len();
        let point = Point(point);
        let tag = Tag::of(&bits(&words, len), &point);
        prop_assert!(tag.confirms(&Tag::received(Tag::of(&bits(&words, len), &point).octets())));
        let mut other = words;
        let i = flipped.index(len);
        other[i / 64] ^= 1 << (i % 64);
        prop_assert!(!tag.confirms(&Tag::of(&bits(&other, len), &point)));
    }
}
