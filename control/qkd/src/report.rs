//! A full report of a link's rate: each input, each intermediate result, each rate.
//!
//! A rate can be checked and compared only together with the trust in the receiver, the proof and
//! the block, so the report shows no rate without them.

use crate::block::Proof;
use crate::finite::{Finite, WorstCase};
use crate::link::Link;
use crate::rate::Asymptotic;
use crate::readable::readable;
use crate::receiver::{Detection, Trust};
use crate::supply::Supply;
use crate::threshold::{finite_tolerable_excess_noise_snu, longest_km, tolerable_excess_noise_snu};

mod beside;
mod row;

pub use beside::Beside;
use beside::proof_name;
use row::Lines;
pub use row::{Row, Section, Value};

/// A link and all derived results. The fields are for programs; [`Self::rows`] gives the same for
/// people and for JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkReport {
    /// The link, which contains every input.
    pub link: Link,
    /// Share of the light that reaches the receiver.
    pub transmittance: f64,
    /// Upper bound of the key per symbol for any protocol without a repeater.
    pub repeaterless_bound_bit: f64,
    /// The rate of infinite blocks.
    pub asymptotic: Asymptotic,
    /// The rate of the link's block.
    pub finite: Finite,
    /// Excess noise at which the asymptotic rate reaches zero; `None` if there is no key even
    /// without noise.
    pub tolerable_excess_noise_snu: Option<f64>,
    /// Excess noise at which the key rate of the link's own block reaches zero.
    pub finite_tolerable_excess_noise_snu: Option<f64>,
    /// Longest fibre that gives key, in km; `None` if no length gives key.
    pub longest_km: Option<f64>,
    /// The key that a KME gets, or the reason why there is none.
    pub supply: Supply,
    /// The same link and block with each proof, and with a trusted and an untrusted receiver.
    pub beside: [Beside; 4],
}

impl LinkReport {
    /// The report of a link. Beside it stand the proof of the link itself, and the other proof with
    /// its default parameters.
    pub fn of(link: &Link) -> Self {
        let (lgg, composable) = match link.block.proof() {
            own @ Proof::Lgg2010 { .. } => (own, Proof::COMPOSABLE),
            own @ Proof::Composable { .. } => (Proof::LGG_2010, own),
        };
        Self::with_proofs(link, lgg, composable)
    }

    /// The report of a link, with the given proofs beside it.
    pub fn with_proofs(link: &Link, lgg: Proof, composable: Proof) -> Self {
        let channel = link.channel();
        Self {
            link: *link,
            transmittance: channel.transmittance(),
            repeaterless_bound_bit: channel.repeaterless_bound_bit(),
            asymptotic: Asymptotic::of(link),
            finite: Finite::of(link),
            tolerable_excess_noise_snu: tolerable_excess_noise_snu(link),
            finite_tolerable_excess_noise_snu: finite_tolerable_excess_noise_snu(link),
            longest_km: longest_km(link),
            supply: Supply::of(link),
            beside: Beside::all(link, lgg, composable),
        }
    }

    /// The assumptions of every rate in this report, to be printed beside it.
    pub fn holds_for(&self) -> &'static str {
        match self.link.receiver.trust() {
            Trust::Trusted => "trusted receiver, collective attacks",
            Trust::Untrusted => "untrusted receiver, collective attacks",
        }
    }

    /// All lines, in the order of their sections.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::with_capacity(50);
        self.inputs(&mut rows);
        self.asymptotic_rows(&mut rows);
        self.finite_rows(&mut rows);
        self.supply_rows(&mut rows);
        self.other_assumption_rows(&mut rows);
        rows
    }

    /// Remarks on inputs that are important for the rates.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let beta = self.link.reconciliation.efficiency();
        if beta > BETA_REACHED {
            notes.push(format!(
                "beta {beta}: codes reach {BETA_REACHED} at most; the rates are upper bounds"
            ));
        }
        let snr = self.asymptotic.snr;
        if snr > SNR_OF_CODES {
            notes.push(format!(
                "beta {beta} is an assumption: no code is shown to reach it at a signal-to-noise \
                 ratio of {}",
                readable(snr)
            ));
        }
        notes
    }

    fn inputs(&self, rows: &mut Vec<Row>) {
        let Link {
            source,
            fibre,
            excess_noise,
            receiver,
            reconciliation,
            block,
        } = &self.link;
        let mut lines = Lines {
            section: Section::Inputs,
            rows,
        };
        lines.number("fibre_km", "fibre length", fibre.km(), "km");
        let attenuation = fibre.attenuation_db_per_km();
        lines.number(
            "attenuation_db_per_km",
            "fibre attenuation",
            attenuation,
            "dB/km",
        );
        let joints = fibre.joints_db();
        lines.number(
            "joints_db",
            "splices, connectors, patch panels",
            joints,
            "dB",
        );
        lines.number(
            "symbol_rate_baud",
            "symbol rate",
            source.symbol_rate_baud(),
            "baud",
        );
        let overhead = source.overhead_share();
        lines.number(
            "overhead_share",
            "symbols without key (pilots)",
            overhead,
            "",
        );
        let modulation = source.modulation_variance_snu();
        lines.number(
            "modulation_variance_snu",
            "modulation variance V_A",
            modulation,
            "SNU",
        );
        let noise = excess_noise.snu();
        lines.number(
            "excess_noise_snu",
            "excess noise at the channel input",
            noise,
            "SNU",
        );
        lines.text("detection", "detection", receiver.detection().to_string());
        lines.text(
            "receiver_trust",
            "receiver trust",
            receiver.trust().to_string(),
        );
        let efficiency = receiver.efficiency();
        lines.number("receiver_efficiency", "receiver efficiency", efficiency, "");
        let electronic = receiver.electronic_noise_snu();
        lines.number(
            "electronic_noise_snu",
            "electronic noise",
            electronic,
            "SNU",
        );
        let beta = reconciliation.efficiency();
        lines.number(
            "reconciliation_efficiency",
            "reconciliation efficiency beta",
            beta,
            "",
        );
        let failed = reconciliation.frame_error_rate();
        lines.number("frame_error_rate", "frame error rate", failed, "");
        lines.count("block_symbols", "block size", block.symbols(), "symbols");
        lines.text(
            "estimation",
            "channel estimated from",
            block.estimation().to_string(),
        );
        lines.text("proof", "proof", block.proof().to_string());
        let epsilon = block.proof().epsilon().probability();
        lines.number("epsilon", "failure probability of each step", epsilon, "");
    }

    fn asymptotic_rows(&self, rows: &mut Vec<Row>) {
        let Asymptotic {
            snr,
            mutual_information_bit,
            holevo,
            key_bit_per_symbol,
            ..
        } = self.asymptotic;
        let mut lines = Lines {
            section: Section::Asymptotic,
            rows,
        };
        lines.number("loss_db", "channel loss", self.link.fibre.loss_db(), "dB");
        lines.number(
            "transmittance",
            "transmittance T of the fibre",
            self.transmittance,
            "",
        );
        let snr_label = match self.link.receiver.detection() {
            Detection::Homodyne => "signal-to-noise ratio",
            Detection::Heterodyne => "signal-to-noise ratio of each quadrature",
        };
        lines.number("snr", snr_label, snr, "");
        let information = mutual_information_bit;
        lines.number(
            "mutual_information_bit",
            "mutual information I_AB",
            information,
            BIT,
        );
        lines.push(
            "symplectic_eigenvalues",
            "symplectic eigenvalues",
            Value::Numbers(holevo.eigenvalues.to_vec()),
            "",
        );
        lines.number(
            "holevo_bit",
            "Eve's information chi_BE",
            holevo.bound_bit,
            BIT,
        );
        let key_label = format!("key beta I_AB - chi_BE ({})", self.holds_for());
        lines.number(
            "asymptotic_key_bit_per_symbol",
            key_label,
            key_bit_per_symbol,
            BIT,
        );
        let bound = if self.repeaterless_bound_bit.is_finite() {
            Value::Number(self.repeaterless_bound_bit)
        } else {
            Value::None("a line without loss has no bound")
        };
        lines.push(
            "repeaterless_bound_bit",
            "upper bound of any protocol (PLOB)",
            bound,
            BIT,
        );
        let tolerable = match self.tolerable_excess_noise_snu {
            Some(snu) => Value::Number(snu),
            None => Value::None("no key even without noise"),
        };
        lines.push(
            "tolerable_excess_noise_snu",
            "tolerable excess noise, infinite blocks",
            tolerable,
            "SNU",
        );
        let label = format!("secret key rate ({})", self.holds_for());
        let rate = self.asymptotic.secret_key_rate_bit_s;
        lines.number("asymptotic_key_rate_bit_s", label, rate, "bit/s");
    }

    fn finite_rows(&self, rows: &mut Vec<Row>) {
        let finite = &self.finite;
        let mut lines = Lines {
            section: Section::Finite,
            rows,
        };
        let symbols = finite.estimated_symbols;
        lines.number(
            "estimated_symbols",
            "symbols for the estimation",
            symbols,
            "symbols",
        );
        lines.number(
            "kept_symbols",
            "symbols for the key",
            finite.kept_symbols,
            "symbols",
        );
        let worst = |of: fn(&WorstCase) -> f64| match &finite.worst_case {
            Some(worst) => Value::Number(of(worst)),
            None => Value::None("the block is too small to bound the channel"),
        };
        let transmittance = worst(|worst| worst.channel.transmittance());
        lines.push(
            "worst_transmittance",
            "transmittance, worst case",
            transmittance,
            "",
        );
        let noise = worst(|worst| worst.channel.excess_noise_snu());
        lines.push(
            "worst_excess_noise_snu",
            "excess noise, worst case",
            noise,
            "SNU",
        );
        let holevo = worst(|worst| worst.holevo.bound_bit);
        lines.push(
            "worst_holevo_bit",
            "Eve's information, worst case",
            holevo,
            BIT,
        );
        lines.number(
            "penalty_bit",
            "penalty of the proof",
            finite.penalty_bit,
            BIT,
        );
        let epsilon = finite.total_epsilon;
        lines.number(
            "total_epsilon",
            "failure probability of the proof",
            epsilon,
            "",
        );
        let tolerable = match self.finite_tolerable_excess_noise_snu {
            Some(snu) => Value::Number(snu),
            None => Value::None("no key from this block even without noise"),
        };
        lines.push(
            "finite_tolerable_excess_noise_snu",
            "tolerable excess noise, this block",
            tolerable,
            "SNU",
        );
        let label = format!("key after frame errors ({})", self.holds_for());
        lines.number(
            "finite_key_bit_per_symbol",
            label,
            finite.key_bit_per_symbol,
            BIT,
        );
        let label = format!(
            "secret key rate ({}; {})",
            self.holds_for(),
            self.proof_name()
        );
        lines.number(
            "finite_key_rate_bit_s",
            label,
            finite.secret_key_rate_bit_s,
            "bit/s",
        );
    }

    fn supply_rows(&self, rows: &mut Vec<Row>) {
        let supply = &self.supply;
        let mut lines = Lines {
            section: Section::Supply,
            rows,
        };
        lines.count(
            "supply_block_bits",
            "key of a block",
            supply.block_bits,
            "bit",
        );
        let period = supply.block_period.as_secs_f64();
        lines.number("supply_block_period_s", "time between blocks", period, "s");
        let label = format!(
            "average key rate ({}; {})",
            self.holds_for(),
            self.proof_name()
        );
        lines.number("supply_average_bit_s", label, supply.average_bit_s, "bit/s");
        let shares = &supply.shares;
        lines.number(
            "share_overhead",
            "share lost to pilots",
            shares.overhead,
            "",
        );
        lines.number(
            "share_estimation",
            "share lost to estimation",
            shares.estimation,
            "",
        );
        lines.number(
            "share_failed_frames",
            "share lost to failed frames",
            shares.failed_frames,
            "",
        );
        lines.number(
            "share_finite_size",
            "share lost to the finite block",
            shares.finite_size,
            "",
        );
        let authentication = shares.authentication;
        lines.number(
            "share_authentication",
            "share lost to authentication",
            authentication,
            "",
        );
        let longest = match self.longest_km {
            Some(km) => Value::Number(km),
            None => Value::None("no key at any length"),
        };
        lines.push(
            "longest_km",
            "longest fibre with key, best V_A",
            longest,
            "km",
        );
        if let Some(reason) = supply.no_key {
            lines.text("no_key", "reason for no key", reason.to_string());
        }
    }

    fn other_assumption_rows(&self, rows: &mut Vec<Row>) {
        const KEYS: [&str; 4] = [
            "beside_lgg_trusted_bit_s",
            "beside_composable_trusted_bit_s",
            "beside_lgg_untrusted_bit_s",
            "beside_composable_untrusted_bit_s",
        ];
        let mut lines = Lines {
            section: Section::Beside,
            rows,
        };
        for (key, beside) in KEYS.into_iter().zip(&self.beside) {
            let label = format!(
                "average key rate ({}, collective attacks; {})",
                beside.trust,
                beside.proof_name()
            );
            lines.number(key, label, beside.average_bit_s, "bit/s");
        }
    }

    fn proof_name(&self) -> &'static str {
        proof_name(&self.link.block.proof())
    }
}

/// The best reconciliation efficiency that published codes reach.
const BETA_REACHED: f64 = 0.98;
/// The highest signal-to-noise ratio with published codes of efficiency 0.9 to 0.95: about 10 km.
const SNR_OF_CODES: f64 = 15.0;
const BIT: &str = "bit/symbol";

#[cfg(test)]
mod tests;
