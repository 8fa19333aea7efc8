//! Keys that were offered in vain (REKEY-59): which are offered again, and which never.

use std::collections::{BTreeMap, BTreeSet};

use super::two::{Two, ms};
use crate::event::{Event, KeyFailure};

const OFFER: u8 = 2;
const READY: u8 = 3;

/// Epochs under which an end has offered each `key_ID`.
fn offered(two: &Two, side: usize) -> BTreeMap<Vec<u8>, BTreeSet<[u8; 4]>> {
    let mut offered = BTreeMap::<_, BTreeSet<_>>::new();
    for frame in two.frames[side].iter().filter(|frame| frame[15] == OFFER) {
        let len = usize::from(frame[118]);
        let epoch = [frame[86], frame[87], frame[88], frame[89]];
        let epochs = offered.entry(frame[119..119 + len].to_vec()).or_default();
        epochs.insert(epoch);
    }
    offered
}

fn kept(event: &Event) -> bool {
    matches!(event, Event::OfferAbandoned { kept: true, .. })
}

fn spent(event: &Event) -> bool {
    matches!(event, Event::OfferAbandoned { kept: false, .. })
}

#[test]
fn rekey_59_an_outage_of_14_s_at_the_peer_s_kme_spends_no_key() {
    let mut two = Two::plain();
    two.run(ms(12_000));
    two.dec = Some(KeyFailure::Unreachable);
    let before = two.made;
    two.run(ms(14_000));
    assert!(two.made <= before + 6, "{} keys", two.made - before);
    two.dec = None;
    let used = [0, 1].map(|side| two.ends[side].status(two.now).tx.switches);
    two.run(ms(6000));
    for (side, used) in used.into_iter().enumerate() {
        assert!(two.ends[side].status(two.now).tx.switches > used);
        assert!(two.seen(side, kept) > 4 && two.seen(side, spent) == 0);
        let offered = offered(&two, side);
        let again = offered.values().filter(|epochs| epochs.len() > 1).count();
        assert!((1..=3).contains(&again), "{again} keys are offered again");
    }
    two.run(ms(60_000));
    let held: usize = two
        .ends
        .iter()
        .map(|end| end.status(two.now).keys_held)
        .sum();
    let offered: usize = (0..2).map(|side| offered(&two, side).len()).sum();
    assert_eq!(
        offered + held,
        two.made as usize,
        "each is used, or in stock"
    );
    for side in 0..2 {
        assert_eq!(two.seen(side, spent), 0);
        let switches = two.ends[side].status(two.now).tx.switches as usize;
        assert!(switches + 1 >= self::offered(&two, side).len());
    }
}

/// A READY may be lost on the line: then the peer has the key in its workers.
#[test]
fn rekey_59_a_key_whose_offer_nobody_answers_is_never_offered_again() {
    let mut two = Two::plain();
    two.run(ms(12_000));
    two.lost = vec![READY];
    two.run(ms(30_000));
    two.lost.clear();
    two.run(ms(10_000));
    for side in 0..2 {
        assert!(two.seen(side, spent) > 2 && two.seen(side, kept) == 0);
        assert!(offered(&two, side).values().all(|epochs| epochs.len() == 1));
    }
}

/// A kept key outlives the session, because no end has made an SA of it.
#[test]
fn rekey_59_kept_keys_are_wiped_at_the_end() {
    let mut two = Two::plain();
    two.run(ms(12_000));
    two.dec = Some(KeyFailure::Unreachable);
    two.run(ms(8000));
    assert!(two.ends[0].status(two.now).keys_held > 0);
    two.ends[0].on_stop(two.now);
    assert_eq!(two.ends[0].status(two.now).keys_held, 0);
}
