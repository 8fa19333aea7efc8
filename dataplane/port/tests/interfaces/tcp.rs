//! The kernel's TCP between two hosts, through two ports of each kind. The hosts keep their
//! checksum offload, as hosts behind a veth do.
//!
//! ```text
//! namespace A           namespace of the test              namespace B
//! 10.3.0.1 a0 ═══ b0 ─[ port → burst → port ]─ c0 ═══ d0 10.3.0.2
//! ```

use std::{
    fs::OpenOptions,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::gettid,
};
use port::{
    Burst, Port, PortError,
    iface::Interface,
    limits::CHUNKS,
    offload::Offload,
    packet::{Packet, PacketConfig},
    tap::{Tap, TapConfig},
    xdp::{Share, Xdp, XdpConfig, XdpMode},
};

use crate::{namespace, namespace::ip};

const OCTETS: usize = 4 << 20;

/// Veth pairs; the outer ends move to the hosts.
const VETHS: [&str; 4] = [
    "link add a0 numrxqueues 1 type veth peer name b0 numrxqueues 1",
    "link add c0 numrxqueues 1 type veth peer name d0 numrxqueues 1",
    "link set b0 addrgenmode none",
    "link set c0 addrgenmode none",
];

#[test]
fn through_packet() {
    namespace::run("tcp::through_packet", &VETHS, || {
        let open = |ifname: &str| {
            Packet::open(PacketConfig {
                ifname: ifname.into(),
                ..PacketConfig::default()
            })
            .unwrap()
        };
        transfer(["a0", "d0"], || (open("b0"), open("c0")));
    });
}

/// The hosts keep TSO and GSO on, as is usual: the port makes the kernel turn them off.
#[test]
fn through_packet_with_hosts_as_they_are() {
    let name = "tcp::through_packet_with_hosts_as_they_are";
    namespace::run(name, &VETHS, || {
        let open = |ifname: &str| {
            Packet::open(PacketConfig {
                ifname: ifname.into(),
                cut_by_peer: true,
                ..PacketConfig::default()
            })
            .unwrap()
        };
        let ports = (open("b0"), open("c0"));
        let tso = Offload::Tso.is_on(&Interface::named("a0").unwrap());
        if tso.unwrap() == Some(true) {
            println!("{name}: skipped, no right to attach an XDP program here");
            return;
        }
        transfer_as_is(["a0", "d0"], || ports);
    });
}

#[test]
fn through_xdp_in_the_driver() {
    through_xdp("tcp::through_xdp_in_the_driver", XdpMode::Native);
}

#[test]
fn through_xdp_in_the_general_path() {
    through_xdp("tcp::through_xdp_in_the_general_path", XdpMode::Skb);
}

fn through_xdp(name: &str, mode: XdpMode) {
    namespace::run(name, &VETHS, || {
        let share = Some(Share::new(CHUNKS, 1500).unwrap());
        let open = |ifname: &str| {
            Xdp::open(XdpConfig {
                ifname: ifname.into(),
                mode,
                share,
                tags_in_frames: true,
                ..XdpConfig::default()
            })
        };
        match (open("b0"), open("c0")) {
            (Err(error @ PortError::NotPermitted { .. }), _) => {
                println!("{name}: skipped, {error}");
            }
            (b, c) => transfer(["a0", "d0"], || (b.unwrap(), c.unwrap())),
        }
    });
}

#[cfg(feature = "dpdk")]
#[test]
fn through_dpdk() {
    use crate::dpdk::{device, eal};
    for driver in ["net_af_packet", "net_af_xdp"] {
        namespace::run("tcp::through_dpdk", &VETHS, || {
            let open = |ifname: &str| {
                port::dpdk::Dpdk::open(eal(), device(driver, &format!(",iface={ifname}"))).unwrap()
            };
            transfer(["a0", "d0"], || (open("b0"), open("c0")));
        });
    }
}

#[test]
fn through_tap() {
    let name = "tcp::through_tap";
    if let Err(error) = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
    {
        println!("{name}: skipped, /dev/net/tun: {error}");
        return;
    }
    namespace::run(name, &[], || {
        let open = |name: &str| {
            Tap::open(TapConfig {
                name: name.into(),
                ..TapConfig::default()
            })
            .unwrap()
        };
        let ports = (open("t0"), open("t1"));
        transfer(["t0", "t1"], || ports);
    });
}

/// The same with hosts that segment their frames themselves.
fn transfer<P: Port>(outer: [&str; 2], ports: impl FnOnce() -> (P, P)) {
    let ports = ports();
    for interface in outer.map(|name| Interface::named(name).unwrap()) {
        Offload::Tso.turn_off(&interface).unwrap();
        Offload::Gso.turn_off(&interface).unwrap();
    }
    transfer_as_is(outer, || ports);
}

/// Moves the outer interfaces to two hosts, and transfers data in both directions.
fn transfer_as_is<P: Port>(outer: [&str; 2], ports: impl FnOnce() -> (P, P)) {
    let data: Vec<u8> = (0..OCTETS as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let (mut red, mut black) = ports();
    thread::scope(|scope| {
        let (started, start) = channel();
        let (done, is_done) = channel();
        let (let_a, may_a) = channel();
        let (let_b, may_b) = channel();
        let (listening, listens) = channel();
        let expected = &data;
        let (started_b, done_b) = (started.clone(), done.clone());
        scope.spawn(move || {
            host(&started, &may_a, outer[0], "10.3.0.1");
            listens.recv().unwrap();
            let mut stream = TcpStream::connect("10.3.0.2:7000").unwrap();
            let mut reader = stream.try_clone().unwrap();
            // Transfer in both directions at once.
            thread::scope(|scope| {
                scope.spawn(|| stream.write_all(expected).unwrap());
                let mut back = vec![0; OCTETS];
                reader.read_exact(&mut back).unwrap();
                assert!(back == *expected, "what came back to A is not what it sent");
            });
            done.send(()).unwrap();
        });
        scope.spawn(move || {
            host(&started_b, &may_b, outer[1], "10.3.0.2");
            let listener = TcpListener::bind("10.3.0.2:7000").unwrap();
            listening.send(()).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = vec![0; 65536];
            let mut rest = OCTETS;
            while rest > 0 {
                let len = stream.read(&mut buffer).unwrap();
                stream.write_all(&buffer[..len]).unwrap();
                rest -= len;
            }
            done_b.send(()).unwrap();
        });
        // Both threads are in their namespaces.
        for _ in 0..2 {
            let (interface, thread): (&str, i32) = start.recv().unwrap();
            ip(&format!("link set {interface} netns {thread}"));
        }
        let_a.send(()).unwrap();
        let_b.send(()).unwrap();
        forward(&mut red, &mut black, &is_done);
    });
    for port in [&red, &black] {
        let counters = port.counters();
        // A full ring or a full backlog of veth is a loss that TCP repairs; there must be no other
        // loss.
        assert_eq!(
            counters.rx_dropped(),
            counters.rx_ring_full,
            "{}: {counters:?}",
            port.name()
        );
        assert!(
            counters.rx_octets > OCTETS as u64,
            "{}: {counters:?}",
            port.name()
        );
    }
}

/// A host in its own namespace: waits for its interface and gives it an address.
fn host<'a>(
    started: &Sender<(&'a str, i32)>,
    may: &Receiver<()>,
    interface: &'a str,
    address: &str,
) {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    started.send((interface, gettid().as_raw())).unwrap();
    may.recv().unwrap();
    ip(&format!("link set {interface} up addrgenmode none"));
    ip(&format!("addr add {address}/24 dev {interface}"));
}

fn forward(red: &mut dyn Port, black: &mut dyn Port, is_done: &Receiver<()>) {
    let start = Instant::now();
    let mut burst = Burst::new();
    let mut done = 0;
    while done < 2 {
        red.rx_burst(&mut burst);
        let there = burst.len();
        black.tx_burst(&mut burst);
        black.rx_burst(&mut burst);
        let back = burst.len();
        red.tx_burst(&mut burst);
        if there + back == 0 {
            done += is_done.try_iter().count();
            thread::yield_now();
        }
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "stalled: {:?}",
            red.counters()
        );
    }
}
