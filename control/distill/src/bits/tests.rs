use super::*;
use crate::wiped::tests::take_wiped;

#[test]
fn an_unused_bit_of_the_last_word_is_cleared() {
    let bits = Bits::new(Wiped::new(vec![u32::MAX].into()), 3).expect("one word");
    assert_eq!(bits.words(), [0b111]);
    assert!(bits.bit(2));
}

#[test]
fn a_wrong_number_of_words_is_refused() {
    assert!(Bits::new(Wiped::zeroed(2), 32).is_none());
    assert!(Bits::new(Wiped::zeroed(0), 1).is_none());
}

#[test]
fn dropped_bits_are_wiped() {
    take_wiped();
    drop(Bits::whole(Wiped::new(vec![7; 3].into())));
    assert_eq!(take_wiped(), [(3, true)]);
}
