use std::sync::Arc;
use std::time::Duration;

use super::{Held, Piece};
use crate::action::{Reason, Record, Refusal};
use crate::graph::Path;
use crate::id::{LinkId, NodeId};
use crate::key::{BatchId, KeyId};
use crate::keys::Keys;
use crate::limits;
use crate::message::{Course, Relay, Share};
use crate::sites::PairId;
use kme_api::etsi020::SaeId;

const PAIR: PairId = PairId(0);

fn course(number: u64, share: Share, relay: u16) -> Course {
    let batch = BatchId {
        origin: NodeId(0),
        run: 1,
        number,
    };
    let nodes = [0, relay, 9].map(NodeId).to_vec();
    let links = [relay, relay + 10].map(LinkId).to_vec();
    Course {
        batch,
        share,
        route: Arc::new(Path { nodes, links }),
        position: 2,
    }
}

fn ids(first: u8) -> Vec<KeyId> {
    vec![KeyId([first; 16]), KeyId([first + 1; 16])]
}

/// A batch, or a share of it, whose octets all have this value, comes.
fn came(
    held: &mut Held,
    now: Duration,
    course: &Course,
    ids: Vec<KeyId>,
    value: u8,
) -> Result<(), Reason> {
    let keys = Keys::draw(ids.len(), &mut |out| out.fill(value));
    let (share, route) = (course.share, Arc::clone(&course.route));
    let piece = Piece {
        share,
        route,
        hops: vec![],
        keys,
    };
    let (initiator, target) = (SaeId::parse("a").unwrap(), SaeId::parse("b").unwrap());
    let relay = Relay {
        initiator,
        target,
        ids,
        hops: vec![],
        beyond: None,
    };
    held.on_relay(now, PAIR, course, relay, piece, &mut Vec::new())
}

#[test]
fn keys_are_handed_out_once_and_all_or_none() {
    let mut held = Held::default();
    let whole = course(1, Share::Whole, 1);
    came(&mut held, Duration::ZERO, &whole, ids(1), 7).unwrap();
    let unknown = [ids(1), ids(5)].concat();
    assert_eq!(held.take(PAIR, &unknown).err(), Some(Refusal::UnknownKey));
    let twice = [ids(1)[0], ids(1)[0]];
    assert_eq!(held.take(PAIR, &twice).err(), Some(Refusal::UnknownKey));
    let keys = held.take(PAIR, &ids(1)).unwrap();
    assert!(keys.iter().all(|key| *key.value.expose() == [7; 32]));
    assert_eq!(held.take(PAIR, &ids(1)).err(), Some(Refusal::UnknownKey));
    came(&mut held, Duration::ZERO, &whole, ids(1), 7).unwrap();
    assert_eq!(held.len(), 0, "a batch that came before came again");
    let other = course(2, Share::Whole, 1);
    let reused = came(&mut held, Duration::ZERO, &other, ids(1), 7);
    assert_eq!(reused, Err(Reason::NotFresh));
}

#[test]
fn two_shares_make_a_key_if_no_relay_saw_both() {
    let mut held = Held::default();
    let now = Duration::ZERO;
    came(&mut held, now, &course(1, Share::Second, 2), ids(1), 5).unwrap();
    assert_eq!(held.len(), 0);
    let same = course(1, Share::First, 2);
    assert_eq!(
        came(&mut held, now, &same, ids(1), 3),
        Err(Reason::NotFresh)
    );
    let first = course(1, Share::First, 1);
    assert_eq!(
        came(&mut held, now, &first, ids(3), 3),
        Err(Reason::NotFresh)
    );
    came(&mut held, now, &first, ids(1), 3).unwrap();
    let complete = held.complete(PAIR, first.batch).unwrap();
    let shares: Vec<_> = complete.ways.iter().map(|way| way.share).collect();
    assert_eq!(shares, [Share::First, Share::Second]);
    let keys = held.take(PAIR, &ids(1)).unwrap();
    assert_eq!(*keys[0].value.expose(), [5 ^ 3; 32]);
}

#[test]
fn one_share_alone_expires() {
    let mut held = Held::default();
    came(
        &mut held,
        Duration::ZERO,
        &course(1, Share::First, 1),
        ids(1),
        5,
    )
    .unwrap();
    held.expire(limits::SHARE_AGE, &mut Vec::new());
    let second = course(1, Share::Second, 2);
    assert_eq!(
        came(&mut held, limits::SHARE_AGE, &second, ids(1), 3),
        Err(Reason::NotFresh)
    );
}

#[test]
fn a_voided_batch_never_comes_back() {
    let mut held = Held::default();
    let whole = course(1, Share::Whole, 1);
    came(&mut held, Duration::ZERO, &whole, ids(1), 7).unwrap();
    let mut records = Vec::new();
    held.on_void(PAIR, &course(1, Share::Whole, 2), &ids(1), &mut records);
    assert_eq!(held.len(), 2, "voided by another route");
    held.on_void(PAIR, &whole, &ids(1), &mut records);
    assert!(matches!(&records[..], [Record::Voided { keys, .. }] if *keys == ids(1)));
    assert_eq!(held.len(), 0);
    assert_eq!(
        came(&mut held, Duration::ZERO, &whole, ids(1), 7),
        Err(Reason::NotFresh)
    );
}

#[test]
fn keys_that_nobody_fetches_expire_and_do_not_fill_the_node() {
    let mut held = Held::default();
    let mut number = 0_u64;
    let full = loop {
        number += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let whole = course(number, Share::Whole, 1);
        if let Err(reason) = came(&mut held, Duration::ZERO, &whole, vec![KeyId(id)], 7) {
            break reason;
        }
    };
    assert_eq!(full, Reason::Full);
    assert!(held.len() <= limits::HELD_MAX);
    held.expire(limits::HELD_AGE, &mut Vec::new());
    assert_eq!(held.len(), 0);
    const { assert!(limits::STOCK_AGE.as_secs() + 60 <= limits::HELD_AGE.as_secs()) };
}
