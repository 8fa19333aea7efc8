//! The one-time MAC of Wegman and Carter: a universal hash of the message, encrypted with a
//! one-time pad.
//!
//! The hash is Poly1305 with its key `r`; `s` is the pad of the tag. An attacker without limits on
//! computing forges a message of `n` octets with a chance of at most `n / 2^102` (Bernstein 2005,
//! Theorem 3.3, where `s` is random instead of AES). `r` can stay the same for many messages,
//! because a fresh `s` hides the hash perfectly.

use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::limits::TAG_LEN;

/// A tag.
pub(crate) type Tag = [u8; TAG_LEN];

/// Calculates the tag of a message.
pub(crate) fn tag(r: &[u8; TAG_LEN], s: &[u8; TAG_LEN], message: &[u8]) -> Tag {
    let mut key = Zeroizing::new([0; 2 * TAG_LEN]);
    key[..TAG_LEN].copy_from_slice(r);
    key[TAG_LEN..].copy_from_slice(s);
    Poly1305::new((&*key).into())
        .compute_unpadded(message)
        .into()
}

/// Compares two tags in constant time.
pub(crate) fn same(a: &Tag, b: &Tag) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests;
