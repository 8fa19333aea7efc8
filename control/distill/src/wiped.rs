//! Buffers of secret values.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// Secret values of a fixed number. No `Clone`, no `Debug`; wiped when dropped.
pub struct Wiped<T: Value>(Box<[T]>);

/// A plain number, zero when wiped.
pub trait Value: Zeroize + Copy + Default + PartialEq {}

impl<T: Zeroize + Copy + Default + PartialEq> Value for T {}

impl<T: Value> Wiped<T> {
    /// Takes ownership of the values; the caller keeps no copy.
    #[must_use]
    pub fn new(values: Box<[T]>) -> Self {
        Self(values)
    }

    /// As many zeros.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        Self(vec![T::default(); len].into())
    }
}

impl<T: Value> Deref for Wiped<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Value> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Value> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.zeroize();
        #[cfg(test)]
        tests::note_wiped(&self.0);
    }
}

#[cfg(test)]
pub(crate) mod tests;
