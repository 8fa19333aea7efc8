use super::*;
use crate::rekey::cables::Place;
use crate::rekey::cores::Cores;

const GENTLE: Offer = Offer {
    size: FrameSize::Octets(512),
    rate: 5_000.0,
    time: Duration::from_secs(2),
};

/// Runs of which one must be whole: a stall of the machine can spoil a run, a fault of ours is in each.
const TRIES: usize = 5;

/// The first run that sends the whole offer, loses less than a hundredth and is `good`.
fn whole(arm: Arm, interval: Option<Duration>, good: impl Fn(&Peer) -> bool) -> Peer {
    let whole = |peer: &Peer| {
        let (frames, lost) = (peer.account.frames, peer.account.lost);
        let sent_all = frames == 2 * GENTLE.frames();
        println!("{frames} frames, {lost} lost: {:?}", peer.drops);
        sent_all && lost * 100 < frames && good(peer)
    };
    let mut tries = (0..TRIES).map(|_| measured(arm, interval));
    tries.find(whole).expect("one run is whole")
}

fn measured(arm: Arm, interval: Option<Duration>) -> Peer {
    let intervals: Vec<Duration> = interval.into_iter().collect();
    let cell = (PortKind::Mem, GENTLE, 50);
    let mut peers = Peer::of_cell(&[arm], &intervals, cell);
    assert_eq!(peers.len(), 1);
    let mut peer = peers.remove(0);
    peer.measure(&Place::memory(Cores::default()), GENTLE.time)
        .unwrap();
    assert_eq!((peer.account.changed, peer.account.duplicated), (0, 0));
    peer
}

#[test]
fn what_keeps_its_key_carries_the_load_without_a_switch() {
    for arm in [Arm::NoOp, Arm::Integrity] {
        let peer = whole(arm, None, |_| true);
        assert_eq!(peer.account.switches, 0);
        assert!(peer.account.inside.all.is_empty() && !peer.account.outside.all.is_empty());
    }
}

#[test]
fn the_data_plane_changes_keys_faster_than_the_protocol_and_loses_nothing() {
    let interval = Duration::from_millis(10);
    let intervals = Arm::DataPlane.intervals(&[Duration::from_secs(1)]);
    assert!(intervals.contains(&Some(interval)), "{intervals:?}");
    let peer = whole(Arm::DataPlane, None, |peer| {
        peer.drops.is_empty() && peer.account.switches >= 200
    });
    // Both directions, 2 s: 400, less what a busy machine delays.
    let switches = peer.account.switches;
    assert!((200..=402).contains(&switches), "{switches}");
    assert_eq!(peer.account.lost, 0, "{:?}", peer.drops);
    assert!(peer.drops.is_empty(), "{:?}", peer.drops);
}

#[cfg(feature = "wireguard")]
#[test]
fn wireguard_changes_keys_both_ways_at_the_interval() {
    // Both directions, 2 s: 20, less what a busy machine delays.
    whole(Arm::WireGuard, Some(Duration::from_millis(200)), |peer| {
        let switches = (10..=20).contains(&peer.account.switches);
        switches && !peer.account.inside.all.is_empty()
    });
}

#[test]
fn the_table_has_each_arm_and_ours_without_rekeying() {
    let cell = (PortKind::Mem, GENTLE, 50);
    let mut peers = Peer::of_cell(&[Arm::NoOp], &[], cell);
    peers.push(Peer::xpn_256(cell, &Account::new(NEVER)));
    let mut text = String::new();
    table(&mut text, &peers, &[]);
    for name in ["T3 PEERS", "no-op", "xpn-256", "off"] {
        assert!(text.contains(name), "no `{name}` in\n{text}");
    }
    let mut nothing = String::new();
    table(&mut nothing, &[], &[]);
    assert!(nothing.is_empty());
}
