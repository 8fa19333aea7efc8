//! DPDK's virtual devices, without huge pages: memory, rings, veth and TAP. All tests of this
//! process share one EAL, so each test has devices with other names.

use std::{
    fs::OpenOptions,
    net::UdpSocket,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use port::{
    BURST_MAX, Burst, HEADROOM, LinkState, Pool, Port, PortError, TAILROOM,
    dpdk::{Dpdk, DpdkConfig, Eal, EalConfig},
    limits::{self, MBUFS_MIN},
    packet::{Packet, PacketConfig},
};

use crate::{frame, namespace, namespace::ip, receive, receive_one, wait_until};

const VETH: [&str; 3] = [
    "link add a0 numrxqueues 1 type veth peer name b0 numrxqueues 1",
    "link set a0 addrgenmode none",
    "link set b0 addrgenmode none",
];
/// Memory for several pools of usual frames and one of jumbo frames at once.
const EAL: EalConfig = EalConfig {
    memory_mb: 768,
    hugepages: false,
    pci: Vec::new(),
};
/// Drivers that work on an interface of the machine.
const ON_INTERFACES: [&str; 2] = ["net_af_packet", "net_af_xdp"];

pub(crate) fn eal() -> Eal {
    Eal::start(&EAL).unwrap()
}

/// A device of this driver that no other test uses.
pub(crate) fn device(driver: &str, arguments: &str) -> DpdkConfig {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let device = format!("{driver}{number}{arguments}");
    DpdkConfig::new(device.parse().unwrap())
}

fn open(driver: &str, arguments: &str) -> Dpdk {
    Dpdk::open(eal(), device(driver, arguments)).unwrap()
}

/// The same, with a pool that no other test uses, so that the test can count its mbufs.
fn open_with_pool(driver: &str, arguments: &str, number: usize) -> Dpdk {
    let config = DpdkConfig {
        mbufs: MBUFS_MIN + number,
        ..device(driver, arguments)
    };
    Dpdk::open(eal(), config).unwrap()
}

/// A device on an interface, and the kernel's own packet socket at the other end of the line.
fn on_interface(driver: &str) -> (Dpdk, Packet) {
    let config = DpdkConfig {
        mtu_min: 1532,
        ..device(driver, ",iface=a0")
    };
    let a = Dpdk::open(eal(), config).unwrap();
    let b = Packet::open(PacketConfig {
        ifname: "b0".into(),
        mtu_min: 1532,
        ..PacketConfig::default()
    });
    let b = b.unwrap();
    wait_until("carrier", || a.link_up() && b.link_up());
    (a, b)
}

/// Uses headroom and tailroom, as sealing does.
fn grow(burst: &mut Burst) {
    for frame in burst {
        let (room, start, end) = frame.room_mut();
        room.copy_within(start..start + 12, start - 16);
        room[end..end + 16].fill(0xcc);
        frame.set_range(start - 16, end + 16);
    }
}

#[test]
fn a_million_frames_leave_no_mbuf_behind() {
    let size = ",size=64";
    let (mut red, mut black) = (
        open_with_pool("net_null", size, 1),
        open_with_pool("net_null", size, 1),
    );
    assert!(red.link_up() && red.fd().is_none() && red.kind() == "dpdk");
    assert!(!red.set_link(false), "it has no link");
    let start = (red.mbufs_free(), black.mbufs_free());
    let mut burst = Burst::new();
    let mut moved = 0;
    while moved < 1_000_000 {
        red.rx_burst(&mut burst);
        assert_eq!(burst.len(), BURST_MAX);
        moved += burst.len() as u64;
        grow(&mut burst);
        if moved % 128 == 0 {
            burst.pop(); // dropped on the way
        }
        black.tx_burst(&mut burst);
        assert!(burst.is_empty());
    }
    assert_eq!((red.mbufs_free(), black.mbufs_free()), start);
    let (red, black) = (red.counters(), black.counters());
    assert_eq!((red.rx_frames, red.rx_octets), (moved, 64 * moved));
    assert_eq!(black.tx_frames + moved / 128, moved);
    assert_eq!(black.tx_octets, 96 * black.tx_frames);
    assert_eq!(red.buffers_held + black.buffers_held, 0);
    assert_eq!(red.rx_dropped() + black.tx_dropped(), 0);
}

#[test]
fn a_frame_is_its_mbuf_and_goes_on_without_a_copy() {
    // A ring device receives its own frames.
    let (mut one, mut other) = (
        open_with_pool("net_ring", "", 2),
        open_with_pool("net_ring", "", 2),
    );
    let start = one.mbufs_free();
    one.copy_tx(&frame(60, &[]));
    let mut burst = Burst::new();
    one.rx_burst(&mut burst);
    assert_eq!(burst[0].bytes(), frame(60, &[]));
    assert!(burst[0].headroom() >= HEADROOM && burst[0].tailroom() >= TAILROOM);
    let place = burst[0].bytes().as_ptr() as usize;
    grow(&mut burst);
    other.tx_burst(&mut burst);
    other.rx_burst(&mut burst);
    assert_eq!(burst[0].bytes().as_ptr() as usize, place - 16);
    assert_eq!(burst[0].len(), 92);
    drop(burst);
    assert_eq!(one.mbufs_free(), start);
}

#[test]
fn frames_of_other_ports_are_copied() {
    let mut port = open_with_pool("net_ring", "", 3);
    let start = port.mbufs_free();
    let pool = Pool::new(BURST_MAX, 9000).unwrap();
    let mut burst = Burst::new();
    for len in 0..BURST_MAX {
        let mut frame_of_pool = pool.frame().unwrap();
        assert!(frame_of_pool.copy_from(HEADROOM, &frame(60 + len, &[])));
        burst.push(frame_of_pool);
    }
    port.tx_burst(&mut burst);
    assert_eq!(pool.free(), pool.count());
    port.rx_burst(&mut burst);
    assert_eq!(burst.len(), BURST_MAX);
    for (len, received) in burst.drain(..).enumerate() {
        assert_eq!(received.bytes(), frame(60 + len, &[]));
    }
    // Too long for the MTU, or too short for a header: dropped with its reason.
    for len in [13, 1514, 1515, 9000] {
        port.copy_tx(&frame(len, &[])[..len]);
    }
    port.copy_tx(&frame(1518, &[0x81, 0, 0, 1]));
    let counters = port.counters();
    assert_eq!((counters.tx_refused, counters.tx_too_long), (1, 2));
    assert_eq!(counters.tx_frames, BURST_MAX as u64 + 2);
    assert_eq!(receive(&mut port, 2).len(), 2);
    assert_eq!(port.mbufs_free(), start);
}

#[test]
fn a_full_ring_refuses_and_frames_outlive_their_port() {
    let (mut port, spare) = (
        open_with_pool("net_ring", "", 5),
        open_with_pool("net_null", "", 5),
    );
    let start = spare.mbufs_free();
    for _ in 0..5000 {
        port.copy_tx(&frame(60, &[]));
    }
    let counters = port.counters();
    assert_eq!(counters.tx_frames + counters.tx_refused, 5000);
    assert!(counters.tx_refused > 0, "{counters:?}");
    let sent = counters.tx_frames as usize;
    assert_eq!(spare.mbufs_free(), start - sent, "what is refused is freed");
    let held = receive(&mut port, sent);
    drop(port);
    assert_eq!(held[0].bytes(), frame(60, &[]));
    drop(held);
    assert_eq!(spare.mbufs_free(), start);
}

/// Opens more devices than DPDK has numbers for (32).
#[test]
fn a_device_is_opened_and_closed_again_and_again() {
    let config = DpdkConfig {
        mbufs: MBUFS_MIN + 6,
        ..device("net_null", "")
    };
    let mut free = None;
    for _ in 0..40 {
        let mut port = Dpdk::open(eal(), config.clone()).unwrap();
        assert_eq!(*free.get_or_insert(port.mbufs_free()), port.mbufs_free());
        let mut burst = Burst::new();
        port.rx_burst(&mut burst);
        port.tx_burst(&mut burst);
        port.rx_burst(&mut burst); // dropped after its port
        drop(port);
    }
}

#[test]
fn an_empty_pool_refuses_and_fills_again() {
    let mut port = open_with_pool("net_ring", "", 4);
    let start = port.mbufs_free();
    let (mut held, mut burst) = (Vec::new(), Burst::new());
    while port.counters().tx_refused == 0 {
        port.copy_tx(&frame(60, &[]));
        port.rx_burst(&mut burst);
        held.extend(burst.drain(..));
        assert!(held.len() <= start);
    }
    assert_eq!((held.len(), port.mbufs_free()), (start, 0));
    assert_eq!(port.counters().buffers_held, start as u64);
    drop(held);
    assert_eq!(port.counters().buffers_held, 0);
    assert_eq!(port.mbufs_free(), start);
    port.copy_tx(&frame(60, &[]));
    assert_eq!(receive(&mut port, 1)[0].bytes(), frame(60, &[]));
}

#[test]
fn queues_of_one_device_belong_to_one_port_each() {
    let config = DpdkConfig {
        queues: 2,
        ..device("net_null", ",size=60")
    };
    let queue = |queue| DpdkConfig {
        queue,
        ..config.clone()
    };
    let first = Dpdk::open(eal(), queue(0)).unwrap();
    let second = thread::scope(|scope| {
        let forward = || {
            let mut port = Dpdk::open(eal(), queue(1)).unwrap();
            let mut burst = Burst::new();
            for _ in 0..100 {
                port.rx_burst(&mut burst);
                port.tx_burst(&mut burst);
            }
            port.counters()
        };
        scope.spawn(forward).join().unwrap()
    });
    assert_eq!((second.rx_frames, second.tx_frames), (6400, 6400));
    let refused = |config| Dpdk::open(eal(), config).err().unwrap().to_string();
    assert!(refused(queue(0)).contains("another port's"));
    assert!(refused(queue(2)).contains("queue is 2"));
    let alike = refused(DpdkConfig {
        queues: 3,
        ..queue(1)
    });
    assert!(alike.contains("set up alike"), "{alike}");
    drop(first);
    // The last port stopped the device, so it may start with other settings.
    let alone = DpdkConfig {
        queues: 1,
        ..config
    };
    Dpdk::open(eal(), alone).unwrap();
}

#[test]
fn what_is_wrong_is_said_with_its_fix() {
    let refused = |config| Dpdk::open(eal(), config).err().unwrap().to_string();
    let unknown = refused(device("net_nothing", ""));
    assert!(unknown.contains("driver installed"), "{unknown}");
    let missing = refused(device("net_af_packet", ",iface=nowhere"));
    assert!(missing.contains("ip link"), "{missing}");
    let queues = refused(DpdkConfig {
        queues: 64,
        ..device("net_ring", "")
    });
    assert!(queues.contains("queues is 64"), "{queues}");
    namespace::run("dpdk::what_is_wrong_is_said_with_its_fix", &VETH, || {
        let two = DpdkConfig {
            queues: 2,
            ..device("net_af_packet", ",iface=a0")
        };
        let two = refused(two);
        assert!(two.contains("queues is 2: must be 1 to 1"), "{two}");
    });
    let mtu = refused(DpdkConfig {
        mtu_min: 70_000,
        ..device("net_null", "")
    });
    assert!(mtu.contains("mtu is 70000"), "{mtu}");
    let other = EalConfig {
        memory_mb: 1000,
        ..EAL
    };
    let once = Eal::start(&other).err().unwrap().to_string();
    assert!(once.contains("once per process"), "{once}");
    let memory = Eal::start(&EalConfig {
        memory_mb: 1,
        ..other
    });
    assert!(matches!(memory, Err(PortError::Range { .. })));
}

/// The driver's socket receives the frames of every interface of the namespace until it is bound to
/// its interface.
#[test]
fn frames_of_other_interfaces_are_not_received() {
    let up = [&VETH[..], &["link set lo up"]].concat();
    namespace::run(
        "dpdk::frames_of_other_interfaces_are_not_received",
        &up,
        || {
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                    let own = socket.local_addr().unwrap();
                    while !over.load(Ordering::Relaxed) {
                        // Its queue may be full, but the frame was on the wire.
                        let _full = socket.send_to(b"of another interface", own);
                    }
                });
                let came: Vec<usize> = (0..8)
                    .map(|_| {
                        let wide = ",iface=a0,framesz=16384,blocksz=16384";
                        let config = DpdkConfig {
                            mbufs: MBUFS_MIN,
                            ..device("net_af_packet", wide)
                        };
                        let mut port = Dpdk::open(eal(), config).unwrap();
                        let mut burst = Burst::new();
                        port.rx_burst(&mut burst);
                        burst.len()
                    })
                    .collect();
                over.store(true, Ordering::Relaxed);
                assert_eq!(came, [0; 8]);
            });
        },
    );
}

#[test]
fn frames_cross_an_interface_both_ways() {
    for driver in ON_INTERFACES {
        namespace::run("dpdk::frames_cross_an_interface_both_ways", &VETH, || {
            let (mut a, mut b) = on_interface(driver);
            assert_eq!((a.mtu(), a.name()), (1532, "a0"));
            let customer = [0x81, 0x00, 0x20, 0x05];
            // net_af_packet always puts an outer tag back as a C-tag.
            let service = match driver {
                "net_af_packet" => customer,
                _ => [0x88, 0xa8, 0x00, 0x07],
            };
            let both = [service, customer].concat();
            let mut sent = Vec::new();
            for len in [60, 61, 64, 127, 128, 512, 1514, 1532, 1546] {
                for tags in [&[][..], &customer, &service, &both] {
                    sent.push(frame(len, tags));
                }
            }
            for octets in &sent {
                a.copy_tx(octets);
            }
            for (received, sent) in receive(&mut b, sent.len()).iter().zip(&sent) {
                assert_eq!(received.bytes(), sent, "{driver}");
            }
            for octets in &sent {
                b.copy_tx(octets);
            }
            for (received, sent) in receive(&mut a, sent.len()).iter().zip(&sent) {
                assert_eq!(received.bytes(), sent, "{driver}");
                assert!(received.headroom() >= HEADROOM && received.tailroom() >= TAILROOM);
            }
            let count = sent.len() as u64;
            let (a, b) = (a.counters(), b.counters());
            assert_eq!((a.tx_frames, a.rx_frames), (count, count), "{driver}");
            assert_eq!((b.rx_frames, b.tx_frames), (count, count), "{driver}");
            assert_eq!(a.rx_dropped() + a.tx_dropped(), 0, "{driver}: {a:?}");
        });
    }
}

#[test]
fn a_line_that_is_down_is_seen_and_named() {
    for driver in ON_INTERFACES {
        namespace::run("dpdk::a_line_that_is_down_is_seen_and_named", &VETH, || {
            let (mut a, mut b) = on_interface(driver);
            ip("link set b0 down");
            wait_until("loss", || a.link_state() == LinkState::Down);
            a.copy_tx(&frame(60, &[]));
            assert_eq!(a.counters().tx_link_down, 1, "{driver}");
            assert_eq!(a.counters().link_losses, 1, "{driver}");
            ip("link set b0 up");
            wait_until("return", || {
                b.rx_burst(&mut Burst::new());
                a.link_up() && b.link_up()
            });
            a.copy_tx(&frame(64, &[]));
            b.copy_tx(&frame(65, &[]));
            receive_one(&mut b, |octets| octets.len() == 64);
            receive_one(&mut a, |octets| octets.len() == 65);
            assert!(a.set_link(false));
            wait_until("no carrier", || !b.link_up() && !a.link_up());
            assert!(a.set_link(true));
            wait_until("carrier", || b.link_up() && a.link_up());
            ip("link del a0");
            wait_until("end", || a.link_state() == LinkState::Gone);
            a.rx_burst(&mut Burst::new());
            a.copy_tx(&frame(60, &[]));
            assert_eq!(a.counters().tx_link_down, 2, "{driver}");
            // An interface of the same name is a different one, and the device is not bound to it.
            VETH.into_iter().for_each(ip);
            ip("link set a0 up");
            ip("link set b0 up");
            std::thread::sleep(2 * limits::DPDK_LOOK_EVERY);
            assert_eq!(a.link_state(), LinkState::Gone, "{driver}");
        });
    }
}

#[test]
fn jumbo_frames_are_one_mbuf() {
    let jumbo = |arguments: &str| DpdkConfig {
        mtu_min: 9032,
        mbufs: MBUFS_MIN,
        ..device("net_af_packet", arguments)
    };
    namespace::run("dpdk::jumbo_frames_are_one_mbuf", &VETH, || {
        let narrow = Dpdk::open(eal(), jumbo(",iface=a0")).err().unwrap();
        let narrow = narrow.to_string();
        assert!(narrow.contains(",framesz=16384,blocksz=16384"), "{narrow}");
        let wide = ",iface=a0,framesz=16384,blocksz=16384,framecnt=256";
        let mut a = Dpdk::open(eal(), jumbo(wide)).unwrap();
        let mut b = Packet::open(PacketConfig {
            ifname: "b0".into(),
            mtu_min: 9032,
            ..PacketConfig::default()
        })
        .unwrap();
        wait_until("carrier", || a.link_up() && b.link_up());
        for len in [60, 2048, 2100, 4096, 9046] {
            let octets = frame(len, &[]);
            b.copy_tx(&octets);
            let mut back: Burst = receive(&mut a, 1).into_iter().collect();
            assert_eq!(back[0].bytes(), octets);
            assert!(back[0].headroom() >= HEADROOM && back[0].tailroom() >= TAILROOM);
            a.tx_burst(&mut back);
            assert_eq!(receive(&mut b, 1)[0].bytes(), octets);
        }
    });
}

#[test]
fn a_tap_is_made_and_its_frames_come() {
    let name = "dpdk::a_tap_is_made_and_its_frames_come";
    if let Err(error) = OpenOptions::new().write(true).open("/dev/net/tun") {
        println!("{name}: skipped, /dev/net/tun: {error}");
        return;
    }
    namespace::run(name, &[], || {
        let config = DpdkConfig {
            mtu_min: 1532,
            ..device("net_tap", ",iface=dt0")
        };
        // The driver does not support more, and reports it.
        let wide = Dpdk::open(eal(), config).err().unwrap().to_string();
        assert!(wide.contains("MTU") && wide.contains("1522"), "{wide}");
        let mut tap = open("net_tap", ",iface=dt0");
        assert_eq!(tap.mtu(), 1500);
        let mut kernel = Packet::open(PacketConfig {
            ifname: "dt0".into(),
            ..PacketConfig::default()
        })
        .unwrap();
        wait_until("carrier", || tap.link_up() && kernel.link_up());
        let is_ours = |octets: &[u8]| octets[12..14] == [0x88, 0xb5];
        for len in [60, 61, 1514] {
            tap.copy_tx(&frame(len, &[]));
            let there = receive_one(&mut kernel, is_ours);
            assert_eq!(there.bytes(), frame(len, &[]));
            kernel.copy_tx(&frame(len, &[]));
            let back = receive_one(&mut tap, is_ours);
            assert_eq!(back.bytes(), frame(len, &[]));
        }
        assert!(tap.set_link(false));
        wait_until("no carrier", || !kernel.link_up() && !tap.link_up());
        assert!(tap.set_link(true));
        wait_until("carrier", || kernel.link_up() && tap.link_up());
        drop(tap);
        assert!(kernel.link_state() != LinkState::Up, "the TAP went with it");
    });
}
