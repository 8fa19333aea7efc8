//! The fibre and its channel: transmittance and excess noise.

use crate::limits::{self, OutOfRange};

/// One span of fibre between the two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fibre {
    km: f64,
    attenuation_db_per_km: f64,
    joints_db: f64,
}

impl Fibre {
    /// Attenuation of common single-mode fibre at 1550 nm, splices included, in dB/km.
    pub const STANDARD_ATTENUATION_DB_PER_KM: f64 = 0.2;

    /// A span of `km` with the given attenuation.
    ///
    /// # Errors
    /// Length, attenuation, or the total loss is out of range.
    pub fn new(km: f64, attenuation_db_per_km: f64) -> Result<Self, OutOfRange> {
        let km = limits::FIBRE_KM.check(km)?;
        let attenuation_db_per_km = limits::ATTENUATION_DB_PER_KM.check(attenuation_db_per_km)?;
        limits::LOSS_DB.check(km * attenuation_db_per_km)?;
        Ok(Self {
            km,
            attenuation_db_per_km,
            joints_db: 0.0,
        })
    }

    /// The same span with the given loss of splices, connectors and patch panels in addition to its
    /// attenuation.
    ///
    /// # Errors
    /// The loss of the joints, or the total loss, is out of range.
    pub fn with_joints_db(self, joints_db: f64) -> Result<Self, OutOfRange> {
        let joints_db = limits::JOINTS_DB.check(joints_db)?;
        let fibre = Self { joints_db, ..self };
        limits::LOSS_DB.check(fibre.loss_db())?;
        Ok(fibre)
    }

    /// The same fibre and joints over another length.
    ///
    /// # Errors
    /// The length or the total loss is out of range.
    pub fn at_km(self, km: f64) -> Result<Self, OutOfRange> {
        Self::new(km, self.attenuation_db_per_km)?.with_joints_db(self.joints_db)
    }

    /// A span of `km` of common fibre, 0.2 dB/km.
    ///
    /// # Errors
    /// The length is out of range.
    pub fn standard(km: f64) -> Result<Self, OutOfRange> {
        Self::new(km, Self::STANDARD_ATTENUATION_DB_PER_KM)
    }

    /// Length in km.
    pub fn km(&self) -> f64 {
        self.km
    }

    /// Attenuation in dB/km.
    pub fn attenuation_db_per_km(&self) -> f64 {
        self.attenuation_db_per_km
    }

    /// Loss of splices, connectors and patch panels in dB.
    pub fn joints_db(&self) -> f64 {
        self.joints_db
    }

    /// Loss of the whole span in dB.
    pub fn loss_db(&self) -> f64 {
        self.km * self.attenuation_db_per_km + self.joints_db
    }

    /// Share of the light that arrives, `10^(-loss/10)`.
    pub fn transmittance(&self) -> f64 {
        10f64
            .powf(-self.loss_db() / 10.0)
            .max(limits::TRANSMITTANCE.min)
    }
}

/// Excess noise, referred to the channel input, in SNU. All of it is attributed to Eve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExcessNoise(f64);

impl ExcessNoise {
    /// A value referred to the channel input, as this crate uses it.
    ///
    /// # Errors
    /// The value is out of range.
    pub fn at_input_snu(snu: f64) -> Result<Self, OutOfRange> {
        limits::EXCESS_NOISE_SNU.check(snu).map(Self)
    }

    /// A value that some papers state at the channel output, before the receiver. It is divided by
    /// the transmittance.
    ///
    /// # Errors
    /// The transmittance, or the value at the input, is out of range.
    pub fn at_output_snu(snu: f64, transmittance: f64) -> Result<Self, OutOfRange> {
        Self::at_input_snu(snu / limits::TRANSMITTANCE.check(transmittance)?)
    }

    /// The value at the channel input in SNU.
    pub fn snu(self) -> f64 {
        self.0
    }
}

/// The part of the link that Eve controls: a lossy line with noise, without the receiver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    pub(crate) transmittance: f64,
    pub(crate) excess_noise_snu: f64,
}

impl Channel {
    /// A channel with a given transmittance, for a loss that was measured and not computed.
    ///
    /// # Errors
    /// The transmittance is out of range.
    pub fn new(transmittance: f64, excess_noise: ExcessNoise) -> Result<Self, OutOfRange> {
        let transmittance = limits::TRANSMITTANCE.check(transmittance)?;
        Ok(Self {
            transmittance,
            excess_noise_snu: excess_noise.snu(),
        })
    }

    /// The channel of a fibre.
    pub fn of(fibre: &Fibre, excess_noise: ExcessNoise) -> Self {
        Self {
            transmittance: fibre.transmittance(),
            excess_noise_snu: excess_noise.snu(),
        }
    }

    /// Share of the light that arrives at the receiver, 0 to 1.
    pub fn transmittance(&self) -> f64 {
        self.transmittance
    }

    /// Excess noise at the channel input in SNU.
    pub fn excess_noise_snu(&self) -> f64 {
        self.excess_noise_snu
    }

    /// The PLOB bound in bit per symbol, `-log2(1 - T)`: no protocol without a repeater gives
    /// more. Infinite for a line without loss. (Pirandola et al., Nat. Commun. 8, 15043, 2017)
    pub fn repeaterless_bound_bit(&self) -> f64 {
        -(-self.transmittance).ln_1p() / std::f64::consts::LN_2
    }
}
