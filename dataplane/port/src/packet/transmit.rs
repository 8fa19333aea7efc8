//! The send side: one `sendmmsg` per burst, on a separate socket that receives nothing.

use std::{
    io, mem,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use arrayvec::ArrayVec;
use rustix::net::{AddressFamily, SocketType};

use super::turn_on;
use crate::{BURST_MAX, PortCounters, limits, sys};

/// The socket, and the link state that it last reported.
pub(super) struct Transmit {
    socket: OwnedFd,
    link_was_down: bool,
}

impl Transmit {
    /// A socket that is not bound yet.
    pub(super) fn new() -> io::Result<Self> {
        let socket = sys::socket(AddressFamily::PACKET, SocketType::RAW)?;
        turn_on(socket.as_fd(), libc::PACKET_QDISC_BYPASS)?;
        // A burst of jumbo frames does not fit the usual 208 KiB. Without the permission to raise
        // the limit, frames that do not fit are counted as tx_refused.
        let _or_stays = sys::set_option(
            socket.as_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUFFORCE,
            &limits::SEND_BUFFER,
        );
        Ok(Self {
            socket,
            link_was_down: false,
        })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Returns whether a send failed because the link was down, since the flag was last cleared.
    pub(super) fn suspicious(&self) -> bool {
        self.link_was_down
    }

    /// The same, and clears the flag.
    pub(super) fn link_was_down(&mut self) -> bool {
        std::mem::take(&mut self.link_was_down)
    }

    /// Sends up to [`BURST_MAX`] frames. Counts each as sent, or as dropped with its reason.
    pub(super) fn send<'a>(
        &mut self,
        frames: impl Iterator<Item = &'a [u8]>,
        counters: &mut PortCounters,
    ) {
        let frames: ArrayVec<&[u8], BURST_MAX> = frames.collect();
        let mut left = &frames[..];
        let mut tries = 0;
        while !left.is_empty() {
            let Err(error) = send_messages(self.socket.as_fd(), left).map(|sent| {
                let (done, rest) = left.split_at(sent);
                done.iter().for_each(|frame| counters.count_tx(frame.len()));
                left = rest;
                tries = 0;
            }) else {
                continue;
            };
            match error.raw_os_error() {
                Some(libc::ENETDOWN | libc::ENXIO | libc::ENODEV) => {
                    self.link_was_down = true;
                    counters.tx_link_down += left.len() as u64;
                    return;
                }
                Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR) if tries < limits::SEND_TRIES => {
                    tries += 1;
                }
                Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR) => {
                    counters.tx_refused += left.len() as u64;
                    return;
                }
                // The first of the remaining frames is too long; the others are tried again.
                Some(libc::EMSGSIZE) => {
                    counters.tx_too_long += 1;
                    left = &left[1..];
                }
                _ => {
                    counters.tx_refused += 1;
                    left = &left[1..];
                }
            }
        }
    }
}

/// `sendmmsg(2)`, one message per frame. Returns the number of sent frames. An error concerns the
/// first.
#[allow(unsafe_code, reason = "sendmmsg(2)")]
fn send_messages(socket: BorrowedFd<'_>, frames: &[&[u8]]) -> io::Result<usize> {
    let mut pieces: ArrayVec<libc::iovec, BURST_MAX> = frames
        .iter()
        .take(BURST_MAX)
        .map(|frame| libc::iovec {
            iov_base: frame.as_ptr().cast_mut().cast(),
            iov_len: frame.len(),
        })
        .collect();
    let mut messages: ArrayVec<libc::mmsghdr, BURST_MAX> = pieces.iter_mut().map(message).collect();
    let (first, count) = (messages.as_mut_ptr(), messages.len() as libc::c_uint);
    let flags = libc::MSG_DONTWAIT;
    // SAFETY: `count` messages of one piece each; each piece is a borrowed frame that the kernel
    // only reads; all of them live until the call returns.
    let sent = sys::checked(unsafe { libc::sendmmsg(socket.as_raw_fd(), first, count, flags) })?;
    Ok(sent.unsigned_abs() as usize)
}

#[allow(
    unsafe_code,
    reason = "the message header has private padding on some C libraries"
)]
fn message(piece: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: numbers and pointers, for which all zeros is a valid value.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_iov = piece;
    message.msg_hdr.msg_iovlen = 1;
    message
}
