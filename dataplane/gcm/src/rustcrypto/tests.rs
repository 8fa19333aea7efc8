use core::mem::ManuallyDrop;
use core::ptr;

use super::RustCryptoKey;
use crate::job::RawKey;

/// The octets of a value, read one by one so that padding may be read too.
fn octets<T>(value: *const T) -> Vec<u8> {
    (0..size_of::<T>())
        // SAFETY: `value` points into a live allocation of `size_of::<T>()` octets; the reads are
        // volatile, so the compiler cannot assume what a dropped value holds.
        .map(|at| unsafe { ptr::read_volatile(value.cast::<u8>().wrapping_add(at)) })
        .collect()
}

#[test]
fn a_dropped_key_leaves_no_round_key_behind() {
    let raw: [u8; 32] = core::array::from_fn(|at| 0xa5 ^ at as u8);
    let mut key = ManuallyDrop::new(Box::new(RustCryptoKey::new(RawKey::Aes256(&raw))));
    let place = ptr::from_mut(&mut **key);
    let holds_raw_key = |memory: &[u8]| memory.windows(16).any(|octets| octets == &raw[..16]);

    assert!(
        holds_raw_key(&octets(place)),
        "the first round key is the raw key"
    );
    // SAFETY: `place` is valid and not used as a key again; the box is never dropped.
    unsafe { ptr::drop_in_place(place) };
    let left = octets(place);

    assert!(!holds_raw_key(&left));
    let nonzero = left.iter().filter(|&&octet| octet != 0).count();
    assert!(nonzero <= 16, "{nonzero} octets are left of {}", left.len());
}
