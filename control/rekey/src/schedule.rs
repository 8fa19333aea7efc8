//! The key schedule: from the root secret and one QKD key to everything one SA needs.
//!
//! ```text
//! PSK ── Extract("qmacsec rekey v1 root") ─▶ root ─┬─ Expand("… mac") ─▶ MacKey
//!                                                  └─ Expand("… mix") ─▶ MixKey
//! QKD key ‖ MixKey ── Extract("qmacsec rekey v1 sa") ─▶ PRK ─┬─ Expand("… sak" ‖ context) ─▶ Sak
//!                                                            ├─ Expand("… salt" ‖ context) ─▶ Salt
//!                                                            └─ Expand("… kcv" ‖ context) ─▶ Kcv
//! ```
//! HKDF-SHA256 (RFC 5869) throughout (REKEY-30 to REKEY-34). Each stage is a type, and only the
//! stage before makes it. What is in between is wiped: on drop by its type, or by `zeroize`.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use secy::{Sak, Salt, Suite};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use wire::{An, KeyId, Sci};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::message::SessionId;
use crate::secret::{Origin, QkdKey, RootSecret};

/// Octets of the MAC of a frame: HMAC-SHA256, truncated.
pub(crate) const MAC_LEN: usize = 16;
/// Octets of a key check value.
pub(crate) const KCV_LEN: usize = 16;

const LABEL_ROOT: &[u8] = b"qmacsec rekey v1 root";
const LABEL_MAC: &[u8] = b"qmacsec rekey v1 mac";
const LABEL_MIX: &[u8] = b"qmacsec rekey v1 mix";
const LABEL_SA: &[u8] = b"qmacsec rekey v1 sa";
const LABEL_SAK: &[u8] = b"qmacsec rekey v1 sak";
const LABEL_SALT: &[u8] = b"qmacsec rekey v1 salt";
const LABEL_KCV: &[u8] = b"qmacsec rekey v1 kcv";

/// Authenticates rekey frames.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MacKey(Box<[u8; 32]>);

/// The root's part in every SAK. The KEM ratchet to come replaces it by later states.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MixKey(Box<[u8; 32]>);

/// Proof of holding the keys of an SA; compared in constant time only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kcv(pub(crate) [u8; KCV_LEN]);

/// All that a SAK depends on besides secrets (REKEY-33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SaContext {
    pub(crate) suite: Suite,
    pub(crate) origin: Origin,
    /// The sender's SCI with port identifier 1, and how many SCs it has.
    pub(crate) sci_tx: Sci,
    pub(crate) scs_tx: u16,
    pub(crate) sci_rx: Sci,
    pub(crate) session_tx: SessionId,
    pub(crate) session_rx: SessionId,
    pub(crate) epoch: u32,
    pub(crate) an: An,
    pub(crate) key_id: KeyId,
}

/// What one SA needs.
pub(crate) struct SaKeys {
    pub(crate) sak: Sak,
    pub(crate) salt: Salt,
    pub(crate) kcv: Kcv,
}

impl RootSecret {
    /// The first stage (REKEY-30, REKEY-31).
    pub(crate) fn schedule(&self) -> (MacKey, MixKey) {
        let (mut prk, root) = Hkdf::<Sha256>::extract(Some(LABEL_ROOT), self.expose());
        prk.as_mut_slice().zeroize();
        let mut mac = MacKey(Box::new([0; 32]));
        let mut mix = MixKey(Box::new([0; 32]));
        expand(&root, &[LABEL_MAC], mac.0.as_mut_slice());
        expand(&root, &[LABEL_MIX], mix.0.as_mut_slice());
        (mac, mix)
    }
}

impl MixKey {
    /// The second stage (REKEY-32, REKEY-33): the keys of one SA, made for its whole context.
    pub(crate) fn sa_keys(&self, key: &QkdKey, context: &SaContext) -> SaKeys {
        // Both parts have a fixed length: no two pairs give the same octets.
        let mut secret = Zeroizing::new([0; 64]);
        secret[..32].copy_from_slice(key.expose());
        secret[32..].copy_from_slice(self.0.as_slice());
        let (mut prk, sa) = Hkdf::<Sha256>::extract(Some(LABEL_SA), secret.as_slice());
        prk.as_mut_slice().zeroize();

        let context_octets = context.to_bytes();
        let mut sak = Zeroizing::new([0; 32]);
        let sak_octets = &mut sak[..context.suite.key_len()];
        expand(&sa, &[LABEL_SAK, &context_octets], sak_octets);
        let mut salt = Salt([0; 12]);
        expand(&sa, &[LABEL_SALT, &context_octets], &mut salt.0);
        let mut kcv = Kcv([0; KCV_LEN]);
        expand(&sa, &[LABEL_KCV, &context_octets], &mut kcv.0);
        let sak = Sak::from_slice(context.suite, sak_octets).expect("cut to the suite's length");
        SaKeys { sak, salt, kcv }
    }
}

impl MacKey {
    /// The MAC over `octets`.
    pub(crate) fn mac(&self, octets: &[u8]) -> [u8; MAC_LEN] {
        let whole = self.keyed(octets).finalize().into_bytes();
        let mut mac = [0; MAC_LEN];
        mac.copy_from_slice(&whole[..MAC_LEN]);
        mac
    }

    /// In constant time.
    pub(crate) fn verify(&self, octets: &[u8], mac: &[u8]) -> bool {
        self.keyed(octets).verify_truncated_left(mac).is_ok() && mac.len() == MAC_LEN
    }

    fn keyed(&self, octets: &[u8]) -> Hmac<Sha256> {
        let mut hmac =
            Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes any key length");
        hmac.update(octets);
        hmac
    }
}

impl SaContext {
    /// Fixed fields first, the one of variable length last and with its length: injective.
    fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.push(0); // ends the label in front
        out.push(self.suite.code());
        out.push(self.origin.code());
        out.push(self.an.value());
        out.extend(self.scs_tx.to_be_bytes());
        out.extend(self.epoch.to_be_bytes());
        out.extend(self.sci_tx.to_bytes());
        out.extend(self.sci_rx.to_bytes());
        out.extend(self.session_tx.0);
        out.extend(self.session_rx.0);
        let key_id = self.key_id.as_bytes();
        out.push(u8::try_from(key_id.len()).expect("a key_ID has at most 64 octets"));
        out.extend(key_id);
        out
    }
}

impl ConstantTimeEq for Kcv {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

fn expand(prk: &Hkdf<Sha256>, info: &[&[u8]], out: &mut [u8]) {
    prk.expand_multi_info(info, out)
        .expect("at most 32 octets, HKDF gives up to 8160");
}

#[cfg(test)]
mod tests;
