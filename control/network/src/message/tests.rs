use std::sync::Arc;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::{
    Ack, Body, Course, Hello, LEVELS, Message, REASONS, Relay, Share, State, WITHDRAWALS, Withdraw,
    have, hello, ping, state, unsealed,
};
use crate::block::{Block, Label};
use crate::graph::Path;
use crate::id::{LinkId, NodeId};
use crate::key::{BatchId, KeyId};
use crate::limits;
use crate::passport::{Beyond, Hop};
use crate::pool::Segment;
use kme_api::etsi020::SaeId;

fn block() -> impl Strategy<Value = Block> {
    let label = prop_oneof![
        Just(Label::Unlabelled),
        Just(Label::Modelled),
        Just(Label::Distilled)
    ];
    (any::<u64>(), label, 0.0..1.0_f64, 0.0..1.0_f64).prop_map(
        |(number, label, epsilon, excess_noise)| Block {
            number,
            label,
            epsilon,
            excess_noise,
        },
    )
}

fn hops() -> impl Strategy<Value = Vec<Hop>> {
    let hop = (any::<u16>(), vec(block(), 0..4));
    let hop = hop.prop_map(|(link, blocks)| Hop {
        link: LinkId(link),
        blocks,
    });
    vec(hop, 0..limits::HOPS_MAX)
}

fn path() -> impl Strategy<Value = Path> {
    let nodes = btree_set(any::<u16>(), 2..=limits::HOPS_MAX + 1);
    (nodes, vec(any::<u16>(), limits::HOPS_MAX)).prop_map(|(nodes, links)| {
        let nodes: Vec<_> = nodes.into_iter().rev().map(NodeId).collect();
        let links = links
            .into_iter()
            .take(nodes.len() - 1)
            .map(LinkId)
            .collect();
        Path { nodes, links }
    })
}

fn course() -> impl Strategy<Value = Course> {
    let share = prop_oneof![Just(Share::Whole), Just(Share::First), Just(Share::Second)];
    let position = 0..=limits::HOPS_MAX;
    (path(), any::<(u64, u64)>(), share, position).prop_map(|(path, (run, number), share, at)| {
        let batch = BatchId {
            origin: path.nodes[0],
            run,
            number,
        };
        let position = at.min(path.links.len());
        Course {
            batch,
            share,
            route: Arc::new(path),
            position,
        }
    })
}

fn ids() -> impl Strategy<Value = Vec<KeyId>> {
    let ids = btree_set(any::<[u8; 16]>(), 1..=limits::BATCH_KEYS_MAX);
    ids.prop_map(|ids| ids.into_iter().map(KeyId).collect())
}

fn sae() -> impl Strategy<Value = SaeId> {
    "[a-zA-Z0-9._~-]{1,64}".prop_map(|name| SaeId::parse(&name).unwrap())
}

fn beyond() -> impl Strategy<Value = Option<Beyond>> {
    option::of(".{1,20}".prop_map(|text| Beyond::new(&text).unwrap()))
}

fn body() -> impl Strategy<Value = Body> {
    let relay = (sae(), sae(), ids(), hops(), beyond());
    let relay = relay.prop_map(|(initiator, target, ids, hops, beyond)| {
        Body::Relay(Relay {
            initiator,
            target,
            ids,
            hops,
            beyond,
        })
    });
    let ack = (any::<u64>(), any::<[u8; 16]>(), hops(), beyond());
    let ack = ack.prop_map(|(run, confirmation, hops, beyond)| {
        Body::Ack(Ack {
            run,
            confirmation,
            hops,
            beyond,
        })
    });
    let withdraw = (sae(), sae(), any::<[u8; 16]>()).prop_map(|(initiator, target, key)| {
        Body::Withdraw(Withdraw {
            initiator,
            target,
            key: KeyId(key),
        })
    });
    let withdrawn = (any::<[u8; 16]>(), 0..WITHDRAWALS.len());
    let withdrawn = withdrawn.prop_map(|(key, at)| Body::Withdrawn(KeyId(key), WITHDRAWALS[at]));
    let nack = (0..REASONS.len()).prop_map(|at| Body::Nack {
        at: 0,
        reason: REASONS[at],
    });
    let void = ids().prop_map(Body::Void);
    prop_oneof![relay, ack, nack, void, withdraw, withdrawn]
}

fn segments() -> impl Strategy<Value = Vec<Segment>> {
    let segment = any::<(u64, u32, u32)>();
    let segment = segment.prop_map(|(block, at, len)| Segment { block, at, len });
    vec(segment, 0..=limits::SEGMENTS_MAX)
}

proptest! {
    #[test]
    fn sealed_messages_come_back((segments, course, body) in (segments(), course(), body())) {
        let mut octets = unsealed(&segments, &course, &body).octets;
        if let Body::Relay(relay) = &body {
            let len = relay.ids.len() * limits::KEY_LEN + limits::CONFIRMATION_LEN;
            octets.extend(std::iter::repeat_n(5, len));
        }
        octets.extend([9; limits::TAG_LEN]);
        let Ok(Message::Sealed(sealed)) = Message::parse(&octets) else {
            panic!("a message does not come back");
        };
        prop_assert_eq!(sealed.covered, &octets[..octets.len() - limits::TAG_LEN]);
        prop_assert_eq!(sealed.tag, [9; limits::TAG_LEN]);
        prop_assert_eq!((sealed.segments, sealed.course, sealed.body), (segments, course, body));
    }

    #[test]
    fn plain_messages_come_back(
        (ours, numbers) in (any::<(u16, u16, [u8; 32], u64, u64)>(), vec(any::<u64>(), 0..99)),
        (node, run, seq, age_ms) in any::<(u16, u64, u64, u32)>(),
        links in btree_set(any::<u16>(), 0..99),
    ) {
        let (at, link, digest, our_run, unix_ms) = ours;
        let (at, link) = (NodeId(at), LinkId(link));
        let ours = Hello { node: at, link, digest, run: our_run, unix_ms };
        let octets = hello(&ours);
        prop_assert_eq!(Message::parse(&octets), Ok(Message::Hello(ours)));
        let octets = have(&numbers);
        prop_assert_eq!(Message::parse(&octets), Ok(Message::Have(numbers)));
        let octets = ping();
        prop_assert_eq!(Message::parse(&octets), Ok(Message::Ping));
        let levels = links.into_iter().map(|link| (LinkId(link), LEVELS[usize::from(link) % 5]));
        let ours = State { node: NodeId(node), run, seq, age_ms, levels: levels.collect() };
        let octets = state(&ours);
        prop_assert_eq!(Message::parse(&octets), Ok(Message::State(ours)));
    }

    /// Whatever parses is exactly what the writer writes.
    #[test]
    fn no_two_texts_of_one_message(
        (course, body) in (course(), body()),
        at in any::<proptest::sample::Index>(),
        octet in any::<u8>(),
    ) {
        let mut octets = unsealed(&[], &course, &body).octets;
        if let Body::Relay(relay) = &body {
            octets.resize(octets.len() + 32 * (relay.ids.len() + 1), 0);
        }
        octets.extend([0; limits::TAG_LEN]);
        let at = at.index(octets.len());
        octets[at] = octet;
        if let Ok(Message::Sealed(sealed)) = Message::parse(&octets) {
            let again = unsealed(&sealed.segments, &sealed.course, &sealed.body).octets;
            prop_assert!(sealed.covered.starts_with(&again));
            prop_assert_eq!(sealed.covered.len(), again.len() + sealed.payload.len());
        }
    }

    #[test]
    fn random_octets_never_panic(octets in vec(any::<u8>(), 0..300)) {
        let _ = Message::parse(&octets);
    }
}

#[test]
fn the_longest_message_fits() {
    let nodes: Vec<_> = (0..=limits::HOPS_MAX as u16).map(NodeId).collect();
    let links: Vec<_> = (0..limits::HOPS_MAX as u16).map(LinkId).collect();
    let block = Block {
        number: 1,
        label: Label::Distilled,
        epsilon: 1.0,
        excess_noise: 1.0,
    };
    let blocks = vec![block; limits::SEGMENTS_MAX];
    let hops = links
        .iter()
        .map(|link| Hop {
            link: *link,
            blocks: blocks.clone(),
        })
        .collect();
    let batch = BatchId {
        origin: NodeId(0),
        run: 1,
        number: 1,
    };
    let position = links.len();
    let route = Arc::new(Path { nodes, links });
    let name = SaeId::parse(&"x".repeat(64)).unwrap();
    let ids = (0..limits::BATCH_KEYS_MAX)
        .map(|n| KeyId([n as u8; 16]))
        .collect();
    let body = Body::Relay(Relay {
        initiator: name.clone(),
        target: name,
        ids,
        hops,
        beyond: Beyond::new(&"x".repeat(limits::BEYOND_LEN_MAX)),
    });
    let segments = vec![
        Segment {
            block: 1,
            at: 0,
            len: 1
        };
        limits::SEGMENTS_MAX
    ];
    let course = Course {
        batch,
        share: Share::Whole,
        route,
        position,
    };
    let clear = unsealed(&segments, &course, &body).octets.len();
    let keys = limits::BATCH_KEYS_MAX * limits::KEY_LEN + limits::CONFIRMATION_LEN;
    assert!(clear + keys + limits::TAG_LEN <= limits::MESSAGE_LEN_MAX);
}

#[test]
fn a_route_never_passes_a_node_twice() {
    let nodes = [0, 1, 0].map(NodeId).to_vec();
    let route = Arc::new(Path {
        nodes,
        links: vec![LinkId(0), LinkId(1)],
    });
    let batch = BatchId {
        origin: NodeId(0),
        run: 1,
        number: 1,
    };
    let course = Course {
        batch,
        share: Share::Whole,
        route,
        position: 1,
    };
    let mut octets = unsealed(&[], &course, &Body::Void(vec![KeyId([1; 16])])).octets;
    octets.extend([0; limits::TAG_LEN]);
    assert!(Message::parse(&octets).is_err());
}
