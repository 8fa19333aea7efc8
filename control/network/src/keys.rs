//! The secret octets of a batch: its keys, and the key that confirms them.

use zeroize::Zeroizing;

use crate::key::{BatchId, KeyId, KeyValue};
use crate::limits::{self, TAG_LEN};
use crate::mac::{self, Tag};
use crate::octets::Writer;
use kme_api::etsi020::SaeId;

/// Keys, one after the other, then `r` and `s` of their confirmation; or a share of all that.
pub(crate) struct Keys {
    octets: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// Octets of this number of keys.
    pub(crate) const fn len(keys: usize) -> usize {
        keys * limits::KEY_LEN + limits::CONFIRMATION_LEN
    }

    pub(crate) const fn new(octets: Zeroizing<Vec<u8>>) -> Self {
        Self { octets }
    }

    /// Draws fresh ones.
    pub(crate) fn draw(keys: usize, entropy: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut octets = Zeroizing::new(vec![0; Self::len(keys)]);
        entropy(&mut octets);
        Self { octets }
    }

    /// Takes the keys of the neighbour domain.
    pub(crate) fn given(values: &[KeyValue], entropy: &mut dyn FnMut(&mut [u8])) -> Self {
        let mut octets = Zeroizing::new(vec![0; Self::len(values.len())]);
        let (keys, confirmation) = octets.split_at_mut(values.len() * limits::KEY_LEN);
        for (key, value) in keys.chunks_exact_mut(limits::KEY_LEN).zip(values) {
            key.copy_from_slice(value.expose());
        }
        entropy(confirmation);
        Self { octets }
    }

    /// Two shares make the keys, and the keys and one share the other.
    pub(crate) fn xor(&self, other: &Self) -> Self {
        let mut octets = self.octets.clone();
        for (octet, other) in octets.iter_mut().zip(other.octets.iter()) {
            *octet ^= other;
        }
        Self { octets }
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The keys alone.
    pub(crate) fn values(&self) -> impl Iterator<Item = KeyValue> + '_ {
        let (keys, _) = self.octets.as_chunks::<{ limits::KEY_LEN }>();
        let number = keys.len().saturating_sub(1);
        keys.iter().take(number).map(KeyValue::from_octets)
    }
}

/// The tag by which the far node proves that it holds these keys under these names. A relay of one
/// of two paths, which does not know the key of the tag, cannot change a key and the tag with it.
pub(crate) fn confirmation(
    keys: &Keys,
    batch: BatchId,
    initiator: &SaeId,
    target: &SaeId,
    ids: &[KeyId],
) -> Tag {
    let end = keys.octets.len().saturating_sub(limits::CONFIRMATION_LEN);
    let (values, key) = keys.octets.split_at(end);
    let (mut r, mut s) = (Zeroizing::new([0; TAG_LEN]), Zeroizing::new([0; TAG_LEN]));
    for ((r, s), (from_r, from_s)) in r
        .iter_mut()
        .zip(s.iter_mut())
        .zip(key.iter().zip(key.iter().skip(TAG_LEN)))
    {
        (*r, *s) = (*from_r, *from_s);
    }
    let mut out = Writer::default();
    out.u16(batch.origin.0);
    out.u64(batch.run);
    out.u64(batch.number);
    for sae in [initiator, target] {
        out.count(sae.as_str().len());
        out.raw(sae.as_str().as_bytes());
    }
    for id in ids {
        out.raw(&id.0);
    }
    out.octets.reserve(values.len());
    out.raw(values);
    let covered = Zeroizing::new(out.octets);
    mac::tag(&r, &s, &covered)
}
