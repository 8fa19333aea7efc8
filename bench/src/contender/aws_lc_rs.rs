//! The crate `aws-lc-rs`, frame by frame.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use gcm::{BurstKey, Job};

use super::parts;

pub(super) struct Key(LessSafeKey);

impl Key {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, key).expect("32 octets"),
        ))
    }
}

impl BurstKey for Key {
    fn seal(&mut self, burst: &mut [Job<'_>]) {
        for job in burst {
            let nonce = Nonce::assume_unique_for_key(job.nonce);
            let (aad, payload, icv) = parts(job);
            let tag = self
                .0
                .seal_in_place_separate_tag(nonce, Aad::from(aad), payload);
            icv.copy_from_slice(tag.expect("far below 2^36 octets").as_ref());
        }
    }

    fn open(&mut self, burst: &mut [Job<'_>]) {
        for job in burst {
            let nonce = Nonce::assume_unique_for_key(job.nonce);
            let (aad, payload, icv) = parts(job);
            let opened = self
                .0
                .open_in_place_separate_tag(nonce, Aad::from(aad), icv, payload);
            job.authentic = opened.is_ok();
        }
    }
}
