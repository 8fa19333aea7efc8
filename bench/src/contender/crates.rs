//! Peers that are crates: `ring`, `aws-lc-rs` and `aes-gcm`.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aws_lc_rs::aead as aws;
use gcm::ICV_LEN;
use ring::aead as ring;

use super::FrameCipher;

/// Both crates take keys of 32 octets, and seal up to 2^36 octets.
const TAKES: &str = "a key of 32 octets and a short frame";

pub(super) struct Ring(ring::LessSafeKey);

impl Ring {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let key = ring::UnboundKey::new(&ring::AES_256_GCM, key);
        Self(ring::LessSafeKey::new(key.expect(TAKES)))
    }
}

impl FrameCipher for Ring {
    #[inline]
    fn seal(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &mut [u8; ICV_LEN]) {
        let nonce = ring::Nonce::assume_unique_for_key(nonce);
        let aad = ring::Aad::from(aad);
        let tag = self.0.seal_in_place_separate_tag(nonce, aad, payload);
        icv.copy_from_slice(tag.expect(TAKES).as_ref());
    }

    #[inline]
    fn open(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &[u8; ICV_LEN]) -> bool {
        let nonce = ring::Nonce::assume_unique_for_key(nonce);
        let (aad, tag) = (ring::Aad::from(aad), ring::Tag::from(*icv));
        let opened = self
            .0
            .open_in_place_separate_tag(nonce, aad, tag, payload, 0..);
        opened.is_ok()
    }
}

pub(super) struct AwsLcRs(aws::LessSafeKey);

impl AwsLcRs {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let key = aws::UnboundKey::new(&aws::AES_256_GCM, key);
        Self(aws::LessSafeKey::new(key.expect(TAKES)))
    }
}

impl FrameCipher for AwsLcRs {
    #[inline]
    fn seal(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &mut [u8; ICV_LEN]) {
        let nonce = aws::Nonce::assume_unique_for_key(nonce);
        let aad = aws::Aad::from(aad);
        let tag = self.0.seal_in_place_separate_tag(nonce, aad, payload);
        icv.copy_from_slice(tag.expect(TAKES).as_ref());
    }

    #[inline]
    fn open(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &[u8; ICV_LEN]) -> bool {
        let nonce = aws::Nonce::assume_unique_for_key(nonce);
        let aad = aws::Aad::from(aad);
        let opened = self.0.open_in_place_separate_tag(nonce, aad, icv, payload);
        opened.is_ok()
    }
}

pub(super) struct AesGcm(Aes256Gcm);

impl AesGcm {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }
}

impl FrameCipher for AesGcm {
    #[inline]
    fn seal(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &mut [u8; ICV_LEN]) {
        let tag = self
            .0
            .encrypt_inout_detached(&nonce.into(), aad, payload.into());
        icv.copy_from_slice(&tag.expect(TAKES));
    }

    #[inline]
    fn open(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &[u8; ICV_LEN]) -> bool {
        let (nonce, icv) = (nonce.into(), (*icv).into());
        let opened = self
            .0
            .decrypt_inout_detached(&nonce, aad, payload.into(), &icv);
        opened.is_ok()
    }
}
