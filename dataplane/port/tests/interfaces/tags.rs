//! VLAN tags that the kernel holds beside the frame, as a bridge leaves them. An XDP program does
//! not see them unless it asks the driver.
//!
//! ```text
//! p0 ═══ p1 [ br0 ] a0 ═══ b0 ─[ port ]
//! ```

use port::{
    Port, PortError,
    iface::Interface,
    offload::Offload,
    packet::Packet,
    xdp::{Xdp, XdpConfig, XdpMode},
};

use crate::{frame, namespace, packet, receive_one, wait_until, xdp};

const COMMANDS: [&str; 10] = [
    "link add p0 type veth peer name p1",
    "link add a0 type veth peer name b0",
    "link add br0 type bridge",
    "link set p1 master br0",
    "link set a0 master br0",
    "link set p0 addrgenmode none",
    "link set b0 addrgenmode none",
    "link set br0 up addrgenmode none",
    "link set p1 up addrgenmode none",
    "link set a0 up addrgenmode none",
];

/// The kinds of tags that a bridge strips from a frame.
const TAGS: [[u8; 4]; 2] = [[0x81, 0x00, 0x20, 0x05], [0x88, 0xa8, 0x00, 0x07]];

fn config(mode: XdpMode) -> XdpConfig {
    XdpConfig {
        tags_in_frames: false,
        mtu_min: 0,
        ..xdp::config("b0", mode)
    }
}

/// A frame that leaves the bridge carries its tag.
fn tags_arrive(port: &mut dyn Port) {
    let a0 = Interface::named("a0").unwrap();
    assert_eq!(Offload::TxVlan.is_on(&a0).unwrap(), Some(true), "no test");
    let mut host = Packet::open(packet::config("p0")).unwrap();
    wait_until("carrier", || port.link_up() && host.link_up());
    for len in [64, 65, 200, 1400] {
        for tag in &TAGS {
            let octets = frame(len, tag);
            // A bridge port does not forward until it has left the learning state.
            wait_until("a tagged frame", || {
                host.copy_tx(&octets);
                let mut burst = port::Burst::new();
                std::thread::sleep(std::time::Duration::from_millis(5));
                port.rx_burst(&mut burst);
                let ours =
                    |frame: &port::Frame| frame.bytes().ends_with(&octets[100.min(len - 1)..]);
                let mut came = burst.iter().filter(|frame| ours(frame)).peekable();
                let some = came.peek().is_some();
                for frame in came {
                    assert_eq!(frame.bytes()[..20], octets[..20], "{len}");
                    assert_eq!(frame.len(), len);
                }
                some
            });
        }
    }
    // An untagged frame stays unchanged.
    host.copy_tx(&frame(100, &[]));
    receive_one(port, |octets| octets == frame(100, &[]));
    assert_eq!(port.counters().rx_dropped(), 0, "{:?}", port.counters());
}

#[test]
fn tags_beside_the_frame_arrive_by_packet() {
    let name = "tags::tags_beside_the_frame_arrive_by_packet";
    namespace::run(name, &COMMANDS, || {
        tags_arrive(&mut Packet::open(packet::config("b0")).unwrap());
    });
}

#[test]
fn tags_beside_the_frame_arrive_by_xdp_or_the_port_is_refused() {
    let name = "tags::tags_beside_the_frame_arrive_by_xdp_or_the_port_is_refused";
    for mode in [XdpMode::Native, XdpMode::Auto] {
        namespace::run(name, &COMMANDS, || match Xdp::open(config(mode)) {
            Ok(mut port) => tags_arrive(&mut port),
            Err(error @ PortError::NotPermitted { .. }) => println!("{name}: skipped, {error}"),
            // The kernel has no function to report the tag: Linux before 6.8.
            Err(PortError::TagsLost { .. }) => {}
            Err(error) => panic!("{error}"),
        });
    }
}

#[test]
fn a_program_that_cannot_ask_is_refused() {
    let name = "tags::a_program_that_cannot_ask_is_refused";
    namespace::run(name, &COMMANDS, || {
        let error = Xdp::open(config(XdpMode::Skb)).err().unwrap();
        if let PortError::NotPermitted { .. } = error {
            println!("{name}: skipped, {error}");
            return;
        }
        assert!(matches!(error, PortError::TagsLost { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("interface b0") && text.contains("txvlan off"),
            "{text}"
        );
        let promised = XdpConfig {
            tags_in_frames: true,
            ..config(XdpMode::Skb)
        };
        drop(Xdp::open(promised).unwrap());
    });
}
