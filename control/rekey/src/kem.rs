//! The two KEMs that ratchet the root, ML-KEM-768 and ML-KEM-1024 (FIPS 203), as one.
//!
//! Both run in each exchange, with key pairs made for it alone. Their shared secrets are put side
//! by side; [`crate::schedule`] derives from both, so that one of them may fall.
//!
//! The trait stands between the protocol and `aws-lc-rs`, whose randomness cannot be replayed:
//! simulations put a stand-in behind it.

use aws_lc_rs::kem::{
    Ciphertext, DecapsulationKey, EncapsulationKey, EncapsulationKeyBytes, ML_KEM_768, ML_KEM_1024,
};
use zeroize::{Zeroize, ZeroizeOnDrop};

const PUBLIC_768: usize = 1184;
const PUBLIC_1024: usize = 1568;
const TEXT_768: usize = 1088;
const TEXT_1024: usize = 1568;
const SECRET_EACH: usize = 32;

/// Octets of both public keys, that of ML-KEM-768 first.
pub const KEM_PUBLIC_LEN: usize = PUBLIC_768 + PUBLIC_1024;
/// Octets of both ciphertexts, that of ML-KEM-768 first.
pub const KEM_TEXT_LEN: usize = TEXT_768 + TEXT_1024;
/// Octets of both shared secrets, that of ML-KEM-768 first.
pub const KEM_SECRET_LEN: usize = 2 * SECRET_EACH;

/// Both public keys.
pub type KemPublic = Box<[u8; KEM_PUBLIC_LEN]>;
/// Both ciphertexts.
pub type KemText = Box<[u8; KEM_TEXT_LEN]>;

/// The result of an exchange at both ends: both shared secrets. Wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KemSecret(Box<[u8; KEM_SECRET_LEN]>);

/// A public key out of range (FIPS 203, 7.2), or no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ML-KEM rejects its input")]
pub struct KemError;

/// Both KEMs.
pub trait Kem: Send {
    /// New key pairs: the public keys to send, and what opens the answer.
    ///
    /// # Errors
    /// When no key can be made.
    fn generate(&mut self) -> Result<(KemPublic, Box<dyn KemKeys>), KemError>;

    /// Shared secrets for these public keys, and the ciphertexts that carry them.
    ///
    /// # Errors
    /// When a public key is none.
    fn encapsulate(
        &mut self,
        public: &[u8; KEM_PUBLIC_LEN],
    ) -> Result<(KemText, KemSecret), KemError>;
}

/// The private halves of one exchange. Wiped on drop.
pub trait KemKeys: Send {
    /// The shared secrets inside. Wrong ciphertexts give wrong secrets, not an error.
    ///
    /// # Errors
    /// When the KEM cannot work.
    fn decapsulate(&self, text: &[u8; KEM_TEXT_LEN]) -> Result<KemSecret, KemError>;
}

/// ML-KEM-768 and ML-KEM-1024 of `aws-lc-rs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MlKem;

/// Freed keys and secrets are cleansed by `aws-lc` and `aws-lc-rs`.
struct MlKemKeys {
    small: DecapsulationKey,
    large: DecapsulationKey,
}

impl KemSecret {
    /// From both secrets.
    #[must_use]
    pub fn new(octets: &[u8; KEM_SECRET_LEN]) -> Self {
        Self(Box::new(*octets))
    }

    pub(crate) fn expose(&self) -> &[u8; KEM_SECRET_LEN] {
        &self.0
    }

    fn of(small: &[u8], large: &[u8]) -> Result<Self, KemError> {
        let mut secret = Self(Box::new([0; KEM_SECRET_LEN]));
        join(&mut secret.0[..], small, large)?;
        Ok(secret)
    }
}

impl Kem for MlKem {
    fn generate(&mut self) -> Result<(KemPublic, Box<dyn KemKeys>), KemError> {
        let keys = MlKemKeys {
            small: DecapsulationKey::generate(&ML_KEM_768).map_err(|_| KemError)?,
            large: DecapsulationKey::generate(&ML_KEM_1024).map_err(|_| KemError)?,
        };
        let mut public = Box::new([0; KEM_PUBLIC_LEN]);
        join(
            &mut public[..],
            public_octets(&keys.small)?.as_ref(),
            public_octets(&keys.large)?.as_ref(),
        )?;
        Ok((public, Box::new(keys)))
    }

    fn encapsulate(
        &mut self,
        public: &[u8; KEM_PUBLIC_LEN],
    ) -> Result<(KemText, KemSecret), KemError> {
        let (small, large) = public.split_at(PUBLIC_768);
        let small = EncapsulationKey::new(&ML_KEM_768, small).map_err(|_| KemError)?;
        let large = EncapsulationKey::new(&ML_KEM_1024, large).map_err(|_| KemError)?;
        let (small_text, small_secret) = small.encapsulate().map_err(|_| KemError)?;
        let (large_text, large_secret) = large.encapsulate().map_err(|_| KemError)?;
        let mut text = Box::new([0; KEM_TEXT_LEN]);
        join(&mut text[..], small_text.as_ref(), large_text.as_ref())?;
        let secret = KemSecret::of(small_secret.as_ref(), large_secret.as_ref())?;
        Ok((text, secret))
    }
}

impl KemKeys for MlKemKeys {
    fn decapsulate(&self, text: &[u8; KEM_TEXT_LEN]) -> Result<KemSecret, KemError> {
        let (small, large) = text.split_at(TEXT_768);
        let small = self.small.decapsulate(Ciphertext::from(small));
        let large = self.large.decapsulate(Ciphertext::from(large));
        let (small, large) = (small.map_err(|_| KemError)?, large.map_err(|_| KemError)?);
        KemSecret::of(small.as_ref(), large.as_ref())
    }
}

fn public_octets(key: &DecapsulationKey) -> Result<EncapsulationKeyBytes<'static>, KemError> {
    let public = key.encapsulation_key().map_err(|_| KemError)?;
    public.key_bytes().map_err(|_| KemError)
}

/// Both parts side by side; they fill `out` exactly.
fn join(out: &mut [u8], small: &[u8], large: &[u8]) -> Result<(), KemError> {
    if small.len() + large.len() != out.len() {
        return Err(KemError);
    }
    let (first, second) = out.split_at_mut(small.len());
    first.copy_from_slice(small);
    second.copy_from_slice(large);
    Ok(())
}

#[cfg(test)]
mod tests;
