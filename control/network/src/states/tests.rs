use std::time::{Duration, Instant};

use super::{News, States};
use crate::config::NodeConfig;
use crate::id::{LinkId, NodeId};
use crate::limits;
use crate::message::{Level, State};
use crate::sites::Sites;

fn sites(nodes: u16, links: &[(u16, u16)]) -> Sites {
    Sites::new(&NodeConfig {
        node: NodeId(0),
        nodes,
        links: links
            .iter()
            .map(|(a, b)| (NodeId(*a), NodeId(*b)))
            .collect(),
        digest: [0; 32],
        saes: vec![],
        foreign: vec![],
        demand: vec![],
        unix_time: Duration::ZERO,
        accounts: vec![],
    })
}

/// The state of a node all of whose links have this level.
fn state(sites: &Sites, node: u16, seq: u64, level: Level) -> State {
    let ends = sites.links.iter().enumerate();
    let own = ends.filter(|(_, (a, b))| a.0 == node || b.0 == node);
    let levels = own.map(|(link, _)| (LinkId(link as u16), level)).collect();
    State {
        node: NodeId(node),
        run: 1,
        seq,
        age_ms: 0,
        levels,
    }
}

fn announced(sites: &Sites, level: Level) -> States {
    let mut states = States::new(sites, 1);
    let ours = state(sites, 0, 0, level).levels;
    states.announce(Duration::ZERO, sites, ours);
    for node in 1..sites.nodes {
        states.on_state(Duration::ZERO, sites, &state(sites, node, 1, level));
    }
    states.update(Duration::ZERO, sites);
    states
}

fn nodes(path: Option<crate::graph::Path>) -> Vec<u16> {
    path.map_or(vec![], |path| {
        path.nodes.iter().map(|node| node.0).collect()
    })
}

const RING: &[(u16, u16)] = &[(0, 1), (1, 2), (2, 3), (3, 0)];

#[test]
fn a_link_counts_as_far_as_both_ends_say_so() {
    let sites = sites(4, RING);
    let mut states = announced(&sites, Level::Rich);
    assert_eq!(states.level(LinkId(1)), Level::Rich);
    let mut one = state(&sites, 1, 2, Level::Rich);
    one.levels[1].1 = Level::Down;
    assert_eq!(states.on_state(Duration::ZERO, &sites, &one), News::New);
    assert!(states.update(Duration::ZERO, &sites));
    assert_eq!(states.level(LinkId(1)), Level::Down);
    assert_eq!(nodes(states.route(NodeId(2), None)), [0, 3, 2]);
}

#[test]
fn only_newer_states_count() {
    let sites = sites(4, RING);
    let mut states = announced(&sites, Level::Rich);
    let again = state(&sites, 1, 1, Level::Rich);
    assert_eq!(states.on_state(Duration::ZERO, &sites, &again), News::Known);
    let old = state(&sites, 1, 0, Level::Down);
    let News::Older(newer) = states.on_state(Duration::ZERO, &sites, &old) else {
        panic!("an old state is taken");
    };
    assert_eq!(newer.seq, 1);
    let mut foreign = state(&sites, 1, 9, Level::Rich);
    foreign.levels.push((LinkId(2), Level::Rich));
    assert_eq!(
        states.on_state(Duration::ZERO, &sites, &foreign),
        News::Known
    );
    let mut aged = state(&sites, 1, 9, Level::Rich);
    aged.age_ms = u32::MAX;
    assert_eq!(states.on_state(Duration::ZERO, &sites, &aged), News::Known);
}

#[test]
fn a_state_from_before_our_restart_is_topped() {
    let sites = sites(4, RING);
    let mut states = announced(&sites, Level::Rich);
    let mut before = state(&sites, 0, 70, Level::Down);
    before.run = 9;
    assert_eq!(
        states.on_state(Duration::ZERO, &sites, &before),
        News::Outdated
    );
    let ours = state(&sites, 0, 0, Level::Rich).levels;
    assert_eq!(states.announce(Duration::ZERO, &sites, ours).seq, 71);
}

#[test]
fn states_that_are_not_refreshed_expire() {
    let sites = sites(4, RING);
    let mut states = announced(&sites, Level::Rich);
    let later = limits::STATE_AGE;
    states.expire(later, &sites);
    assert!(states.update(Duration::ZERO, &sites));
    assert_eq!(states.reachable(&sites), [NodeId(0)]);
    assert!(states.run_of(NodeId(1)).is_none());
}

#[test]
fn a_route_stays_while_it_is_nearly_as_good() {
    let sites = sites(4, RING);
    let mut states = announced(&sites, Level::Rich);
    let before = states.route(NodeId(2), None).unwrap();
    let relay = before.nodes[1].0;
    states.on_state(
        Duration::ZERO,
        &sites,
        &state(&sites, relay, 2, Level::Fair),
    );
    states.update(Duration::ZERO, &sites);
    assert_eq!(states.route(NodeId(2), Some(&before)), Some(before.clone()));
    states.on_state(Duration::ZERO, &sites, &state(&sites, relay, 3, Level::Low));
    states.update(Duration::ZERO, &sites);
    assert_ne!(states.route(NodeId(2), Some(&before)), Some(before));
}

#[test]
fn a_link_that_refused_is_avoided_for_a_time() {
    let sites = sites(4, RING);
    let mut states = announced(&sites, Level::Rich);
    let before = states.route(NodeId(2), None).unwrap();
    states.avoid(Duration::ZERO, before.links[1]);
    states.update(Duration::ZERO, &sites);
    assert!(!states.supplied(&before));
    assert_ne!(states.route(NodeId(2), Some(&before)), Some(before.clone()));
    assert_eq!(states.avoided_until(), Some(limits::AVOID));
    states.update(limits::AVOID, &sites);
    assert!(states.supplied(&before));
}

#[test]
fn two_paths_share_no_relay() {
    let sites = sites(4, RING);
    let states = announced(&sites, Level::Rich);
    let [a, b] = states.routes(&sites, NodeId(2), &[]).unwrap();
    assert_ne!(a.relays(), b.relays());
    assert!(
        states
            .routes(&self::sites(4, &RING[..3]), NodeId(2), &[])
            .is_none()
    );
}

/// 1,000 nodes and 3,000 links: one state changes, and all routes are calculated again. The target
/// is 20 ms in a release build; here is room for a debug build on a busy machine.
#[test]
fn routes_of_a_thousand_nodes_are_calculated_at_once() {
    let mut links: Vec<_> = (0..1000).map(|node| (node, (node + 1) % 1000)).collect();
    let mut seed = 1_u64;
    while links.len() < 3000 {
        seed = seed
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        let (a, b) = ((seed >> 33) % 1000, (seed >> 43) % 1000);
        if a != b {
            links.push((a as u16, b as u16));
        }
    }
    let sites = sites(1000, &links);
    let mut states = announced(&sites, Level::Rich);
    let start = Instant::now();
    states.on_state(Duration::ZERO, &sites, &state(&sites, 500, 2, Level::Low));
    assert!(states.update(Duration::ZERO, &sites));
    let routes = (1..1000)
        .filter_map(|node| states.route(NodeId(node), None))
        .count();
    let took = start.elapsed();
    let start = Instant::now();
    assert!(states.routes(&sites, NodeId(500), &[]).is_some());
    eprintln!(
        "{routes} routes in {took:?}, two disjoint ones in {:?}",
        start.elapsed()
    );
    assert_eq!(routes, 999);
    assert!(took < Duration::from_secs(1));
}
