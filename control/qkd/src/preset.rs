//! Named links, so that a rate needs one name instead of a table of numbers.
//!
//! They are models. None was measured on a device; see [`Preset::description`].

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::block::Block;
use crate::channel::{ExcessNoise, Fibre};
use crate::limits::OutOfRange;
use crate::link::{Link, Reconciliation, Source};
use crate::optimise::{Objective, optimise_modulation};
use crate::receiver::{Detection, Receiver};

/// A named link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Preset {
    /// `metro-50km`
    #[default]
    Metro50Km,
    /// `lab-10km`
    Lab10Km,
    /// `modern-llo-50km`
    ModernLlo50Km,
}

/// A preset name that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "no link preset is called {name:?}: use one of {}",
    Preset::ALL.map(Preset::name).join(", ")
)]
pub struct UnknownPreset {
    /// The given name.
    pub name: String,
}

impl Preset {
    /// All presets, the default first.
    pub const ALL: [Self; 3] = [Self::Metro50Km, Self::Lab10Km, Self::ModernLlo50Km];

    /// The name in a config file or on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metro50Km => "metro-50km",
            Self::Lab10Km => "lab-10km",
            Self::ModernLlo50Km => "modern-llo-50km",
        }
    }

    /// A description and the origin of its numbers, in one or two sentences.
    pub fn description(self) -> &'static str {
        match self {
            Self::Metro50Km => {
                "a conservative metropolitan link, homodyne at 1 MBaud; modelled on the published \
                 description of a CV-QKD network with 10 kbit/s over 50 km, not measured"
            }
            Self::Lab10Km => {
                "the same devices over 10 km, in blocks of 10 s; modelled, not measured"
            }
            Self::ModernLlo50Km => {
                "heterodyne with a local local oscillator at 100 MBaud, as in experiments since \
                 2020; modelled, not measured"
            }
        }
    }

    /// The link.
    pub fn link(self) -> Link {
        self.parts()
            .expect("the numbers of each preset are in range")
    }

    /// The same devices over another length of fibre, with the modulation that maximises the
    /// asymptotic key there. At the preset's own length it equals [`Self::link`] except for the
    /// last digits of the modulation.
    ///
    /// # Errors
    /// The length is out of range.
    pub fn at_km(self, km: f64) -> Result<Link, OutOfRange> {
        let link = self.link();
        let fibre = link.fibre.at_km(km)?;
        Ok(optimise_modulation(
            Link { fibre, ..link },
            Objective::Asymptotic,
        ))
    }

    fn parts(self) -> Result<Link, OutOfRange> {
        let homodyne = Receiver::trusted(Detection::Homodyne, 0.6, 0.1)?;
        let heterodyne = Receiver::trusted(Detection::Heterodyne, 0.6, 0.1)?;
        let excess_noise = ExcessNoise::at_input_snu(0.01)?;
        let reconciliation = Reconciliation::new(0.95, 0.1)?;
        Ok(match self {
            Self::Metro50Km => Link {
                source: Source::new(4.6, 1e6)?,
                fibre: Fibre::standard(50.0)?,
                excess_noise,
                receiver: homodyne,
                reconciliation,
                block: Block::new(100_000_000)?,
            },
            Self::Lab10Km => Link {
                source: Source::new(28.2, 1e6)?,
                fibre: Fibre::standard(10.0)?,
                excess_noise,
                receiver: homodyne,
                reconciliation,
                block: Block::new(10_000_000)?,
            },
            Self::ModernLlo50Km => Link {
                source: Source::new(4.3, 1e8)?,
                fibre: Fibre::standard(50.0)?,
                excess_noise,
                receiver: heterodyne,
                reconciliation,
                block: Block::new(1_000_000_000)?,
            },
        })
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| UnknownPreset {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests;
