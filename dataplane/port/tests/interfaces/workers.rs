//! Several ports on one interface, one for each worker: each frame goes to exactly one of them.

use port::{
    Burst, Port, PortError,
    packet::{Fanout, Packet, PacketConfig, Spread},
    xdp::{Queues, Xdp, XdpConfig, XdpMode},
};

use crate::{frame, namespace, namespace::ip, packet, wait_until, xdp};

const FLOWS: u16 = 64;

fn open_all(spread: Spread, count: usize) -> Vec<Packet> {
    let group = Fanout::new(spread);
    let config = PacketConfig {
        fanout: Some(group),
        ..packet::config("b0")
    };
    (0..count)
        .map(|_| Packet::open(config.clone()).unwrap())
        .collect()
}

fn sender(ports: &[impl Port]) -> Packet {
    let a = Packet::open(packet::config("a0")).unwrap();
    wait_until("carrier", || a.link_up() && ports.iter().all(Port::link_up));
    a
}

/// A UDP frame of this flow, with a number in its payload.
fn of_flow(flow: u16, number: u8) -> Vec<u8> {
    let mut octets = frame(62, &[]);
    octets[12..14].copy_from_slice(&[0x08, 0x00]);
    octets[14..34].copy_from_slice(&[
        0x45, 0, 0, 48, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ]);
    octets[34..36].copy_from_slice(&(5000 + flow).to_be_bytes());
    octets[36..42].copy_from_slice(&[0x13, 0x88, 0, 28, 0, 0]);
    octets[60] = number;
    octets
}

/// A frame with the octets of a MACsec frame that a port looks at, of the SC with this port number.
fn of_sc(port: u16, tags: &[u8]) -> Vec<u8> {
    let mut octets = frame(100, tags);
    let at = 12 + tags.len();
    octets[at..at + 2].copy_from_slice(&[0x88, 0xE5]);
    octets[at + 14..at + 16].copy_from_slice(&port.to_be_bytes());
    octets
}

/// Receives until there are `enough` frames in all, and checks that no more come. Returns the
/// frames of each port.
fn receive_all(ports: &mut [impl Port], enough: usize) -> Vec<Vec<Vec<u8>>> {
    let mut frames = vec![Vec::new(); ports.len()];
    let mut more = || {
        let mut burst = Burst::new();
        for (port, frames) in ports.iter_mut().zip(&mut frames) {
            port.rx_burst(&mut burst);
            frames.extend(burst.drain(..).map(|frame| frame.bytes().to_vec()));
        }
        frames.iter().map(Vec::len).sum::<usize>()
    };
    wait_until("frames", || more() >= enough);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(more(), enough, "a frame came twice");
    frames
}

/// Checks that each flow is complete and in order at one port. Returns how many ports had frames.
fn assert_flows_whole(frames: &[Vec<Vec<u8>>], each: u8) -> usize {
    for flow in 0..FLOWS {
        let of_this = |frames: &Vec<Vec<u8>>| -> Vec<u8> {
            let name = (5000 + flow).to_be_bytes();
            let frames = frames.iter().filter(|octets| octets[34..36] == name);
            frames.map(|octets| octets[60]).collect()
        };
        let mut whole: Vec<_> = frames.iter().map(of_this).collect();
        whole.retain(|numbers| !numbers.is_empty());
        assert_eq!(whole, [(0..each).collect::<Vec<_>>()], "flow {flow}");
    }
    frames.iter().filter(|frames| !frames.is_empty()).count()
}

#[test]
fn flows_are_spread_and_stay_whole() {
    let name = "workers::flows_are_spread_and_stay_whole";
    namespace::run(name, &packet::COMMANDS, || {
        let mut ports = open_all(Spread::Flow, 3);
        let mut a = sender(&ports);
        for number in 0..10 {
            (0..FLOWS).for_each(|flow| a.copy_tx(&of_flow(flow, number)));
        }
        let frames = receive_all(&mut ports, 640);
        assert_eq!(
            assert_flows_whole(&frames, 10),
            3,
            "64 flows reach all three"
        );
        // A frame that one port sends is not received by the others.
        ports[0].copy_tx(&of_flow(1, 1));
        receive_all(std::slice::from_mut(&mut a), 1);
        receive_all(&mut ports, 0);
    });
}

#[test]
fn frames_of_one_sc_come_to_one_port() {
    let name = "workers::frames_of_one_sc_come_to_one_port";
    namespace::run(name, &packet::COMMANDS, || {
        let mut ports = open_all(Spread::Sci, 3);
        let mut a = sender(&ports);
        let tag = [0x81, 0x00, 0x20, 0x05];
        for port in 1..=9 {
            a.copy_tx(&of_sc(port, &[]));
            a.copy_tx(&of_sc(port, &tag));
        }
        for (at, frames) in receive_all(&mut ports, 18).iter().enumerate() {
            let expected: Vec<_> = (1..=9_u16)
                .filter(|port| usize::from(port - 1) % 3 == at)
                .flat_map(|port| [of_sc(port, &[]), of_sc(port, &tag)])
                .collect();
            assert_eq!(*frames, expected, "port {at}");
        }
        // All other frames go to the first port, also a frame truncated before the SCI.
        let mut cut = of_sc(2, &[]);
        cut.truncate(20);
        a.copy_tx(&cut);
        a.copy_tx(&frame(60, &[]));
        let frames = receive_all(&mut ports, 2);
        assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [2, 0, 0]);
    });
}

#[test]
fn ports_that_share_an_interface_come_back_with_it() {
    let name = "workers::ports_that_share_an_interface_come_back_with_it";
    namespace::run(name, &packet::COMMANDS, || {
        let mut ports = open_all(Spread::Flow, 2);
        let mut a = sender(&ports);
        ip("link del a0");
        wait_until("loss", || {
            let mut burst = Burst::new();
            for port in ports.iter_mut().chain([&mut a]) {
                port.rx_burst(&mut burst);
            }
            !a.link_up() && !ports.iter().any(Port::link_up)
        });
        packet::COMMANDS.iter().for_each(|command| ip(command));
        wait_until("return", || {
            let mut burst = Burst::new();
            for port in ports.iter_mut().chain([&mut a]) {
                port.rx_burst(&mut burst);
            }
            a.link_up() && ports.iter().all(Port::link_up)
        });
        for number in 0..4 {
            (0..FLOWS).for_each(|flow| a.copy_tx(&of_flow(flow, number)));
        }
        let frames = receive_all(&mut ports, 256);
        assert_eq!(assert_flows_whole(&frames, 4), 2);
        // A line that was only taken down needs no new binding.
        ip("link set a0 down");
        ip("link set a0 up");
        wait_until("carrier", || a.link_up() && ports.iter().all(Port::link_up));
        (0..FLOWS).for_each(|flow| a.copy_tx(&of_flow(flow, 0)));
        assert_flows_whole(&receive_all(&mut ports, 64), 1);
    });
}

const TWO_QUEUES: [&str; 3] = [
    "link add a0 numrxqueues 2 numtxqueues 2 type veth peer name b0 numrxqueues 2 numtxqueues 2",
    "link set a0 addrgenmode none",
    "link set b0 addrgenmode none",
];

fn of_queues(ifname: &str, queues: Queues, mode: XdpMode) -> Result<Xdp, PortError> {
    Xdp::open(XdpConfig {
        queues,
        ..xdp::config(ifname, mode)
    })
}

#[test]
fn queues_are_split_under_one_program() {
    let name = "workers::queues_are_split_under_one_program";
    xdp::run(name, &TWO_QUEUES, |mode| {
        // Frames sent on a queue of a veth arrive at the same queue of the other end.
        let both = |ifname: &str| -> Vec<Xdp> {
            let shares = Queues::split(2).into_iter();
            let open = |queues| of_queues(ifname, queues, mode).unwrap();
            shares.map(open).collect()
        };
        let (mut a, mut b) = (both("a0"), both("b0"));
        wait_until("carrier", || a.iter().chain(&b).all(Port::link_up));
        for _ in 0..2 {
            assert!(b.iter().all(|port| port.queues() == 1));
            for number in 0..100 {
                for (queue, port) in (0..).zip(&mut a) {
                    port.copy_tx(&of_flow(queue, number));
                }
            }
            let frames = receive_all(&mut b, 200);
            // In the general path a veth uses only one queue, whatever number it was created with.
            if mode == XdpMode::Native {
                for (queue, frames) in (0..).zip(frames) {
                    let mut expected = (0..100).map(|number| of_flow(queue, number));
                    assert!(frames.into_iter().eq(expected.by_ref()), "queue {queue}");
                }
            }
            std::mem::swap(&mut a, &mut b);
        }
        // The program stays as long as one of the ports lives.
        if mode == XdpMode::Native {
            drop(b.remove(0));
            a[1].copy_tx(&of_flow(1, 0));
            receive_all(&mut b, 1);
        }
    });
}

#[test]
fn more_workers_than_queues_are_refused() {
    xdp::run(
        "workers::more_workers_than_queues_are_refused",
        &TWO_QUEUES,
        |mode| {
            let mut shares = Queues::split(3).into_iter();
            let _two: Vec<_> = shares
                .by_ref()
                .take(2)
                .map(|queues| of_queues("b0", queues, mode).unwrap())
                .collect();
            let Err(error) = of_queues("b0", shares.next().unwrap(), mode) else {
                panic!("a worker without a queue");
            };
            assert!(
                matches!(error, PortError::TooFewQueues { need: 3, .. }),
                "{error}"
            );
            assert!(error.to_string().contains("ethtool -L b0"), "{error}");
        },
    );
}

/// A DPDK TAP with three queues: the kernel spreads the frames that its hosts send.
#[cfg(feature = "dpdk")]
#[test]
fn queues_of_a_dpdk_device_are_split() {
    use crate::dpdk::{device, eal};
    use port::dpdk::{Dpdk, DpdkConfig};
    if let Err(error) = std::fs::OpenOptions::new().write(true).open("/dev/net/tun") {
        println!("workers::queues_of_a_dpdk_device_are_split: skipped, /dev/net/tun: {error}");
        return;
    }
    namespace::run("workers::queues_of_a_dpdk_device_are_split", &[], || {
        // The kernel itself must send nothing on the TAP.
        let ipv6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
        let _kernel_without_ipv6 = std::fs::write(ipv6, "1");
        let config = DpdkConfig {
            queues: 3,
            ..device("net_tap", ",iface=a0")
        };
        let open = |queue| {
            let config = config.clone();
            Dpdk::open(eal(), DpdkConfig { queue, ..config }).unwrap()
        };
        let mut ports: Vec<_> = (0..3).map(open).collect();
        let mut a = sender(&ports);
        for number in 0..10 {
            (0..FLOWS).for_each(|flow| a.copy_tx(&of_flow(flow, number)));
        }
        let frames = receive_all(&mut ports, 640);
        assert_eq!(assert_flows_whole(&frames, 10), 3);
        for (queue, port) in (0..).zip(&mut ports) {
            port.copy_tx(&of_flow(queue, 0));
        }
        receive_all(std::slice::from_mut(&mut a), 3);
    });
}
