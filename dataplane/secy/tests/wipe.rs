//! Secrets are zero after drop: the octets where they were, looked at.

use core::mem::MaybeUninit;

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

#[test]
fn sak() {
    for suite in Suite::ALL {
        let sak = Sak::from_slice(suite, &vec![0xa5; suite.key_len()]).unwrap();
        // SAFETY: a Sak is octets only.
        let left = unsafe { after_drop(sak) };
        assert!(
            left.len() >= 32 && left.iter().all(|&octet| octet == 0),
            "{suite}: {left:02x?}"
        );
    }
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
