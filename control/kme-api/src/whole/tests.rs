use super::Whole;
use proptest::prelude::*;

fn read(text: &str) -> Option<u64> {
    let number = serde_json::from_str::<Whole>(text).ok();
    number.map(|Whole(number)| number)
}

#[test]
fn every_way_to_write_a_whole_number() {
    for text in ["12", "12.0", "12.000", "1.2e1", "1.2E+1", "120e-1", " 12 "] {
        assert_eq!(read(text), Some(12), "{text}");
    }
    for text in ["0", "-0", "0.0", "-0.0", "0e9"] {
        assert_eq!(read(text), Some(0), "{text}");
    }
    assert_eq!(read("18446744073709551615"), Some(u64::MAX));
    for text in [
        "-1",
        "1.5",
        "1e-1",
        "1e16",
        "18446744073709551616",
        "\"12\"",
        "null",
        "[12]",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_float_reads_as_its_integer(number in 0u64..1_000_000_000_000) {
        prop_assert_eq!(read(&format!("{number}.0")), Some(number));
        prop_assert_eq!(read(&number.to_string()), Some(number));
    }
}
