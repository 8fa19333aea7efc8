//! The bench's network: two hosts and two devices between them, of veth, in namespaces of its own.
//!
//! ```text
//! left: lan0 ═══ red-a [device a] black-a ═══ black-b [device b] red-b ═══ lan0 :right
//! ```
//! It ends with the process.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use lab::netns::Netns;
use lab::topology::{address, veth};
use port::offload;
use qmacsec::ports::{Opener, inside};
use wire::OVERHEAD_MAX;

use crate::ports::packet;

pub(crate) const LAN: &str = "lan0";
/// Interfaces of the devices under test: red and black.
pub(crate) const INTERFACES: [[&str; 2]; 2] = [["red-a", "black-a"], ["red-b", "black-b"]];
/// Addresses of the hosts, from a block for documentation (RFC 5737).
pub(crate) const HOSTS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];

/// The cables under one MTU.
pub(crate) struct Network {
    pub(crate) left: Netns,
    pub(crate) right: Netns,
    pub(crate) middle: Netns,
    pub(crate) red_mtu: usize,
}

impl Network {
    /// Builds it. The caller has a network namespace of its own already.
    pub(crate) fn build(red_mtu: usize) -> io::Result<Self> {
        let [left, right, middle] = ["left", "right", "middle"].map(Netns::new);
        let (left, right, middle) = (left?, right?, middle?);
        let mtu = |octets: usize| u32::try_from(octets).map_err(io::Error::other);
        let [[red_a, black_a], [red_b, black_b]] = INTERFACES;
        veth(&left, LAN, &middle, red_a, mtu(red_mtu)?)?;
        veth(&right, LAN, &middle, red_b, mtu(red_mtu)?)?;
        let black_mtu = mtu(red_mtu + OVERHEAD_MAX)?;
        veth(&middle, black_a, &middle, black_b, black_mtu)?;
        for (host, ip) in [&left, &right].into_iter().zip(HOSTS) {
            // The line carries complete frames: no superframes, and no checksums left to a NIC.
            host.run(|| offload::disable_all(LAN))?
                .map_err(io::Error::other)?;
            address(host, LAN, ip, 24)?;
        }
        Ok(Self {
            left,
            right,
            middle,
            red_mtu,
        })
    }
}

/// The port of a host in its namespace. The thread that opens it returns to its own namespace.
pub(crate) fn at_host(host: &Netns) -> Opener {
    let path = host.path();
    Box::new(move || inside(Path::new(&path), || packet(LAN, 0)))
}

/// Frames that an interface of this thread's namespace has received.
pub(crate) fn received(interface: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev")?;
    let line = text.lines().find_map(|line| {
        let (name, numbers) = line.split_once(':')?;
        (name.trim() == interface).then_some(numbers)
    });
    let frames = line.and_then(|numbers| numbers.split_whitespace().nth(1)?.parse().ok());
    frames.ok_or_else(|| io::Error::other(format!("{interface} is not in /proc/net/dev")))
}
