//! AES-GCM for bursts of frames.
//!
//! A key is expanded once ([`Engine::expand`]) and then seals or opens bursts of up to
//! [`BURST_MAX`] frames in place. One file per engine; the engine is picked at run time.
//!
//! Not here: nonces (the SecY makes them and owns their uniqueness), SecTAGs, replay.

/// Frames in one burst, at most.
pub const BURST_MAX: usize = 64;
/// Octets of the tag at the end of a frame.
pub const ICV_LEN: usize = 16;

/// One frame to seal or open in place: `aad | payload | icv`, contiguous.
pub struct Job<'a> {
    /// AAD, payload and the [`ICV_LEN`] octets of the tag.
    pub frame: &'a mut [u8],
    /// How many octets at the front are authenticated but not encrypted.
    pub aad_len: usize,
    /// 96-bit nonce; never the same twice under one key when sealing.
    pub nonce: [u8; 12],
    /// Set by [`BurstKey::open`]: the tag was right. Where it was not, the payload is zeroed.
    pub authentic: bool,
}

/// An expanded key: seals and opens bursts. Zeroizes itself on drop.
pub trait BurstKey: Send {
    /// Encrypts each payload and writes each tag. At most [`BURST_MAX`] jobs.
    fn seal(&mut self, burst: &mut [Job<'_>]);
    /// Decrypts each payload whose tag is right; zeroes the others.
    fn open(&mut self, burst: &mut [Job<'_>]);
}

/// The raw key that an engine expands.
pub enum RawKey<'a> {
    /// AES-128.
    Aes128(&'a [u8; 16]),
    /// AES-256.
    Aes256(&'a [u8; 32]),
}

/// Who does the arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// AWS-LC by `aws-lc-rs`.
    AwsLc,
    /// Portable: the crate `aes-gcm`.
    RustCrypto,
}

impl Engine {
    /// The fastest engine that this machine can run.
    #[must_use]
    pub fn best() -> Self {
        Self::AwsLc
    }

    /// As shown in status and accepted in the config: `aws-lc`, `rustcrypto`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsLc => "aws-lc",
            Self::RustCrypto => "rustcrypto",
        }
    }

    /// Expands a key.
    #[must_use]
    pub fn expand(self, _key: RawKey<'_>) -> Box<dyn BurstKey> {
        unimplemented!("under construction")
    }
}
