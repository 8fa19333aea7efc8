//! The lab's network: its namespaces, and the cables between them.
//!
//! ```text
//! host a ─ lan0 ═ red0 ─ encryptor a ─ black0 ═ line ═ black0 ─ encryptor b ─ red0 ═ lan0 ─ host b
//!                            kme0                                  kme0
//!                             ║                                     ║
//!                           kme-a0 ──────── KMEs (this process) ─ kme-b0
//! ```
//! `red0 ═ lan0` is one TAP device or a veth pair, the other cables are veth pairs.
//!
//! The line is watched at its two ends. Frames that an AF_XDP program takes are invisible to all
//! others at that interface. So with AF_XDP the line passes through a separate namespace, with a
//! bridge between two cables, and is watched there:
//! ```text
//!   encryptor a ─ black0 ═══ line-a ─ bridge ─ line-b ═══ black0 ─ encryptor b
//! ```

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::RawFd;

use nix::net::if_::if_nametoindex;
use qmacsec::config::PortKind;
use rtnetlink::{LinkBridge, LinkUnspec, LinkVeth};

use super::netns::Netns;
use super::site::Site;

/// MTU of the cables to the KMEs.
const KME_MTU: u32 = 1500;
/// Room on the line for SecTAG and ICV, and for one VLAN tag of a host.
const LINE_ROOM: u32 = wire::OVERHEAD_MAX as u32 + 4;
/// The bridge also forwards rekey frames, although they go to a link-local group address:
/// 01-80-C2-00-00-03, hence bit 3.
const FORWARD_REKEY: u16 = 1 << 3;
/// Interface of a host behind a red port.
pub(crate) const LAN: &str = "lan0";
/// Red interface of an encryptor.
pub(crate) const RED: &str = "red0";
/// Black interface of an encryptor.
pub(crate) const BLACK: &str = "black0";

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
    /// The namespace in which the line is watched, if not at its ends.
    line: Option<Netns>,
    red: PortKind,
}

impl Topology {
    /// Creates the namespaces and cables. The caller is already in its own network namespace.
    pub(crate) fn build(red: PortKind, black: PortKind, red_mtu: u16) -> io::Result<Self> {
        let red_mtu = u32::from(red_mtu);
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
            line: match black {
                PortKind::Xdp | PortKind::Dpdk => Some(Netns::new("line")?),
                PortKind::Tap | PortKind::Packet => None,
            },
            red,
        };
        lab.lay_line(red_mtu + LINE_ROOM)?;
        for site in Site::BOTH {
            let nets = lab.site(site);
            let kme_end = format!("kme-{}0", site.letter());
            veth(&lab.kmes, &kme_end, &nets.encryptor, "kme0", KME_MTU)?;
            address(&lab.kmes, &kme_end, site.kme(), 30)?;
            address(&nets.encryptor, "kme0", site.encryptor(), 30)?;
            if red != PortKind::Tap {
                veth(&nets.host, LAN, &nets.encryptor, RED, red_mtu)?;
                lab.address_host(site)?;
            }
        }
        Ok(lab)
    }

    fn lay_line(&self, mtu: u32) -> io::Result<()> {
        let Some(line) = &self.line else {
            return veth(&self.a.encryptor, BLACK, &self.b.encryptor, BLACK, mtu);
        };
        for site in Site::BOTH {
            let encryptor = &self.site(site).encryptor;
            veth(line, line_end(site), encryptor, BLACK, mtu)?;
        }
        line.netlink(async move |net| {
            // With snooping, the bridge would query group members with frames of its own.
            let bridge = LinkBridge::new("bridge")
                .mcast_snooping(false)
                .group_fwd_mask(FORWARD_REKEY)
                .mtu(mtu)
                .up()
                .build();
            net.link()
                .add(bridge)
                .execute()
                .await
                .map_err(io::Error::other)?;
            let bridge = if_nametoindex("bridge")?;
            for site in Site::BOTH {
                let end = LinkUnspec::new_with_index(if_nametoindex(line_end(site))?)
                    .controller(bridge)
                    .build();
                net.link()
                    .set(end)
                    .execute()
                    .await
                    .map_err(io::Error::other)?;
            }
            Ok(())
        })
    }

    /// Returns the namespace and the interface at which all frames to `site` arrive.
    pub(crate) fn watch_point(&self, site: Site) -> (&Netns, &'static str) {
        match &self.line {
            None => (&self.site(site).encryptor, BLACK),
            Some(line) => (line, line_end(site.other())),
        }
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
        if self.red != PortKind::Tap {
            // The line carries complete frames: no superframes, and no checksums left to a NIC.
            host.run(|| port::offload::disable_all(LAN))?
                .map_err(io::Error::other)?;
        }
        address(host, LAN, site.host(), 24)
    }
}

/// Returns the interface of the line's end in the namespace in its middle.
fn line_end(site: Site) -> &'static str {
    match site {
        Site::A => "line-a",
        Site::B => "line-b",
    }
}

/// Creates a cable: `near` in the namespace `here`, `far` in the namespace `there`; both up.
///
/// # Errors
/// The error of the kernel.
pub fn veth(here: &Netns, near: &str, there: &Netns, far: &str, mtu: u32) -> io::Result<()> {
    let (near, far) = (near.to_owned(), far.to_owned());
    let far_there = far.clone();
    let there_fd: RawFd = there.raw_fd();
    here.netlink(async move |net| {
        // The far end gets its name only there, because both ends may have the same name.
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

/// Gives an interface its address.
///
/// # Errors
/// The error of the kernel.
pub fn address(netns: &Netns, interface: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
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
