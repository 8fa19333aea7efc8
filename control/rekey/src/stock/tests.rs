//! The stock: bounded, one request at a time, pauses that double.

use std::time::Duration;

use wire::{KeyId, MacAddr};

use super::{Key, Stock};
use crate::config::{Config, TxTimers};
use crate::event::{KeyFailure, Refusal};
use crate::limits;
use crate::secret::{Origin, QkdKey};

fn timers() -> TxTimers {
    TxTimers::new(&Config::new(MacAddr([2, 0, 0, 0, 0, 1])))
}

fn put(stock: &mut Stock, n: u8) {
    let id = KeyId::new(&format!("key-{n}")).expect("a key_ID");
    stock.put(
        Duration::from_secs(u64::from(n)),
        id,
        QkdKey::from_slice(&[n; 32], Origin::Modelled).expect("32 octets"),
    );
}

const PAUSE: Duration = Duration::from_secs(1);

fn take(stock: &mut Stock, now: Duration, first: bool) -> Option<Key> {
    stock.take(now, PAUSE, first)
}

#[test]
fn one_request_at_a_time_and_never_more_keys_than_the_limit() {
    let mut stock = Stock::new();
    let now = Duration::from_secs(1);
    assert!(stock.ask(now, 5));
    assert!(!stock.ask(now, 5), "one is under way");
    put(&mut stock, 1);
    assert!(stock.ask(now, 5));
    put(&mut stock, 2);
    assert!(!stock.ask(now, 5), "the limit is two, whatever is wanted");
    put(&mut stock, 3); // late answer: no room, wiped
    assert_eq!(stock.len(), limits::KEYS_HELD_MAX);
    let first = take(&mut stock, now, true).expect("held");
    assert_eq!(
        (first.id.as_str(), first.key.expose(), first.came),
        ("key-1", &[1; 32], Duration::from_secs(1)),
        "oldest first"
    );
    stock.clear();
    assert!(take(&mut stock, now, true).is_none());
}

#[test]
fn rekey_t6_pauses_double_up_to_half_the_interval_and_start_again_after_a_key() {
    let mut stock = Stock::new();
    let mut now = Duration::from_secs(1);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        assert!(stock.ask(now, 1));
        stock.failed(now, KeyFailure::NoKeys, &timers(), &mut |pause| pause);
        let next = stock.next_wake(1).expect("another try");
        assert!(!stock.ask(next - Duration::from_millis(1), 1));
        pauses.push((next - now).as_millis());
        now = next;
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1500, 1500, 1500]);
    assert!(stock.ask(now, 1));
    put(&mut stock, 1);
    assert_eq!(stock.last_failure, None);
    take(&mut stock, now, true);
    assert!(stock.ask(now, 1));
    stock.failed(now, KeyFailure::NoKeys, &timers(), &mut |pause| pause);
    assert_eq!(stock.next_wake(1), Some(now + limits::FETCH_RETRY));
}

#[test]
fn only_a_new_kind_of_failure_is_news() {
    let mut stock = Stock::new();
    let mut fail = |failure| stock.failed(Duration::ZERO, failure, &timers(), &mut |pause| pause);
    let news = [
        KeyFailure::NoKeys,
        KeyFailure::NoKeys,
        KeyFailure::Unreachable,
    ]
    .map(&mut fail);
    assert_eq!(news, [true, false, true]);
}

#[test]
fn a_request_nobody_answers_is_given_up() {
    let mut stock = Stock::new();
    assert!(stock.ask(Duration::ZERO, 1));
    assert_eq!(stock.next_wake(1), Some(limits::FETCH_ANSWER));
    assert!(stock.ask(limits::FETCH_ANSWER, 1));
}

/// Offers the next key and has it refused: its name, and whether it is kept.
fn refused(stock: &mut Stock, now: Duration, refusal: Refusal) -> (String, bool) {
    let key = take(stock, now, false).expect("a key is due");
    (key.id.as_str().to_owned(), stock.keep(now, key, refusal))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn rekey_59_keys_that_the_peer_s_kme_does_not_give_are_offered_in_turn_and_no_more_are_fetched() {
    let mut stock = Stock::new();
    put(&mut stock, 1);
    put(&mut stock, 2);
    for (at, id) in [(10, "key-1"), (10, "key-2"), (11, "key-1"), (12, "key-2")] {
        let kept = refused(&mut stock, secs(at), Refusal::KmeFailed);
        assert_eq!(kept, (id.to_owned(), true));
    }
    assert!(take(&mut stock, secs(11), true).is_none(), "not so soon");
    assert_eq!(stock.take_at(PAUSE, true), Some(secs(12)));
    assert_eq!((stock.len(), stock.held()), (0, 2));
    assert!(!stock.ask(secs(12), 1), "two keys wait already");
    // The peer takes one: the other is as good as new.
    let taken = take(&mut stock, secs(12), true).expect("due");
    assert!(taken.was_refused());
    stock.served();
    assert_eq!(stock.len(), 1);
    assert!(stock.ask(secs(12), 2), "one more is wanted");
}

#[test]
fn rekey_59_a_key_that_is_not_found_is_doubted_and_given_up_when_it_is_not_found_again() {
    let mut stock = Stock::new();
    let many = u8::try_from(limits::KEYS_DOUBTFUL_MAX).expect("small");
    for n in 1..=many {
        assert!(stock.ask(secs(20), 1), "another one may be found");
        put(&mut stock, n);
        assert!(refused(&mut stock, secs(20), Refusal::KeyNotFound).1);
    }
    for n in 1..=many {
        assert!(!stock.ask(secs(21), 1), "enough of them");
        let again = refused(&mut stock, secs(21), Refusal::KeyNotFound);
        assert_eq!(again, (format!("key-{n}"), false), "in turn");
        assert!(stock.ask(secs(21), 1), "there is room for another one");
        put(&mut stock, many + n);
        assert!(refused(&mut stock, secs(21), Refusal::KeyNotFound).1);
    }
}

#[test]
fn rekey_59_a_doubted_key_is_tried_first_once_others_are_taken() {
    let mut stock = Stock::new();
    put(&mut stock, 1);
    refused(&mut stock, secs(10), Refusal::KeyNotFound);
    put(&mut stock, 2);
    let id = |key: Option<Key>| key.map(|key| key.id.as_str().to_owned());
    assert_eq!(
        id(take(&mut stock, secs(20), true)),
        Some("key-2".to_owned())
    );
    put(&mut stock, 3);
    stock.served();
    assert_eq!(stock.len(), 1, "it does not stand in for another one");
    let key = take(&mut stock, secs(20), true).expect("held");
    assert_eq!(key.id.as_str(), "key-1");
    assert!(!stock.keep(secs(20), key, Refusal::KeyNotFound), "lost");
    assert_eq!(
        id(take(&mut stock, secs(20), false)),
        Some("key-3".to_owned())
    );
}

#[test]
fn rekey_59_only_a_refusal_that_says_that_the_peer_never_had_the_key_keeps_it() {
    for (refusal, kept) in [
        (Refusal::KeyNotFound, true),
        (Refusal::KmeFailed, true),
        (Refusal::KeyUnusable, false),
        (Refusal::AnInUse, true),
        (Refusal::Suite, true),
        (Refusal::Root, true),
        (Refusal::Policy, true),
        (Refusal::KeyIdUsed, false),
        (Refusal::Origin, false),
    ] {
        let mut stock = Stock::new();
        put(&mut stock, 1);
        assert_eq!(refused(&mut stock, secs(9), refusal).1, kept, "{refusal:?}");
    }
}

#[test]
fn rekey_59_a_kept_key_is_wiped_when_the_kmes_may_have_forgotten_it() {
    let mut stock = Stock::new();
    put(&mut stock, 1);
    refused(&mut stock, secs(10), Refusal::KmeFailed);
    put(&mut stock, 2);
    let over = secs(1) + limits::KEY_KEPT;
    assert_eq!(stock.next_wake(0), Some(over));
    stock.expire(over - Duration::from_millis(1));
    assert_eq!(stock.held(), 2);
    stock.expire(over);
    assert_eq!((stock.held(), stock.len()), (1, 1), "the other one is new");
    // And it is not kept again after that.
    put(&mut stock, 3);
    let key = take(&mut stock, secs(1), true).expect("held");
    assert!(!stock.keep(secs(2) + limits::KEY_KEPT, key, Refusal::KmeFailed));
}
