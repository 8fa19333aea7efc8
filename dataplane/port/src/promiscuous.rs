//! Promiscuous mode: the interface takes frames for every address.
//!
//! A NIC filters by destination: without this mode it gives a port broadcast and frames for its own
//! address only. The mode is held by a socket (a membership of a packet socket). The kernel counts
//! the holders, and the mode goes with the last of them: also when the process is killed.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use crate::{PortError, iface::Interface, sys};

/// An interface is in promiscuous mode for as long as this lives.
pub(crate) struct Promiscuous {
    holder: OwnedFd,
    membership: libc::packet_mreq,
}

impl Promiscuous {
    /// Puts the interface of this index into promiscuous mode.
    pub(crate) fn hold(interface: &Interface, index: u32) -> Result<Self, PortError> {
        let failed = |source| interface.failed("promiscuous mode", source);
        // Protocol 0: the socket itself receives nothing.
        let holder = sys::socket(libc::AF_PACKET, libc::SOCK_RAW).map_err(failed)?;
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
        // At once, also while a child process still has the descriptor; a gone interface has none.
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
