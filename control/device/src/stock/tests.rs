use super::*;

const LIFE: Duration = Duration::from_secs(600);
const START: Duration = Duration::ZERO;

fn name(number: u64) -> BlockName {
    BlockName {
        alice: [1; 16],
        bob: [2; 16],
        number,
    }
}

/// A block whose key octets count up.
fn block(keys: usize) -> Vec<u8> {
    (0..keys * KEY_LEN).map(|at| (at % 251) as u8).collect()
}

fn two() -> [Stock; 2] {
    [Role::Alice, Role::Bob].map(|role| Stock::new(role, LIFE))
}

fn ids(keys: &[Key]) -> Vec<KeyId> {
    keys.iter().map(|key| key.id).collect()
}

/// Gives a block to both ends, confirmed.
fn distil(ends: &mut [Stock; 2], now: Duration, number: u64, octets: &[u8]) {
    for end in ends {
        end.add(now, &name(number), octets);
        end.confirm(now, number);
    }
}

#[test]
fn each_key_is_fresh_at_one_end_and_named_at_the_other_once() {
    let mut ends = two();
    let octets = block(9);
    distil(&mut ends, START, 7, &octets);
    for number in [5, 4] {
        let [own, other] = &mut ends;
        let fresh = own.fresh(START, number).unwrap();
        assert!(own.fresh(START, 1).is_err());
        let mut backwards = ids(&fresh);
        backwards.reverse();
        let named = other.named(START, &backwards).unwrap();
        for (fresh, named) in fresh.iter().rev().zip(&named) {
            assert_eq!(fresh.bytes.expose(), named.bytes.expose());
        }
        assert_eq!(
            other.named(START, &backwards).err(),
            Some(Refusal::KeysNotFound)
        );
        ends.reverse();
    }
    for end in &ends {
        assert!(end.books().close());
        assert_eq!(end.books().delivered_bits, 9 * 256);
    }
}

#[test]
fn a_request_is_fulfilled_whole_or_not_at_all() {
    let mut ends = two();
    distil(&mut ends, START, 1, &block(4));
    let [alice, bob] = &mut ends;
    let wanted = ids(&alice.fresh(START, 2).unwrap());
    let other = key_id(&name(2), Role::Alice, 0);
    let twice = [wanted[0], wanted[0]];
    for wrong in [&[wanted[0], other][..], &twice[..]] {
        assert_eq!(bob.named(START, wrong).err(), Some(Refusal::KeysNotFound));
    }
    assert!(bob.named(START, &wanted).is_ok());
    assert!(alice.fresh(START, 1).is_err());
}

#[test]
fn an_unconfirmed_block_gives_no_fresh_key_and_is_voided_when_given_up() {
    let [mut alice, _] = two();
    alice.add(START, &name(1), &block(4));
    assert!(alice.fresh(START, 1).is_err());
    alice.give_up(1);
    alice.confirm(START, 1);
    assert_eq!(alice.fresh_keys(), 0);
    assert_eq!(alice.books().voided_bits, 2 * 256);
    for number in 2..=UNCONFIRMED_MAX as u64 + 2 {
        alice.add(START, &name(number), &block(2));
    }
    alice.confirm(START, 2);
    assert_eq!(alice.fresh_keys(), 0, "the oldest block made room");
    assert!(alice.books().close());
}

#[test]
fn octets_that_fill_no_key_are_voided() {
    let [mut alice, _] = two();
    alice.add(START, &name(1), &block(2)[..KEY_LEN + 5]);
    let books = alice.books();
    assert_eq!((books.voided_bits, books.stocked_bits), (40, 256));
    assert!(books.close());
}

#[test]
fn the_other_end_still_holds_the_oldest_key_that_a_full_stock_gives_out() {
    let mut ends = two();
    let octets = block(2 * 4096);
    let blocks = 2 * STOCK_KEYS_MAX as u64 / 4096;
    for number in 0..blocks {
        distil(&mut ends, START, number, &octets);
    }
    let [alice, bob] = &mut ends;
    assert_eq!(alice.fresh_keys(), STOCK_KEYS_MAX);
    let oldest = ids(&alice.fresh(START, 1).unwrap());
    assert_eq!(oldest, [key_id(&name(blocks / 2), Role::Alice, 0)]);
    assert!(bob.named(START, &oldest).is_ok());
    distil(&mut ends, START, blocks, &octets);
    for end in &ends {
        assert!(end.held.len() <= HELD_KEYS_MAX && end.ends.len() <= HELD_KEYS_MAX);
        assert!(end.books().close(), "{:?}", end.books());
    }
}

#[test]
fn a_key_given_out_at_the_last_moment_can_be_fetched_for_its_life() {
    let mut ends = two();
    distil(&mut ends, START, 1, &block(4));
    let [alice, bob] = &mut ends;
    let last = STOCK_LIFE - Duration::from_secs(1);
    let given = ids(&alice.fresh(last, 1).unwrap());
    assert!(alice.fresh(STOCK_LIFE, 1).is_err());
    assert!(bob.named(last + LIFE, &given).is_ok());
    bob.expire(STOCK_LIFE + LIFE);
    assert_eq!(bob.books().stocked_bits, 0);
    assert!(alice.books().close() && bob.books().close());
}

#[test]
fn a_restart_of_the_peer_voids_fresh_keys_and_leaves_time_to_fetch_given_ones() {
    let mut ends = two();
    distil(&mut ends, START, 1, &block(8));
    let [alice, bob] = &mut ends;
    let given = ids(&alice.fresh(START, 2).unwrap());
    bob.peer_restarted(START);
    assert_eq!(bob.fresh_keys(), 0);
    assert!(bob.named(START, &given[..1]).is_ok());
    assert_eq!(
        bob.named(LIFE, &given[1..]).err(),
        Some(Refusal::KeysNotFound)
    );
    let books = bob.books();
    assert_eq!((books.voided_bits, books.expired_bits), (4 * 256, 3 * 256));
    assert!(books.close());
}

#[test]
fn ids_are_uuids_of_version_4_that_depend_on_all_of_the_name() {
    let id = key_id(&name(1), Role::Alice, 0);
    assert_eq!(id.as_str().as_bytes()[14], b'4');
    let mut all = vec![
        id,
        key_id(&name(1), Role::Bob, 0),
        key_id(&name(1), Role::Alice, 1),
    ];
    all.push(key_id(&name(2), Role::Alice, 0));
    let [mut alice, mut bob] = [name(1), name(1)];
    alice.alice = [9; 16];
    bob.bob = [9; 16];
    all.extend([alice, bob].map(|block| key_id(&block, Role::Alice, 0)));
    let distinct: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}
