//! Where random octets come from: the system, or a seeded source in simulations.

/// The random source failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the random source of the operating system failed")]
pub struct EntropyError;

/// A source of random octets: fills the whole slice or fails.
pub type Entropy = Box<dyn FnMut(&mut [u8]) -> Result<(), EntropyError> + Send>;

/// The CSPRNG of the operating system.
#[must_use]
pub fn system() -> Entropy {
    Box::new(|out| getrandom::fill(out).map_err(|_| EntropyError))
}
