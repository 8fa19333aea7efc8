//! Work that a host behind a veth leaves to its device, and turning that off.

use std::net::UdpSocket;

use port::{
    Burst, Port, PortError,
    iface::Interface,
    offload::{self, Offload},
    packet::Packet,
};

use crate::{
    is_udp, namespace,
    namespace::ip,
    ones_complement_sum_of_udp,
    packet::{COMMANDS, config},
    receive, receive_one, wait_until,
};

/// A host with an address behind a0, and a static neighbour behind b0.
const HOST: [&str; 3] = [
    "addr add 10.1.0.1/24 dev a0",
    "link set a0 up",
    "neigh add 10.1.0.2 lladdr 02:00:00:00:00:0b dev a0",
];

#[test]
fn checksums_left_to_the_device_are_finished() {
    let commands = [&COMMANDS[..], &HOST].concat();
    namespace::run(
        "offload::checksums_left_to_the_device_are_finished",
        &commands,
        || {
            let mut b = Packet::open(config("b0")).unwrap();
            let host = UdpSocket::bind("10.1.0.1:5000").unwrap();
            host.send_to(b"odd octets", "10.1.0.2:6000").unwrap();
            let frame = receive_one(&mut b, is_udp);
            assert_eq!(
                b.counters().rx_checksum_finished,
                1,
                "the host finished it: no test"
            );
            assert_eq!(ones_complement_sum_of_udp(frame.bytes()), 0xffff);
            drop(frame);
            // The same without offload at the host: the port has nothing to finish.
            offload::disable_tx_checksum("a0").unwrap();
            host.send_to(b"odd octets!", "10.1.0.2:6000").unwrap();
            let frame = receive_one(&mut b, is_udp);
            assert_eq!(b.counters().rx_checksum_finished, 1);
            assert_eq!(ones_complement_sum_of_udp(frame.bytes()), 0xffff);
        },
    );
}

#[test]
fn a_tagged_frame_with_an_open_checksum_is_finished_and_tagged() {
    let name = "offload::a_tagged_frame_with_an_open_checksum_is_finished_and_tagged";
    namespace::run(name, &COMMANDS, || {
        if !namespace::try_ip("link add link a0 name v0 type vlan id 5") {
            println!("{name}: skipped, this kernel has no VLAN interfaces (8021q)");
            return;
        }
        ip("addr add 10.1.0.1/24 dev v0");
        ip("link set a0 up");
        ip("link set v0 up addrgenmode none");
        ip("neigh add 10.1.0.2 lladdr 02:00:00:00:00:0b dev v0");
        let mut b = Packet::open(config("b0")).unwrap();
        let host = UdpSocket::bind("10.1.0.1:5000").unwrap();
        host.send_to(b"tagged", "10.1.0.2:6000").unwrap();
        let frame = receive_one(&mut b, |octets| octets[16..18] == [0x08, 0x00]);
        assert_eq!(frame.bytes()[12..16], [0x81, 0x00, 0x00, 0x05]);
        let untagged = [&frame.bytes()[..12], &frame.bytes()[16..]].concat();
        assert!(is_udp(&untagged));
        assert_eq!(
            b.counters().rx_checksum_finished,
            1,
            "the host finished it: no test"
        );
        assert_eq!(ones_complement_sum_of_udp(&untagged), 0xffff);
    });
}

#[test]
fn joined_frames_are_named() {
    let commands = [&COMMANDS[..], &HOST].concat();
    namespace::run("offload::joined_frames_are_named", &commands, || {
        let mut b = Packet::open(config("b0")).unwrap();
        let host = UdpSocket::bind("10.1.0.1:5000").unwrap();
        // The kernel is to cut this into datagrams of 500 octets, as late as possible; on a veth it
        // never does.
        nix::sys::socket::setsockopt(&host, nix::sys::socket::sockopt::UdpGsoSegment, &500)
            .unwrap();
        host.send_to(&[7; 1300], "10.1.0.2:6000").unwrap();
        let mut burst = Burst::new();
        wait_until("count", || {
            b.rx_burst(&mut burst);
            b.counters().rx_joined == 1
        });
        // With the host's offloads off, three frames arrive.
        offload::disable_all("a0").unwrap();
        host.send_to(&[7; 1300], "10.1.0.2:6000").unwrap();
        let datagrams = receive(&mut b, 3);
        assert!(datagrams.iter().all(|frame| is_udp(frame.bytes())));
        assert_eq!(b.counters().rx_joined, 1);
    });
}

#[test]
fn offloads_are_turned_off() {
    namespace::run("offload::offloads_are_turned_off", &COMMANDS, || {
        let a0 = Interface::named("a0").unwrap();
        assert_eq!(Offload::Tso.is_on(&a0).unwrap(), Some(true));
        assert_eq!(Offload::TxChecksum.is_on(&a0).unwrap(), Some(true));
        drop(Packet::open(config("a0")).unwrap());
        for offload in Offload::ALL {
            assert_ne!(
                offload.is_on(&a0).unwrap(),
                Some(true),
                "{}",
                offload.name()
            );
        }
        assert!(matches!(
            offload::disable_all("nothere"),
            Err(PortError::NoInterface { .. })
        ));
    });
}
