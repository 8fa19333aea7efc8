use super::{NotTaken, Pool, Purpose, Segment};
use crate::accounts::Accounts;
use crate::block::{Block, Label};
use crate::limits;

fn block(number: u64) -> Block {
    Block {
        number,
        label: Label::Modelled,
        epsilon: 1e-10,
        excess_noise: 0.01,
    }
}

fn bits(number: u64, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u64 * 7 + number) as u8).collect()
}

/// Both ends of a link with these blocks.
fn two(blocks: &[(u64, usize)]) -> [Pool; 2] {
    let mut ends = [true, false].map(|first| Pool::new(first, Accounts::default()));
    for (number, len) in blocks {
        for end in &mut ends {
            end.on_block(block(*number), &bits(*number, *len)).unwrap();
        }
        for end in &mut ends {
            end.on_have(*number);
        }
    }
    ends
}

#[test]
fn both_ends_take_the_same_key_and_each_octet_once() {
    let [mut a, mut b] = two(&[(1, 1024), (2, 2048)]);
    let mut before = Segment {
        block: 0,
        at: 0,
        len: 0,
    };
    for _ in 0..8 {
        let purpose = Purpose::batch(1);
        let sent = a.take(purpose).unwrap();
        for segment in &sent.segments {
            let end = (before.block, before.at + before.len);
            assert!((segment.block, segment.at) >= end);
            before = *segment;
        }
        let came = b.expect(&sent.segments, purpose).unwrap();
        assert_eq!(*sent.s(), *came.s());
        assert_eq!(sent.blocks, came.blocks);
        let mut payload = [7; 64];
        sent.apply(&mut payload);
        assert_ne!(payload, [7; 64]);
        came.apply(&mut payload);
        assert_eq!(payload, [7; 64]);
        b.accept(&sent.segments, purpose);
        assert!(b.expect(&sent.segments, purpose).is_none(), "taken again");
        assert!(a.accounts().close() && b.accounts().close());
    }
    assert_eq!(before.block, 2, "no message had key of both blocks");
    assert_eq!(a.accounts(), b.accounts());
}

#[test]
fn the_two_directions_never_share_an_octet() {
    let [mut a, mut b] = two(&[(1, 256)]);
    let (of_a, of_b) = (a.take(Purpose::TAG).unwrap(), b.take(Purpose::TAG).unwrap());
    assert_eq!(of_a.segments, of_b.segments);
    assert_ne!(*of_a.s(), *of_b.s());
    assert_ne!(*of_a.r, *of_b.r);
}

#[test]
fn key_of_a_lost_message_is_voided_by_the_next() {
    let [mut a, mut b] = two(&[(1, 1024)]);
    a.take(Purpose::TAG).unwrap();
    let next = a.take(Purpose::TAG).unwrap();
    b.accept(&next.segments, Purpose::TAG);
    assert_eq!(b.accounts().voided, 128);
    assert_eq!(
        b.accounts().authentication,
        a.accounts().authentication - 128
    );
    assert!(b.accounts().close());
}

#[test]
fn used_octets_are_wiped() {
    let [mut a, _] = two(&[(1, 4096)]);
    a.take(Purpose::batch(1)).unwrap();
    let half = &a.tx[0];
    assert!(half.octets[..half.at].iter().all(|octet| *octet == 0));
    assert!(half.octets[half.at..].iter().any(|octet| *octet != 0));
}

#[test]
fn tags_find_key_where_batches_find_none() {
    let [mut a, _] = two(&[(1, 4096)]);
    while a.take(Purpose::batch(1)).is_some() {}
    for _ in 0..32 {
        assert!(a.take(Purpose::TAG).is_some());
    }
}

#[test]
fn the_longest_message_finds_key_in_the_shortest_blocks() {
    let blocks: Vec<_> = (1..=40)
        .map(|number| (number, limits::BLOCK_LEN_MIN))
        .collect();
    let [mut a, mut b] = two(&blocks);
    let purpose = Purpose::batch(limits::BATCH_KEYS_MAX);
    let pad = a.take(purpose).unwrap();
    assert!(pad.segments.len() <= limits::SEGMENTS_MAX);
    b.accept(&pad.segments, purpose);
    assert!(b.accounts().close());
}

#[test]
fn a_block_is_used_when_both_ends_have_it() {
    let mut a = Pool::new(true, Accounts::default());
    a.on_block(block(1), &bits(1, 1024)).unwrap();
    assert_eq!(a.sendable(), 0);
    a.on_have(2);
    assert_eq!(
        a.accounts().voided,
        8 * 1024,
        "the neighbour has left block 1 out"
    );
    a.on_block(block(2), &bits(2, 1024)).unwrap();
    assert!(a.sendable() > 0);
    assert_eq!(a.on_block(block(2), &bits(2, 1024)), Err(NotTaken::Refused));
    assert_eq!(a.on_block(block(3), &bits(3, 255)), Err(NotTaken::Refused));
    assert!(a.accounts().close());
}

#[test]
fn a_full_pool_voids_what_comes() {
    let mut a = Pool::new(true, Accounts::default());
    let long = vec![1; limits::POOL_LEN_MAX / 2];
    assert_eq!(a.on_block(block(1), &long), Ok(()));
    assert_eq!(a.on_block(block(2), &long), Ok(()));
    assert_eq!(a.on_block(block(3), &long), Err(NotTaken::Full));
    assert_eq!(a.accounts().voided, 8 * long.len() as u64);
    assert!(a.accounts().close());
}

#[test]
fn a_restart_costs_what_both_had() {
    let [mut a, _] = two(&[(1, 1024)]);
    a.on_block(block(2), &bits(2, 512)).unwrap();
    let lost = a.on_restart();
    assert_eq!(lost, 8 * (1024 - 32));
    assert_eq!(
        (a.accounts().lost_in_crash, a.accounts().left),
        (lost, 8 * 512)
    );
    assert!(a.accounts().close());
}

#[test]
fn a_list_without_a_block_voids_it() {
    let [mut a, _] = two(&[(1, 1024), (2, 1024)]);
    a.on_list(&[2]);
    assert_eq!(a.accounts().voided, 8 * (1024 - 32));
    assert_eq!(a.numbers(), [2]);
    assert!(a.accounts().close());
}
