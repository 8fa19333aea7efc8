use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wiped::Wiped;

fn bits(words: &[u64], len: usize) -> Bits {
    let halves = words
        .iter()
        .flat_map(|&word| [word as u32, (word >> 32) as u32]);
    let words = halves.take(len.div_ceil(32)).collect();
    Bits::new(Wiped::new(words), len).expect("as many words as bits")
}

/// The product of POLYVAL bit by bit: `a b x^-128` modulo `x^128 + x^127 + x^126 + x^121 + 1`.
fn dot(a: u128, b: u128) -> u128 {
    (0..128).fold(0, |sum, i| {
        let sum = sum ^ (b * (a >> i & 1));
        (sum >> 1) ^ ((sum & 1) * (0b1110_0001 << 120))
    })
}

#[test]
fn the_tag_is_the_plain_polynomial() {
    let number = |octets: &[u8; 16]| u128::from_le_bytes(*octets);
    // RFC 8452, appendix A.
    let h = 0x25629347589242761d31f826ba4b757b_u128.to_be_bytes();
    let [x1, x2] = [
        0x4f4f95668c83dfb6401762bb2d01a262,
        0xd1a24ddd2721d006bbe45f20d3c9f362,
    ]
    .map(|block: u128| u128::from_le_bytes(block.to_be_bytes()));
    let polynomial = |last| dot(dot(x1, number(&h)) ^ last, number(&h)).to_le_bytes();
    assert_eq!(
        polynomial(x2),
        0xf7a3b47b846119fae5b7866cf5e5b77e_u128.to_be_bytes()
    );
    let tag = Tag::of(&bits(&[x1 as u64, (x1 >> 64) as u64], 128), &Point(h));
    assert_eq!(tag.octets(), polynomial(128)[..8]);
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
