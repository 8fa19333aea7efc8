//! Addresses of the nodes on the loopback: one for each node, so that no port of another program is
//! in the way.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// Port for neighbours.
const NEIGHBOURS: u16 = 7020;
/// Port for SAEs.
const KME: u16 = 8443;
/// Attempts to find a free range of addresses.
const ATTEMPTS: usize = 20;
/// Most nodes of a network on one machine.
pub(super) const NODES_MAX: usize = 250;

/// The addresses of all nodes.
pub(super) struct Places {
    /// The first three octets, which all nodes of this run share.
    range: [u8; 3],
}

impl Places {
    /// Finds free addresses for this number of nodes.
    pub(super) fn find(nodes: usize) -> io::Result<Self> {
        if nodes > NODES_MAX {
            let text = format!("{nodes} nodes; at most {NODES_MAX} run on one machine");
            return Err(io::Error::other(text));
        }
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let mut random = [0; 2];
            getrandom::fill(&mut random).map_err(io::Error::other)?;
            let places = Self {
                // 127.0 has the usual addresses of other programs.
                range: [127, random[0].max(1), random[1]],
            };
            match places.try_all(nodes) {
                Ok(()) => return Ok(places),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    /// Binds each address for a moment.
    fn try_all(&self, nodes: usize) -> io::Result<()> {
        for node in 0..nodes {
            TcpListener::bind(self.neighbours(node))?;
            TcpListener::bind(self.kme(node))?;
        }
        Ok(())
    }

    /// The address of a node, by its number.
    pub(super) fn ip(&self, node: usize) -> IpAddr {
        let [a, b, c] = self.range;
        let last = u8::try_from(node + 1).unwrap_or(u8::MAX);
        Ipv4Addr::new(a, b, c, last).into()
    }

    /// Its address for neighbours.
    pub(super) fn neighbours(&self, node: usize) -> SocketAddr {
        (self.ip(node), NEIGHBOURS).into()
    }

    /// Its address for SAEs.
    pub(super) fn kme(&self, node: usize) -> SocketAddr {
        (self.ip(node), KME).into()
    }
}
