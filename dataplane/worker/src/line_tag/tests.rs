use super::LineTag;

#[test]
fn a_word_holds_all_of_a_tag() {
    for (tpid, tci, tags, taken_off) in [(0x8100, 0, 1, true), (0x88A8, 0xFFFF, 8, false)] {
        let tag = LineTag {
            tpid,
            tci,
            tags,
            taken_off,
        };
        assert_eq!(LineTag::from_word(tag.to_word()), Some(tag));
    }
    assert_eq!(LineTag::from_word(0), None);
}
