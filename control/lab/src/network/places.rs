//! Addresses of the KMEs on the loopback: one for each, so that no port of another program is
//! in the way.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use super::layout::KmeId;

/// Port for neighbours.
const NEIGHBOURS: u16 = 7020;
/// Port for SAEs.
const SAES: u16 = 8443;
/// Port for the KME of the neighbour domain.
const INTERWORKING: u16 = 8020;
/// Attempts to find a free range of addresses.
const ATTEMPTS: usize = 20;
/// Most KMEs of a network on one machine.
const KMES_MAX: usize = 250;

/// The addresses of all KMEs.
pub(super) struct Places {
    /// The first three octets, which all KMEs of this run share.
    range: [u8; 3],
}

impl Places {
    /// Finds free addresses for this number of KMEs.
    pub(super) fn find(kmes: usize) -> io::Result<Self> {
        if kmes > KMES_MAX {
            let text = format!("{kmes} KMEs; at most {KMES_MAX} run on one machine");
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
            match places.try_all(kmes) {
                Ok(()) => return Ok(places),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    /// Binds each address for a moment.
    fn try_all(&self, kmes: usize) -> io::Result<()> {
        for kme in (0..kmes).map(KmeId) {
            TcpListener::bind(self.neighbours(kme))?;
            TcpListener::bind(self.saes(kme))?;
            TcpListener::bind(self.interworking(kme))?;
        }
        Ok(())
    }

    /// The address of a KME.
    pub(super) fn ip(&self, kme: KmeId) -> IpAddr {
        let [a, b, c] = self.range;
        let last = u8::try_from(kme.0 + 1).unwrap_or(u8::MAX);
        Ipv4Addr::new(a, b, c, last).into()
    }

    /// Its address for neighbours.
    pub(super) fn neighbours(&self, kme: KmeId) -> SocketAddr {
        (self.ip(kme), NEIGHBOURS).into()
    }

    /// Its address for SAEs.
    pub(super) fn saes(&self, kme: KmeId) -> SocketAddr {
        (self.ip(kme), SAES).into()
    }

    /// Its address for the KME of the neighbour domain at the same node.
    pub(super) fn interworking(&self, kme: KmeId) -> SocketAddr {
        (self.ip(kme), INTERWORKING).into()
    }
}
