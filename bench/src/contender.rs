//! Contenders: the engines of `gcm`, and their peers, all behind [`gcm::BurstKey`].
//!
//! Peers know no bursts: they seal and open one frame after the other, straight from the job.

use core::fmt;
use std::sync::Arc;

use clap::ValueEnum;
use gcm::{BurstKey, Engine, ICV_LEN, Job, RawKey};

use crate::harness::choice;
use ipsec_mb::IpsecMb;

mod crates;
mod ipsec_mb;

/// A contender's name; ours first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Name {
    /// Our engine `vaes512`
    Vaes512,
    /// Our engine `aws-lc`
    AwsLc,
    /// Our engine `rustcrypto`
    #[value(name = "rustcrypto")]
    RustCrypto,
    /// Intel's library, if it is installed
    IpsecMb,
    /// The crate `ring`
    Ring,
    /// The crate `aws-lc-rs`, called directly
    AwsLcRs,
    /// The crate `aes-gcm`, called directly
    AesGcm,
}

impl Name {
    pub(crate) fn engine(self) -> Option<Engine> {
        match self {
            Self::Vaes512 => Some(Engine::Vaes512),
            Self::AwsLc => Some(Engine::AwsLc),
            Self::RustCrypto => Some(Engine::RustCrypto),
            Self::IpsecMb | Self::Ring | Self::AwsLcRs | Self::AesGcm => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&choice::name(self))
    }
}

/// The work that is timed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Op {
    /// Encrypt and write the ICV
    Seal,
    /// Check the ICV and decrypt
    Open,
}

/// A contender that can be measured on this machine.
#[derive(Clone)]
pub(crate) struct Contender {
    name: Name,
    ipsec_mb: Option<Arc<IpsecMb>>,
}

/// The contenders that this machine has, and in words why it lacks the others.
pub(crate) fn find(names: &[Name]) -> (Vec<Contender>, Vec<String>) {
    let (mut here, mut absent) = (Vec::new(), Vec::new());
    for &name in names {
        match Contender::find(name) {
            Ok(contender) => here.push(contender),
            Err(why) => absent.push(format!("{name}: {why}")),
        }
    }
    (here, absent)
}

impl Contender {
    /// The contender, or why it cannot be measured here.
    pub(crate) fn find(name: Name) -> Result<Self, String> {
        let ipsec_mb = match name {
            Name::IpsecMb => Some(IpsecMb::load().map_err(|why| why.to_string())?),
            _ => None,
        };
        if name.engine().is_some_and(|engine| !engine.is_available()) {
            return Err("this CPU lacks instructions that it needs".to_owned());
        }
        let ipsec_mb = ipsec_mb.map(Arc::new);
        Ok(Self { name, ipsec_mb })
    }

    pub(crate) fn name(&self) -> Name {
        self.name
    }

    /// Its name and its build, where the build is known only at run time.
    pub(crate) fn build(&self) -> Option<String> {
        let build = self.ipsec_mb.as_deref().map(IpsecMb::build)?;
        Some(format!("{} {build}", self.name))
    }

    /// Expands a key for AES-256-GCM.
    pub(crate) fn expand(&self, key: &[u8; 32]) -> Box<dyn BurstKey> {
        match (&self.ipsec_mb, self.name.engine()) {
            (Some(library), _) => Box::new(ByFrame(ipsec_mb::Key::new(Arc::clone(library), key))),
            (None, Some(engine)) => engine.expand(RawKey::Aes256(key)),
            (None, None) => match self.name {
                Name::Ring => Box::new(ByFrame(crates::Ring::new(key))),
                Name::AwsLcRs => Box::new(ByFrame(crates::AwsLcRs::new(key))),
                _ => Box::new(ByFrame(crates::AesGcm::new(key))),
            },
        }
    }
}

type Icv = [u8; ICV_LEN];

/// A peer, under one key: it takes one frame at a time.
trait FrameCipher {
    /// Encrypts the payload in place and writes the ICV.
    fn seal(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &mut Icv);

    /// Decrypts the payload in place; whether the ICV was right.
    fn open(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &Icv) -> bool;
}

/// Goes through a burst frame by frame.
struct ByFrame<C>(C);

impl<C: FrameCipher + Send> BurstKey for ByFrame<C> {
    fn seal(&mut self, burst: &mut [Job<'_>]) {
        for job in burst {
            let nonce = job.nonce;
            let (aad, payload, icv) = parts(job);
            self.0.seal(nonce, aad, payload, icv);
        }
    }

    fn open(&mut self, burst: &mut [Job<'_>]) {
        for job in burst {
            let nonce = job.nonce;
            let (aad, payload, icv) = parts(job);
            job.authentic = self.0.open(nonce, aad, payload, icv);
        }
    }
}

fn parts<'a>(job: &'a mut Job<'_>) -> (&'a [u8], &'a mut [u8], &'a mut Icv) {
    let split = job.frame.split_last_chunk_mut::<ICV_LEN>();
    let (rest, icv) = split.expect("the window leaves room for the ICV");
    let (aad, payload) = rest.split_at_mut(job.aad_len);
    (aad, payload, icv)
}

#[cfg(test)]
mod tests;
