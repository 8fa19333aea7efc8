//! Who is measured: the engines of `gcm`, and the peers, all behind [`gcm::BurstKey`].
//!
//! Peers know no bursts: they seal and open one frame after the other, straight from the job.

use core::fmt;
use std::sync::Arc;

use clap::ValueEnum;
use gcm::{BurstKey, Engine, ICV_LEN, Job, RawKey};
use serde::{Serialize, Serializer};

pub use ipsec_mb::{IpsecMb, IpsecMbError};

mod aes_gcm;
mod aws_lc_rs;
mod ipsec_mb;
mod ring;

/// A name that can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, ValueEnum)]
pub enum Name {
    /// Our engine `vaes512`
    Vaes512,
    /// Our engine `aws-lc`
    AwsLc,
    /// Our engine `rustcrypto`
    #[value(name = "rustcrypto")]
    RustCrypto,
    /// The crate `ring`
    Ring,
    /// The crate `aws-lc-rs`, called directly
    AwsLcRs,
    /// The crate `aes-gcm`, called directly
    AesGcm,
    /// Intel's library, if it is installed
    IpsecMb,
}

impl Name {
    /// All, ours first.
    pub const ALL: [Self; 7] = [
        Self::Vaes512,
        Self::AwsLc,
        Self::RustCrypto,
        Self::IpsecMb,
        Self::Ring,
        Self::AwsLcRs,
        Self::AesGcm,
    ];

    /// As in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vaes512 => Engine::Vaes512.name(),
            Self::AwsLc => Engine::AwsLc.name(),
            Self::RustCrypto => Engine::RustCrypto.name(),
            Self::Ring => "ring",
            Self::AwsLcRs => "aws-lc-rs",
            Self::AesGcm => "aes-gcm",
            Self::IpsecMb => "ipsec-mb",
        }
    }

    /// The engine of ours behind the name; `None` for a peer.
    #[must_use]
    pub fn engine(self) -> Option<Engine> {
        match self {
            Self::Vaes512 => Some(Engine::Vaes512),
            Self::AwsLc => Some(Engine::AwsLc),
            Self::RustCrypto => Some(Engine::RustCrypto),
            Self::Ring | Self::AwsLcRs | Self::AesGcm | Self::IpsecMb => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why one that was asked for cannot be measured here.
#[derive(Debug, thiserror::Error)]
pub enum Absent {
    /// The CPU cannot run it.
    #[error("this CPU lacks instructions that it needs")]
    Cpu,
    /// See there.
    #[error(transparent)]
    IpsecMb(#[from] IpsecMbError),
}

/// One that can be measured on this machine.
#[derive(Clone)]
pub struct Contender {
    name: Name,
    ipsec_mb: Option<Arc<IpsecMb>>,
}

impl Contender {
    /// Finds out whether this machine has it.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub fn find(name: Name) -> Result<Self, Absent> {
        let ipsec_mb = match name {
            Name::IpsecMb => Some(Arc::new(IpsecMb::load()?)),
            _ => None,
        };
        match name.engine() {
            Some(engine) if !engine.is_available() => Err(Absent::Cpu),
            _ => Ok(Self { name, ipsec_mb }),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// Its name, and which build it turned out to be, where that is known only at run time.
    #[must_use]
    pub fn build(&self) -> Option<String> {
        let build = self.ipsec_mb.as_deref().map(IpsecMb::build)?;
        Some(format!("{} {build}", self.name))
    }

    /// Expands a key for AES-256-GCM.
    #[must_use]
    pub fn expand(&self, key: &[u8; 32]) -> Box<dyn BurstKey> {
        match (&self.ipsec_mb, self.name.engine()) {
            (Some(library), _) => Box::new(ipsec_mb::Key::new(Arc::clone(library), key)),
            (None, Some(engine)) => engine.expand(RawKey::Aes256(key)),
            (None, None) => match self.name {
                Name::Ring => Box::new(ring::Key::new(key)),
                Name::AwsLcRs => Box::new(aws_lc_rs::Key::new(key)),
                _ => Box::new(aes_gcm::Key::new(key)),
            },
        }
    }
}

/// AAD, payload and ICV of a job.
fn parts<'a>(job: &'a mut Job<'_>) -> (&'a [u8], &'a mut [u8], &'a mut [u8; ICV_LEN]) {
    let (rest, icv) = job
        .frame
        .split_last_chunk_mut::<ICV_LEN>()
        .expect("the window leaves room for the ICV");
    let (aad, payload) = rest.split_at_mut(job.aad_len);
    (aad, payload, icv)
}

#[cfg(test)]
mod tests;
