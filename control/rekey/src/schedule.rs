//! The key schedule: from the root secret and one QKD key to everything one SA needs.
//!
//! ```text
//! PSK ── Extract("qmacsec rekey v1 root") ─▶ root ─┬─ Expand("… mac") ─▶ MacKey
//!                                                  └─ Expand("… chain"), Expand("… mix") ─▶ Root 0
//! chain of Root m ‖ KemSecret ── Extract("… ratchet") ─▶ PRK ─┬─ Expand(… ‖ context) ─▶ Root n
//!                                                             └─ Expand(… ‖ context) ─▶ Tags
//! QKD key ‖ MixKey of Root n ── Extract("qmacsec rekey v1 sa") ─▶ PRK ─┬─ Expand("… sak" ‖ context) ─▶ Sak
//!                                                            ├─ Expand("… salt" ‖ context) ─▶ Salt
//!                                                            └─ Expand("… kcv" ‖ context) ─▶ Kcv
//! MixKey of Root n alone ── Extract("… pqc") ─▶ PRK, the same from there on
//! ```
//! HKDF-SHA256 (RFC 5869) throughout (REKEY-30 to REKEY-37, REKEY-53). Each stage is a type, and
//! only the stage before makes it. Intermediate values are wiped: on drop by their type, or by
//! `zeroize`.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use secy::{Sak, Salt, Suite};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use wire::{An, KeyId, Sci};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::kem::{KEM_SECRET_LEN, KemSecret};
use crate::secret::{Origin, QkdKey, RootSecret};
use crate::session_id::SessionId;

/// Octets of the MAC of a frame: HMAC-SHA256, truncated.
pub(crate) const MAC_LEN: usize = 16;
/// Octets of a key check value.
pub(crate) const KCV_LEN: usize = 16;

const LABEL_ROOT: &[u8] = b"qmacsec rekey v1 root";
const LABEL_MAC: &[u8] = b"qmacsec rekey v1 mac";
const LABEL_MIX: &[u8] = b"qmacsec rekey v1 mix";
const LABEL_CHAIN: &[u8] = b"qmacsec rekey v1 chain";
const LABEL_RATCHET: &[u8] = b"qmacsec rekey v1 ratchet";
const LABEL_ANSWER: &[u8] = b"qmacsec rekey v1 answer";
const LABEL_CHECK: &[u8] = b"qmacsec rekey v1 check";
const LABEL_DONE: &[u8] = b"qmacsec rekey v1 done";
const LABEL_SA: &[u8] = b"qmacsec rekey v1 sa";
const LABEL_PQC: &[u8] = b"qmacsec rekey v1 pqc";
const LABEL_SAK: &[u8] = b"qmacsec rekey v1 sak";
const LABEL_SALT: &[u8] = b"qmacsec rekey v1 salt";
const LABEL_KCV: &[u8] = b"qmacsec rekey v1 kcv";

/// Authenticates rekey frames.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MacKey(Box<[u8; 32]>);

/// A root's part in every SAK.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MixKey(Box<[u8; 32]>);

/// A root's part in the next root.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct ChainKey(Box<[u8; 32]>);

/// One state of the root secret.
pub(crate) struct Root {
    pub(crate) epoch: u32,
    chain: ChainKey,
    pub(crate) mix: MixKey,
    /// Proves in each HELLO that both ends hold this root (REKEY-56). Zero for root 0.
    pub(crate) check: Kcv,
}

/// The proofs that both ends of an exchange derived the same root.
pub(crate) struct Tags {
    /// The proof of the end that answers, sent with its ciphertexts.
    pub(crate) answer: Kcv,
    /// The proof of the end that began.
    pub(crate) done: Kcv,
}

/// All that a root depends on besides secrets (REKEY-37).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RootContext {
    /// Epoch of the root to come.
    pub(crate) epoch: u32,
    /// The end that began the exchange: SCI with port identifier 1, session.
    pub(crate) asks: (Sci, SessionId),
    /// The end that answers.
    pub(crate) answers: (Sci, SessionId),
    /// SHA-256 of public keys and ciphertexts.
    pub(crate) transcript: [u8; 32],
}

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
    /// Epoch of the root it is made with.
    pub(crate) root: u32,
    pub(crate) an: An,
    pub(crate) key_id: KeyId,
}

/// The keys of one SA.
pub(crate) struct SaKeys {
    pub(crate) sak: Sak,
    pub(crate) salt: Salt,
    pub(crate) kcv: Kcv,
}

impl RootSecret {
    /// The first stage (REKEY-30, REKEY-31).
    pub(crate) fn schedule(&self) -> (MacKey, Root) {
        let (mut prk, root) = Hkdf::<Sha256>::extract(Some(LABEL_ROOT), self.expose());
        prk.as_mut_slice().zeroize();
        let mut mac = MacKey(Box::new([0; 32]));
        expand(&root, &[LABEL_MAC], mac.0.as_mut_slice());
        (mac, Root::expand(0, &root, &[], Kcv::NONE))
    }
}

impl Root {
    /// The next root (REKEY-36, REKEY-37), and its proof. Secure as long as the chain or one of
    /// the two KEMs is.
    pub(crate) fn next(&self, kems: &KemSecret, context: &RootContext) -> (Self, Tags) {
        // All parts have a fixed length: no two lists of them give the same octets.
        let mut secret = Zeroizing::new([0; 32 + KEM_SECRET_LEN]);
        secret[..32].copy_from_slice(self.chain.0.as_slice());
        secret[32..].copy_from_slice(kems.expose());
        let (mut prk, next) = Hkdf::<Sha256>::extract(Some(LABEL_RATCHET), secret.as_slice());
        prk.as_mut_slice().zeroize();

        let context_octets = context.to_bytes(self.epoch);
        let tag = |label| {
            let mut tag = Kcv([0; KCV_LEN]);
            expand(&next, &[label, &context_octets], &mut tag.0);
            tag
        };
        let (answer, done) = (tag(LABEL_ANSWER), tag(LABEL_DONE));
        let check = tag(LABEL_CHECK);
        let root = Self::expand(context.epoch, &next, &context_octets, check);
        (root, Tags { answer, done })
    }

    /// For tests only: a root that no exchange produces.
    #[cfg(any(test, feature = "guards"))]
    pub(crate) fn other(&self, epoch: u32) -> Self {
        let (mut prk, other) = Hkdf::<Sha256>::extract(None, self.chain.0.as_slice());
        prk.as_mut_slice().zeroize();
        let mut check = Kcv::NONE;
        expand(&other, &[LABEL_CHECK], &mut check.0);
        Self::expand(epoch, &other, &[], check)
    }

    /// Keeps only the mix key, for a root that is no longer in force. No later root can be made of
    /// it.
    pub(crate) fn into_mix(self) -> MixKey {
        self.mix
    }

    fn expand(epoch: u32, prk: &Hkdf<Sha256>, context: &[u8], check: Kcv) -> Self {
        let mut chain = ChainKey(Box::new([0; 32]));
        let mut mix = MixKey(Box::new([0; 32]));
        expand(prk, &[LABEL_CHAIN, context], chain.0.as_mut_slice());
        expand(prk, &[LABEL_MIX, context], mix.0.as_mut_slice());
        Self {
            epoch,
            chain,
            mix,
            check,
        }
    }
}

impl MixKey {
    /// For an offer whose QKD key is still on its way. It is wiped with the offer.
    pub(crate) fn for_offer(&self) -> Self {
        Self(self.0.clone())
    }

    /// The second stage (REKEY-32, REKEY-33): the keys of one SA, made for its whole context.
    pub(crate) fn sa_keys(&self, key: &QkdKey, context: &SaContext) -> SaKeys {
        // Both parts have a fixed length: no two pairs give the same octets.
        let mut secret = Zeroizing::new([0; 64]);
        secret[..32].copy_from_slice(key.expose());
        secret[32..].copy_from_slice(self.0.as_slice());
        sa_keys(LABEL_SA, secret.as_slice(), context)
    }

    /// The second stage without a QKD key (REKEY-53). The context alone tells the SAs of a root
    /// apart: its sessions and its epoch, which never come again (REKEY-3, REKEY-18).
    pub(crate) fn sa_keys_alone(&self, context: &SaContext) -> SaKeys {
        sa_keys(LABEL_PQC, self.0.as_slice(), context)
    }
}

/// The keys of one SA, from all that is secret about it.
fn sa_keys(label: &[u8], secret: &[u8], context: &SaContext) -> SaKeys {
    let (mut prk, sa) = Hkdf::<Sha256>::extract(Some(label), secret);
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

/// Name of an SA's key that no KME gave: of the sender's session, by its epoch (REKEY-52).
pub(crate) fn pqc_key_id(session: SessionId, epoch: u32) -> KeyId {
    KeyId::new(&format!("pqc-{session:?}-{epoch}")).expect("at most 31 visible characters")
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

impl RootContext {
    /// Fixed fields only. `from` is the epoch of the root before.
    fn to_bytes(self, from: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(80);
        out.push(0); // ends the label in front
        out.extend(self.epoch.to_be_bytes());
        out.extend(from.to_be_bytes());
        for (sci, session) in [self.asks, self.answers] {
            out.extend(sci.to_bytes());
            out.extend(session.0);
        }
        out.extend(self.transcript);
        out
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
        out.extend(self.root.to_be_bytes());
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

impl Kcv {
    /// Check value of root 0, which both ends derive from the pre-shared secret.
    pub(crate) const NONE: Self = Self([0; KCV_LEN]);
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
