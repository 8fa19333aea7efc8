use core::mem::ManuallyDrop;
use core::ptr;

use super::{Cpu, Vaes512Key};
use crate::job::{BurstKey, Job, RawKey};

/// The octets of a value, read one by one so that padding may be read too.
fn octets<T>(value: *const T) -> Vec<u8> {
    (0..size_of::<T>())
        // SAFETY: `value` points into a live allocation of `size_of::<T>()` octets; the reads are
        // volatile, so the compiler cannot assume what a dropped value holds.
        .map(|at| unsafe { ptr::read_volatile(value.cast::<u8>().wrapping_add(at)) })
        .collect()
}

#[test]
fn a_dropped_key_is_zero_from_end_to_end() {
    let Some(cpu) = Cpu::detect() else {
        eprintln!("skipped: this machine cannot run the engine vaes512");
        return;
    };
    let mut key = ManuallyDrop::new(Vaes512Key::new(cpu, RawKey::Aes256(&[0x5a; 32])));
    // A burst that passes through every stage, so that the scratch is full.
    let mut frames = [[7; 28 + 700 + 16]; 40];
    let mut burst: Vec<_> = frames
        .iter_mut()
        .map(|f| Job::new(f, 28, [9; 12]))
        .collect();
    key.seal(&mut burst);
    let place = ptr::from_mut(&mut **key);
    let before = octets(place);
    assert!(
        before.windows(16).any(|window| window == [0x5a; 16]),
        "round key 0 is the raw key"
    );
    assert!(before.iter().filter(|&&octet| octet != 0).count() > 20_000);

    // SAFETY: `place` is valid and not used as a key again; the box is never dropped.
    unsafe { ptr::drop_in_place(place) };

    assert!(octets(place).iter().all(|&octet| octet == 0));
}

#[test]
fn the_memory_of_a_key_is_modest() {
    assert!(
        size_of::<Vaes512Key>() <= 42 * 1024,
        "{}",
        size_of::<Vaes512Key>()
    );
}
