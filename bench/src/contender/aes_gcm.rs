//! The crate `aes-gcm`, frame by frame.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use gcm::{BurstKey, Job};

use super::parts;

pub(super) struct Key(Aes256Gcm);

impl Key {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }
}

impl BurstKey for Key {
    fn seal(&mut self, burst: &mut [Job<'_>]) {
        for job in burst {
            let nonce = Nonce::from(job.nonce);
            let (aad, payload, icv) = parts(job);
            let tag = self.0.encrypt_inout_detached(&nonce, aad, payload.into());
            icv.copy_from_slice(&tag.expect("far below 2^36 octets"));
        }
    }

    fn open(&mut self, burst: &mut [Job<'_>]) {
        for job in burst {
            let nonce = Nonce::from(job.nonce);
            let (aad, payload, icv) = parts(job);
            let icv = Tag::from(*icv);
            let opened = self
                .0
                .decrypt_inout_detached(&nonce, aad, payload.into(), &icv);
            job.authentic = opened.is_ok();
        }
    }
}
