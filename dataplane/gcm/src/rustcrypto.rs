//! Engine `rustcrypto`: the `aes-gcm` crate, one frame at a time, on any machine.
//!
//! The crate zeroizes its round keys and its hash key on drop (its feature `zeroize`).

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm, Nonce, Tag};
use zeroize::Zeroize;

use crate::job::{BurstKey, Job, RawKey, check};

/// A key expanded by `aes-gcm`.
pub(crate) enum RustCryptoKey {
    Aes128(Aes128Gcm),
    Aes256(Aes256Gcm),
}

impl RustCryptoKey {
    pub(crate) fn new(key: RawKey<'_>) -> Self {
        match key {
            RawKey::Aes128(octets) => Self::Aes128(Aes128Gcm::new(octets.into())),
            RawKey::Aes256(octets) => Self::Aes256(Aes256Gcm::new(octets.into())),
        }
    }

    fn seal_one(&self, job: &mut Job<'_>) {
        let nonce = Nonce::from(job.nonce);
        let (aad, payload, icv) = job.parts();
        let tag = match self {
            Self::Aes128(key) => key.encrypt_inout_detached(&nonce, aad, payload.into()),
            Self::Aes256(key) => key.encrypt_inout_detached(&nonce, aad, payload.into()),
        };
        icv.copy_from_slice(&tag.expect("sealing fails only beyond 2^36 octets"));
    }

    fn open_one(&self, job: &mut Job<'_>) {
        let nonce = Nonce::from(job.nonce);
        let (aad, payload, icv) = job.parts();
        let icv = Tag::from(*icv);
        let opened = match self {
            Self::Aes128(key) => {
                key.decrypt_inout_detached(&nonce, aad, (&mut *payload).into(), &icv)
            }
            Self::Aes256(key) => {
                key.decrypt_inout_detached(&nonce, aad, (&mut *payload).into(), &icv)
            }
        };
        let authentic = opened.is_ok();
        if !authentic {
            payload.zeroize();
        }
        job.authentic = authentic;
    }
}

impl BurstKey for RustCryptoKey {
    fn seal(&mut self, burst: &mut [Job<'_>]) {
        check(burst);
        burst.iter_mut().for_each(|job| self.seal_one(job));
    }

    fn open(&mut self, burst: &mut [Job<'_>]) {
        check(burst);
        burst.iter_mut().for_each(|job| self.open_one(job));
    }
}

#[cfg(test)]
mod tests;
