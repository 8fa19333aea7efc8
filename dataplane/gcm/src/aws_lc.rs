//! Engine `aws-lc`: AWS-LC through `aws-lc-rs`, one frame at a time.
//!
//! AWS-LC allocates and owns the expanded key, and cleanses it when it frees it
//! (`EVP_AEAD_CTX_free`, `OPENSSL_free`).

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize;

use crate::job::{BurstKey, Job, RawKey, check};

/// A key expanded by AWS-LC.
pub(crate) struct AwsLcKey(LessSafeKey);

impl AwsLcKey {
    pub(crate) fn new(key: RawKey<'_>) -> Self {
        let unbound = match key {
            RawKey::Aes128(octets) => UnboundKey::new(&AES_128_GCM, octets),
            RawKey::Aes256(octets) => UnboundKey::new(&AES_256_GCM, octets),
        };
        Self(LessSafeKey::new(
            unbound.expect("the length of the key is that of its algorithm"),
        ))
    }

    /// Encrypts the payload of one frame and writes its ICV.
    pub(crate) fn seal_one(&self, job: &mut Job<'_>) {
        let nonce = Nonce::assume_unique_for_key(job.nonce);
        let (aad, payload, icv) = job.parts();
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), payload)
            .expect("sealing fails only beyond 2^36 octets");
        icv.copy_from_slice(tag.as_ref());
    }

    /// Decrypts the payload of one frame if its ICV is right, otherwise zeroes it.
    pub(crate) fn open_one(&self, job: &mut Job<'_>) {
        let nonce = Nonce::assume_unique_for_key(job.nonce);
        let (aad, payload, icv) = job.parts();
        let opened = self
            .0
            .open_in_place_separate_tag(nonce, Aad::from(aad), icv, payload);
        let authentic = opened.is_ok();
        if !authentic {
            payload.zeroize();
        }
        job.authentic = authentic;
    }
}

impl BurstKey for AwsLcKey {
    fn seal(&mut self, burst: &mut [Job<'_>]) {
        check(burst);
        burst.iter_mut().for_each(|job| self.seal_one(job));
    }

    fn open(&mut self, burst: &mut [Job<'_>]) {
        check(burst);
        burst.iter_mut().for_each(|job| self.open_one(job));
    }
}
