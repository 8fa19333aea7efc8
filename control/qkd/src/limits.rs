//! The allowed ranges of all inputs, and the error for a value outside its range.
//!
//! The ranges are those in which the formulas hold in double precision (the error of `chi_BE` stays
//! below 1e-13 bit), and extend somewhat beyond what has been built. They are not recommendations.

use std::fmt;

use thiserror::Error;

/// An input outside its allowed range.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error(
    "{field} is {value:?}{}, must be {min:?} to {max:?}{}: {fix}",
    Unit(.unit),
    Unit(.unit)
)]
pub struct OutOfRange {
    /// Name of the value, in words.
    pub field: &'static str,
    /// The given value.
    pub value: f64,
    /// Unit of the value and of the range; empty for a pure number.
    pub unit: &'static str,
    /// Lowest allowed value.
    pub min: f64,
    /// Highest allowed value.
    pub max: f64,
    /// The fix.
    pub fix: &'static str,
}

/// A unit with a space before it, or nothing.
struct Unit(&'static str);

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", self.0)
        }
    }
}

/// A closed range of an input.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    field: &'static str,
    unit: &'static str,
    pub(crate) min: f64,
    pub(crate) max: f64,
    fix: &'static str,
}

impl Range {
    /// Returns the value if it is in the range. NaN is in no range.
    pub(crate) fn check(&self, value: f64) -> Result<f64, OutOfRange> {
        if (self.min..=self.max).contains(&value) {
            return Ok(value);
        }
        let Self {
            field,
            unit,
            min,
            max,
            fix,
        } = *self;
        Err(OutOfRange {
            field,
            value,
            unit,
            min,
            max,
            fix,
        })
    }
}

const fn range(
    field: &'static str,
    unit: &'static str,
    (min, max): (f64, f64),
    fix: &'static str,
) -> Range {
    Range {
        field,
        unit,
        min,
        max,
        fix,
    }
}

pub(crate) const FIBRE_KM: Range = range(
    "fibre length",
    "km",
    (0.0, 400.0),
    "give the length of one span between two nodes; longer distances need a trusted relay",
);

pub(crate) const ATTENUATION_DB_PER_KM: Range = range(
    "fibre attenuation",
    "dB/km",
    (0.1, 2.0),
    "good fibre at 1550 nm has 0.16 to 0.25; leave it out for 0.2",
);

pub(crate) const JOINTS_DB: Range = range(
    "loss of the joints",
    "dB",
    (0.0, 30.0),
    "a splice has 0.05, a connector 0.3, a patch panel 0.6",
);

pub(crate) const LOSS_DB: Range = range(
    "channel loss",
    "dB",
    (0.0, 60.0),
    "shorten the fibre or lower its attenuation; above 35 dB no CV-QKD link has given key",
);

pub(crate) const TRANSMITTANCE: Range = range(
    "channel transmittance",
    "",
    (1e-6, 1.0),
    "give the transmittance of the fibre alone, without the receiver's efficiency",
);

pub(crate) const EXCESS_NOISE_SNU: Range = range(
    "excess noise",
    "SNU at the channel input",
    (0.0, 10.0),
    "real links have 0.001 to 0.05; divide a value measured at the output by T",
);

pub(crate) const MODULATION_VARIANCE_SNU: Range = range(
    "modulation variance V_A",
    "SNU",
    (1e-3, 1e4),
    "V_A is twice the mean photon number, commonly 1 to 20",
);

pub(crate) const SYMBOL_RATE_BAUD: Range =
    range("symbol rate", "baud", (1.0, 1e12), "1e6 is 1 MBaud");

pub(crate) const OVERHEAD_SHARE: Range = range(
    "share of symbols without key",
    "",
    (0.0, 0.99),
    "give the share of pilots, frame heads and calibration, 0.1 for 10 %",
);

pub(crate) const DETECTION_EFFICIENCY: Range = range(
    "receiver efficiency",
    "",
    (0.01, 1.0),
    "give optics and photodiodes together, 0.6 for 60 %",
);

pub(crate) const ELECTRONIC_NOISE_SNU: Range = range(
    "electronic noise of the receiver",
    "SNU per detected quadrature",
    (0.0, 10.0),
    "receivers have 0.01 to 0.3; 0.1 is 10 dB below shot noise",
);

pub(crate) const RECONCILIATION_EFFICIENCY: Range = range(
    "reconciliation efficiency beta",
    "",
    (0.01, 1.0),
    "good codes reach 0.9 to 0.98",
);

pub(crate) const FRAME_ERROR_RATE: Range = range(
    "frame error rate",
    "",
    (0.0, 1.0),
    "give the share of code frames that fail to decode, 0.1 for 10 %",
);

pub(crate) const BLOCK_SYMBOLS: Range = range(
    "block size",
    "symbols",
    (1e4, 1e15),
    "one block gives one key, commonly 1e8 to 1e10",
);

pub(crate) const DISCLOSED_SHARE: Range = range(
    "share of the block disclosed for parameter estimation",
    "",
    (1e-3, 0.95),
    "commonly 0.1 to 0.5; estimation after error correction discloses none",
);

pub(crate) const EPSILON: Range = range(
    "failure probability epsilon",
    "",
    (1e-30, 1e-2),
    "1e-10 is common",
);

pub(crate) const DIGITISED_BITS: Range = range(
    "digitised bits per quadrature",
    "bit",
    (1.0, 16.0),
    "the number of bits of each sample that the key uses, commonly 5 to 7",
);

pub(crate) const LAUNCH_POWER_DBM: Range = range(
    "launch power of the classical channels",
    "dBm",
    (-60.0, 33.0),
    "0 dBm is one or two channels, 17 dBm about fifty; leave it out for a dark fibre",
);

pub(crate) const INTERCEPTED_SHARE: Range = range(
    "share of intercepted symbols",
    "",
    (0.0, 1.0),
    "0.1 is every tenth symbol",
);

pub(crate) const SHOT_NOISE_RATIO: Range = range(
    "ratio of assumed to real shot noise",
    "",
    (0.1, 10.0),
    "1 is a true calibration, 1.05 hides some noise",
);

pub(crate) const DARK_COUNTS: Range = range(
    "dark counts per gate",
    "",
    (0.0, 0.01),
    "1e-8 for nanowires, 1e-6 for avalanche photodiodes",
);

pub(crate) const SIFTED_BITS: Range = range(
    "bits of a BB84 block",
    "bit",
    (1e3, 1e12),
    "sifted bits of the key basis, commonly 1e6 to 1e8",
);

pub(crate) const CLOCK_HZ: Range = range(
    "clock of the pulses",
    "Hz",
    (1.0, 1e12),
    "1e9 is one pulse a nanosecond",
);

pub(crate) const MISALIGNMENT: Range = range(
    "misalignment",
    "",
    (0.0, 0.5),
    "0.01 sends 1 % of the photons to the wrong detector",
);

pub(crate) const CORRECTION_INEFFICIENCY: Range = range(
    "inefficiency of error correction",
    "",
    (1.0, 3.0),
    "1 is the Shannon limit, 1.16 common",
);

pub(crate) const MEAN_PHOTONS: Range = range(
    "mean photon number",
    "",
    (1e-3, 3.0),
    "signal pulses have 0.1 to 0.8",
);

pub(crate) const PHASE_VARIANCE_RAD2: Range = range(
    "variance of the residual phase",
    "rad^2",
    (0.0, 1.0),
    "carrier recovery reaches 1e-4 to 1e-2",
);

pub(crate) const LINEWIDTH_HZ: Range = range(
    "linewidth of each laser",
    "Hz",
    (0.0, 1e9),
    "narrow lasers have 100 Hz to 100 kHz",
);

pub(crate) const PILOT_RATE_HZ: Range = range(
    "rate of the pilots",
    "Hz",
    (1.0, 1e12),
    "commonly that of the symbols",
);

pub(crate) const PILOT_SNR: Range = range(
    "signal-to-noise ratio of the pilots",
    "",
    (1.0, 1e9),
    "1000 is 30 dB",
);

pub(crate) const RIN_DB_PER_HZ: Range = range(
    "relative intensity noise",
    "dBc/Hz",
    (-200.0, -80.0),
    "lasers have -140 to -165",
);

pub(crate) const CONVERTER_BITS: Range = range(
    "bits of a converter",
    "bit",
    (4.0, 24.0),
    "the effective number of bits, commonly 7 to 14",
);

pub(crate) const NEP_W_PER_ROOT_HZ: Range = range(
    "noise-equivalent power of the detector",
    "W/sqrt(Hz)",
    (1e-15, 1e-9),
    "balanced detectors have 1e-12 to 1e-11",
);

pub(crate) const LOCAL_OSCILLATOR_DBM: Range = range(
    "power of the local oscillator",
    "dBm",
    (-30.0, 30.0),
    "commonly 5 to 13 at the photodiodes",
);

pub(crate) const SHAPING: Range = range(
    "shaping of the constellation",
    "",
    (0.0, 2.0),
    "0 is none, 0.1 common for 256 states, 0.5 for 16",
);

pub(crate) const STATE_PHOTONS: Range = range(
    "photons of the brightest state",
    "",
    (0.0, 100.0),
    "lower the modulation variance, the number of states or their shaping",
);

// A fibre of the greatest loss must be a valid channel.
const _: () = assert!(LOSS_DB.max <= 60.0 && TRANSMITTANCE.min <= 1e-6);
