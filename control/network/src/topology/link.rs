//! A QKD link of the topology: its fibre, its devices, and the model of both.

use qkd::OutOfRange;
use qkd::channel::{ExcessNoise, Fibre};
use qkd::optimise::{Objective, optimise_modulation};
use qkd::preset::Preset;
use qkd::raman::{Band, ClassicalLight, Propagation, RamanNoise};

use crate::id::NodeId;
use crate::supply::Source;

/// Loss of a fusion splice.
pub const SPLICE_DB: f64 = 0.05;
/// Loss of a connector.
pub const CONNECTOR_DB: f64 = 0.3;
/// Loss of a patch panel: two connectors.
pub const PATCH_PANEL_DB: f64 = 2.0 * CONNECTOR_DB;

/// A link between two nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The nodes at its ends, which differ.
    pub ends: (NodeId, NodeId),
    /// Its values in the file.
    pub spec: LinkSpec,
    /// The model with these values.
    pub source: Source,
}

/// The values of a link in the file, or their defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSpec {
    /// The devices.
    pub preset: Preset,
    /// Length of the fibre.
    pub km: f64,
    /// Attenuation of the fibre alone.
    pub attenuation_db_per_km: f64,
    /// Splices beyond those of the fibre's attenuation.
    pub splices: u32,
    /// Connectors between the devices.
    pub connectors: u32,
    /// Patch panels between the devices.
    pub patch_panels: u32,
    /// Band of the quantum channel.
    pub band: Band,
    /// Data channels in the same fibre. None in a dark fibre.
    pub wdm: Option<Wdm>,
    /// Symbols of a block.
    pub block_symbols: u64,
    /// Share of the blocks that fail as a whole, 0 to 1.
    pub block_loss: f64,
    /// Swing of the excess noise over the day, as a share of its mean, 0 to 1.
    pub drift: f64,
}

/// Data channels in the C band of the same fibre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wdm {
    /// Number of channels.
    pub channels: u32,
    /// Launch power of each channel.
    pub dbm: f64,
}

impl LinkSpec {
    /// Loss from device to device.
    #[must_use]
    pub fn loss_db(&self) -> f64 {
        self.km * self.attenuation_db_per_km
            + f64::from(self.splices) * SPLICE_DB
            + f64::from(self.connectors) * CONNECTOR_DB
            + f64::from(self.patch_panels) * PATCH_PANEL_DB
    }

    /// The model of the link, with the best modulation for its loss.
    ///
    /// # Errors
    /// A value, or the loss or noise that follows from several, is out of range.
    pub(super) fn source(&self) -> Result<Source, OutOfRange> {
        let devices = self.preset.link();
        let bare = Fibre::new(self.km, self.attenuation_db_per_km)?;
        // The model has one loss. A longer fibre of the same loss stands for the connectors.
        let km = self.loss_db() / self.attenuation_db_per_km;
        let fibre = Fibre::new(km, self.attenuation_db_per_km)?;
        let excess_noise = match self.wdm {
            None => devices.excess_noise,
            Some(wdm) => with_raman(devices.excess_noise, &bare, &fibre, self.band, wdm)?,
        };
        let block = devices.block.with_symbols(self.block_symbols)?;
        let link = qkd::Link {
            fibre,
            excess_noise,
            block,
            ..devices
        };
        Ok(Source {
            link: optimise_modulation(link, Objective::Asymptotic),
            block_loss: self.block_loss,
            drift: self.drift,
        })
    }
}

/// Adds the Raman noise of the data channels. They count as running against the quantum signal,
/// which is the worse direction, and connectors weaken the signal but not the noise.
fn with_raman(
    noise: ExcessNoise,
    bare: &Fibre,
    whole: &Fibre,
    band: Band,
    wdm: Wdm,
) -> Result<ExcessNoise, OutOfRange> {
    let total_dbm = wdm.dbm + 10.0 * f64::from(wdm.channels).log10();
    let light = ClassicalLight::new(total_dbm, Propagation::Counter)?;
    let at_output_snu = RamanNoise::of(bare, band, &light).at_output_snu;
    let raman = ExcessNoise::at_output_snu(at_output_snu, whole.transmittance())?;
    ExcessNoise::at_input_snu(noise.snu() + raman.snu())
}
