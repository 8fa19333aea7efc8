//! Secrets are zero after drop. The tests read the memory that held them.

use core::mem::MaybeUninit;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use secy::{Sak, Salt, Suite};

/// Drops `secret` in place and returns the content of its memory.
///
/// # Safety
/// `T` has no padding: every octet is initialised.
unsafe fn after_drop<T>(secret: T) -> Vec<u8> {
    let mut place = MaybeUninit::new(secret);
    // SAFETY: it was just written, and is dropped only here.
    unsafe { place.assume_init_drop() };
    let octets = place.as_ptr().cast::<u8>();
    // SAFETY: the place outlives the slice, and the caller guarantees that all octets are
    // initialised; a drop does not change that.
    unsafe { core::slice::from_raw_parts(octets, size_of::<T>()) }.to_vec()
}

/// The octet that fills the SAK. No other part of the test program has 16 of them in a row.
const OCTET: u8 = 0xa5;
/// Freed blocks that still hold the octets.
static LINGERING: AtomicUsize = AtomicUsize::new(0);

/// An allocator that reads every freed block.
struct Watch;

// SAFETY: every call is passed to the system allocator unchanged; memory is only read before it is
// freed.
unsafe impl GlobalAlloc for Watch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system allocator.
        unsafe { System.alloc_zeroed(layout) } // zeroed, so that the whole block may be read
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is live until the call below, was initialised by `alloc`, and has
        // `layout.size()` octets.
        let octets = unsafe { core::slice::from_raw_parts(block, layout.size()) };
        if octets.windows(16).any(|window| window == [OCTET; 16]) {
            LINGERING.fetch_add(1, Ordering::SeqCst);
        }
        // SAFETY: same as for `alloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watch = Watch;

#[test]
fn sak() {
    for suite in Suite::ALL {
        let octets = [OCTET; 32];
        let sak = Sak::from_slice(suite, &octets[..suite.key_len()]).unwrap();
        let moved = Box::new(sak);
        drop(moved);
        assert_eq!(LINGERING.load(Ordering::SeqCst), 0, "{suite}");
    }
    // Self-test: the allocator detects a box that is not wiped.
    drop(Box::new([OCTET; 32]));
    assert_eq!(LINGERING.load(Ordering::SeqCst), 1);
}

#[test]
fn salt() {
    // SAFETY: a Salt has no padding.
    let left = unsafe { after_drop(Salt([0xa5; 12])) };
    assert_eq!(left, [0; 12]);
}

/// Self-test: without a wipe the octets remain.
#[test]
fn an_array_is_not_wiped() {
    // SAFETY: an array of octets has no padding.
    assert_eq!(unsafe { after_drop([0xa5_u8; 12]) }, [0xa5; 12]);
}
