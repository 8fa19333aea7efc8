//! Links of published experiments, with their parameters and the key rates that they report.
//!
//! Values are read from the papers or their tables. Excess noise that a paper refers to the channel
//! output is converted. A value that the paper does not give is named in [`Experiment::note`].

use std::fmt;

use crate::block::Block;
use crate::channel::{ExcessNoise, Fibre};
use crate::limits::OutOfRange;
use crate::link::{Link, Reconciliation, Source};
use crate::receiver::{Detection, Receiver};

/// A published experiment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Experiment {
    name: &'static str,
    source: &'static str,
    note: &'static str,
    published_bit_s: Option<f64>,
    figures: Figures,
}

/// The parameters of an experiment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figures {
    detection: Detection,
    km: f64,
    loss_db: f64,
    baud: f64,
    overhead: f64,
    modulation_snu: f64,
    noise_snu: f64,
    efficiency: f64,
    electronic_snu: f64,
    beta: f64,
    failed: f64,
    symbols: u64,
}

impl Experiment {
    /// All experiments, by date.
    pub const ALL: [Self; 11] = [
        LODEWYCK,
        jouguet("jouguet-2013-25km", 25.0, 8.67),
        jouguet("jouguet-2013-53km", 53.0, 4.51),
        jouguet("jouguet-2013-80km", 80.5, 3.91),
        zhang(
            "zhang-2020-27km",
            278e3,
            [27.27, 4.36, 14.37, 0.0015, 0.1216, 0.95, 0.5],
        ),
        zhang(
            "zhang-2020-49km",
            62e3,
            [49.30, 8.29, 14.14, 0.0033, 0.1881, 0.95, 0.5],
        ),
        zhang(
            "zhang-2020-70km",
            42.8e3,
            [69.53, 11.68, 14.12, 0.0049, 0.2411, 0.96, 0.1],
        ),
        zhang(
            "zhang-2020-99km",
            11.8e3,
            [99.31, 15.89, 14.53, 0.0063, 0.1893, 0.96, 0.1],
        ),
        zhang(
            "zhang-2020-141km",
            318.85,
            [140.52, 23.46, 14.23, 0.0086, 0.2717, 0.96, 0.1],
        ),
        zhang(
            "zhang-2020-203km",
            6.214,
            [202.81, 32.45, 7.65, 0.0081, 0.1523, 0.98, 0.9],
        ),
        HAJOMER,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The paper.
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// Remarks on values that the paper does not give.
    #[must_use]
    pub fn note(&self) -> &'static str {
        self.note
    }

    /// The key rate that the paper reports, if it gives one number.
    #[must_use]
    pub fn published_bit_s(&self) -> Option<f64> {
        self.published_bit_s
    }

    /// The experiment with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name == name)
    }

    /// The link, with the paper's modulation.
    #[must_use]
    pub fn link(&self) -> Link {
        self.figures
            .link()
            .expect("the numbers of each experiment are in range")
    }
}

impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Figures {
    fn link(self) -> Result<Link, OutOfRange> {
        Ok(Link {
            source: Source::new(self.modulation_snu, self.baud)?
                .with_overhead_share(self.overhead)?,
            fibre: Fibre::new(self.km, self.loss_db / self.km)?,
            excess_noise: ExcessNoise::at_input_snu(self.noise_snu)?,
            receiver: Receiver::trusted(self.detection, self.efficiency, self.electronic_snu)?,
            reconciliation: Reconciliation::new(self.beta, self.failed)?,
            block: Block::new(self.symbols)?,
        })
    }
}

const LODEWYCK: Experiment = Experiment {
    name: "lodewyck-2007-25km",
    source: "Lodewyck and others, PRA 76, 042305 (2007)",
    note: "the published rate is asymptotic; a block of 1e10 is assumed",
    published_bit_s: Some(12.3e3),
    figures: Figures {
        detection: Detection::Homodyne,
        km: 25.0,
        loss_db: 5.2,
        baud: 350e3,
        overhead: 0.0,
        modulation_snu: 18.5,
        noise_snu: 0.005,
        efficiency: 0.606,
        electronic_snu: 0.041,
        beta: 0.898,
        failed: 0.0,
        symbols: 10_000_000_000,
    },
};

const fn jouguet(name: &'static str, km: f64, modulation_snu: f64) -> Experiment {
    Experiment {
        name,
        source: "Jouguet and others, Nat. Photonics 7, 378 (2013)",
        note: "the paper gives V_A as 1 to 10: the best for this link; no frame errors are assumed",
        published_bit_s: None,
        figures: Figures {
            km,
            loss_db: 0.2 * km,
            baud: 1e6,
            modulation_snu,
            noise_snu: 0.0015,
            efficiency: 0.552,
            electronic_snu: 0.015,
            beta: 0.95,
            symbols: 1_000_000_000,
            ..LODEWYCK.figures
        },
    }
}

const fn zhang(
    name: &'static str,
    published_bit_s: f64,
    [
        km,
        loss_db,
        modulation_snu,
        noise_snu,
        electronic_snu,
        beta,
        failed,
    ]: [f64; 7],
) -> Experiment {
    Experiment {
        name,
        source: "Zhang and others, PRL 125, 010502 (2020)",
        note: "the block is inferred from the worst-case excess noise; 0.1 of the symbols are taken \
               to carry no key",
        published_bit_s: Some(published_bit_s),
        figures: Figures {
            km,
            loss_db,
            baud: 5e6,
            overhead: 0.1,
            modulation_snu,
            noise_snu,
            efficiency: 0.6134,
            electronic_snu,
            beta,
            failed,
            symbols: match km > 200.0 {
                true => 1_000_000_000_000,
                false => 100_000_000_000,
            },
            ..LODEWYCK.figures
        },
    }
}

const HAJOMER: Experiment = Experiment {
    name: "hajomer-2024-100km",
    source: "Hajomer and others, Sci. Adv. 10, eadi9474 (2024)",
    note: "the paper's own composable proof gives key from this block; the proofs here do not",
    published_bit_s: Some(25.4e3),
    figures: Figures {
        detection: Detection::Heterodyne,
        km: 100.0,
        // T = 0.028, as measured.
        loss_db: 15.5284,
        baud: 1e8,
        overhead: 0.0,
        modulation_snu: 8.41,
        // 0.212 mSNU at the channel output.
        noise_snu: 0.007_571_4,
        efficiency: 0.68,
        electronic_snu: 0.062_72,
        beta: 0.925,
        failed: 0.59,
        symbols: 1_000_000_000,
    },
};

#[cfg(test)]
mod tests;
