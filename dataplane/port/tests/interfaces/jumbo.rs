//! Frames of 9000 octets over AF_XDP, where they come in pieces.

use port::{
    Burst, HEADROOM, Port, TAILROOM,
    limits::CHUNKS,
    xdp::{Share, Xdp, XdpConfig},
};

use crate::{
    frame, receive, wait_until,
    xdp::{COMMANDS, config, run},
};

#[test]
fn jumbo_frames_cross_in_pieces() {
    let second = [
        "link add c0 numrxqueues 1 type veth peer name d0 numrxqueues 1",
        "link set c0 addrgenmode none",
        "link set d0 addrgenmode none",
    ];
    let commands = [&COMMANDS[..], &second].concat();
    run("jumbo::jumbo_frames_cross_in_pieces", &commands, |mode| {
        let jumbo = |ifname, share| {
            Xdp::open(XdpConfig {
                mtu_min: 9032,
                share,
                ..config(ifname, mode)
            })
            .unwrap_or_else(|error| panic!("{}: {error}", mode.name()))
        };
        let share = Some(Share::new(CHUNKS, 9032).unwrap());
        let (mut a, mut b) = (jumbo("a0", None), jumbo("b0", share));
        let (mut c, mut d) = (jumbo("c0", share), jumbo("d0", None));
        wait_until("carrier", || a.link_up() && d.link_up());
        let start = (a.chunks(), b.chunks(), d.chunks());
        for round in 0..20 {
            // Lengths around the ends of chunks, with and without tailroom.
            for len in [
                80, 1514, 3000, 3775, 3776, 3777, 3839, 3840, 3841, 7680, 7681, 9014,
            ] {
                let octets = frame(len - round, &[]);
                a.copy_tx(&octets);
                let mut middle: Burst = receive(&mut b, 1).into_iter().collect();
                assert_eq!(middle[0].bytes(), octets, "{} {len}", mode.name());
                assert!(middle[0].headroom() >= HEADROOM && middle[0].tailroom() >= TAILROOM);
                c.tx_burst(&mut middle);
                let end = receive(&mut d, 1);
                assert_eq!(end[0].bytes(), octets, "{} {len}", mode.name());
            }
        }
        let tagged = frame(9050, &[0x81, 0, 0, 1]);
        a.copy_tx(&tagged);
        assert_eq!(receive(&mut b, 1)[0].bytes(), tagged);
        a.copy_tx(&frame(9047, &[]));
        assert_eq!(a.counters().tx_too_long, 1);
        let mut burst = Burst::new();
        for port in [&mut a, &mut b, &mut c, &mut d] {
            assert_eq!(port.counters().rx_dropped(), 0);
            port.tx_burst(&mut burst);
            port.rx_burst(&mut burst);
        }
        assert_eq!(
            (a.chunks(), b.chunks(), d.chunks()),
            start,
            "no chunk is lost"
        );
    });
}
