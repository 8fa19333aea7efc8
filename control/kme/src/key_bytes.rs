//! Secret octets: key material in the pool, the store and a reply.

use zeroize::Zeroize;

/// Secret octets. No `Clone`, no `Debug`, no `Serialize`; wiped when dropped.
pub struct KeyBytes(Box<[u8]>);

impl KeyBytes {
    /// Takes ownership of the octets; the caller keeps no copy.
    #[must_use]
    pub fn new(octets: Box<[u8]>) -> Self {
        Self(octets)
    }

    pub(crate) fn zeroed(len: usize) -> Self {
        Self(vec![0; len].into_boxed_slice())
    }

    /// The octets. The caller must wipe any copy of them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Copies the key: a key has two receivers, the master and the slave.
    pub(crate) fn second(&self) -> Self {
        Self(self.0.clone())
    }

    /// Number of octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are no octets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Size in bits.
    #[must_use]
    pub fn bits(&self) -> u64 {
        self.0.len() as u64 * 8
    }
}

impl Drop for KeyBytes {
    fn drop(&mut self) {
        self.0.zeroize();
        #[cfg(test)]
        tests::note_wiped(&self.0);
    }
}

#[cfg(test)]
pub(crate) mod tests;
