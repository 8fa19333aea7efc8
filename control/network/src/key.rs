//! Relayed keys and their names.

use std::fmt;
use std::sync::Arc;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::id::NodeId;
use crate::limits;
use crate::passport::Passport;

/// The `key_ID` of ETSI 014: a random UUID (version 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

/// The bits of a key. They cannot be printed, cloned or compared, and are zeroized on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KeyValue(Box<[u8; limits::KEY_LEN]>);

/// A key for an SAE.
pub struct Key {
    /// Its name, the same for both SAEs.
    pub id: KeyId,
    /// Its bits.
    pub value: KeyValue,
    /// The blocks and the nodes that it depends on. The target's node knows the same.
    pub passport: Arc<Passport>,
}

/// Keys that travel together. No origin uses a name twice: `run` is random at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId {
    /// The node that drew the keys.
    pub origin: NodeId,
    /// Its run, from start to crash.
    pub run: u64,
    /// Rises within the run.
    pub number: u64,
}

impl KeyId {
    /// Makes a UUID of version 4 out of random octets.
    pub(crate) const fn from_random(mut octets: [u8; 16]) -> Self {
        octets[6] = octets[6] & 0x0F | 0x40;
        octets[8] = octets[8] & 0x3F | 0x80;
        Self(octets)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, octet) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}-{}", self.origin.0, self.run, self.number)
    }
}

impl KeyValue {
    /// Creates a key of zeros, to be filled.
    pub(crate) fn zero() -> Self {
        Self(Box::new([0; limits::KEY_LEN]))
    }

    /// Copies the bits of a key. The caller wipes its own.
    #[must_use]
    pub fn from_octets(octets: &[u8; limits::KEY_LEN]) -> Self {
        let mut value = Self::zero();
        value.0.copy_from_slice(octets);
        value
    }

    /// The bits. Do not copy them to where they are not wiped.
    #[must_use]
    pub fn expose(&self) -> &[u8; limits::KEY_LEN] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroize;

    use super::{KeyId, KeyValue};

    #[test]
    fn a_key_is_wiped() {
        let mut key = KeyValue::from_octets(&[7; 32]);
        key.zeroize();
        assert_eq!(*key.expose(), [0; 32]);
    }

    #[test]
    fn a_name_is_a_uuid_of_version_4() {
        let id = KeyId::from_random([0xFF; 16]);
        assert_eq!(id.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
