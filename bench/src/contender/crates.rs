//! Peers that are crates: `ring`, `aws-lc-rs` and `aes-gcm`.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aws_lc_rs::aead as aws;
use ring::aead as ring;

use super::{FrameCipher, Icv};

/// Both crates take keys of 32 octets, and seal up to 2^36 octets.
const TAKES: &str = "a key of 32 octets and a short frame";

/// `ring` and `aws-lc-rs` have one interface, but for how it opens a frame.
macro_rules! ring_like {
    ($name:ident, $aead:ident, $open:expr) => {
        pub(super) struct $name($aead::LessSafeKey);

        impl $name {
            pub(super) fn new(key: &[u8; 32]) -> Self {
                let key = $aead::UnboundKey::new(&$aead::AES_256_GCM, key);
                Self($aead::LessSafeKey::new(key.expect(TAKES)))
            }
        }

        impl FrameCipher for $name {
            #[inline]
            fn seal(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &mut Icv) {
                let nonce = $aead::Nonce::assume_unique_for_key(nonce);
                let aad = $aead::Aad::from(aad);
                let tag = self.0.seal_in_place_separate_tag(nonce, aad, payload);
                icv.copy_from_slice(tag.expect(TAKES).as_ref());
            }

            #[inline]
            fn open(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &Icv) -> bool {
                let nonce = $aead::Nonce::assume_unique_for_key(nonce);
                $open(&self.0, nonce, $aead::Aad::from(aad), payload, icv)
            }
        }
    };
}

ring_like!(Ring, ring, |key: &ring::LessSafeKey,
                        nonce,
                        aad,
                        payload,
                        icv: &Icv| {
    let tag = ring::Tag::from(*icv);
    key.open_in_place_separate_tag(nonce, aad, tag, payload, 0..)
        .is_ok()
});
ring_like!(AwsLcRs, aws, |key: &aws::LessSafeKey,
                          nonce,
                          aad,
                          payload,
                          icv: &Icv| {
    key.open_in_place_separate_tag(nonce, aad, icv, payload)
        .is_ok()
});

pub(super) struct AesGcm(Aes256Gcm);

impl AesGcm {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }
}

impl FrameCipher for AesGcm {
    #[inline]
    fn seal(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &mut Icv) {
        let key = &self.0;
        let tag = key.encrypt_inout_detached(&nonce.into(), aad, payload.into());
        icv.copy_from_slice(&tag.expect(TAKES));
    }

    #[inline]
    fn open(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &Icv) -> bool {
        let (nonce, icv) = (nonce.into(), (*icv).into());
        let key = &self.0;
        let opened = key.decrypt_inout_detached(&nonce, aad, payload.into(), &icv);
        opened.is_ok()
    }
}
