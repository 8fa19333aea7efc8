//! The receiver: its measurement and quality, and the trust in its loss and noise.

use std::fmt;

use crate::limits::{self, OutOfRange};

/// The measurement of each symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detection {
    /// One quadrature, chosen at random for each symbol.
    Homodyne,
    /// Both quadratures, each with half of the light.
    Heterodyne,
}

impl Detection {
    /// Number of quadratures measured per symbol: 1 or 2. It is also the number of parts into which
    /// the light is split, and so the factor of the receiver's noise.
    pub fn quadratures(self) -> u8 {
        match self {
            Self::Homodyne => 1,
            Self::Heterodyne => 2,
        }
    }

    /// The same number, for arithmetic.
    pub(crate) fn split(self) -> f64 {
        f64::from(self.quadratures())
    }
}

impl fmt::Display for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Homodyne => "homodyne",
            Self::Heterodyne => "heterodyne",
        })
    }
}

/// The party to which the receiver's loss and electronic noise are attributed.
///
/// This affects the rate more than any number: with an efficiency of 0.6 and 0.1 SNU of electronic
/// noise no metropolitan link gives key if the receiver is untrusted. So this crate shows no rate
/// without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The receiver is calibrated and out of Eve's reach: its loss and noise give her no
    /// information.
    Trusted,
    /// Eve may have caused loss and noise of the receiver: they count as the channel's.
    Untrusted,
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trusted => "trusted receiver",
            Self::Untrusted => "untrusted receiver",
        })
    }
}

/// A coherent receiver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Receiver {
    detection: Detection,
    trust: Trust,
    efficiency: f64,
    electronic_noise_snu: f64,
}

impl Receiver {
    /// A trusted receiver; see [`Self::untrusted`]. `efficiency` is the product for optics and
    /// photodiodes, 0 to 1; `electronic_noise_snu` is per detected quadrature.
    ///
    /// # Errors
    /// Efficiency or noise is out of range.
    pub fn trusted(
        detection: Detection,
        efficiency: f64,
        electronic_noise_snu: f64,
    ) -> Result<Self, OutOfRange> {
        let efficiency = limits::DETECTION_EFFICIENCY.check(efficiency)?;
        let electronic_noise_snu = limits::ELECTRONIC_NOISE_SNU.check(electronic_noise_snu)?;
        Ok(Self {
            detection,
            trust: Trust::Trusted,
            efficiency,
            electronic_noise_snu,
        })
    }

    /// The same receiver, but Eve may have caused its loss and noise.
    #[must_use]
    pub fn untrusted(self) -> Self {
        self.with_trust(Trust::Untrusted)
    }

    /// The same receiver with the given trust.
    #[must_use]
    pub fn with_trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// The measurement of each symbol.
    pub fn detection(&self) -> Detection {
        self.detection
    }

    /// The party to which its loss and noise are attributed.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// Efficiency of optics and photodiodes, 0 to 1.
    pub fn efficiency(&self) -> f64 {
        self.efficiency
    }

    /// Electronic noise per detected quadrature in SNU.
    pub fn electronic_noise_snu(&self) -> f64 {
        self.electronic_noise_snu
    }
}
