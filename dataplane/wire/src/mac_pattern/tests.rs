use super::{MacPattern, ParseMacPatternError};
use crate::MacAddr;

fn pattern(text: &str) -> MacPattern {
    text.parse().unwrap()
}

#[test]
fn open_digits_match_anything_and_the_others_only_themselves() {
    let bridge = pattern("01:80:C2:00:00:0x");
    for last in 0..=0xff {
        let address = MacAddr([0x01, 0x80, 0xC2, 0, 0, last]);
        assert_eq!(bridge.matches(address), last < 0x10, "{address}");
    }
    assert!(!bridge.matches(MacAddr([0x01, 0x80, 0xC2, 0, 1, 0])));
    assert!(!bridge.matches(MacAddr([0x03, 0x80, 0xC2, 0, 0, 0])));
    let one = MacAddr([1, 2, 3, 4, 5, 6]);
    assert_eq!(MacPattern::exactly(one), pattern("01:02:03:04:05:06"));
    assert!(MacPattern::exactly(one).matches(one));
    assert!(pattern("xx:xx:xx:xx:xx:xx").matches(one));
    assert!(pattern("x1:xx:xx:xx:xx:x6").matches(one));
    assert!(!pattern("x1:xx:xx:xx:xx:x7").matches(one));
}

#[test]
fn a_group_is_one_only_when_the_digit_says_so() {
    for (text, group) in [
        ("01:80:c2:00:00:0x", true),
        ("x1:00:00:00:00:00", true),
        ("33:33:xx:xx:xx:xx", true),
        ("02:00:00:00:00:0x", false),
        ("0x:00:00:00:00:00", false),
    ] {
        assert_eq!(pattern(text).is_group(), group, "{text}");
        assert_eq!(pattern(text).to_string(), text);
    }
}

#[test]
fn what_is_no_pattern_is_refused() {
    for text in [
        "",
        "01",
        "01:80:c2:00:00",
        "01:80:c2:00:00:00:00",
        "01:80:c2:00:00:0",
        "01:80:c2:00:00:0y",
        "01-80-c2-00-00-0x",
        "0180:c2:00:00:0x",
        "é:80:c2:00:00:00",
    ] {
        let refused: Result<MacPattern, _> = text.parse();
        assert_eq!(refused, Err(ParseMacPatternError), "{text:?}");
    }
}
