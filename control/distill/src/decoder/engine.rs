//! The instruction set that the decoder runs on.

#[cfg(target_arch = "x86_64")]
use archmage::{SimdToken, X64V3Token, X64V4Token, arcane};

/// The instruction set of a decoder. Every engine runs the same source and gives the same bits.
#[derive(Clone, Copy, Debug)]
pub struct Engine(Set);

#[derive(Clone, Copy, Debug)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(X64V3Token),
    #[cfg(target_arch = "x86_64")]
    Avx512(X64V4Token),
}

/// A piece of the decoder's work. `call` must be `inline(always)`, and all that it calls: otherwise
/// it stays code of the baseline.
pub(super) trait Work {
    type Output;
    fn call(self) -> Self::Output;
}

impl Engine {
    /// The baseline of the target.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// The best that this CPU has.
    #[must_use]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(token) = X64V4Token::summon() {
                return Self(Set::Avx512(token));
            }
            if let Some(token) = X64V3Token::summon() {
                return Self(Set::Avx2(token));
            }
        }
        Self::PORTABLE
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx-512",
        }
    }

    /// Runs `work`, compiled for this instruction set.
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            Set::Portable => work.call(),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(token) => avx2(token, work),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(token) => avx512(token, work),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[arcane]
fn avx2<W: Work>(_: X64V3Token, work: W) -> W::Output {
    work.call()
}

#[cfg(target_arch = "x86_64")]
#[arcane]
fn avx512<W: Work>(_: X64V4Token, work: W) -> W::Output {
    work.call()
}
