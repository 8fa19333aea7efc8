//! T6 `sak_on_disk`: no SAK may be in any file that encryptors and KMEs write.
//!
//! The bench does not know the SAKs; it recognises them by their effect. The hosts' frames all
//! begin with the same octets, so the first block of key stream of a protected frame is known.
//! Decrypted under the right key it is the counter block, which ends in 2 (NIST SP 800-38D, 7.1:
//! the first block of the text has the second counter). So each 32 octets of each file are tried as
//! the SAK of each frame noted. Two frames of one key make a finding; chance does that once in
//! 2^64.
//!
//! Octets are tried as they are, and decoded from hexadecimal and base64. Memory is not searched,
//! nor are files elsewhere; both encryptors use one folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aes_gcm::KeyInit;
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{Block, BlockCipherDecrypt};

use crate::frames;
use crate::rekey::rig::probe::Sealed;

const SAK_LEN: usize = 32;
const HEX_LEN: usize = 2 * SAK_LEN;
/// Digits of a SAK in base64, and the bits of the first digit before it: within longer data, octets
/// begin at three places of a digit.
const BASE64_FORMS: [(usize, i32); 3] = [(43, 0), (43, 2), (44, 4)];
/// The counter of the first block of the text.
const COUNTER: [u8; 4] = 2_u32.to_be_bytes();
/// Frames of one key that must agree.
const AGREE: usize = 2;

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Search {
    /// SAKs whose frames were noted.
    pub(crate) saks: u64,
    pub(crate) files: u64,
    pub(crate) octets: u64,
    /// Files with a SAK in them.
    pub(crate) found: Vec<PathBuf>,
}

impl Search {
    /// Searches all files below this folder for the keys of the frames of each direction.
    pub(crate) fn add(&mut self, folder: &Path, sealed: &[Vec<Sealed>]) -> io::Result<()> {
        let streams = Streams::of(sealed);
        self.saks += streams.keys.len() as u64;
        self.folder(folder, &streams)
    }

    fn folder(&mut self, folder: &Path, streams: &Streams) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_dir() {
                self.folder(&path, streams)?;
            } else if kind.is_file() {
                let octets = fs::read(&path)?;
                self.files += 1;
                self.octets += octets.len() as u64;
                if streams.has_key_in(&octets) {
                    self.found.push(path);
                }
            }
        }
        Ok(())
    }
}

/// The first block of key stream of each frame, grouped by key.
struct Streams {
    blocks: Vec<Block<Aes256>>,
    /// The end of each key's group.
    keys: Vec<usize>,
}

impl Streams {
    /// The streams of each direction's frames, in the order of their keys.
    fn of(sealed: &[Vec<Sealed>]) -> Self {
        let block = |sealed: &Sealed| {
            let text = frames::secured_start(sealed.frame_len);
            Block::<Aes256>::from(core::array::from_fn(|n| sealed.start[n] ^ text[n]))
        };
        let mut end = 0;
        let by_key = sealed
            .iter()
            .flat_map(|one| one.chunk_by(|a, b| a.key == b.key));
        let keys = by_key.map(|of_key| {
            end += of_key.len();
            end
        });
        Self {
            keys: keys.collect(),
            blocks: sealed.iter().flatten().map(block).collect(),
        }
    }

    /// Whether one of the SAKs is in these octets, in any form.
    fn has_key_in(&self, octets: &[u8]) -> bool {
        let mut room = self.blocks.clone();
        let mut is_key = |sak: &[u8]| self.is_key(sak, &mut room);
        // Random octets are all printable once in 10^13.
        let text = |sak: &[u8]| sak.iter().all(|octet| matches!(octet, b'\n' | b' '..=b'~'));
        let mut plain = octets.windows(SAK_LEN).filter(|sak| !text(sak));
        let mut hex = octets.windows(HEX_LEN).filter_map(from_hex);
        if plain.any(&mut is_key) || hex.any(|sak| is_key(&sak)) {
            return true;
        }
        BASE64_FORMS.into_iter().any(|(len, skipped)| {
            // 43 random digits of 64 are all hexadecimal once in 10^20.
            let digits = octets.windows(len);
            let digits = digits.filter(|digits| !digits.iter().all(u8::is_ascii_hexdigit));
            let mut saks = digits.filter_map(|digits| from_base64(digits, skipped));
            saks.any(|sak| is_key(&sak))
        })
    }

    fn is_key(&self, sak: &[u8], room: &mut [Block<Aes256>]) -> bool {
        let Ok(cipher) = Aes256::new_from_slice(sak) else {
            return false;
        };
        room.copy_from_slice(&self.blocks);
        cipher.decrypt_blocks(room);
        let mut start = 0;
        self.keys.iter().any(|&end| {
            let of_key = &room[core::mem::replace(&mut start, end)..end];
            let counters = of_key.iter().filter(|block| block.ends_with(&COUNTER));
            counters.count() >= AGREE
        })
    }
}

/// Octets from hexadecimal digits of either case.
fn from_hex(digits: &[u8]) -> Option<[u8; SAK_LEN]> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let mut octets = [0; SAK_LEN];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = (digit(pair[0])? << 4 | digit(pair[1])?) as u8; // two digits are one octet
    }
    Some(octets)
}

/// Octets from base64 digits of both alphabets (RFC 4648), without the first `skipped` bits.
fn from_base64(digits: &[u8], skipped: i32) -> Option<[u8; SAK_LEN]> {
    let mut octets = [0; SAK_LEN];
    let mut free = octets.iter_mut();
    let (mut bits, mut count) = (0_u32, -skipped);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            *free.next()? = (bits >> count) as u8; // the oldest eight bits left
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests;
