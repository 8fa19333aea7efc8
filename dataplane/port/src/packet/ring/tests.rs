//! A ring without a kernel: the tests write valid and invalid slots in place of the kernel.

use std::sync::atomic::Ordering;

use super::{Received, Ring};
use crate::{limits, sys::Mapping};

const SLOT_LEN: usize = 1664;
const SLOTS_PER_BLOCK: usize = limits::RING_BLOCK / SLOT_LEN;

fn ring() -> Ring {
    let mapping = Mapping::anonymous(2 * limits::RING_BLOCK).unwrap();
    Ring {
        mapping,
        slot_len: SLOT_LEN,
        slots_per_block: SLOTS_PER_BLOCK,
        block: 0,
        slot: 0,
    }
}

/// The fields of a slot that the kernel writes.
#[derive(Clone, Copy)]
struct Said {
    mac: u16,
    snaplen: u32,
    status: u32,
    vnet: [u8; 10],
}

const SAID: Said = Said {
    mac: 76,
    snaplen: 60,
    status: 0,
    vnet: [0; 10],
};

/// Fills the next slot with octets of 7.
#[allow(unsafe_code, reason = "writes to the ring's memory as the kernel does")]
fn say(ring: &Ring, said: Said) {
    let mut slot = vec![7; SLOT_LEN];
    slot[4..8].copy_from_slice(&said.snaplen.to_ne_bytes());
    slot[8..12].copy_from_slice(&said.snaplen.to_ne_bytes());
    slot[12..14].copy_from_slice(&said.mac.to_ne_bytes());
    slot[24..26].copy_from_slice(&0x2005u16.to_ne_bytes());
    slot[26..28].copy_from_slice(&0x88a8u16.to_ne_bytes());
    let mac = usize::from(said.mac);
    if let Some(place) = slot.get_mut(mac.saturating_sub(10)..mac) {
        place.copy_from_slice(&said.vnet[10 - place.len()..]);
    }
    let start = ring.start_of_slot();
    // SAFETY: the slot is in the ring's mapping and as long as the vector.
    unsafe {
        start
            .as_ptr()
            .copy_from_nonoverlapping(slot.as_ptr(), SLOT_LEN);
    };
    ring.status()
        .store(said.status | libc::TP_STATUS_USER, Ordering::Release);
}

#[test]
fn slots_come_in_order_and_go_round() {
    let mut ring = ring();
    assert!(ring.next(|_| ()).is_none());
    for _ in 0..5 * SLOTS_PER_BLOCK {
        say(&ring, SAID);
        let len = ring.next(|received| received.map(|r| (r.octets.to_vec(), r.len)));
        assert_eq!(len, Some(Some((vec![7; 60], 60))));
        assert!(ring.next(|_| ()).is_none());
    }
}

#[test]
fn what_the_kernel_did_is_told() {
    let mut ring = ring();
    let status = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_VLAN_TPID_VALID;
    say(&ring, Said { status, ..SAID });
    let look = |received: Option<Received<'_>>| {
        let received = received.unwrap();
        (received.vlan_tag, received.unfinished, received.joined)
    };
    assert_eq!(
        ring.next(look),
        Some((Some([0x88, 0xa8, 0x20, 0x05]), None, false))
    );
    say(
        &ring,
        Said {
            status: libc::TP_STATUS_VLAN_VALID,
            ..SAID
        },
    );
    assert_eq!(
        ring.next(look),
        Some((Some([0x81, 0x00, 0x20, 0x05]), None, false))
    );
    let mut vnet = [0; 10];
    vnet[0] = 1;
    vnet[6..8].copy_from_slice(&34u16.to_ne_bytes());
    vnet[8..10].copy_from_slice(&16u16.to_ne_bytes());
    say(&ring, Said { vnet, ..SAID });
    let (tag, unfinished, joined) = ring.next(look).unwrap();
    let unfinished = unfinished.unwrap();
    assert_eq!(
        (tag, unfinished.start, unfinished.offset, joined),
        (None, 34, 16, false)
    );
    vnet[1] = 1;
    say(&ring, Said { vnet, ..SAID });
    assert!(ring.next(look).unwrap().2);
}

#[test]
fn a_header_that_points_outside_its_slot_is_none() {
    let mut ring = ring();
    for (mac, snaplen) in [
        (0, 60),
        (9, 60),
        (1664, 1),
        (u16::MAX, 60),
        (76, 1589),
        (76, u32::MAX),
        (u16::MAX, u32::MAX),
    ] {
        say(
            &ring,
            Said {
                mac,
                snaplen,
                ..SAID
            },
        );
        assert_eq!(
            ring.next(|received| received.is_none()),
            Some(true),
            "{mac} {snaplen}"
        );
    }
    say(
        &ring,
        Said {
            snaplen: 1588,
            ..SAID
        },
    );
    assert_eq!(
        ring.next(|received| received.unwrap().octets.len()),
        Some(1588)
    );
}
