//! The names of the engines, and the selection of those that this machine can run.

use core::fmt;
use core::str::FromStr;

use crate::aws_lc::AwsLcKey;
use crate::job::{BurstKey, RawKey};
use crate::rustcrypto::RustCryptoKey;
#[cfg(target_arch = "x86_64")]
use crate::vaes512::{Cpu, Vaes512Key};

/// An implementation of AES-GCM.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Engine {
    /// Our own: VAES, VPCLMULQDQ and AVX-512, with the frames of a burst interleaved.
    Vaes512,
    /// AWS-LC through `aws-lc-rs`: one frame at a time, with its own assembler.
    AwsLc,
    /// Portable: the `aes-gcm` crate.
    RustCrypto,
}

impl Engine {
    /// All engines in this program, the fastest first.
    pub const ALL: [Self; 3] = [Self::Vaes512, Self::AwsLc, Self::RustCrypto];

    /// The engines that this machine can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|engine| engine.is_available())
    }

    /// True if this machine has the instructions that the engine needs.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes512 => Cpu::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Vaes512 => false,
            Self::AwsLc | Self::RustCrypto => true,
        }
    }

    /// The fastest engine that this machine can run.
    #[must_use]
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self::RustCrypto)
    }

    /// The name in the status and the config: `vaes512`, `aws-lc`, `rustcrypto`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vaes512 => "vaes512",
            Self::AwsLc => "aws-lc",
            Self::RustCrypto => "rustcrypto",
        }
    }

    /// Expands a key. Allocates, so it belongs on the control thread and never on the frame path.
    ///
    /// # Panics
    ///
    /// If this machine cannot run the engine ([`Engine::is_available`]).
    #[must_use]
    pub fn expand(self, key: RawKey<'_>) -> Box<dyn BurstKey> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes512 => {
                let cpu = Cpu::detect().expect("this machine can run the engine vaes512");
                Vaes512Key::new(cpu, key)
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Vaes512 => unreachable!("this machine cannot run the engine vaes512"),
            Self::AwsLc => Box::new(AwsLcKey::new(key)),
            Self::RustCrypto => Box::new(RustCryptoKey::new(key)),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No engine has this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown AES-GCM engine `{name}`; known are {known}", known = known_names())]
pub struct UnknownEngine {
    name: String,
}

fn known_names() -> String {
    Engine::ALL.map(Engine::name).join(", ")
}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or_else(|| UnknownEngine {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests;
