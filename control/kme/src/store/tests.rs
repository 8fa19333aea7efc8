//! Tests each rule by one case, then all rules together against a plain oracle (`oracle`).

use super::{EncRequest, Store, StoredKey};
use crate::config::LinkConfig;
use crate::entropy::{Entropy, EntropyError};
use crate::key_bytes::tests::take_wiped;
use crate::refusal::Refusal;
use std::time::Duration;
use wire::KeyId;

mod oracle;

/// Returns a reproducible stream without relevant repetitions (xorshift64*).
pub(super) fn stream(seed: u64) -> Entropy {
    let mut state = seed | 1;
    Entropy::new(move |out| {
        for octet in out {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            *octet = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
        }
        Ok(())
    })
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn config() -> LinkConfig {
    LinkConfig {
        pool_bits_max: 8192,
        reserved_life: secs(60),
        ..LinkConfig::default()
    }
}

fn filled(octets: u64) -> Store {
    let mut store = Store::new(config(), stream(7));
    store.deposit(1, octets).unwrap();
    store
}

fn ask(number: u64, size_bits: u64) -> EncRequest<'static> {
    EncRequest {
        master: "a",
        slave: "b",
        number: Some(number),
        size_bits: Some(size_bits),
        propagation: Duration::ZERO,
    }
}

fn ids(keys: &[StoredKey]) -> Vec<KeyId> {
    keys.iter().map(|key| key.id).collect()
}

fn refusal<T>(result: Result<T, Refusal>) -> Refusal {
    match result {
        Ok(_) => panic!("served"),
        Err(refusal) => refusal,
    }
}

#[test]
fn both_roles_get_the_same_keys_once_and_in_the_order_asked() {
    let mut store = filled(1024);
    let master = store.enc_keys(secs(0), &ask(3, 256)).unwrap();
    let mut wanted = ids(&master);
    wanted.reverse();
    let slave = store.dec_keys(secs(1), "b", "a", &wanted).unwrap();
    assert_eq!(ids(&slave), wanted);
    for (given, taken) in master.iter().rev().zip(&slave) {
        assert_eq!(given.bytes.expose(), taken.bytes.expose());
        assert_eq!(given.bytes.len(), 32);
    }
    assert_eq!(
        refusal(store.dec_keys(secs(1), "b", "a", &wanted)),
        Refusal::KeysNotFound
    );
    let again = store.enc_keys(secs(2), &ask(1, 256)).unwrap();
    assert!(
        master
            .iter()
            .all(|key| key.bytes.expose() != again[0].bytes.expose())
    );
}

#[test]
fn key_ids_are_lower_case_uuids_version_4() {
    let mut store = filled(1024);
    let key = store.enc_keys(secs(0), &ask(1, 64)).unwrap().remove(0);
    let uuid = uuid::Uuid::try_parse(key.id.as_str()).unwrap();
    assert_eq!(uuid.get_version_num(), 4);
    assert_eq!(uuid.hyphenated().to_string(), key.id.as_str());
}

#[test]
fn only_the_named_slave_fetches_and_under_the_right_master() {
    let mut store = filled(1024);
    let keys = store.enc_keys(secs(0), &ask(2, 256)).unwrap();
    let missing = KeyId::new("00000000-0000-4000-8000-000000000000").unwrap();
    for caller in ["a", "c"] {
        // 401 is due for any such key, even if another key of the list is missing.
        for list in [vec![keys[0].id], vec![missing, keys[1].id]] {
            assert_eq!(
                refusal(store.dec_keys(secs(0), caller, "a", &list)),
                Refusal::NotNamed
            );
        }
    }
    let list = ids(&keys);
    assert_eq!(
        refusal(store.dec_keys(secs(0), "b", "c", &list)),
        Refusal::KeysNotFound
    );
    assert_eq!(store.dec_keys(secs(0), "b", "a", &list).unwrap().len(), 2);
}

#[test]
fn dec_keys_is_all_or_nothing() {
    let mut store = filled(1024);
    let keys = store.enc_keys(secs(0), &ask(2, 256)).unwrap();
    let unknown = KeyId::new("00000000-0000-4000-8000-000000000000").unwrap();
    let (one, two) = (keys[0].id, keys[1].id);
    for list in [vec![one, unknown], vec![one, two, one]] {
        assert_eq!(
            refusal(store.dec_keys(secs(0), "b", "a", &list)),
            Refusal::KeysNotFound
        );
    }
    let none = Refusal::NumberOutOfRange {
        number: 0,
        max: 128,
    };
    assert_eq!(refusal(store.dec_keys(secs(0), "b", "a", &[])), none);
    assert_eq!(store.reserved_keys(), 2);
    assert_eq!(
        store
            .dec_keys(secs(0), "b", "a", &[one, two])
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn sizes_and_numbers_have_bounds() {
    let mut store = filled(1024);
    let size = |bits| Refusal::SizeOutOfRange {
        bits,
        min: 64,
        max: 4096,
    };
    let number = |number| Refusal::NumberOutOfRange { number, max: 128 };
    for (request, expected) in [
        (ask(1, 7), Refusal::SizeNotOctets),
        (ask(1, 4097), Refusal::SizeNotOctets),
        (ask(1, 0), size(0)),
        (ask(1, 56), size(56)),
        (ask(1, 4104), size(4104)),
        (ask(1, u64::MAX - 7), size(u64::MAX - 7)),
        (ask(0, 256), number(0)),
        (ask(129, 256), number(129)),
        (ask(u64::MAX, 256), number(u64::MAX)),
    ] {
        assert_eq!(refusal(store.enc_keys(secs(0), &request)), expected);
    }
    assert_eq!(store.pool_bits(), 8192);
    for bits in [64, 4096] {
        let key = store.enc_keys(secs(0), &ask(1, bits)).unwrap();
        assert_eq!(key[0].bytes.bits(), bits);
    }
    let plain = EncRequest {
        number: None,
        size_bits: None,
        ..ask(0, 0)
    };
    let keys = store.enc_keys(secs(0), &plain).unwrap();
    assert_eq!((keys.len(), keys[0].bytes.bits()), (1, 256));
    assert_eq!(store.pool_bits(), 8192 - 64 - 4096 - 256);
}

#[test]
fn exhaustion_takes_nothing_and_the_last_bit_can_be_used() {
    let mut store = filled(95);
    let short = Refusal::Exhausted {
        wanted_bits: 768,
        stored_bits: 760,
    };
    assert_eq!(refusal(store.enc_keys(secs(0), &ask(3, 256))), short);
    assert_eq!(
        (store.pool_bits(), store.pool_keys(), store.reserved_keys()),
        (760, 2, 0)
    );
    store.deposit(1, 1).unwrap();
    assert_eq!(store.enc_keys(secs(0), &ask(3, 256)).unwrap().len(), 3);
    assert_eq!((store.pool_bits(), store.pool_keys()), (0, 0));
}

#[test]
fn a_full_pool_drops_and_counts() {
    let mut store = filled(1000);
    store.deposit(1, 100).unwrap();
    store.deposit(2, 5).unwrap();
    let counters = store.counters();
    assert_eq!(store.pool_bits(), 8192);
    assert_eq!((counters.offered_bits, counters.overflow_bits), (8840, 648));
    assert_eq!(counters.blocks, 4);
}

#[test]
fn unfetched_keys_expire_are_counted_and_wiped() {
    let mut store = filled(1024);
    let early = store.enc_keys(secs(0), &ask(2, 128)).unwrap();
    let late = store.enc_keys(secs(30), &ask(1, 256)).unwrap();
    store.expire(secs(60) - Duration::from_nanos(1));
    assert_eq!(store.reserved_keys(), 3);
    take_wiped();
    assert_eq!(
        refusal(store.dec_keys(secs(60), "b", "a", &ids(&early))),
        Refusal::KeysNotFound
    );
    assert_eq!(take_wiped(), [(16, true), (16, true)]);
    let counters = store.counters();
    assert_eq!((counters.expired_keys, counters.expired_bits), (2, 256));
    assert_eq!(
        store
            .dec_keys(secs(60), "b", "a", &ids(&late))
            .unwrap()
            .len(),
        1
    );
    assert_eq!((store.reserved_keys(), store.reserved_bits()), (0, 0));
}

#[test]
fn the_store_wipes_delivered_and_stored_keys() {
    let mut store = filled(64);
    let master = store.enc_keys(secs(0), &ask(1, 256)).unwrap();
    let slave = store.dec_keys(secs(0), "b", "a", &ids(&master)).unwrap();
    let _waiting = store.enc_keys(secs(0), &ask(1, 64)).unwrap();
    take_wiped();
    drop(slave);
    assert_eq!(take_wiped(), [(32, true)]);
    drop(store);
    let mut wiped = take_wiped();
    wiped.sort_unstable();
    assert_eq!(
        wiped,
        [(8, true), (64, true)],
        "the reserved key and the rest of the block"
    );
}

#[test]
fn a_late_key_is_not_found_until_it_has_propagated() {
    let mut store = filled(1024);
    let request = EncRequest {
        propagation: secs(5),
        ..ask(1, 256)
    };
    let list = ids(&store.enc_keys(secs(10), &request).unwrap());
    assert_eq!(
        refusal(store.dec_keys(secs(14), "b", "a", &list)),
        Refusal::KeysNotFound
    );
    assert_eq!(store.dec_keys(secs(15), "b", "a", &list).unwrap().len(), 1);
}

#[test]
fn a_broken_random_source_gives_no_key() {
    let broken = || Entropy::new(|_| Err(EntropyError));
    let mut store = Store::new(config(), broken());
    assert_eq!(store.deposit(1, 64), Err(EntropyError));
    assert_eq!(store.pool_bits(), 0);

    let mut store = filled(64);
    store.entropy = broken();
    assert_eq!(
        refusal(store.enc_keys(secs(0), &ask(1, 256))),
        Refusal::Entropy
    );
    // A source that repeats itself gives two keys the same ID, which is refused too.
    store.entropy = Entropy::new(|out| {
        out.fill(1);
        Ok(())
    });
    assert_eq!(
        refusal(store.enc_keys(secs(0), &ask(2, 256))),
        Refusal::Entropy
    );
    assert_eq!((store.pool_bits(), store.reserved_keys()), (512, 0));
}
