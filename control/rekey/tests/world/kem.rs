//! A stand-in for the KEMs that replays from a seed and keeps no secret from anybody.

use rekey::{
    KEM_PUBLIC_LEN, KEM_SECRET_LEN, KEM_TEXT_LEN, Kem, KemError, KemKeys, KemPublic, KemSecret,
    KemText,
};
use sha2::{Digest, Sha512};

use super::rng::Rng;

/// Draws what it sends; the shared secret is the hash of it.
pub struct Plain(pub Rng);

struct Keys(KemPublic);

fn secret(public: &[u8; KEM_PUBLIC_LEN], text: &[u8; KEM_TEXT_LEN]) -> KemSecret {
    let hash = Sha512::new().chain_update(public).chain_update(text);
    let octets: [u8; KEM_SECRET_LEN] = hash.finalize().into();
    KemSecret::new(&octets)
}

impl Kem for Plain {
    fn generate(&mut self) -> Result<(KemPublic, Box<dyn KemKeys>), KemError> {
        let mut public = Box::new([0; KEM_PUBLIC_LEN]);
        self.0.fill(&mut public[..]);
        Ok((public.clone(), Box::new(Keys(public))))
    }

    fn encapsulate(
        &mut self,
        public: &[u8; KEM_PUBLIC_LEN],
    ) -> Result<(KemText, KemSecret), KemError> {
        let mut text = Box::new([0; KEM_TEXT_LEN]);
        self.0.fill(&mut text[..]);
        let secret = secret(public, &text);
        Ok((text, secret))
    }
}

impl KemKeys for Keys {
    fn decapsulate(&self, text: &[u8; KEM_TEXT_LEN]) -> Result<KemSecret, KemError> {
        Ok(secret(&self.0, text))
    }
}
