//! The stock: bounded, one request at a time, pauses that double.

use std::time::Duration;

use wire::{KeyId, MacAddr};

use super::Stock;
use crate::config::{Config, TxTimers};
use crate::event::KeyFailure;
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
    let (first, key, came) = stock.take().expect("held");
    assert_eq!(
        (first.as_str(), key.expose(), came),
        ("key-1", &[1; 32], Duration::from_secs(1)),
        "oldest first"
    );
    stock.clear();
    assert!(stock.take().is_none());
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
    stock.take();
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
