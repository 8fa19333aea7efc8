//! AF_XDP over veth, in both modes that a veth supports.

use std::net::UdpSocket;

use port::{
    Burst, HEADROOM, LinkState, Pool, Port, PortError, TAILROOM,
    limits::CHUNKS,
    xdp::{Share, Xdp, XdpConfig, XdpMode},
};

use crate::{
    frame, namespace, namespace::ip, ones_complement_sum_of_udp, readable, receive, receive_one,
    wait_until,
};

pub(crate) const COMMANDS: [&str; 3] = [
    "link add a0 numrxqueues 1 type veth peer name b0 numrxqueues 1",
    "link set a0 addrgenmode none",
    "link set b0 addrgenmode none",
];
const MODES: [XdpMode; 2] = [XdpMode::Native, XdpMode::Skb];

pub(crate) fn config(ifname: &str, mode: XdpMode) -> XdpConfig {
    XdpConfig {
        ifname: ifname.into(),
        mtu_min: 1532,
        mode,
        // The ports turn `txvlan` off at both ends of each veth here.
        tags_in_frames: true,
        ..XdpConfig::default()
    }
}

fn open(ifname: &str, mode: XdpMode) -> Xdp {
    Xdp::open(config(ifname, mode)).unwrap_or_else(|error| panic!("{}: {error}", mode.name()))
}

/// Runs `body` in each mode if AF_XDP is available, or reports why not.
pub(crate) fn run(name: &str, commands: &[&str], body: impl Fn(XdpMode) + Sync) {
    for mode in MODES {
        namespace::run(name, commands, || {
            match Xdp::open(config("a0", mode)).map(drop) {
                Ok(()) => body(mode),
                Err(error @ PortError::NotPermitted { .. }) => println!("{name}: skipped, {error}"),
                Err(error) if error.to_string().contains("no AF_XDP") => {
                    println!("{name}: skipped, {error}");
                }
                Err(error) => panic!("{}: {error}", mode.name()),
            }
        });
    }
}

fn pair(mode: XdpMode) -> (Xdp, Xdp) {
    let ports = (open("a0", mode), open("b0", mode));
    wait_until("carrier", || ports.0.link_up() && ports.1.link_up());
    ports
}

#[test]
fn frames_cross_both_ways() {
    run("xdp::frames_cross_both_ways", &COMMANDS, |mode| {
        let (mut a, mut b) = pair(mode);
        assert_eq!(a.mode(), Some(mode));
        let (customer, service) = ([0x81, 0x00, 0x20, 0x05], [0x88, 0xa8, 0x00, 0x07]);
        let both = [service, customer].concat();
        let mut sent = Vec::new();
        for len in [60, 61, 64, 127, 128, 512, 1514, 1532, 1546] {
            for tags in [&[][..], &customer, &service, &both] {
                sent.push(frame(len, tags));
            }
        }
        sent.push(frame(1550, &customer));
        for _ in 0..2 {
            for octets in &sent {
                a.copy_tx(octets);
            }
            let received = receive(&mut b, sent.len());
            assert_eq!(received.len(), sent.len());
            for (received, sent) in received.iter().zip(&sent) {
                assert_eq!(received.bytes(), sent, "{}", mode.name());
                assert!(received.headroom() >= HEADROOM && received.tailroom() >= TAILROOM);
            }
            std::mem::swap(&mut a, &mut b);
        }
        let (a, b) = (a.counters(), b.counters());
        let count = sent.len() as u64;
        assert_eq!((a.tx_frames, a.rx_frames), (count, count));
        assert_eq!((a.tx_dropped(), a.rx_dropped()), (0, 0));
        assert_eq!(a.tx_octets, b.rx_octets);
    });
}

#[test]
fn the_middle_of_a_line_forwards_without_a_leak() {
    let second = [
        "link add c0 numrxqueues 1 type veth peer name d0 numrxqueues 1",
        "link set c0 addrgenmode none",
        "link set d0 addrgenmode none",
    ];
    let commands = [COMMANDS, second].concat();
    run(
        "xdp::the_middle_of_a_line_forwards_without_a_leak",
        &commands,
        |mode| {
            let share = Some(Share::new(CHUNKS, 1532).unwrap());
            let mut a = open("a0", mode);
            let mut b = Xdp::open(XdpConfig {
                share,
                ..config("b0", mode)
            })
            .unwrap();
            let mut c = Xdp::open(XdpConfig {
                share,
                ..config("c0", mode)
            })
            .unwrap();
            let mut d = open("d0", mode);
            wait_until("carrier", || a.link_up() && d.link_up());
            let start = b.chunks();
            assert_eq!(start, c.chunks());
            let mut there = Vec::new();
            let mut burst = Burst::new();
            for round in 0..200u16 {
                for number in 0..50u16 {
                    let mut octets = frame(64 + usize::from(round), &[]);
                    octets[14..16].copy_from_slice(&(round * 50 + number).to_be_bytes());
                    a.copy_tx(&octets);
                }
                wait_until("frames", || {
                    b.rx_burst(&mut burst);
                    // Uses headroom and tailroom, as sealing does.
                    for frame in &mut burst {
                        let (room, start, end) = frame.room_mut();
                        room.copy_within(start..start + 12, start - 16);
                        room[end..end + 16].fill(0xcc);
                        frame.set_range(start - 16, end + 16);
                    }
                    c.tx_burst(&mut burst);
                    d.rx_burst(&mut burst);
                    for frame in burst.drain(..) {
                        assert_eq!(frame.len(), 64 + usize::from(round) + 32);
                        there.push(u16::from_be_bytes([frame.bytes()[30], frame.bytes()[31]]));
                    }
                    there.len() == 50 * (usize::from(round) + 1)
                });
            }
            assert_eq!(there, (0..10_000).collect::<Vec<_>>());
            // A send or an empty burst completes the last frames; the fill rings are full again.
            c.tx_burst(&mut burst);
            b.rx_burst(&mut burst);
            assert_eq!(b.chunks(), start);
            assert_eq!(b.counters().buffers_held, 0);
            // And back, with copies at the border: a and d have their own memories.
            d.copy_tx(&frame(100, &[]));
            let mut back: Burst = receive(&mut c, 1).into_iter().collect();
            assert_eq!(
                (b.counters().buffers_held, c.counters().buffers_held),
                (1, 1)
            );
            b.tx_burst(&mut back);
            let mut home: Burst = receive(&mut a, 1).into_iter().collect();
            assert_eq!(home[0].bytes(), frame(100, &[]));
            d.tx_burst(&mut home);
            assert_eq!(receive(&mut c, 1)[0].bytes(), frame(100, &[]));
        },
    );
}

#[test]
fn every_queue_is_bound() {
    let commands = [
        "link add a0 numrxqueues 3 numtxqueues 2 type veth peer name b0 numrxqueues 2 numtxqueues 3",
        COMMANDS[1],
        COMMANDS[2],
    ];
    run("xdp::every_queue_is_bound", &commands, |mode| {
        let mut a = open("a0", mode);
        let mut b = open("b0", mode);
        assert_eq!((a.queues(), b.queues()), (3, 3));
        wait_until("carrier", || a.link_up() && b.link_up());
        // Three fill rings share the chunks, so none has all: limits::fill_most.
        assert_eq!(CHUNKS - b.chunks().0, 3 * (CHUNKS / 24));
        assert!(!readable(b.fd().unwrap()));
        a.copy_tx(&frame(60, &[]));
        wait_until("readable", || readable(b.fd().unwrap()));
        assert_eq!(receive(&mut b, 1)[0].bytes(), frame(60, &[]));
        assert!(!readable(b.fd().unwrap()));
    });
}

#[test]
fn frames_beyond_the_mtu_are_named() {
    run("xdp::frames_beyond_the_mtu_are_named", &COMMANDS, |mode| {
        let (mut a, _b) = pair(mode);
        a.copy_tx(&frame(1547, &[]));
        a.copy_tx(&frame(1551, &[0x81, 0, 0, 1]));
        a.copy_tx(&frame(5000, &[]));
        a.copy_tx(&[1; 13]);
        a.copy_tx(&frame(60, &[]));
        let pool = Pool::new(8, 9000).unwrap();
        let mut burst: Burst = [1546, 1547, 5000, 13, 60]
            .map(|len| {
                let mut long = pool.frame().unwrap();
                assert!(long.copy_from(HEADROOM, &frame(60, &[])[..len.min(60)]));
                long.set_range(HEADROOM, HEADROOM + len);
                long
            })
            .into_iter()
            .collect();
        a.tx_burst(&mut burst);
        assert!(burst.is_empty());
        let counters = a.counters();
        assert_eq!(
            (
                counters.tx_too_long,
                counters.tx_refused,
                counters.tx_frames
            ),
            (5, 2, 3)
        );
        drop(a);
        let error = Xdp::open(XdpConfig {
            mtu_min: 70_000,
            ..config("a0", mode)
        })
        .err()
        .unwrap();
        assert!(
            matches!(error, PortError::Range { what: "mtu", .. }),
            "{error}"
        );
    });
}

#[test]
fn a_second_program_is_refused() {
    run("xdp::a_second_program_is_refused", &COMMANDS, |mode| {
        let _first = open("a0", mode);
        let error = Xdp::open(config("a0", mode)).err().unwrap();
        assert!(matches!(error, PortError::InUse { .. }), "{error}");
    });
}

#[test]
fn a_veth_has_no_zero_copy() {
    run("xdp::a_veth_has_no_zero_copy", &COMMANDS, |_| {
        let error = Xdp::open(config("a0", XdpMode::Zerocopy)).err().unwrap();
        assert!(error.to_string().contains("xdp_mode"), "{error}");
        assert_eq!(open("a0", XdpMode::Auto).mode(), Some(XdpMode::Native));
    });
}

#[test]
fn a_full_ring_is_counted() {
    run("xdp::a_full_ring_is_counted", &COMMANDS, |mode| {
        let (mut a, mut b) = pair(mode);
        for _ in 0..4000 {
            a.copy_tx(&frame(60, &[]));
        }
        let sent = a.counters().tx_frames;
        let mut burst = Burst::new();
        wait_until("every frame in or counted", || {
            b.rx_burst(&mut burst);
            burst.clear();
            let counters = b.counters();
            counters.rx_frames + counters.rx_dropped() == sent
        });
        assert!(b.counters().rx_dropped() > 1000, "{:?}", b.counters());
        a.copy_tx(&frame(61, &[]));
        assert_eq!(receive(&mut b, 1)[0].len(), 61, "the ring goes on");
    });
}

#[test]
fn a_deleted_interface_is_survived_and_comes_back() {
    run(
        "xdp::a_deleted_interface_is_survived_and_comes_back",
        &COMMANDS,
        |mode| {
            let (mut a, mut b) = pair(mode);
            let held = {
                a.copy_tx(&frame(60, &[]));
                receive(&mut b, 1)
            };
            ip("link del a0");
            let mut burst = Burst::new();
            for port in [&mut a, &mut b] {
                wait_until("loss", || {
                    port.rx_burst(&mut burst);
                    port.link_state() == LinkState::Gone && port.counters().link_losses == 1
                });
                assert!(port.fd().is_none(), "the idle wait would spin");
                port.copy_tx(&frame(60, &[]));
                assert_eq!(port.counters().tx_link_down, 1);
            }
            assert_eq!(
                held[0].bytes(),
                frame(60, &[]),
                "a frame outlives its interface"
            );
            assert_eq!(
                b.chunks().0,
                CHUNKS - 1,
                "all chunks but that one came back"
            );
            COMMANDS.into_iter().for_each(ip);
            wait_until("return", || {
                a.rx_burst(&mut burst);
                b.rx_burst(&mut burst);
                a.link_up() && b.link_up()
            });
            a.copy_tx(&frame(1500, &[]));
            b.copy_tx(&frame(1501, &[]));
            receive_one(&mut b, |octets| octets.len() == 1500);
            receive_one(&mut a, |octets| octets.len() == 1501);
        },
    );
}

#[test]
fn an_interface_taken_down_comes_back() {
    run(
        "xdp::an_interface_taken_down_comes_back",
        &COMMANDS,
        |mode| {
            let (mut a, mut b) = pair(mode);
            ip("link set b0 down");
            assert_eq!(b.link_state(), LinkState::Down);
            let mut burst = Burst::new();
            for _ in 0..3 {
                b.copy_tx(&frame(60, &[]));
                b.rx_burst(&mut burst);
            }
            assert_eq!(b.counters().link_losses, 1);
            assert_eq!(b.counters().tx_frames + b.counters().tx_link_down, 3);
            ip("link set b0 up");
            wait_until("carrier", || {
                b.rx_burst(&mut burst);
                a.link_up() && b.link_up()
            });
            b.rx_burst(&mut burst);
            a.copy_tx(&frame(64, &[]));
            b.copy_tx(&frame(65, &[]));
            receive_one(&mut b, |octets| octets.len() == 64);
            receive_one(&mut a, |octets| octets.len() == 65);
        },
    );
}

#[test]
fn checksums_left_to_the_device_are_finished() {
    let host = [
        "addr add 10.1.0.1/24 dev a0",
        "link set a0 up",
        "neigh add 10.1.0.2 lladdr 02:00:00:00:00:0b dev a0",
    ];
    let commands = [COMMANDS, host].concat();
    run(
        "xdp::checksums_left_to_the_device_are_finished",
        &commands,
        |mode| {
            // `run` opened a port on a0, the host's end, which turned its offload off.
            let tool = std::process::Command::new("ethtool")
                .args(["-K", "a0", "tx", "on"])
                .output();
            if !tool.is_ok_and(|output| output.status.success()) {
                println!("xdp::checksums_left_to_the_device_are_finished: skipped, no `ethtool`");
                return;
            }
            let mut b = open("b0", mode);
            let host = UdpSocket::bind("10.1.0.1:5000").unwrap();
            host.send_to(b"odd octets", "10.1.0.2:6000").unwrap();
            let frame = receive_one(&mut b, crate::is_udp);
            assert_eq!(
                b.counters().rx_checksum_finished,
                1,
                "the host finished it: no test"
            );
            assert_eq!(ones_complement_sum_of_udp(frame.bytes()), 0xffff);
        },
    );
}

#[test]
fn the_device_is_polled_where_asked_for() {
    run(
        "xdp::the_device_is_polled_where_asked_for",
        &COMMANDS,
        |mode| {
            let polled = |ifname| {
                let busy_poll = Some(64);
                Xdp::open(XdpConfig {
                    busy_poll,
                    ..config(ifname, mode)
                })
                .unwrap()
            };
            let (mut a, mut b) = (polled("a0"), polled("b0"));
            wait_until("carrier", || a.link_up() && b.link_up());
            for _ in 0..100 {
                a.copy_tx(&frame(60, &[]));
                assert_eq!(receive(&mut b, 1)[0].bytes(), frame(60, &[]));
            }
        },
    );
}

#[test]
fn a_link_that_is_taken_down_comes_back() {
    run(
        "xdp::a_link_that_is_taken_down_comes_back",
        &COMMANDS,
        |mode| {
            let (mut a, mut b) = pair(mode);
            assert!(a.set_link(false));
            wait_until("loss", || !a.link_up() && !b.link_up());
            a.copy_tx(&frame(60, &[]));
            assert!(a.set_link(true));
            wait_until("return", || a.link_up() && b.link_up());
            wait_until("a frame", || {
                a.rx_burst(&mut Burst::new());
                a.copy_tx(&frame(60, &[]));
                let mut burst = Burst::new();
                b.rx_burst(&mut burst);
                !burst.is_empty()
            });
        },
    );
}
