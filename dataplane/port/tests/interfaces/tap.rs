//! TAP with the kernel's own stack at the other end.

use std::{fs::OpenOptions, net::UdpSocket};

use port::{
    Burst, LinkState, Port, PortError,
    iface::Interface,
    tap::{Tap, TapConfig, TapQueues},
};

use crate::{frame, namespace, namespace::ip, receive_one, wait_until};

const OURS: [u8; 6] = [0x02, 0, 0, 0, 0, 0x22];

fn config() -> TapConfig {
    TapConfig {
        name: "t0".into(),
        ..TapConfig::default()
    }
}

/// Runs `body` if TAP interfaces are available, or reports why not.
fn run(name: &str, commands: &[&str], body: impl FnOnce() + Send) {
    match OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
    {
        Ok(_) => namespace::run(name, commands, body),
        Err(error) => println!("{name}: skipped, /dev/net/tun: {error}"),
    }
}

#[test]
fn the_kernel_answers() {
    run("tap::the_kernel_answers", &[], || {
        let mut tap = Tap::open(config()).unwrap();
        ip("addr add 10.2.0.1/24 dev t0");
        assert!(tap.link_up());
        assert_eq!(tap.mac(), Interface::named("t0").unwrap().mac().unwrap());

        let mut question = [[0xff; 6], OURS].concat();
        question.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
        question.extend([&OURS[..], &[10, 2, 0, 2], &[0; 6], &[10, 2, 0, 1]].concat());
        question.resize(60, 0);
        tap.copy_tx(&question);
        let answer = receive_one(&mut tap, |octets| octets[12..14] == [0x08, 0x06]);
        assert_eq!(answer.bytes()[..6], OURS);
        assert_eq!(answer.bytes()[20..22], [0, 2]);
        assert_eq!(answer.bytes()[22..28], tap.mac());
        drop(answer);

        tap.copy_tx(&echo_request(tap.mac()));
        let answer = receive_one(&mut tap, |octets| {
            octets[12..14] == [0x08, 0x00] && octets[23] == 1
        });
        assert_eq!(answer.bytes()[34], 0, "echo reply");
        assert_eq!(answer.bytes()[42..58], [7; 16]);
        drop(answer);
        assert_eq!(tap.counters().tx_frames, 2);
        assert_eq!(tap.pool().free(), tap.pool().count());
    });
}

#[test]
fn long_and_short_frames_are_named() {
    run("tap::long_and_short_frames_are_named", &[], || {
        let mut tap = Tap::open(config()).unwrap();
        tap.copy_tx(&frame(1522, &[]));
        tap.copy_tx(&frame(1523, &[]));
        tap.copy_tx(&[1; 13]);
        let counters = tap.counters();
        assert_eq!(
            (
                counters.tx_frames,
                counters.tx_too_long,
                counters.tx_refused
            ),
            (1, 1, 1)
        );
        // The kernel sends longer frames than the port accepts.
        ip("link set t0 mtu 4000");
        ip("addr add 10.2.0.1/24 dev t0");
        ip("neigh add 10.2.0.2 lladdr 02:00:00:00:00:22 dev t0");
        let host = UdpSocket::bind("10.2.0.1:5000").unwrap();
        host.send_to(&[0; 3000], "10.2.0.2:6000").unwrap();
        host.send_to(&[0; 100], "10.2.0.2:6000").unwrap();
        receive_one(&mut tap, |octets| octets.len() == 142);
        assert_eq!(tap.counters().rx_too_long, 1);
    });
}

#[test]
fn the_mtu_is_set() {
    run("tap::the_mtu_is_set", &["tuntap add t0 mode tap"], || {
        let tap = Tap::open(TapConfig {
            mtu: 9000,
            ..config()
        })
        .unwrap();
        assert_eq!(tap.mtu(), 9000);
        assert_eq!(Interface::named("t0").unwrap().mtu().unwrap(), 9000);
        let error = Tap::open(config()).err().unwrap();
        assert!(matches!(error, PortError::InUse { .. }), "{error}");
    });
}

#[test]
fn an_interface_for_several_queues_is_attached_to() {
    let commands = ["tuntap add t0 mode tap multi_queue"];
    run(
        "tap::an_interface_for_several_queues_is_attached_to",
        &commands,
        || {
            assert!(Tap::open(config()).unwrap().link_up());
        },
    );
}

#[test]
fn several_workers_have_a_queue_each() {
    run("tap::several_workers_have_a_queue_each", &[], || {
        let queues = TapQueues::default();
        let open = || {
            Tap::open(TapConfig {
                multi_queue: true,
                queues: queues.clone(),
                ..config()
            })
            .unwrap()
        };
        let (mut first, mut second) = (open(), open());
        ip("addr add 10.2.0.1/24 dev t0");
        ip("neigh add 10.2.0.2 lladdr 02:00:00:00:00:22 dev t0");
        let mut burst = Burst::new();
        // The kernel spreads flows by their hash: of 64 flows, each queue gets some.
        for port in 5000..5064 {
            let host = UdpSocket::bind(("10.2.0.1", port)).unwrap();
            host.send_to(b"flow", "10.2.0.2:6000").unwrap();
        }
        wait_until("every flow", || {
            first.rx_burst(&mut burst);
            burst.clear();
            second.rx_burst(&mut burst);
            burst.clear();
            first.counters().rx_frames + second.counters().rx_frames >= 64
        });
        assert!(first.counters().rx_frames > 0 && second.counters().rx_frames > 0);
        second.copy_tx(&frame(60, &[]));
        assert_eq!(second.counters().tx_frames, 1);
    });
}

#[test]
fn what_is_no_tap_is_refused() {
    let commands = ["link add t0 type veth peer name t1"];
    run("tap::what_is_no_tap_is_refused", &commands, || {
        let error = Tap::open(config()).err().unwrap();
        assert!(matches!(error, PortError::Busy { .. }), "{error}");
        assert!(error.to_string().contains("no TAP"), "{error}");
    });
}

#[test]
fn a_deleted_interface_is_made_again() {
    run("tap::a_deleted_interface_is_made_again", &[], || {
        let mut tap = Tap::open(config()).unwrap();
        lose(&mut tap);
        let mut burst = Burst::new();
        wait_until("return", || {
            tap.rx_burst(&mut burst);
            tap.link_up()
        });
        tap.copy_tx(&frame(60, &[]));
        assert_eq!(tap.counters().tx_frames, 1);
    });
}

#[test]
fn a_deleted_interface_of_somebody_else_is_waited_for() {
    let commands = ["tuntap add t0 mode tap"];
    run(
        "tap::a_deleted_interface_of_somebody_else_is_waited_for",
        &commands,
        || {
            let mut tap = Tap::open(config()).unwrap();
            lose(&mut tap);
            let mut burst = Burst::new();
            std::thread::sleep(std::time::Duration::from_millis(250));
            tap.rx_burst(&mut burst);
            assert_eq!(tap.link_state(), LinkState::Gone);
            ip("tuntap add t0 mode tap");
            wait_until("return", || {
                tap.rx_burst(&mut burst);
                tap.link_up()
            });
        },
    );
}

#[test]
fn an_interface_moved_to_another_namespace_is_up() {
    run(
        "tap::an_interface_moved_to_another_namespace_is_up",
        &[],
        || {
            let mut tap = Tap::open(config()).unwrap();
            let (sleeper, is_there) = std::sync::mpsc::channel::<()>();
            let (tell, told) = std::sync::mpsc::channel();
            let host = std::thread::spawn(move || {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                tell.send(nix::unistd::gettid()).unwrap();
                is_there.recv().unwrap();
                ip("link set t0 up");
                is_there.recv().unwrap();
                ip("link del t0");
            });
            ip(&format!("link set t0 netns {}", told.recv().unwrap()));
            assert_eq!(tap.link_state(), LinkState::Up);
            sleeper.send(()).unwrap();
            wait_until("a frame taken", || {
                tap.copy_tx(&frame(60, &[]));
                tap.counters().tx_frames > 0
            });
            sleeper.send(()).unwrap();
            host.join().unwrap();
            let mut burst = Burst::new();
            tap.rx_burst(&mut burst);
            assert_eq!(tap.link_state(), LinkState::Gone);
        },
    );
}

/// Deletes the interface and waits until the port notices.
fn lose(tap: &mut Tap) {
    ip("link del t0");
    let mut burst = Burst::new();
    tap.copy_tx(&frame(60, &[]));
    tap.rx_burst(&mut burst);
    assert_eq!(tap.link_state(), LinkState::Gone);
    assert!(tap.fd().is_none());
    assert_eq!(
        (tap.counters().tx_link_down, tap.counters().link_losses),
        (1, 1)
    );
}

#[test]
fn an_interface_taken_down_is_seen() {
    run("tap::an_interface_taken_down_is_seen", &[], || {
        let mut tap = Tap::open(config()).unwrap();
        ip("link set t0 down");
        assert_eq!(tap.link_state(), LinkState::Down);
        tap.copy_tx(&frame(60, &[]));
        let mut burst = Burst::new();
        tap.rx_burst(&mut burst);
        assert_eq!(tap.counters().tx_link_down, 1);
        ip("link set t0 up");
        assert!(tap.link_up());
        tap.copy_tx(&frame(60, &[]));
        assert_eq!(tap.counters().tx_frames, 1);
    });
}

/// An echo request from 10.2.0.2 to 10.2.0.1 with 16 octets of 7.
fn echo_request(to: [u8; 6]) -> Vec<u8> {
    let mut ip = [
        0x45, 0, 0, 44, 0, 1, 0, 0, 64, 1, 0, 0, // checksum set below
        10, 2, 0, 2, 10, 2, 0, 1,
    ];
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    let mut icmp = vec![8, 0, 0, 0, 0, 9, 0, 1];
    icmp.extend([7; 16]);
    let sum = checksum(&icmp);
    icmp[2..4].copy_from_slice(&sum);
    [&to[..], &OURS, &[0x08, 0x00], &ip, &icmp].concat()
}

fn checksum(octets: &[u8]) -> [u8; 2] {
    let words = octets
        .chunks_exact(2)
        .map(|w| u32::from(w[0]) << 8 | u32::from(w[1]));
    let sum: u32 = words.sum();
    (!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes()
}

#[test]
fn the_host_sees_a_link_that_is_taken_down() {
    run("tap::the_host_sees_a_link_that_is_taken_down", &[], || {
        let mut tap = Tap::open(config()).unwrap();
        let host = Interface::named("t0").unwrap();
        if !tap.set_link(false) {
            println!("skipped: a kernel without TUNSETCARRIER");
            return;
        }
        wait_until("loss", || {
            host.link_state() == LinkState::Down && !tap.link_up()
        });
        // An interface that is created again meanwhile has no carrier either.
        ip("link del t0");
        wait_until("there again", || {
            tap.rx_burst(&mut Burst::new());
            tap.link_state() == LinkState::Down
        });
        assert!(tap.set_link(true));
        wait_until("return", || {
            host.link_state() == LinkState::Up && tap.link_up()
        });
    });
}
