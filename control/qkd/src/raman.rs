//! Raman noise of classical channels in the same fibre.
//!
//! Light of the data channels scatters into the quantum channel. A coherent receiver detects only
//! light in the mode of its local oscillator, so CV-QKD tolerates data channels in the same fibre.
//! Spontaneous scattering as in Kumar, Qin, Alleaume, New J. Phys. 17, 043027 (2015). Filters,
//! four-wave mixing and leaking carriers are not modelled.

use std::f64::consts::LN_10;
use std::fmt;

use crate::channel::{ExcessNoise, Fibre};
use crate::limits::{self, OutOfRange};

/// Planck constant, J s.
const PLANCK_J_S: f64 = 6.626_070_15e-34;
/// Speed of light, m/s.
const LIGHT_M_PER_S: f64 = 299_792_458.0;
/// Scattered light has any polarisation; the local oscillator selects one.
const SELECTED_POLARISATION: f64 = 0.5;

/// The band of the quantum channel. The classical channels fill the C band.
///
/// A more distant band has less noise but more loss: the S band is best up to about 40 km, the O
/// band only beside a fully loaded line. The Raman coefficients, except that of the C band, are
/// accurate to an order of magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Band {
    /// 1550 nm, a neighbour of the classical channels.
    C1550,
    /// 1590 nm.
    L1590,
    /// 1500 nm.
    S1500,
    /// 1470 nm.
    S1470,
    /// 1310 nm.
    O1310,
}

impl Band {
    /// All bands, starting with the nearest to the classical channels.
    pub const ALL: [Self; 5] = [
        Self::C1550,
        Self::L1590,
        Self::S1500,
        Self::S1470,
        Self::O1310,
    ];

    /// Wavelength in nm.
    pub fn wavelength_nm(self) -> f64 {
        self.figures().0
    }

    /// Attenuation assumed at this wavelength, dB/km.
    pub fn attenuation_db_per_km(self) -> f64 {
        self.figures().1
    }

    /// Share of the C band's power that scatters into this band, per km and nm.
    pub fn raman_coefficient_per_km_nm(self) -> f64 {
        self.figures().2
    }

    /// A fibre of the given length at this band's attenuation.
    ///
    /// # Errors
    /// The length or its loss is out of range.
    pub fn fibre(self, km: f64) -> Result<Fibre, OutOfRange> {
        Fibre::new(km, self.attenuation_db_per_km())
    }

    fn figures(self) -> (f64, f64, f64) {
        match self {
            Self::C1550 => (1550.0, 0.20, 3e-9),
            Self::L1590 => (1590.0, 0.21, 2.5e-9),
            Self::S1500 => (1500.0, 0.21, 1.2e-9),
            Self::S1470 => (1470.0, 0.23, 7e-10),
            Self::O1310 => (1310.0, 0.33, 3e-12),
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::C1550 => "C",
            Self::L1590 => "L",
            Self::S1500 | Self::S1470 => "S",
            Self::O1310 => "O",
        };
        write!(f, "{name} band, {} nm", self.wavelength_nm())
    }
}

/// The direction of the classical light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Propagation {
    /// The direction of the quantum signal.
    Co,
    /// The opposite direction.
    Counter,
}

/// All classical channels of one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassicalLight {
    launch_power_dbm: f64,
    direction: Propagation,
}

impl ClassicalLight {
    /// Attenuation of the classical light, which lies in the C band, dB/km.
    pub const ATTENUATION_DB_PER_KM: f64 = Fibre::STANDARD_ATTENUATION_DB_PER_KM;

    /// Light of the given total launch power: 0 dBm is one or two channels, 17 dBm about fifty. A
    /// dark fibre has no classical light and needs no computation.
    ///
    /// # Errors
    /// The power is out of range.
    pub fn new(launch_power_dbm: f64, direction: Propagation) -> Result<Self, OutOfRange> {
        let launch_power_dbm = limits::LAUNCH_POWER_DBM.check(launch_power_dbm)?;
        Ok(Self {
            launch_power_dbm,
            direction,
        })
    }

    /// Power at the start of the fibre in W.
    fn launch_power_w(&self) -> f64 {
        1e-3 * 10f64.powf(self.launch_power_dbm / 10.0)
    }
}

/// Raman noise in the quantum channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RamanNoise {
    /// Scattered power at the receiver's end of the fibre, W/nm.
    pub power_w_per_nm: f64,
    /// Mean photons in the receiver's mode.
    pub photons_per_mode: f64,
    /// Excess noise at the channel output, SNU.
    pub at_output_snu: f64,
    /// Excess noise at the channel input, SNU. May be above the range of [`ExcessNoise`]: QKD does
    /// not work in a line full of strong data channels.
    pub at_input_snu: f64,
}

impl RamanNoise {
    /// The noise of `light` in a quantum channel at `band` over `fibre`.
    pub fn of(fibre: &Fibre, band: Band, light: &ClassicalLight) -> Self {
        let power_w_per_nm = light.launch_power_w()
            * band.raman_coefficient_per_km_nm()
            * effective_km(fibre, light.direction);
        // Photons per second and hertz: the power per hertz divided by the energy of a photon.
        let wavelength_m = band.wavelength_nm() * 1e-9;
        let power_w_per_m = power_w_per_nm * 1e9;
        let photons_per_mode = SELECTED_POLARISATION * wavelength_m.powi(3)
            / (PLANCK_J_S * LIGHT_M_PER_S.powi(2))
            * power_w_per_m;
        let at_output_snu = 2.0 * photons_per_mode;
        Self {
            power_w_per_nm,
            photons_per_mode,
            at_output_snu,
            at_input_snu: at_output_snu / fibre.transmittance(),
        }
    }

    /// The noise of a link that has the noise `base` without the classical light.
    ///
    /// # Errors
    /// The sum is out of range.
    pub fn added_to(&self, base: ExcessNoise) -> Result<ExcessNoise, OutOfRange> {
        ExcessNoise::at_input_snu(base.snu() + self.at_input_snu)
    }
}

/// Effective length in km that contributes to the scattered light at the receiver. Light scattered
/// at `z` is attenuated as classical light before `z`, and as quantum light after it.
fn effective_km(fibre: &Fibre, direction: Propagation) -> f64 {
    let per_km = |db: f64| db * LN_10 / 10.0;
    let quantum = per_km(fibre.attenuation_db_per_km());
    let classical = per_km(ClassicalLight::ATTENUATION_DB_PER_KM);
    let km = fibre.km();
    match direction {
        Propagation::Co => (-classical * km).exp() * attenuated_km(quantum - classical, km),
        Propagation::Counter => attenuated_km(quantum + classical, km),
    }
}

/// The integral of `exp(-rate z)` from 0 to `km`.
fn attenuated_km(rate_per_km: f64, km: f64) -> f64 {
    if rate_per_km == 0.0 {
        km
    } else {
        -(-rate_per_km * km).exp_m1() / rate_per_km
    }
}

#[cfg(test)]
mod tests;
