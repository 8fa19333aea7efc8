//! The instruction set that the decoder runs on.
use pulp::{Arch, NullaryFnOnce};

/// The instruction set of a decoder. Every engine runs the same source and gives the same bits.
#[derive(Clone, Copy, Debug)]
pub struct Engine(Set);

#[derive(Clone, Copy, Debug)]
enum Set {
    Portable,
    Detected(Arch),
}

impl Engine {
    /// The baseline of the target.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// The best that this CPU has.
    #[must_use]
    pub fn detect() -> Self {
        Self(Set::Detected(Arch::new()))
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Detected(Arch::V4(_)) => "avx-512",
            #[cfg(target_arch = "x86_64")]
            Set::Detected(Arch::V3(_)) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Set::Detected(Arch::Neon(_)) => "neon",
            _ => "portable",
        }
    }

    /// Runs `work`, compiled for this instruction set. Its `call` must be `inline(always)`, and all
    /// that it calls: a closure is not, and would stay code of the baseline.
    #[inline]
    pub(super) fn run<W: NullaryFnOnce>(self, work: W) -> W::Output {
        match self.0 {
            Set::Portable => work.call(),
            Set::Detected(arch) => arch.dispatch(work),
        }
    }
}
