//! Promiscuous mode: the interface accepts frames for every address.
//!
//! A NIC filters by destination: without this mode a port receives only broadcast frames and frames
//! for the NIC's own address. A packet socket holds the mode by a membership. The kernel counts the
//! holders and ends the mode with the last one, also when the process is killed.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{AddressFamily, SocketType};

use crate::{PortError, iface::Interface, sys};

/// Keeps an interface in promiscuous mode until it is dropped.
pub(crate) struct Promiscuous {
    holder: OwnedFd,
    membership: libc::packet_mreq,
}

impl Promiscuous {
    /// Puts the interface with this index into promiscuous mode.
    pub(crate) fn hold(interface: &Interface, index: u32) -> Result<Self, PortError> {
        let failed = |source| interface.failed("promiscuous mode", source);
        // Protocol 0: the socket itself receives nothing.
        let holder = sys::socket(AddressFamily::PACKET, SocketType::RAW).map_err(failed)?;
        let membership = libc::packet_mreq {
            mr_ifindex: index.cast_signed(),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        change(holder.as_fd(), libc::PACKET_ADD_MEMBERSHIP, &membership).map_err(failed)?;
        Ok(Self { holder, membership })
    }
}

impl Drop for Promiscuous {
    fn drop(&mut self) {
        // Leaves the mode at once, even if a child process still holds the descriptor. An interface
        // that is gone has no membership.
        let (holder, option) = (self.holder.as_fd(), libc::PACKET_DROP_MEMBERSHIP);
        let _ = change(holder, option, &self.membership);
    }
}

fn change(
    socket: BorrowedFd<'_>,
    option: libc::c_int,
    membership: &libc::packet_mreq,
) -> io::Result<()> {
    sys::set_option(socket, libc::SOL_PACKET, option, membership)
}
