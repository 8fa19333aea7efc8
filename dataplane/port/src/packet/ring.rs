//! The receive ring: slots of one frame each, in memory shared with the kernel.
//!
//! A slot belongs to the kernel until the kernel sets TP_STATUS_USER in it, then to us until we set
//! TP_STATUS_KERNEL. Values that the kernel writes into a slot are still checked against its
//! bounds.
//!
//! ```text
//! slot: | tpacket2_hdr … | virtio_net_hdr (10) | frame … |
//!                                              ^ tp_mac
//! ```

use std::{
    io,
    os::fd::BorrowedFd,
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{SOL_PACKET, turn_on};
use crate::{checksum::Unfinished, limits, sys, sys::Mapping};

/// The ring, and the position of the next frame.
pub(super) struct Ring {
    mapping: Mapping,
    slot_len: usize,
    slots_per_block: usize,
    /// Offset of the next block, and the next slot in it.
    block: usize,
    slot: usize,
}

/// A frame in a slot.
pub(super) struct Received<'a> {
    /// The octets that fit into the slot.
    pub octets: &'a [u8],
    /// The full length of the frame.
    pub len: usize,
    /// Joined by GRO, or to be cut by TSO: not a single frame of the line.
    pub joined: bool,
    /// A checksum that was left to the device.
    pub unfinished: Option<Unfinished>,
    /// The tag that the kernel took out after the addresses.
    pub vlan_tag: Option<[u8; 4]>,
}

/// `struct virtio_net_hdr`: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
const VNET_HEADER: usize = 10;
const VNET_NEEDS_CHECKSUM: u8 = 1;
/// Maximum octets before the frame: header, padding, address, virtio_net_hdr.
const SLOT_OVERHEAD: usize = 96;
/// The kernel's alignment of slots.
const SLOT_ALIGN: usize = 64;

const _: () = assert!(size_of::<libc::tpacket2_hdr>() == 32);

impl Ring {
    /// A ring for frames of up to `frame_len` octets, on a socket that is not bound yet.
    pub(super) fn new(socket: BorrowedFd<'_>, frame_len: usize, octets: usize) -> io::Result<Self> {
        let version = libc::tpacket_versions::TPACKET_V2 as libc::c_int;
        sys::set_option(socket, SOL_PACKET, libc::PACKET_VERSION, &version)?;
        // Reports unfinished checksums with their place, and joined frames.
        turn_on(socket, libc::PACKET_VNET_HDR)?;
        // Frames that the kernel itself sends on this interface do not come from the line.
        turn_on(socket, libc::PACKET_IGNORE_OUTGOING)?;
        let slot_len = (SLOT_OVERHEAD + frame_len).next_multiple_of(SLOT_ALIGN);
        let slots_per_block = limits::RING_BLOCK / slot_len;
        let blocks = octets / limits::RING_BLOCK;
        let request = libc::tpacket_req {
            tp_block_size: limits::RING_BLOCK as u32,
            tp_block_nr: blocks as u32,
            tp_frame_size: slot_len as u32,
            tp_frame_nr: (blocks * slots_per_block) as u32,
        };
        sys::set_option(socket, SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let mapping = Mapping::new(socket, blocks * limits::RING_BLOCK, 0)?;
        Ok(Self {
            mapping,
            slot_len,
            slots_per_block,
            block: 0,
            slot: 0,
        })
    }

    /// Passes the next frame to `look` and returns its slot to the kernel. `Some(look(None))`: the
    /// slot's header points outside the slot. `None`: there is no frame.
    pub(super) fn next<R>(&mut self, look: impl FnOnce(Option<Received<'_>>) -> R) -> Option<R> {
        let start = self.start_of_slot();
        let status = self.status();
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        let result = look(self.received(start));
        self.status()
            .store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.advance();
        Some(result)
    }

    /// Reads the slot that the kernel has just handed over.
    #[allow(unsafe_code, reason = "reads memory shared with the kernel")]
    fn received(&self, start: NonNull<u8>) -> Option<Received<'_>> {
        // SAFETY: `start` is the start of a slot, aligned to 64, and a slot is longer than this
        // header; the kernel wrote it before it set TP_STATUS_USER, which we read with Acquire.
        let header = unsafe { start.cast::<libc::tpacket2_hdr>().read() };
        // SAFETY: the slot is in the mapping, which lives as long as `self`. The kernel does not
        // write to it until we set TP_STATUS_KERNEL, which `next` does after the slice is gone.
        let slot = unsafe { slice::from_raw_parts(start.as_ptr(), self.slot_len) };
        let from = usize::from(header.tp_mac);
        let octets = slot.get(from..from + header.tp_snaplen as usize)?;
        let vnet: &[u8; VNET_HEADER] = slot
            .get(from.checked_sub(VNET_HEADER)?..from)?
            .try_into()
            .ok()?;
        let number = |at: usize| u16::from_ne_bytes([vnet[at], vnet[at + 1]]);
        let unfinished = (vnet[0] & VNET_NEEDS_CHECKSUM != 0).then(|| Unfinished {
            start: number(6).into(),
            offset: number(8).into(),
        });
        Some(Received {
            octets,
            len: header.tp_len as usize,
            joined: vnet[1] != 0,
            unfinished,
            vlan_tag: vlan_tag(&header),
        })
    }

    fn start_of_slot(&self) -> NonNull<u8> {
        self.at(self.block + self.slot * self.slot_len)
    }

    #[allow(unsafe_code, reason = "points into memory shared with the kernel")]
    fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset + self.slot_len <= self.mapping.len());
        // SAFETY: `advance` keeps block and slot below the counts for which the mapping was made.
        unsafe { self.mapping.base().add(offset) }
    }

    /// The first word of a slot, which says who owns it.
    #[allow(unsafe_code, reason = "an atomic in memory shared with the kernel")]
    fn status(&self) -> &AtomicU32 {
        let status = self.start_of_slot().cast::<u32>();
        // SAFETY: aligned, and in the mapping, which lives as long as `self`; both sides treat it
        // as atomic.
        unsafe { AtomicU32::from_ptr(status.as_ptr()) }
    }

    fn advance(&mut self) {
        self.slot += 1;
        if self.slot == self.slots_per_block {
            self.slot = 0;
            self.block += limits::RING_BLOCK;
            if self.block == self.mapping.len() {
                self.block = 0;
            }
        }
    }
}

fn vlan_tag(header: &libc::tpacket2_hdr) -> Option<[u8; 4]> {
    if header.tp_status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let known = header.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    let tpid = if known {
        header.tp_vlan_tpid
    } else {
        libc::ETH_P_8021Q as u16
    };
    let ([a, b], [c, d]) = (tpid.to_be_bytes(), header.tp_vlan_tci.to_be_bytes());
    Some([a, b, c, d])
}

#[cfg(test)]
mod tests;
