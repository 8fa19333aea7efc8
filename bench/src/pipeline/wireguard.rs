//! A peer: WireGuard in user space, the crate boringtun. It carries IP packets, so each frame is
//! measured as the packet that would be in it. It copies each packet.

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};

use super::null_port::Frames;
use super::testbed::Testbed;
use crate::cpu::Clock;
use crate::harness::row::Op;

/// Octets that a datagram has beyond its packet, with room for a handshake.
const OVERHEAD: usize = 256;
/// Octets of an Ethernet header, which WireGuard does not carry.
const ETHERNET_HEADER: usize = 14;

pub(super) struct WireGuard {
    from: Tunn,
    to: Tunn,
    packets: Vec<Vec<u8>>,
    /// Each in a buffer of its own, with its length.
    datagrams: Vec<(Vec<u8>, usize)>,
}

impl WireGuard {
    pub(super) fn new() -> Self {
        let secrets = [[1; 32], [2; 32]].map(StaticSecret::from);
        let publics = [0, 1].map(|end| PublicKey::from(&secrets[end]));
        let [one, other] = secrets;
        let mut from = Tunn::new(one, publics[1], None, None, 1, None);
        let mut to = Tunn::new(other, publics[0], None, None, 2, None);
        shake_hands(&mut from, &mut to);
        Self {
            from,
            to,
            packets: Vec::new(),
            datagrams: Vec::new(),
        }
    }

    fn prepare(&mut self, frames: &Frames) {
        self.packets.clear();
        self.datagrams.clear();
        for frame in frames {
            let mut packet = frame.bytes()[ETHERNET_HEADER..].to_vec();
            packet[0] = 0x45; // version 4, header of five words
            let len = u16::try_from(packet.len()).expect("no frame is longer");
            packet[2..4].copy_from_slice(&len.to_be_bytes());
            self.datagrams.push((vec![0; packet.len() + OVERHEAD], 0));
            self.packets.push(packet);
        }
    }
}

/// Initiation, response, and the first transport message that ends it.
fn shake_hands(from: &mut Tunn, to: &mut Tunn) {
    let (mut there, mut back) = ([0; 2048], [0; 2048]);
    let TunnResult::WriteToNetwork(initiation) = from.encapsulate(&[], &mut there) else {
        unreachable!("without a session the first thing is an initiation");
    };
    let TunnResult::WriteToNetwork(response) = to.decapsulate(None, initiation, &mut back) else {
        unreachable!("both ends know each other's keys");
    };
    let mut last = [0; 2048];
    if let TunnResult::WriteToNetwork(confirmation) = from.decapsulate(None, response, &mut last) {
        to.decapsulate(None, confirmation, &mut [0; 2048]);
    }
}

impl Testbed for WireGuard {
    fn pass(&mut self, op: Op, clock: &Clock, frames: &mut Frames) -> f64 {
        if op == Op::Protect {
            self.prepare(frames);
        }
        let (packets, datagrams) = (&self.packets, &mut self.datagrams);
        if op == Op::Protect {
            return clock.ns(|| {
                for (packet, (datagram, len)) in packets.iter().zip(datagrams) {
                    if let TunnResult::WriteToNetwork(sent) =
                        self.from.encapsulate(packet, datagram)
                    {
                        *len = sent.len();
                    }
                }
            });
        }
        let longest = packets.iter().map(Vec::len).max().unwrap_or(0) + OVERHEAD;
        let mut opened = vec![(vec![0; longest], 0); packets.len()];
        let ns = clock.ns(|| {
            for ((datagram, len), (room, opened)) in datagrams.iter().zip(&mut opened) {
                let packet = self.to.decapsulate(None, &datagram[..*len], room);
                if let TunnResult::WriteToTunnelV4(packet, _) = packet {
                    *opened = packet.len();
                }
            }
        });
        // A packet that did not come out as it went in is a frame lost.
        let mut both = packets.iter().zip(opened);
        frames.retain(|_| {
            let next = both.next();
            next.is_some_and(|(packet, (room, len))| *packet == room[..len])
        });
        ns
    }
}
