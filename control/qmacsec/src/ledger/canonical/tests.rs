//! Lines in our form are read as the JSON parser reads them; other lines are left to it.

use proptest::prelude::*;

use super::*;
use crate::ledger::tests::{lines, record};

fn any_record() -> impl Strategy<Value = Record> {
    let text = || prop_oneof![4 => "[ -~]{0,40}", 1 => ".{0,8}"];
    let texts = [text(), text(), text(), text(), text(), text()];
    let times = [any::<Option<u64>>(), any::<Option<u64>>()];
    (texts, times, any::<[u64; 3]>(), any::<(u8, u32, u32)>()).prop_map(
        |(texts, times, numbers, (an, epoch, root))| {
            let [encryptor, direction, sender, key_id, origin, suite] = texts;
            Record {
                encryptor,
                direction,
                sender,
                key_id,
                origin,
                root,
                suite,
                an,
                epoch,
                installed_ms: numbers[0],
                first_frame_ms: times[0],
                last_frame_ms: times[1],
                frames: numbers[1],
                wiped_ms: numbers[2],
                passport: (numbers[2] % 4 == 0).then(|| r#"{"paths":[]}"#.to_owned()),
            }
        },
    )
}

#[test]
fn the_lines_of_a_ledger_have_this_form() {
    let mut entry = Entry::after(7, "x", What::Key(Record::default()));
    for line in lines((0..9).map(|key| What::Key(record("out", key, 7)))) {
        assert!(read(line.as_bytes(), &mut entry), "{line}");
        assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
    }
}

proptest! {
    /// A line that is read here is read by the JSON parser, with the same result.
    #[test]
    fn it_reads_only_what_the_json_parser_reads(
        record in any_record(),
        place in any::<prop::sample::Index>(),
        change in proptest::option::of(prop_oneof![
            Just(Vec::new()),
            any::<u8>().prop_map(|octet| vec![octet]),
            "[0-9\" ,:{}]{1,3}".prop_map(String::into_bytes),
        ]),
    ) {
        let mut line = lines([What::Key(record)]).concat().into_bytes();
        if let Some(change) = change {
            let at = place.index(line.len());
            line.splice(at..=at, change);
        }
        let mut entry = Entry::after(7, "x", What::Key(Record::default()));
        if read(&line, &mut entry) {
            prop_assert_eq!(serde_json::from_slice::<Entry>(&line).unwrap(), entry);
        }
    }
}
