//! The lab's network: which namespaces there are, and which cables join them.
//!
//! ```text
//!   host a ─ lan0 ═ red0 ─ encryptor a ─ black0 ═══ line ═══ black0 ─ encryptor b ─ red0 ═ lan0 ─ host b
//!                              kme0                                      kme0
//!                               ║                                         ║
//!                             kme-a0 ─────────── KMEs (this process) ── kme-b0
//! ```
//! `red0 ═ lan0` is one TAP device or a veth pair, the other cables are veth pairs.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::RawFd;

use nix::net::if_::if_nametoindex;
use rtnetlink::{LinkUnspec, LinkVeth};

use super::netns::Netns;

/// Red MTU of the lab's sites.
pub(crate) const RED_MTU: u16 = 1500;
/// Room on the line for SecTAG and ICV, and for one VLAN tag of a host.
const LINE_MTU: u32 = RED_MTU as u32 + 32 + 4;
/// Interface of a host behind a red port.
pub(crate) const LAN: &str = "lan0";
/// Red interface of an encryptor.
pub(crate) const RED: &str = "red0";
/// Black interface of an encryptor.
pub(crate) const BLACK: &str = "black0";

/// One of the two sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Site {
    A,
    B,
}

/// What stands behind a red port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RedCable {
    /// The encryptor makes a TAP device in the host's namespace.
    Tap,
    /// A veth pair; the encryptor uses its end by AF_PACKET.
    Veth,
}

impl Site {
    pub(crate) const BOTH: [Self; 2] = [Self::A, Self::B];

    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::A => 1,
            Self::B => 2,
        }
    }

    /// Address of the host behind the red port. RFC 5737: never a real one.
    pub(crate) fn host(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number())
    }

    /// Address inside the SCIs of a site's encryptor in memory; elsewhere the black interface's.
    pub(crate) fn mac(self) -> wire::MacAddr {
        wire::MacAddr([2, 0, 0, 0, 0xe0, self.number()])
    }

    /// Address of the host's interface: the same after a new start of its encryptor.
    fn host_mac(self) -> [u8; 6] {
        [2, 0, 0, 0, 0x10, self.number()]
    }

    /// Address of the site's KME.
    pub(crate) fn kme(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 51, 100, self.number() * 4 + 1)
    }

    /// Address of the encryptor on the way to its KME.
    pub(crate) fn encryptor(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 51, 100, self.number() * 4 + 2)
    }
}

/// The two namespaces of a site.
pub(crate) struct SiteNets {
    pub(crate) encryptor: Netns,
    pub(crate) host: Netns,
}

/// All namespaces of the lab.
pub(crate) struct Topology {
    pub(crate) kmes: Netns,
    pub(crate) a: SiteNets,
    pub(crate) b: SiteNets,
    red: RedCable,
}

impl Topology {
    /// Makes the namespaces and cables. The caller has its own network namespace already.
    pub(crate) fn build(red: RedCable) -> io::Result<Self> {
        let site = |site: Site| -> io::Result<SiteNets> {
            Ok(SiteNets {
                encryptor: Netns::new(&format!("enc-{}", site.letter()))?,
                host: Netns::new(&format!("host-{}", site.letter()))?,
            })
        };
        let lab = Self {
            kmes: Netns::of_caller("kmes")?,
            a: site(Site::A)?,
            b: site(Site::B)?,
            red,
        };
        veth(&lab.a.encryptor, BLACK, &lab.b.encryptor, BLACK, LINE_MTU)?;
        for site in Site::BOTH {
            let nets = lab.site(site);
            let kme_end = format!("kme-{}0", site.letter());
            veth(
                &lab.kmes,
                &kme_end,
                &nets.encryptor,
                "kme0",
                u32::from(RED_MTU),
            )?;
            address(&lab.kmes, &kme_end, site.kme(), 30)?;
            address(&nets.encryptor, "kme0", site.encryptor(), 30)?;
            if red == RedCable::Veth {
                veth(&nets.host, LAN, &nets.encryptor, RED, u32::from(RED_MTU))?;
                lab.address_host(site)?;
            }
        }
        Ok(lab)
    }

    pub(crate) fn site(&self, site: Site) -> &SiteNets {
        match site {
            Site::A => &self.a,
            Site::B => &self.b,
        }
    }

    /// Gives the host its addresses: at once on a veth, after the encryptor's start on a TAP.
    pub(crate) fn address_host(&self, site: Site) -> io::Result<()> {
        let host = &self.site(site).host;
        host.netlink(async move |net| {
            let index = if_nametoindex(LAN)?;
            let named = LinkUnspec::new_with_index(index)
                .address(site.host_mac().to_vec())
                .up()
                .build();
            net.link()
                .set(named)
                .execute()
                .await
                .map_err(io::Error::other)
        })?;
        if self.red == RedCable::Veth {
            // The line carries finished frames: neither superframes nor checksums left to a NIC.
            host.run(|| port::offload::disable_all(LAN))?
                .map_err(io::Error::other)?;
        }
        address(host, LAN, site.host(), 24)
    }
}

/// A cable: `near` in the namespace `here`, `far` in the namespace `there`; both up.
fn veth(here: &Netns, near: &str, there: &Netns, far: &str, mtu: u32) -> io::Result<()> {
    let (near, far) = (near.to_owned(), far.to_owned());
    let far_there = far.clone();
    let there_fd: RawFd = there.raw_fd();
    here.netlink(async move |net| {
        // The far end gets its name only there: both ends may be called the same.
        let passing = format!("{near}-x");
        let pair = LinkVeth::new(&near, &passing).mtu(mtu).build();
        net.link()
            .add(pair)
            .execute()
            .await
            .map_err(io::Error::other)?;
        let index = if_nametoindex(passing.as_str())?;
        let moved = LinkUnspec::new_with_index(index)
            .mtu(mtu)
            .name(far)
            .setns_by_fd(there_fd)
            .build();
        net.link()
            .set(moved)
            .execute()
            .await
            .map_err(io::Error::other)?;
        net.link()
            .set(net.up(&near)?)
            .execute()
            .await
            .map_err(io::Error::other)
    })?;
    there.netlink(async move |net| {
        net.link()
            .set(net.up(&far_there)?)
            .execute()
            .await
            .map_err(io::Error::other)
    })
}

fn address(netns: &Netns, interface: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    let interface = interface.to_owned();
    netns.netlink(async move |net| {
        let index = if_nametoindex(interface.as_str())?;
        net.address()
            .add(index, address.into(), prefix)
            .execute()
            .await
            .map_err(io::Error::other)
    })
}
