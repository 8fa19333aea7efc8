//! Frames next to inaccessible pages: an engine that reads or writes one octet outside a frame
//! crashes here. Masked-off octets do not fault.
#![cfg(unix)]

use core::{ptr, slice};

use gcm::{Engine, FRAME_LEN_MAX, ICV_LEN, Job, RawKey};

const PAGE: usize = 4096;

/// Pages between two guard pages that fault on access.
struct Guarded {
    map: *mut libc::c_void,
    len: usize,
}

impl Guarded {
    fn new(pages: usize) -> Self {
        let len = (pages + 2) * PAGE;
        let (protection, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address that the kernel chooses.
        let map = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
        assert_ne!(map, libc::MAP_FAILED);
        let this = Self { map, len };
        let inside = this.map.wrapping_byte_add(PAGE);
        // SAFETY: pages of the mapping made above.
        let done =
            unsafe { libc::mprotect(inside, pages * PAGE, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(done, 0);
        this
    }

    fn octets(&mut self) -> &mut [u8] {
        let inside = self.map.wrapping_byte_add(PAGE).cast();
        // SAFETY: the pages between the guards are readable, writable, zeroed and used only here.
        unsafe { slice::from_raw_parts_mut(inside, self.len - 2 * PAGE) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping of new(), which is no longer borrowed.
        unsafe { libc::munmap(self.map, self.len) };
    }
}

/// Seals and opens a frame at `at` in guarded memory, and compares with the portable engine.
fn check(engine: Engine, memory: &mut Guarded, at: usize, aad_len: usize, text_len: usize) {
    let len = aad_len + text_len + ICV_LEN;
    let key = RawKey::Aes256(&[text_len as u8; 32]);
    let nonce = [aad_len as u8; 12];
    let plain: Vec<u8> = (0..len).map(|octet| (octet * 11) as u8).collect();
    let mut expected = plain.clone();
    Engine::RustCrypto
        .expand(key)
        .seal(&mut [Job::new(&mut expected, aad_len, nonce)]);

    let frame = &mut memory.octets()[at..at + len];
    frame.copy_from_slice(&plain);
    let mut key = engine.expand(key);
    key.seal(&mut [Job::new(frame, aad_len, nonce)]);
    assert!(
        *frame == expected,
        "{engine}: aad {aad_len}, payload {text_len}, at {at}"
    );
    let mut burst = [Job::new(frame, aad_len, nonce)];
    key.open(&mut burst);
    assert!(
        burst[0].authentic,
        "{engine}: aad {aad_len}, payload {text_len}, at {at}"
    );
    let text = ..len - ICV_LEN;
    assert!(
        frame[text] == plain[text],
        "{engine}: aad {aad_len}, payload {text_len}, at {at}"
    );
}

#[test]
fn no_octet_beside_a_frame_is_touched() {
    for engine in Engine::available() {
        let mut memory = Guarded::new(3);
        let room = memory.octets().len();
        for text_len in (0..=340).chain((341..=FRAME_LEN_MAX - 64).step_by(331)) {
            let aad_len = text_len % 65;
            let len = aad_len + text_len + ICV_LEN;
            check(engine, &mut memory, 0, aad_len, text_len);
            check(engine, &mut memory, room - len, aad_len, text_len);
        }
        for aad_len in (0..=200).chain((201..=FRAME_LEN_MAX).step_by(313)) {
            check(engine, &mut memory, 0, aad_len, 0);
            check(engine, &mut memory, room - aad_len - ICV_LEN, aad_len, 0);
        }
    }
}

#[test]
fn a_burst_of_edges_is_right() {
    const FRAMES: usize = 33;
    for engine in Engine::available() {
        let mut memories: Vec<_> = (0..FRAMES).map(|_| Guarded::new(1)).collect();
        for turn in 0..40 {
            let lens: Vec<_> = (0..FRAMES)
                .map(|at| match (at % 33, (at * 37 + turn * 29) % 1600) {
                    // Every fourth burst has integrity only.
                    (aad_len, text_len) if turn % 4 == 3 => (aad_len + text_len, 0),
                    lens => lens,
                })
                .collect();
            let mut burst: Vec<_> = memories
                .iter_mut()
                .zip(&lens)
                .map(|(memory, &(aad_len, text_len))| {
                    let start = PAGE - (aad_len + text_len + ICV_LEN);
                    Job::new(&mut memory.octets()[start..], aad_len, [turn as u8; 12])
                })
                .collect();
            let plain: Vec<_> = burst.iter().map(|job| job.frame.to_vec()).collect();
            let mut key = engine.expand(RawKey::Aes128(&[turn as u8; 16]));
            key.seal(&mut burst);
            key.open(&mut burst);
            for (job, plain) in burst.iter().zip(plain) {
                assert!(job.authentic, "{engine}");
                let text = ..plain.len() - ICV_LEN;
                assert!(job.frame[text] == plain[text], "{engine}");
            }
        }
    }
}
