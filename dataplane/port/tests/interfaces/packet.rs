//! AF_PACKET over veth.

use std::{thread, time::Duration};

use port::{
    Burst, HEADROOM, LinkState, Port, PortError, TAILROOM,
    iface::Interface,
    packet::{Packet, PacketConfig},
};

use crate::{frame, namespace, namespace::ip, readable, receive, receive_one, wait_until};

const VETH: &str = "link add a0 type veth peer name b0";
const NO_IPV6: [&str; 2] = [
    "link set a0 addrgenmode none",
    "link set b0 addrgenmode none",
];
pub(crate) const COMMANDS: [&str; 3] = [VETH, NO_IPV6[0], NO_IPV6[1]];

pub(crate) fn config(ifname: &str) -> PacketConfig {
    PacketConfig {
        ifname: ifname.into(),
        mtu_min: 1532,
        ..PacketConfig::default()
    }
}

fn pair() -> (Packet, Packet) {
    let ports = (
        Packet::open(config("a0")).unwrap(),
        Packet::open(config("b0")).unwrap(),
    );
    wait_until("carrier", || ports.0.link_up() && ports.1.link_up());
    ports
}

#[test]
fn frames_cross_both_ways() {
    namespace::run("packet::frames_cross_both_ways", &COMMANDS, || {
        let (mut a, mut b) = pair();
        assert_eq!((a.mtu(), b.mtu()), (1532, 1532));
        let customer = [0x81, 0x00, 0x20, 0x05];
        let service = [0x88, 0xa8, 0x00, 0x07];
        let both = [service, customer].concat();
        let mut sent = Vec::new();
        for len in [60, 61, 64, 127, 128, 512, 1514, 1532, 1546] {
            sent.push(frame(len, &[]));
            sent.push(frame(len, &customer));
            sent.push(frame(len, &service));
            sent.push(frame(len, &both));
        }
        // A tag makes the frame longer, but not the payload.
        sent.push(frame(1550, &customer));
        for _ in 0..2 {
            for octets in &sent {
                a.copy_tx(octets);
            }
            let received = receive(&mut b, sent.len());
            assert_eq!(received.len(), sent.len());
            for (received, sent) in received.iter().zip(&sent) {
                assert_eq!(received.bytes(), sent);
                assert!(received.headroom() >= HEADROOM && received.tailroom() >= TAILROOM);
            }
            drop(received);
            assert_eq!(b.pool().free(), b.pool().count());
            std::mem::swap(&mut a, &mut b);
        }
        let (a, b) = (a.counters(), b.counters());
        let count = sent.len() as u64;
        assert_eq!(
            (a.tx_frames, a.rx_frames, a.tx_dropped(), a.rx_dropped()),
            (count, count, 0, 0)
        );
        assert_eq!(a.tx_octets, b.rx_octets);
    });
}

#[test]
fn a_burst_is_forwarded_and_no_buffer_stays() {
    namespace::run(
        "packet::a_burst_is_forwarded_and_no_buffer_stays",
        &COMMANDS,
        || {
            let (mut a, mut b) = pair();
            for round in 0..100 {
                for _ in 0..50 {
                    a.copy_tx(&frame(60 + round, &[]));
                }
                let mut there = 0;
                let mut burst = Burst::new();
                wait_until("burst", || {
                    b.rx_burst(&mut burst);
                    there += burst.len();
                    b.tx_burst(&mut burst);
                    there == 50
                });
                drop(receive(&mut a, 50));
            }
            assert_eq!(a.counters().rx_frames, 5000);
            assert_eq!(a.pool().free(), a.pool().count());
            assert_eq!(b.pool().free(), b.pool().count());
        },
    );
}

#[test]
fn frames_beyond_the_mtu_are_named() {
    namespace::run("packet::frames_beyond_the_mtu_are_named", &COMMANDS, || {
        let (mut a, b) = pair();
        a.copy_tx(&frame(1547, &[]));
        a.copy_tx(&frame(60, &[]));
        assert_eq!((a.counters().tx_too_long, a.counters().tx_frames), (1, 1));
        drop(b);
        // Longer than the ring's slots, because the other side raised its MTU.
        let mut b = Packet::open(PacketConfig {
            mtu_min: 0,
            ..config("b0")
        })
        .unwrap();
        ip("link set a0 mtu 5000");
        ip("link set b0 mtu 5000");
        a.copy_tx(&frame(4000, &[]));
        a.copy_tx(&frame(60, &[]));
        assert_eq!(receive(&mut b, 1).len(), 1);
        assert_eq!(b.counters().rx_too_long, 1);
    });
}

#[test]
fn the_mtu_is_raised_or_refused() {
    namespace::run("packet::the_mtu_is_raised_or_refused", &COMMANDS, || {
        let a0 = Interface::named("a0").unwrap();
        assert_eq!(a0.mtu().unwrap(), 1500);
        let port = Packet::open(config("a0")).unwrap();
        assert_eq!((port.mtu(), a0.mtu().unwrap()), (1532, 1532));
        drop(port);
        let port = Packet::open(PacketConfig {
            mtu_min: 1400,
            ..config("a0")
        })
        .unwrap();
        assert_eq!((port.mtu(), a0.mtu().unwrap()), (1532, 1532));
        drop(port);
        // The MTU of a macvlan cannot exceed that of the interface below it.
        ip("link add link b0 name v0 type macvlan");
        let error = Packet::open(PacketConfig {
            mtu_min: 1600,
            ..config("v0")
        })
        .err()
        .unwrap();
        assert!(
            matches!(
                error,
                PortError::Mtu {
                    have: 1500,
                    need: 1600,
                    ..
                }
            ),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains("ip link set v0 mtu 1600"), "{text}");
        assert!(
            text.contains("lower the MTU of the other port by 100"),
            "{text}"
        );
        let error = Packet::open(PacketConfig {
            mtu_min: 70_000,
            ..config("a0")
        })
        .err()
        .unwrap();
        assert!(matches!(error, PortError::Range { .. }), "{error}");
    });
}

#[test]
fn what_is_no_ethernet_interface_is_refused() {
    namespace::run(
        "packet::what_is_no_ethernet_interface_is_refused",
        &[],
        || {
            let open = |name| Packet::open(config(name)).err().unwrap();
            assert!(matches!(open("nothere"), PortError::NoInterface { .. }));
            assert!(matches!(open("a/b"), PortError::Name { .. }));
            assert!(matches!(open(""), PortError::Name { .. }));
            assert!(matches!(open("sixteen-octets-x"), PortError::Name { .. }));
            assert!(matches!(open("lo"), PortError::NotEthernet { .. }));
        },
    );
}

#[test]
fn a_full_ring_is_counted() {
    namespace::run("packet::a_full_ring_is_counted", &COMMANDS, || {
        let mut a = Packet::open(config("a0")).unwrap();
        let small = PacketConfig {
            ring_octets: 256 << 10,
            ..config("b0")
        };
        let mut b = Packet::open(small).unwrap();
        wait_until("carrier", || a.link_up());
        for _ in 0..1000 {
            a.copy_tx(&frame(60, &[]));
        }
        assert_eq!(a.counters().tx_frames, 1000);
        let mut burst = Burst::new();
        wait_until("every frame in or counted", || {
            b.rx_burst(&mut burst);
            burst.clear();
            b.counters().rx_frames + b.counters().rx_ring_full == 1000
        });
        assert!(b.counters().rx_ring_full > 500, "{:?}", b.counters());
        a.copy_tx(&frame(61, &[]));
        assert_eq!(receive(&mut b, 1)[0].len(), 61, "the ring goes on");
    });
}

#[test]
fn a_deleted_interface_is_survived_and_comes_back() {
    namespace::run(
        "packet::a_deleted_interface_is_survived_and_comes_back",
        &COMMANDS,
        || {
            let (mut a, mut b) = pair();
            a.copy_tx(&frame(60, &[]));
            assert_eq!(receive(&mut b, 1).len(), 1);
            ip("link del a0");
            let mut burst = Burst::new();
            for port in [&mut a, &mut b] {
                wait_until("loss", || {
                    port.rx_burst(&mut burst);
                    assert!(burst.is_empty());
                    port.link_state() == LinkState::Gone && port.counters().link_losses == 1
                });
                assert!(port.fd().is_none(), "the idle wait would spin");
                port.copy_tx(&frame(60, &[]));
                assert!(!port.link_up());
                assert_eq!(port.counters().tx_link_down, 1);
                assert_eq!(port.counters().link_losses, 1);
            }
            COMMANDS.into_iter().for_each(ip);
            wait_until("return", || {
                a.rx_burst(&mut burst);
                b.rx_burst(&mut burst);
                a.link_up() && b.link_up()
            });
            assert_eq!(Interface::named("a0").unwrap().mtu().unwrap(), 1532);
            assert_eq!(a.mac(), Interface::named("a0").unwrap().mac().unwrap());
            a.copy_tx(&frame(1500, &[]));
            b.copy_tx(&frame(1501, &[]));
            receive_one(&mut b, |octets| octets.len() == 1500);
            receive_one(&mut a, |octets| octets.len() == 1501);
        },
    );
}

#[test]
fn an_interface_taken_down_comes_back() {
    namespace::run(
        "packet::an_interface_taken_down_comes_back",
        &COMMANDS,
        || {
            let (mut a, mut b) = pair();
            ip("link set b0 down");
            assert_eq!(b.link_state(), LinkState::Down);
            wait_until("loss of the other end's carrier", || {
                a.link_state() == LinkState::Down
            });
            let mut burst = Burst::new();
            for sent in 1..=3 {
                b.copy_tx(&frame(60, &[]));
                b.rx_burst(&mut burst);
                assert_eq!(b.counters().tx_link_down, sent);
                assert_eq!(b.counters().link_losses, 1);
            }
            wait_until("quiet descriptor", || {
                b.rx_burst(&mut burst);
                !readable(b.fd().unwrap())
            });
            ip("link set b0 up");
            wait_until("carrier", || a.link_up() && b.link_up());
            a.copy_tx(&frame(64, &[]));
            receive_one(&mut b, |octets| octets.len() == 64);
            ip("link set b0 down");
            wait_until("second loss", || {
                b.rx_burst(&mut burst);
                b.counters().link_losses == 2
            });
        },
    );
}

#[test]
fn the_descriptor_wakes_at_the_first_frame() {
    namespace::run(
        "packet::the_descriptor_wakes_at_the_first_frame",
        &COMMANDS,
        || {
            let (mut a, mut b) = pair();
            assert!(!readable(b.fd().unwrap()));
            a.copy_tx(&frame(60, &[]));
            wait_until("readable", || readable(b.fd().unwrap()));
            assert_eq!(receive(&mut b, 1).len(), 1);
            assert!(!readable(b.fd().unwrap()));
            // An empty burst costs only a check.
            let mut burst = Burst::new();
            b.rx_burst(&mut burst);
            assert!(burst.is_empty());
            thread::yield_now();
        },
    );
}

#[test]
fn a_link_that_is_taken_down_is_seen_at_the_other_end_and_comes_back() {
    let name = "packet::a_link_that_is_taken_down_is_seen_at_the_other_end_and_comes_back";
    namespace::run(name, &COMMANDS, || {
        let (mut a, mut b) = pair();
        assert!(a.set_link(false));
        wait_until("loss", || !a.link_up() && !b.link_up());
        let a0 = Interface::named("a0").unwrap();
        assert_eq!(a0.link_state(), LinkState::Down);
        assert!(a.set_link(true));
        wait_until("return", || a.link_up() && b.link_up());
        a.copy_tx(&frame(60, &[]));
        receive_one(&mut b, |octets| octets == frame(60, &[]));
        // An interface that is created again meanwhile is taken down too.
        assert!(a.set_link(false));
        ip("link del a0");
        wait_until("gone", || {
            a.rx_burst(&mut Burst::new());
            a.link_state() == LinkState::Gone
        });
        COMMANDS.iter().for_each(|command| ip(command));
        wait_until("there again", || {
            a.rx_burst(&mut Burst::new());
            a.link_state() == LinkState::Down
        });
        ip("link set b0 up");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(a0.link_state(), LinkState::Down, "still held");
        // It comes up when the port is closed.
        drop(a);
        wait_until("up", || a0.link_state() == LinkState::Up);
    });
}
