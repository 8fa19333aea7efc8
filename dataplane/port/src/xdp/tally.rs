//! Drop counters of the program on an interface. The program counts in memory that it shares with
//! us, so that reading them costs no system call.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::atomic::{AtomicU64, Ordering},
};

use super::bpf;
use crate::sys::Mapping;

/// The reason for a drop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drop {
    /// The frame is longer than a port accepts.
    TooLong,
    /// The frame arrived at a receive queue without a socket.
    Unread,
    /// The tag that the kernel held beside the frame could not be put back.
    Tag,
}

impl Drop {
    const COUNT: usize = 3;

    /// Offset of its counter in the map's value, in octets.
    pub(super) fn offset(self) -> i32 {
        match self {
            Self::TooLong => 0,
            Self::Unread => 8,
            Self::Tag => 16,
        }
    }
}

/// The counters, as a map with one value that holds all of them (BPF_MAP_TYPE_ARRAY).
#[derive(Debug)]
pub(super) struct Tally(OwnedFd);

/// The mapped counters, for use by one thread.
pub(super) struct TallyView {
    mapping: Mapping,
    /// The counts at the creation of this view.
    before: [u64; Drop::COUNT],
}

const MAP_TYPE_ARRAY: u32 = 2;
const MAPPABLE: u32 = 1 << 10;
const OCTETS: usize = 8 * Drop::COUNT;

impl Tally {
    pub(super) fn new() -> io::Result<Self> {
        // map_type, key_size, value_size, max_entries, map_flags.
        let attributes = [MAP_TYPE_ARRAY, 4, OCTETS as u32, 1, MAPPABLE];
        bpf::descriptor(bpf::MAP_CREATE, &attributes).map(Self)
    }

    /// The descriptor, for the program's instructions.
    pub(super) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Creates a view that counts from here on.
    pub(super) fn view(&self) -> io::Result<TallyView> {
        let mut view = TallyView {
            mapping: Mapping::new(self.0.as_fd(), OCTETS, 0)?,
            before: [0; Drop::COUNT],
        };
        view.before = [Drop::TooLong, Drop::Unread, Drop::Tag].map(|drop| view.since(drop));
        Ok(view)
    }
}

impl TallyView {
    /// Frames dropped for this reason since the view was created.
    #[allow(unsafe_code, reason = "an atomic in memory shared with the program")]
    pub(super) fn since(&self, drop: Drop) -> u64 {
        let at = drop.offset() as usize / 8;
        // SAFETY: the mapping has `OCTETS` octets, which are `COUNT` numbers.
        let place = unsafe { self.mapping.base().cast::<u64>().add(at) };
        // SAFETY: aligned, in the mapping, which lives as long as `self`; both sides treat it as
        // atomic.
        let number = unsafe { AtomicU64::from_ptr(place.as_ptr()) };
        number.load(Ordering::Relaxed) - self.before[at]
    }
}
