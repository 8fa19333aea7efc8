//! Secrets are zero after drop: the octets where they were, looked at.

use core::mem::MaybeUninit;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use secy::{Sak, Salt, Suite};

/// Drops `secret` in place and returns what is left of it in memory.
///
/// # Safety
/// `T` has no padding: every octet of it is initialised.
unsafe fn after_drop<T>(secret: T) -> Vec<u8> {
    let mut place = MaybeUninit::new(secret);
    // SAFETY: it was just written, and is dropped this once.
    unsafe { place.assume_init_drop() };
    let octets = place.as_ptr().cast::<u8>();
    // SAFETY: the place outlives the slice and all its octets are initialised, as the caller says;
    // a drop leaves no octet uninitialised.
    unsafe { core::slice::from_raw_parts(octets, size_of::<T>()) }.to_vec()
}

/// What a SAK is made of here: octets no other part of a test program has in a row.
const OCTET: u8 = 0xa5;
/// Freed blocks that still held the octets.
static LINGERING: AtomicUsize = AtomicUsize::new(0);

/// An allocator that looks at every block given back.
struct Watch;

// SAFETY: every call goes to the system allocator as it came; freed memory is only read before.
unsafe impl GlobalAlloc for Watch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system allocator.
        unsafe { System.alloc_zeroed(layout) } // zeroed: so that all of a block may be read
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is live until the call below, was initialised by `alloc`, and is
        // `layout.size()` octets long.
        let octets = unsafe { core::slice::from_raw_parts(block, layout.size()) };
        if octets.windows(16).any(|window| window == [OCTET; 16]) {
            LINGERING.fetch_add(1, Ordering::SeqCst);
        }
        // SAFETY: as for `alloc`.
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
    // The look itself: a box that nobody wipes is seen.
    drop(Box::new([OCTET; 32]));
    assert_eq!(LINGERING.load(Ordering::SeqCst), 1);
}

#[test]
fn salt() {
    // SAFETY: a Salt is octets only.
    let left = unsafe { after_drop(Salt([0xa5; 12])) };
    assert_eq!(left, [0; 12]);
}

/// The look itself: without a wipe the octets are still there.
#[test]
fn an_array_is_not_wiped() {
    // SAFETY: an array of octets is octets only.
    assert_eq!(unsafe { after_drop([0xa5_u8; 12]) }, [0xa5; 12]);
}
