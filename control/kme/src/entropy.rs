//! The origin of random octets: the operating system, or a seeded source in simulations.

/// The random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random source of the operating system failed")]
pub struct EntropyError;

/// A source of random octets.
pub struct Entropy(Box<Fill>);

type Fill = dyn FnMut(&mut [u8]) -> Result<(), EntropyError> + Send;

impl Entropy {
    /// Uses the CSPRNG of the operating system.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|out| getrandom::fill(out).map_err(|_| EntropyError))
    }

    /// Uses another source, which fills the whole slice or fails. Keys are only as good as this
    /// source.
    #[must_use]
    pub fn new(fill: impl FnMut(&mut [u8]) -> Result<(), EntropyError> + Send + 'static) -> Self {
        Self(Box::new(fill))
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        (self.0)(out)
    }
}
