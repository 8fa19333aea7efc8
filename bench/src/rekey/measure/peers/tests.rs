use super::*;
use crate::ports::PortSetup;
use crate::rekey::rig::cores::Cores;
use crate::size::FrameSize;

const GENTLE: Offer = Offer {
    size: FrameSize::Octets(512),
    rate: 5_000.0,
    time: Duration::from_secs(2),
};

/// Runs of which one must be whole: a stall of the machine can spoil a run, a fault of ours is in
/// each.
const TRIES: usize = 5;

/// The first run that sends the whole offer, loses less than a hundredth and is `good`.
fn whole(device: Device, interval: Option<Duration>, good: impl Fn(&Peer) -> bool) -> Peer {
    let whole = |peer: &Peer| {
        let (frames, lost) = (peer.account.frames, peer.account.lost);
        let sent_all = frames == 2 * GENTLE.frames();
        println!("{frames} frames, {lost} lost: {:?}", peer.drops);
        sent_all && lost * 100 < frames && good(peer)
    };
    let mut tries = (0..TRIES).map(|_| measured(device, interval));
    tries.find(whole).expect("one run is whole")
}

fn measured(device: Device, interval: Option<Duration>) -> Peer {
    let intervals: Vec<Duration> = interval.into_iter().collect();
    let cell = Cell {
        port: PortSetup::Mem,
        offer: GENTLE,
        load_percent: 50,
    };
    let mut peers = Peer::of_cell(&[device], &intervals, cell);
    let mut peer = peers.remove(0);
    let rig = Rig::new(PortSetup::Mem, Cores::default()).unwrap();
    peer.measure(&rig, GENTLE.time).unwrap();
    assert_eq!((peer.account.changed, peer.account.duplicated), (0, 0));
    peer
}

#[test]
fn what_keeps_its_key_carries_the_load_without_a_switch() {
    for device in [Device::NoOp, Device::Integrity] {
        let peer = whole(device, None, |_| true);
        assert_eq!(peer.account.switches, 0);
        assert!(peer.account.inside.all.is_empty() && !peer.account.outside.all.is_empty());
    }
}

#[test]
fn the_data_plane_changes_keys_faster_than_the_protocol_and_loses_nothing() {
    let shortest = Some(Duration::from_millis(10));
    let intervals = devices::intervals(Device::DataPlane, &[Duration::from_secs(1)]);
    assert!(intervals.contains(&shortest), "{intervals:?}");
    // Receivers hold an old key for one interval: longer than a busy machine delays frames.
    let interval = Some(Duration::from_millis(40));
    let peer = whole(Device::DataPlane, interval, |peer| {
        peer.drops.is_empty() && peer.account.switches >= 50
    });
    // Both directions, 2 s: 100, less what a busy machine delays.
    let switches = peer.account.switches;
    assert!((50..=102).contains(&switches), "{switches}");
    assert_eq!(peer.account.lost, 0, "{:?}", peer.drops);
    assert!(peer.drops.is_empty(), "{:?}", peer.drops);
}

#[cfg(feature = "wireguard")]
#[test]
fn wireguard_changes_keys_both_ways_at_the_interval() {
    // Both directions, 2 s: 20, less what a busy machine delays.
    whole(
        Device::WireGuard,
        Some(Duration::from_millis(200)),
        |peer| {
            let switches = (10..=20).contains(&peer.account.switches);
            switches && !peer.account.inside.all.is_empty()
        },
    );
}
