//! The link as both ends know it before the first block: devices, fibre, code and block.

use std::time::Duration;

use distill::code::{Code, LANES, Rate};
use distill::protocol::{CountedProof, InvalidSetup, Setup};
use qkd::OutOfRange;
use qkd::channel::{Channel, ExcessNoise, Fibre};
use qkd::link::Source;
use qkd::receiver::{Detection, Receiver};

use crate::limits::{BLOCK_FRAMES_MAX, SYMBOL_RATE_MIN_BAUD};

/// Symbols of a frame: a homodyne receiver measures one quadrature of each symbol.
pub(crate) const FRAME_SYMBOLS: usize = Code::SIZE * LANES;

/// The devices of the model, as in the presets of [`qkd`]: homodyne, trusted.
const EFFICIENCY: f64 = 0.6;
const ELECTRONIC_NOISE_SNU: f64 = 0.1;
const EXCESS_NOISE_SNU: f64 = 0.005;

/// The settings of a link: the length, and what differs from the preset of this length.
#[derive(Clone, Copy, Debug)]
pub struct LinkSettings {
    /// Length of the fibre.
    pub km: f64,
    /// Excess noise at the channel input, in SNU.
    pub excess_noise_snu: Option<f64>,
    /// Symbols of a block; rounded to whole frames.
    pub block_symbols: Option<u64>,
    /// Symbols a second.
    pub symbol_rate_baud: Option<f64>,
    /// The proof that counts.
    pub proof: CountedProof,
}

/// A value that gives no link.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// A value of the model is out of range.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    /// The block is empty or too large.
    #[error(
        "block_symbols = {0} gives no block; fix: {FRAME_SYMBOLS} (one frame) to {max}",
        max = BLOCK_FRAMES_MAX * FRAME_SYMBOLS as u64
    )]
    Block(u64),
    /// The source is too slow to keep a connection busy.
    #[error("a symbol rate of {0} baud is too low; fix: at least {SYMBOL_RATE_MIN_BAUD:e}")]
    SymbolRate(f64),
}

/// A link, checked.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub(crate) km: f64,
    pub(crate) rate: Rate,
    pub(crate) efficiency: f64,
    pub(crate) source: Source,
    pub(crate) channel: Channel,
    pub(crate) receiver: Receiver,
    pub(crate) frames: u64,
    pub(crate) proof: CountedProof,
}

/// A rate of the code with the block and the symbol rate that suit the length.
struct Preset {
    /// Longest fibre.
    km: f64,
    rate: Rate,
    /// Reconciliation efficiency at which few frames are lost. The modulation follows from it.
    efficiency: f64,
    block_symbols: u64,
    symbol_rate_baud: f64,
}

/// One row for each code, and one for small blocks over short fibres.
const PRESETS: [Preset; 4] = [
    Preset {
        km: 15.0,
        rate: Rate::Fifth,
        efficiency: 0.885,
        block_symbols: 10_000_000,
        symbol_rate_baud: 1e7,
    },
    Preset {
        km: 35.0,
        rate: Rate::Fifth,
        efficiency: 0.885,
        block_symbols: 100_000_000,
        symbol_rate_baud: 2e7,
    },
    Preset {
        km: 60.0,
        rate: Rate::Tenth,
        efficiency: 0.915,
        block_symbols: 1_000_000_000,
        symbol_rate_baud: 2e7,
    },
    Preset {
        km: f64::INFINITY,
        rate: Rate::Twentieth,
        efficiency: 0.925,
        block_symbols: 1_000_000_000,
        symbol_rate_baud: 2e7,
    },
];

impl Link {
    /// The link of these settings.
    ///
    /// # Errors
    /// A value is out of range.
    pub fn of(settings: &LinkSettings) -> Result<Self, LinkError> {
        let fibre = Fibre::standard(settings.km)?;
        let mut fitting = PRESETS.iter();
        let preset = fitting.find(|preset| settings.km <= preset.km);
        let preset = preset.unwrap_or(&PRESETS[PRESETS.len() - 1]);
        let excess = settings.excess_noise_snu.unwrap_or(EXCESS_NOISE_SNU);
        let channel = Channel::of(&fibre, ExcessNoise::at_input_snu(excess)?);
        let receiver = Receiver::trusted(Detection::Homodyne, EFFICIENCY, ELECTRONIC_NOISE_SNU)?;
        let baud = settings.symbol_rate_baud.unwrap_or(preset.symbol_rate_baud);
        if baud < SYMBOL_RATE_MIN_BAUD {
            return Err(LinkError::SymbolRate(baud));
        }
        let symbols = settings.block_symbols.unwrap_or(preset.block_symbols);
        let frames = (symbols + FRAME_SYMBOLS as u64 / 2) / FRAME_SYMBOLS as u64;
        if !(1..=BLOCK_FRAMES_MAX).contains(&frames) {
            return Err(LinkError::Block(symbols));
        }
        // The rate is the efficiency times the capacity, which is log2(1 + SNR) / 2.
        let snr = (2.0 * preset.rate.value() / preset.efficiency).exp2() - 1.0;
        let arriving = EFFICIENCY * channel.transmittance();
        let noise = 1.0 + ELECTRONIC_NOISE_SNU + arriving * excess;
        Ok(Self {
            km: settings.km,
            rate: preset.rate,
            efficiency: preset.efficiency,
            source: Source::new(snr * noise / arriving, baud)?,
            channel,
            receiver,
            frames,
            proof: settings.proof,
        })
    }

    /// The settings of the protocol. It takes a moment to build the code.
    pub(crate) fn setup(&self) -> Result<Setup, InvalidSetup> {
        let (source, symbols) = (self.source, self.block_symbols());
        Setup::new(
            self.rate,
            source,
            self.channel,
            self.receiver,
            symbols,
            self.proof,
        )
    }

    /// Frames of a block.
    pub(crate) fn block_frames(&self) -> usize {
        self.frames as usize
    }

    /// Length of the fibre.
    #[must_use]
    pub fn km(&self) -> f64 {
        self.km
    }

    /// Symbols of a block.
    #[must_use]
    pub fn block_symbols(&self) -> u64 {
        self.frames * FRAME_SYMBOLS as u64
    }

    /// Symbols a second.
    #[must_use]
    pub fn symbol_rate_baud(&self) -> f64 {
        self.source.symbol_rate_baud()
    }

    /// Time in which a block is sent.
    #[must_use]
    pub fn block_time(&self) -> Duration {
        Duration::from_secs_f64(self.block_symbols() as f64 / self.symbol_rate_baud())
    }
}

#[cfg(test)]
mod tests;
