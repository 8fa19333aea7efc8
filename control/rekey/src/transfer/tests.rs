use core::time::Duration;

use proptest::prelude::{any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::{ALL, Incoming, Outgoing, PIECES, Piece};
use crate::limits;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn message() -> Vec<u8> {
    (0..2752_u32)
        .map(|n| n.to_be_bytes()[2] ^ n.to_be_bytes()[3] | 1)
        .collect()
}

#[test]
fn rekey_43_only_missing_pieces_are_repeated_and_pauses_double_until_there_is_news() {
    let mut outgoing = Outgoing::new(ms(0), &[&message()]);
    let indices =
        |pieces: Vec<(u8, Piece)>| -> Vec<u8> { pieces.iter().map(|(index, _)| *index).collect() };
    assert_eq!(
        indices(outgoing.due(ms(0), |pause| pause)),
        (0..PIECES).collect::<Vec<_>>()
    );
    assert!(outgoing.due(ms(99), |pause| pause).is_empty());
    assert_eq!(outgoing.due(ms(100), |pause| pause).len(), 10);
    assert_eq!(outgoing.next_wake(), Some(ms(300)));
    outgoing.on_have(ms(110), 0b11_1101_1111);
    assert_eq!(indices(outgoing.due(ms(110), |pause| pause)), [5]);
    outgoing.on_have(ms(120), 0b11_1101_1111);
    assert_eq!(outgoing.next_wake(), Some(ms(210)), "no news");
    outgoing.on_have(ms(130), 0xFFFF);
    assert_eq!(
        (
            outgoing.next_wake(),
            outgoing.due(ms(900), |pause| pause).len()
        ),
        (None, 0)
    );
}

#[test]
fn rekey_43_a_report_comes_once_for_a_burst() {
    let mut incoming = Incoming::new();
    let piece = Piece(Box::new([7; super::PIECE_LEN]));
    assert!(incoming.put(ms(0), 3, &piece));
    assert!(incoming.put(ms(5), 4, &piece));
    assert!(!incoming.put(ms(6), 3, &piece), "it is there");
    assert!(!incoming.put(ms(6), PIECES, &piece), "no such piece");
    assert_eq!(incoming.report(ms(29)), None);
    assert_eq!(incoming.next_wake(), Some(limits::PIECES_REPORT));
    assert_eq!(incoming.report(limits::PIECES_REPORT), Some(0b1_1000));
    assert_eq!(
        (incoming.report(ms(900)), incoming.next_wake()),
        (None, None)
    );
    assert!(incoming.whole().is_none());
}

proptest! {
    /// Whatever is lost, doubled and reordered, the message comes whole or not at all.
    #[test]
    fn rekey_43_pieces_in_any_order_make_the_message(picks in prop::collection::vec(0..PIECES, 0..80), bits in any::<u16>()) {
        let mut outgoing = Outgoing::new(ms(0), &[&message()]);
        let pieces = outgoing.due(ms(0), |pause| pause);
        let (mut incoming, mut seen) = (Incoming::new(), 0_u16);
        for index in picks.into_iter().chain((0..PIECES).filter(|index| bits & 1 << index != 0)) {
            let news = incoming.put(ms(1), index, &pieces[usize::from(index)].1);
            prop_assert_eq!(news, seen & 1 << index == 0);
            seen |= 1 << index;
            prop_assert_eq!(incoming.whole().is_some(), seen == ALL);
        }
        if let Some(whole) = incoming.whole() {
            let message = message();
            prop_assert_eq!(&whole[..2752], message.as_slice());
            prop_assert!(whole[2752..].iter().all(|octet| *octet == 0));
        }
    }
}
