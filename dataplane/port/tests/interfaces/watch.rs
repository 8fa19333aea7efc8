//! The kernel's figures for an interface while a port is open, and after it is closed.

use std::{
    env,
    io::Read,
    process::{Command, Stdio},
};

use port::{
    Burst, Deaf, Port, PortError, Watch,
    figures::Figures,
    packet::{Packet, PacketConfig},
    tap::{Tap, TapConfig},
    xdp::{Queues, Xdp, XdpConfig, XdpMode},
};

use crate::{
    frame, namespace,
    namespace::{ip, try_ip},
    packet, receive, wait_until, xdp,
};

fn look(watch: &mut Watch) -> Figures {
    watch.look().figures.unwrap()
}

/// The number of holders of promiscuous mode on `b0`, as `ip` shows it.
fn promiscuity() -> u32 {
    let output = Command::new("ip")
        .args(["-d", "link", "show", "b0"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut words = text.split_whitespace();
    words.find(|word| *word == "promiscuity").unwrap();
    words.next().unwrap().parse().unwrap()
}

#[test]
fn an_xdp_port_holds_promiscuous_mode_while_it_is_open() {
    let name = "watch::an_xdp_port_holds_promiscuous_mode_while_it_is_open";
    xdp::run(name, &xdp::COMMANDS, |mode| {
        assert_eq!(promiscuity(), 0);
        let mut a = Xdp::open(xdp::config("a0", mode)).unwrap();
        let mut b = Xdp::open(xdp::config("b0", mode)).unwrap();
        assert_eq!(promiscuity(), 1, "{}", mode.name());
        // Another holder comes and goes.
        ip("link set b0 promisc on");
        assert_eq!(promiscuity(), 2);
        ip("link set b0 promisc off");
        assert_eq!(promiscuity(), 1);
        let mut watch = b.take_watch().unwrap();
        assert!(b.take_watch().is_none());
        wait_until("carrier", || watch.look().deaf.is_none());
        assert_eq!(look(&mut watch).promiscuity, 1);
        // The mode returns with the interface.
        ip("link del a0");
        wait_until("gone", || watch.look().deaf == Some(Deaf::Gone));
        xdp::COMMANDS.into_iter().for_each(ip);
        wait_until("return", || {
            let mut burst = Burst::new();
            a.rx_burst(&mut burst);
            b.rx_burst(&mut burst);
            watch.look().deaf.is_none()
        });
        assert_eq!(promiscuity(), 1);
        drop(b);
        assert_eq!(promiscuity(), 0);
        assert_eq!(watch.look().deaf, Some(Deaf::NotPromiscuous));
    });
}

#[test]
fn a_packet_port_holds_promiscuous_mode_while_it_is_open() {
    let name = "watch::a_packet_port_holds_promiscuous_mode_while_it_is_open";
    namespace::run(name, &packet::COMMANDS, || {
        let a = Packet::open(packet::config("a0")).unwrap();
        let mut b = Packet::open(packet::config("b0")).unwrap();
        assert_eq!(promiscuity(), 1);
        let mut watch = b.take_watch().unwrap();
        wait_until("carrier", || watch.look().deaf.is_none());
        let figures = look(&mut watch);
        assert_eq!((figures.promiscuity, figures.mtu), (1, 1532));
        assert_eq!(figures.rx_queues, Some(1));
        drop(a);
        ip("link set a0 down");
        wait_until("loss", || watch.look().deaf == Some(Deaf::LinkDown));
        drop(b);
        assert_eq!(promiscuity(), 0);
    });
}

#[test]
fn frames_that_the_kernel_drops_are_in_the_figures() {
    let name = "watch::frames_that_the_kernel_drops_are_in_the_figures";
    namespace::run(name, &packet::COMMANDS, || {
        let mut a = Packet::open(packet::config("a0")).unwrap();
        let mut b = Packet::open(packet::config("b0")).unwrap();
        let mut watch = b.take_watch().unwrap();
        wait_until("carrier", || watch.look().deaf.is_none());
        let before = look(&mut watch);
        a.copy_tx(&frame(60, &[]));
        receive(&mut b, 1);
        // The frame is longer than b0's MTU: the kernel drops it before any port receives it.
        ip("link set a0 mtu 4000");
        a.copy_tx(&frame(3000, &[]));
        wait_until("figures", || look(&mut watch).rx_lost() > before.rx_lost());
        assert!(look(&mut watch).rx_frames > before.rx_frames);
    });
}

#[test]
fn queues_that_come_later_are_bound() {
    let name = "watch::queues_that_come_later_are_bound";
    let commands = [
        "link add a0 numrxqueues 4 numtxqueues 4 type veth peer name b0 numrxqueues 4 numtxqueues 4",
        "link set a0 addrgenmode none",
        "link set b0 addrgenmode none",
    ];
    xdp::run(name, &commands, |mode| {
        // In generic mode a veth uses only one queue, whatever number it was created with.
        if mode == XdpMode::Skb {
            return;
        }
        let ethtool = |arguments: &str| {
            let tool = Command::new("ethtool")
                .args(arguments.split_whitespace())
                .output();
            tool.is_ok_and(|output| output.status.success())
        };
        if !ethtool("-l a0") {
            println!("{name}: skipped, no `ethtool` here, or a veth without channels");
            return;
        }
        // Waits until the program of `run` is gone, which a child process may hold for a moment.
        wait_until("channels", || {
            ethtool("-L a0 rx 1 tx 1") && ethtool("-L b0 rx 1 tx 1")
        });
        let open = |ifname: &str, queues: Queues| {
            Xdp::open(XdpConfig {
                queues,
                ..xdp::config(ifname, mode)
            })
            .unwrap()
        };
        let mut b = open("b0", Queues::default());
        let mut watch = b.take_watch().unwrap();
        assert_eq!((b.queues(), look(&mut watch).rx_queues), (1, Some(1)));
        assert!(ethtool("-L b0 rx 4 tx 1") && ethtool("-L a0 rx 1 tx 4"));
        let unread = |heard| Some(Deaf::QueuesBeyondOurs { queues: 4, heard });
        assert_eq!(watch.look().deaf, unread(1));
        b.rx_burst(&mut Burst::new());
        assert_eq!((b.queues(), watch.look().deaf), (4, None));
        // Four workers at the other end send, each on its own queue.
        let shares = Queues::split(4).into_iter();
        let mut a: Vec<_> = shares.map(|queues| open("a0", queues)).collect();
        wait_until("carrier", || a.iter().all(Port::link_up) && b.link_up());
        a.iter_mut().for_each(|port| port.copy_tx(&frame(61, &[])));
        assert_eq!(receive(&mut b, 4).len(), 4);
        assert_eq!(b.counters().rx_queue_unread, 0);
        drop(a);
        drop(b);
        // The same with two workers.
        // Waits until the programs are gone, which a child process may hold for a moment.
        wait_until("channels", || {
            ethtool("-L a0 rx 2 tx 2") && ethtool("-L b0 rx 2 tx 2")
        });
        let shares = Queues::split(2).into_iter();
        let mut b: Vec<_> = shares.map(|queues| open("b0", queues)).collect();
        let mut watch = b[1].take_watch().unwrap();
        assert_eq!(b.iter().map(Xdp::queues).collect::<Vec<_>>(), [1, 1]);
        assert!(ethtool("-L b0 rx 4 tx 2") && ethtool("-L a0 rx 2 tx 4"));
        assert_eq!(watch.look().deaf, unread(2));
        b.iter_mut()
            .for_each(|port| port.rx_burst(&mut Burst::new()));
        assert_eq!(b.iter().map(Xdp::queues).collect::<Vec<_>>(), [2, 2]);
        wait_until("all heard", || watch.look().deaf.is_none());
    });
}

/// One of two workers opens its port late: frames of its queue are first counted, and later
/// received.
#[test]
fn frames_of_a_queue_that_nobody_reads_are_counted() {
    let name = "watch::frames_of_a_queue_that_nobody_reads_are_counted";
    let commands = [
        "link add a0 numrxqueues 2 numtxqueues 2 type veth peer name b0 numrxqueues 2 numtxqueues 2",
        "link set a0 addrgenmode none",
        "link set b0 addrgenmode none",
    ];
    xdp::run(name, &commands, |mode| {
        if mode == XdpMode::Skb {
            return;
        }
        let open = |ifname: &str, queues: Queues| {
            Xdp::open(XdpConfig {
                queues,
                ..xdp::config(ifname, mode)
            })
            .unwrap()
        };
        let mut shares = Queues::split(2).into_iter();
        let mut first = open("b0", shares.next().unwrap());
        let senders = Queues::split(2).into_iter();
        let mut a: Vec<_> = senders.map(|queues| open("a0", queues)).collect();
        wait_until("carrier", || a.iter().all(Port::link_up) && first.link_up());
        a.iter_mut().for_each(|port| port.copy_tx(&frame(60, &[])));
        receive(&mut first, 1);
        wait_until("count", || first.counters().rx_queue_unread == 1);
        assert_eq!(first.counters().rx_dropped(), 1);
        let mut second = open("b0", shares.next().unwrap());
        a.iter_mut().for_each(|port| port.copy_tx(&frame(60, &[])));
        receive(&mut first, 1);
        receive(&mut second, 1);
        assert_eq!(first.counters().rx_queue_unread, 1);
        assert_eq!(second.counters().rx_queue_unread, 0);
    });
}

/// A frame that is longer than the port's buffers, because the other end has a larger MTU.
#[test]
fn frames_too_long_for_an_xdp_port_are_named() {
    let name = "watch::frames_too_long_for_an_xdp_port_are_named";
    xdp::run(name, &xdp::COMMANDS, |mode| {
        let mut b = Xdp::open(xdp::config("b0", mode)).unwrap();
        // Larger than the kernel permits once a program is in the driver.
        ip("link set b0 mtu 3000");
        ip("link set a0 mtu 3000");
        let mut a = Packet::open(packet::config("a0")).unwrap();
        wait_until("carrier", || a.link_up() && b.link_up());
        a.copy_tx(&frame(2500, &[]));
        a.copy_tx(&frame(60, &[]));
        receive(&mut b, 1);
        let counters = b.counters();
        assert_eq!(
            (counters.rx_too_long, counters.rx_dropped()),
            (1, 1),
            "{counters:?}"
        );
    });
}

/// Another process with a port on an interface of this namespace, until it is killed.
const HOLD: &str = "PORT_TEST_HOLD";

#[test]
fn a_second_process_on_the_interface_is_refused() {
    let name = "watch::a_second_process_on_the_interface_is_refused";
    if let Ok(ifname) = env::var(HOLD) {
        let _port = Packet::open(packet::config(&ifname)).unwrap();
        println!("open");
        std::thread::sleep(std::time::Duration::from_secs(60));
        return;
    }
    namespace::run(name, &packet::COMMANDS, || {
        let mut other = Command::new(env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(HOLD, "a0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let stdout = other.stdout.as_mut().unwrap();
        while !said.contains("open\n") {
            let mut octets = [0; 256];
            let len = stdout.read(&mut octets).unwrap();
            assert!(len > 0, "it ended: {said}");
            said.push_str(&String::from_utf8_lossy(&octets[..len]));
        }
        let refused = |error: PortError| {
            let text = error.to_string();
            let holder = Some(other.id());
            assert!(
                matches!(&error, PortError::InUse { holder: by, .. } if *by == holder),
                "{text}"
            );
            assert!(
                text.contains("interface a0") && text.contains("systemctl stop"),
                "{text}"
            );
        };
        refused(Packet::open(packet::config("a0")).err().unwrap());
        refused(Xdp::open(xdp::config("a0", XdpMode::Native)).err().unwrap());
        // The other end of the line is free, and a port that shares the interface may open.
        drop(Packet::open(packet::config("b0")).unwrap());
        let shares_interface = PacketConfig {
            shares_interface: true,
            ..packet::config("a0")
        };
        drop(Packet::open(shares_interface).unwrap());
        // A killed process releases the interface.
        other.kill().unwrap();
        other.wait().unwrap();
        drop(Packet::open(packet::config("a0")).unwrap());
    });
}

#[test]
fn two_ports_of_any_kind_do_not_share_an_interface() {
    let name = "watch::two_ports_of_any_kind_do_not_share_an_interface";
    namespace::run(name, &packet::COMMANDS, || {
        let in_use = |error: PortError| matches!(error, PortError::InUse { .. });
        let first = Packet::open(packet::config("a0")).unwrap();
        let second = Packet::open(packet::config("a0")).err().unwrap();
        assert!(second.to_string().contains("another port of this process"));
        assert!(in_use(second));
        drop(first);
        drop(Packet::open(packet::config("a0")).unwrap());
        // A multi-queue TAP: the kernel would let any program open one more queue.
        if !try_ip("tuntap add dev t0 mode tap multi_queue") {
            println!("{name}: no TAP here");
            return;
        }
        let several = TapConfig {
            name: "t0".into(),
            multi_queue: true,
            ..TapConfig::default()
        };
        let one = Tap::open(several.clone()).unwrap();
        let two = Tap::open(several.clone()).unwrap();
        let stranger = TapConfig {
            queues: port::tap::TapQueues::default(),
            ..several
        };
        assert!(in_use(Tap::open(stranger.clone()).err().unwrap()));
        drop((one, two));
        drop(Tap::open(stranger).unwrap());
    });
}
