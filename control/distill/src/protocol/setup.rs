//! The settings that both ends must agree on.

use std::sync::Arc;

use qkd::channel::Channel;
use qkd::link::Source;
use qkd::receiver::Receiver;
use sha2::{Digest, Sha256};

use crate::code::{Code, Rate};

/// Frames of a block at most: more than 1e9 quadratures.
const MAX_FRAMES: u64 = 4096;

/// The proof whose secret length counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CountedProof {
    /// Leverrier, Grosshans, Grangier 2010. Not composable.
    Lgg2010,
    /// Composable.
    Composable,
}

/// The settings that both ends must agree on. The channel is what a first block expects.
#[derive(Clone)]
pub struct Setup {
    code: Arc<Code>,
    source: Source,
    channel: Channel,
    receiver: Receiver,
    frames: u32,
    proof: CountedProof,
}

/// A block that does not consist of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "block of {symbols} symbols: it must be a multiple of {frame}, and at most {MAX_FRAMES} times \
     that"
)]
pub struct InvalidSetup {
    /// Symbols of the block.
    pub symbols: u64,
    /// Symbols of a frame.
    pub frame: u64,
}

impl Setup {
    /// Settings with the code of this rate. It takes a moment to build the code.
    ///
    /// # Errors
    /// The block does not consist of frames.
    pub fn new(
        rate: Rate,
        source: Source,
        channel: Channel,
        receiver: Receiver,
        block_symbols: u64,
        proof: CountedProof,
    ) -> Result<Self, InvalidSetup> {
        let code = Arc::new(Code::of(rate));
        Self::with_code(code, source, channel, receiver, block_symbols, proof)
    }

    pub(crate) fn with_code(
        code: Arc<Code>,
        source: Source,
        channel: Channel,
        receiver: Receiver,
        block_symbols: u64,
        proof: CountedProof,
    ) -> Result<Self, InvalidSetup> {
        let frame = symbols(&code, &receiver);
        let frames = block_symbols / frame;
        if frames == 0 || frames > MAX_FRAMES || !block_symbols.is_multiple_of(frame) {
            return Err(InvalidSetup {
                symbols: block_symbols,
                frame,
            });
        }
        Ok(Self {
            code,
            source,
            channel,
            receiver,
            frames: frames as u32,
            proof,
        })
    }

    /// SHA-256 of all settings.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.code.digest());
        let numbers = [
            self.source.modulation_variance_snu(),
            self.source.symbol_rate_baud(),
            self.channel.transmittance(),
            self.channel.excess_noise_snu(),
            self.receiver.efficiency(),
            self.receiver.electronic_noise_snu(),
        ];
        for number in numbers {
            digest.update(number.to_bits().to_be_bytes());
        }
        digest.update(self.frames.to_be_bytes());
        let kinds = format!(
            "{:?} {:?} {:?}",
            self.receiver.detection(),
            self.receiver.trust(),
            self.proof
        );
        digest.update(kinds);
        digest.finalize().into()
    }

    /// Symbols of a frame: what one call of `on_sent` and `on_received` takes.
    #[must_use]
    pub fn frame_symbols(&self) -> usize {
        symbols(&self.code, &self.receiver) as usize
    }

    /// Measured quadratures of a frame.
    #[must_use]
    pub fn frame_quadratures(&self) -> usize {
        self.code.word_len()
    }

    /// Frames of a block.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// The proof that counts.
    #[must_use]
    pub fn proof(&self) -> CountedProof {
        self.proof
    }

    /// The source as set.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The channel that a first block expects.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The receiver as calibrated.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    pub(crate) fn code(&self) -> &Arc<Code> {
        &self.code
    }
}

fn symbols(code: &Code, receiver: &Receiver) -> u64 {
    code.word_len() as u64 / u64::from(receiver.detection().quadratures())
}
