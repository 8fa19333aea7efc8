//! The inputs of a link on the command line, and the link that they make of a preset.

use std::time::Duration;

use clap::ValueEnum;
use network::topology::{CONNECTOR_DB, PATCH_PANEL_DB, SPLICE_DB};
use qkd::block::{Block, DigitisedBits, Epsilon, Estimation, Proof};
use qkd::budget::{Budget, Causes, Detector, Phase};
use qkd::channel::{ExcessNoise, Fibre};
use qkd::discrete::{Constellation, QamOrder};
use qkd::link::{Reconciliation, Source};
use qkd::optimise::{Objective, optimise_with_noise};
use qkd::raman::{Band, ClassicalLight, Propagation, RamanNoise};
use qkd::receiver::{Detection, Receiver, Trust};
use qkd::{Link, OutOfRange};

use super::start::Start;
use crate::limits;

/// The inputs that are given; the preset has the others.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Inputs {
    /// The link that has the other inputs. The command parses its name, and ends as for any other
    /// wrong value.
    #[arg(skip)]
    pub(super) preset: Start,

    /// Length of the fibre
    #[arg(long, value_name = "KM", allow_negative_numbers = true, help_heading = FIBRE)]
    km: Option<f64>,
    /// Attenuation of the fibre
    #[arg(long, value_name = "DB", allow_negative_numbers = true, help_heading = FIBRE)]
    db_per_km: Option<f64>,
    /// Splices beyond those of the attenuation, 0.05 dB each
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = FIBRE)]
    splices: u16,
    /// Connectors, 0.3 dB each
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = FIBRE)]
    connectors: u16,
    /// Patch panels, 0.6 dB each
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = FIBRE)]
    patch_panels: u16,
    /// Swing of the excess noise over the day, as a share of its mean
    #[arg(long, value_name = "0..1", default_value_t = 0.0, value_parser = share,
        allow_negative_numbers = true, help_heading = FIBRE)]
    pub(super) drift: f64,
    /// Total power of data channels in the same fibre; a dark fibre has none
    #[arg(long, value_name = "DBM", allow_negative_numbers = true, help_heading = FIBRE)]
    shared_dbm: Option<f64>,
    /// Band of the quantum channel; the data channels are in the C band
    #[arg(long, value_enum, help_heading = FIBRE)]
    band: Option<BandName>,
    /// Direction of the data channels, relative to the quantum channel
    #[arg(long, value_enum, default_value = "counter", help_heading = FIBRE)]
    direction: Direction,

    /// Symbols sent per second, such as 1e6
    #[arg(long, value_name = "BAUD", allow_negative_numbers = true, help_heading = SENDER)]
    baud: Option<f64>,
    /// Share of the symbols that carry no key: pilots, frame headers
    #[arg(long, value_name = "0..1", allow_negative_numbers = true, help_heading = SENDER)]
    overhead: Option<f64>,
    /// Modulation variance V_A, in shot-noise units, or `best`: the best for this link. Default:
    /// that of the experiment, or best
    #[arg(long, value_name = "SNU", value_parser = modulation, allow_negative_numbers = true,
        help_heading = SENDER)]
    modulation: Option<Modulation>,
    /// Excess noise at the channel input, in shot-noise units
    #[arg(long, value_name = "SNU", allow_negative_numbers = true, conflicts_with = "budget",
        help_heading = SENDER)]
    excess_noise: Option<f64>,

    /// Detection of one quadrature or of both
    #[arg(long, value_enum, help_heading = RECEIVER)]
    detection: Option<DetectionName>,
    /// Efficiency eta of the receiver's optics and photodiodes
    #[arg(long, value_name = "0..1", alias = "efficiency", allow_negative_numbers = true,
        help_heading = RECEIVER)]
    eta: Option<f64>,
    /// Electronic noise v_el of the receiver, in shot-noise units
    #[arg(long, value_name = "SNU", alias = "electronic-noise", allow_negative_numbers = true,
        help_heading = RECEIVER)]
    v_el: Option<f64>,
    /// Assume that Eve also controls the loss and noise of the receiver
    #[arg(long, help_heading = RECEIVER)]
    untrusted: bool,

    /// Reconciliation efficiency beta
    #[arg(long, value_name = "0..1", allow_negative_numbers = true, help_heading = KEY)]
    beta: Option<f64>,
    /// Share of the code frames that fail to decode
    #[arg(long, value_name = "0..1", alias = "frame-error-rate", allow_negative_numbers = true,
        help_heading = KEY)]
    fer: Option<f64>,
    /// Symbols in a block, such as 1e9
    #[arg(long, value_name = "SYMBOLS", value_parser = symbols, allow_negative_numbers = true,
        help_heading = KEY)]
    block: Option<u64>,
    /// Method of the channel estimation: after-correction, or the share of a block that is
    /// disclosed
    #[arg(long, value_name = "HOW", value_parser = estimation, allow_negative_numbers = true,
        help_heading = KEY)]
    estimation: Option<Estimation>,
    /// Security proof for a block of this size
    #[arg(long, value_enum, help_heading = KEY)]
    proof: Option<ProofName>,
    /// Failure probability of each step of the proof
    #[arg(long, value_name = "0..1", allow_negative_numbers = true, help_heading = KEY)]
    epsilon: Option<f64>,
    /// Bits of a sample that the key uses, for the composable proof [default: 6]
    #[arg(long, value_name = "BITS", help_heading = KEY)]
    digitised_bits: Option<u8>,

    /// Compute the excess noise from its sources, and show each
    #[arg(long, help_heading = BUDGET)]
    budget: bool,
    /// Variance of the residual phase [default: 1e-3]
    #[arg(long, value_name = "RAD2", requires = "budget", conflicts_with = "linewidth",
        allow_negative_numbers = true, help_heading = BUDGET)]
    phase_noise: Option<f64>,
    /// Linewidth of each laser, for a local oscillator at the receiver that pilots track
    #[arg(long, value_name = "HZ", requires = "budget", allow_negative_numbers = true,
        help_heading = BUDGET)]
    linewidth: Option<f64>,
    /// Pilots per second [default: the symbol rate]
    #[arg(long, value_name = "HZ", requires = "linewidth", allow_negative_numbers = true,
        help_heading = BUDGET)]
    pilot_rate: Option<f64>,
    /// Signal-to-noise ratio of a pilot [default: 1000]
    #[arg(long, value_name = "RATIO", requires = "linewidth", allow_negative_numbers = true,
        help_heading = BUDGET)]
    pilot_snr: Option<f64>,
    /// Relative intensity noise of both lasers [default: -155]
    #[arg(long, value_name = "DBC_HZ", requires = "budget", allow_negative_numbers = true,
        help_heading = BUDGET)]
    rin: Option<f64>,
    /// Effective bits of the sender's converter [default: 10]
    #[arg(long, value_name = "BITS", requires = "budget", allow_negative_numbers = true,
        help_heading = BUDGET)]
    dac_bits: Option<f64>,
    /// Effective bits of the receiver's converter [default: 10]
    #[arg(long, value_name = "BITS", requires = "budget", allow_negative_numbers = true,
        help_heading = BUDGET)]
    adc_bits: Option<f64>,
    /// Noise-equivalent power of the detector, such as 5e-12; its electronic noise follows
    #[arg(long, value_name = "W_RTHZ", requires = "budget", conflicts_with = "v_el",
        allow_negative_numbers = true, help_heading = BUDGET)]
    nep: Option<f64>,
    /// Power of the local oscillator at the photodiodes [default: 10]
    #[arg(long, value_name = "DBM", requires = "nep", allow_negative_numbers = true,
        help_heading = BUDGET)]
    lo_dbm: Option<f64>,
    /// Excess noise of other sources [default: 0]
    #[arg(long, value_name = "SNU", requires = "budget", allow_negative_numbers = true,
        help_heading = BUDGET)]
    other_noise: Option<f64>,

    /// States of the discrete modulation
    #[arg(long, value_enum, default_value = "qam64", help_heading = OTHERS)]
    pub(super) constellation: ConstellationName,
    /// Pulses per second of BB84
    #[arg(long, value_name = "HZ", default_value_t = 1e9, allow_negative_numbers = true,
        help_heading = OTHERS)]
    pub(super) bb84_clock: f64,
    /// Sifted bits of a block of BB84
    #[arg(long, value_name = "BITS", default_value_t = 1e7, allow_negative_numbers = true,
        help_heading = OTHERS)]
    pub(super) bb84_block: f64,
    /// Encryptors at each end of the link; each pair takes two keys an interval
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = OTHERS)]
    pub(super) encryptors: u32,
    /// Interval at which they change their keys
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = interval,
        help_heading = OTHERS)]
    pub(super) interval: Duration,
}

/// The most excess noise of the model.
pub(super) const NOISE_MAX_SNU: f64 = 10.0;

const FIBRE: &str = "Fibre";
const SENDER: &str = "Sender and channel";
const RECEIVER: &str = "Receiver";
const KEY: &str = "From symbols to key";
const BUDGET: &str = "Noise budget";
const OTHERS: &str = "Compared with";

/// An input that a sweep can vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Input {
    Km,
    DbPerKm,
    SharedDbm,
    Baud,
    Overhead,
    Modulation,
    ExcessNoise,
    Eta,
    VEl,
    Beta,
    Fer,
    Block,
    Estimation,
    Epsilon,
    PhaseNoise,
    Linewidth,
    Rin,
    AdcBits,
    #[value(name = "bb84-clock")]
    Bb84Clock,
    #[value(name = "bb84-block")]
    Bb84Block,
}

/// The modulation variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Modulation {
    Best,
    Snu(f64),
}

/// The measurement of the receiver.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum DetectionName {
    Homodyne,
    Heterodyne,
}

/// The security proof.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ProofName {
    /// Leverrier, Grosshans, Grangier 2010; not composable
    Lgg,
    /// Mountogiannakis and others 2022; composable
    Composable,
}

/// The band of the quantum channel.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum BandName {
    C1550,
    L1590,
    S1500,
    S1470,
    O1310,
}

/// The direction of data channels.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Direction {
    Co,
    Counter,
}

/// The states of a discrete modulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ConstellationName {
    Qpsk,
    Psk8,
    Qam16,
    Qam64,
    Qam256,
}

/// A link with all its inputs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setup {
    pub(super) link: Link,
    /// The sources of its excess noise, if that is computed.
    pub(super) budget: Option<Budget>,
    /// The part of its excess noise that data channels cause.
    pub(super) raman_snu: Option<f64>,
    /// Whether its modulation is the best one.
    pub(super) best_modulation: bool,
}

impl Inputs {
    /// Sets the input that a sweep varies.
    pub(super) fn set(&mut self, input: Input, value: f64) -> Result<(), String> {
        let place = match input {
            Input::Km => &mut self.km,
            Input::DbPerKm => &mut self.db_per_km,
            Input::SharedDbm => &mut self.shared_dbm,
            Input::Baud => &mut self.baud,
            Input::Overhead => &mut self.overhead,
            Input::ExcessNoise => &mut self.excess_noise,
            Input::Eta => &mut self.eta,
            Input::VEl => &mut self.v_el,
            Input::Beta => &mut self.beta,
            Input::Fer => &mut self.fer,
            Input::Epsilon => &mut self.epsilon,
            Input::PhaseNoise => &mut self.phase_noise,
            Input::Linewidth => &mut self.linewidth,
            Input::Rin => &mut self.rin,
            Input::AdcBits => &mut self.adc_bits,
            Input::Modulation => {
                self.modulation = Some(Modulation::Snu(value));
                return Ok(());
            }
            Input::Block => {
                self.block = Some(value.round() as u64);
                return Ok(());
            }
            Input::Estimation => {
                let share = Estimation::disclosed(value).map_err(|error| error.to_string())?;
                self.estimation = Some(share);
                return Ok(());
            }
            Input::Bb84Clock => {
                self.bb84_clock = value;
                return Ok(());
            }
            Input::Bb84Block => {
                self.bb84_block = value;
                return Ok(());
            }
        };
        *place = Some(value);
        Ok(())
    }

    /// Whether the sweep of an input would have no effect, and what gives it one.
    pub(super) fn without_effect(&self, input: Input) -> Option<&'static str> {
        match input {
            Input::ExcessNoise => self.budget.then_some("leave out --budget"),
            Input::PhaseNoise if self.linewidth.is_some() => Some("leave out --linewidth"),
            Input::PhaseNoise | Input::Linewidth | Input::Rin | Input::AdcBits => {
                (!self.budget).then_some("add --budget")
            }
            Input::VEl => self.nep.is_some().then_some("leave out --nep"),
            _ => None,
        }
    }

    /// The same inputs with the given trust in the receiver.
    pub(super) fn with_trust(&self, trust: Trust) -> Self {
        let untrusted = trust == Trust::Untrusted;
        Self {
            untrusted,
            ..self.clone()
        }
    }

    /// The same inputs for a discrete modulation of the given variance: its proof needs heterodyne
    /// detection and an untrusted receiver.
    pub(super) fn discrete(&self, modulation_snu: f64) -> Self {
        Self {
            detection: Some(DetectionName::Heterodyne),
            untrusted: true,
            modulation: Some(Modulation::Snu(modulation_snu)),
            ..self.clone()
        }
    }

    /// Makes the link.
    pub(super) fn setup(&self) -> Result<Setup, OutOfRange> {
        let preset = self.preset.link();
        let (source, reconciliation) = (preset.source, preset.reconciliation);
        let fixed = match self.modulation {
            Some(Modulation::Snu(snu)) => Some(snu),
            None if self.preset.has_own_modulation() => Some(source.modulation_variance_snu()),
            Some(Modulation::Best) | None => None,
        };
        let link = Link {
            fibre: self.fibre(preset.fibre)?,
            source: Source::new(
                fixed.unwrap_or(source.modulation_variance_snu()),
                self.baud.unwrap_or(source.symbol_rate_baud()),
            )?
            .with_overhead_share(self.overhead.unwrap_or(source.overhead_share()))?,
            excess_noise: match self.excess_noise {
                Some(snu) => ExcessNoise::at_input_snu(snu)?,
                None => preset.excess_noise,
            },
            receiver: self.receiver(preset.receiver)?,
            reconciliation: Reconciliation::new(
                self.beta.unwrap_or(reconciliation.efficiency()),
                self.fer.unwrap_or(reconciliation.frame_error_rate()),
            )?,
            block: self.block(preset.block)?,
        };
        let shared = self.shared()?;
        let causes = self.causes(&link, shared)?;
        let raman = shared.map(|(band, light)| RamanNoise::of(&link.fibre, band, &light));
        let with_noise = |link: Link| noisy(link, causes.as_ref(), raman.as_ref());
        let link = match fixed {
            Some(_) => with_noise(link)?,
            // A modulation whose noise is out of range gives no key, and is not the best.
            None => {
                let best = optimise_with_noise(link, Objective::Asymptotic, |link| {
                    with_noise(link).unwrap_or(drowned(link))
                });
                with_noise(Link {
                    excess_noise: link.excess_noise,
                    ..best
                })?
            }
        };
        Ok(Setup {
            link,
            budget: causes.map(|causes| Budget::of(&link, &causes)),
            raman_snu: raman.map(|raman| raman.at_input_snu),
            best_modulation: fixed.is_none(),
        })
    }

    fn fibre(&self, preset: Fibre) -> Result<Fibre, OutOfRange> {
        let of_band = self.band.map(|band| band.band().attenuation_db_per_km());
        let attenuation = self.db_per_km.or(of_band);
        let joints_db = f64::from(self.splices) * SPLICE_DB
            + f64::from(self.connectors) * CONNECTOR_DB
            + f64::from(self.patch_panels) * PATCH_PANEL_DB;
        Fibre::new(
            self.km.unwrap_or(preset.km()),
            attenuation.unwrap_or(preset.attenuation_db_per_km()),
        )?
        .with_joints_db(joints_db)
    }

    fn receiver(&self, preset: Receiver) -> Result<Receiver, OutOfRange> {
        let detection = match self.detection {
            None => preset.detection(),
            Some(DetectionName::Homodyne) => Detection::Homodyne,
            Some(DetectionName::Heterodyne) => Detection::Heterodyne,
        };
        let receiver = Receiver::trusted(
            detection,
            self.eta.unwrap_or(preset.efficiency()),
            self.v_el.unwrap_or(preset.electronic_noise_snu()),
        )?;
        let trust = match self.untrusted {
            true => Trust::Untrusted,
            false => preset.trust(),
        };
        Ok(receiver.with_trust(trust))
    }

    fn block(&self, preset: Block) -> Result<Block, OutOfRange> {
        let mut block = preset.with_symbols(self.block.unwrap_or(preset.symbols()))?;
        if let Some(estimation) = self.estimation {
            block = block.with_estimation(estimation);
        }
        let mut proof = match self.proof {
            None => block.proof(),
            Some(ProofName::Lgg) => Proof::LGG_2010,
            Some(ProofName::Composable) => self.composable()?,
        };
        if let Some(probability) = self.epsilon {
            let given = Epsilon::new(probability)?;
            match &mut proof {
                Proof::Lgg2010 { epsilon } | Proof::Composable { epsilon, .. } => *epsilon = given,
            }
        }
        Ok(block.with_proof(proof))
    }

    /// The composable proof, with its own default of epsilon.
    pub(super) fn composable(&self) -> Result<Proof, OutOfRange> {
        let digitised = match self.digitised_bits {
            Some(bits) => DigitisedBits::new(bits)?,
            None => DigitisedBits::SIX,
        };
        let epsilon = match self.epsilon {
            Some(probability) => Epsilon::new(probability)?,
            None => Epsilon::TWO_TO_MINUS_32,
        };
        Ok(Proof::Composable { epsilon, digitised })
    }

    /// The proof of 2010, with its own default of epsilon.
    pub(super) fn lgg(&self) -> Result<Proof, OutOfRange> {
        let epsilon = match self.epsilon {
            Some(probability) => Epsilon::new(probability)?,
            None => Epsilon::TEN_BILLIONTH,
        };
        Ok(Proof::Lgg2010 { epsilon })
    }

    /// Whether data channels run in the same fibre.
    pub(super) fn is_shared(&self) -> bool {
        self.shared_dbm.is_some()
    }

    fn shared(&self) -> Result<Option<(Band, ClassicalLight)>, OutOfRange> {
        let direction = match self.direction {
            Direction::Co => Propagation::Co,
            Direction::Counter => Propagation::Counter,
        };
        let band = self.band.unwrap_or(BandName::C1550).band();
        let light = self
            .shared_dbm
            .map(|dbm| ClassicalLight::new(dbm, direction));
        Ok(light.transpose()?.map(|light| (band, light)))
    }

    fn causes(
        &self,
        link: &Link,
        shared: Option<(Band, ClassicalLight)>,
    ) -> Result<Option<Causes>, OutOfRange> {
        if !self.budget {
            return Ok(None);
        }
        let default = Causes::default();
        let phase = match (self.linewidth, self.phase_noise) {
            (Some(linewidth_hz), _) => Phase::LocalOscillator {
                linewidth_hz,
                pilot_rate_hz: self.pilot_rate.unwrap_or(link.source.symbol_rate_baud()),
                pilot_snr: self.pilot_snr.unwrap_or(1e3),
            },
            (None, Some(rad2)) => Phase::Variance { rad2 },
            (None, None) => default.phase,
        };
        let detector = self.nep.map(|nep_w_per_root_hz| Detector {
            nep_w_per_root_hz,
            local_oscillator_dbm: self.lo_dbm.unwrap_or(10.0),
        });
        let causes = Causes {
            phase,
            rin_db_per_hz: self.rin.unwrap_or(default.rin_db_per_hz),
            dac_bits: self.dac_bits.unwrap_or(default.dac_bits),
            adc_bits: self.adc_bits.unwrap_or(default.adc_bits),
            detector,
            shared,
            other_snu: self.other_noise.unwrap_or(0.0),
        };
        causes.checked().map(Some)
    }
}

/// The link with the noise of its sources, or with Raman noise beside its own noise. More noise
/// than the model's range is that of the end of the range: no link gives key there.
fn noisy(
    link: Link,
    causes: Option<&Causes>,
    raman: Option<&RamanNoise>,
) -> Result<Link, OutOfRange> {
    let Some(causes) = causes else {
        let raman_snu = raman.map_or(0.0, |raman| raman.at_input_snu);
        let snu = (link.excess_noise.snu() + raman_snu).min(NOISE_MAX_SNU);
        let excess_noise = ExcessNoise::at_input_snu(snu)?;
        return Ok(Link {
            excess_noise,
            ..link
        });
    };
    let budget = Budget::of(&link, causes);
    let receiver = link.receiver;
    let electronic = budget.electronic_noise_snu;
    Ok(Link {
        excess_noise: ExcessNoise::at_input_snu(budget.sum_snu().min(NOISE_MAX_SNU))?,
        receiver: Receiver::trusted(receiver.detection(), receiver.efficiency(), electronic)?
            .with_trust(receiver.trust()),
        ..link
    })
}

/// The link with more noise than any link bears.
fn drowned(link: Link) -> Link {
    let excess_noise = ExcessNoise::at_input_snu(NOISE_MAX_SNU);
    Link {
        excess_noise: excess_noise.expect("the noise is in range"),
        ..link
    }
}

impl BandName {
    fn band(self) -> Band {
        match self {
            Self::C1550 => Band::C1550,
            Self::L1590 => Band::L1590,
            Self::S1500 => Band::S1500,
            Self::S1470 => Band::S1470,
            Self::O1310 => Band::O1310,
        }
    }
}

impl ConstellationName {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Qpsk => "QPSK",
            Self::Psk8 => "8-PSK",
            Self::Qam16 => "16-QAM",
            Self::Qam64 => "64-QAM",
            Self::Qam256 => "256-QAM",
        }
    }

    /// The states, with the shaping that suits their number.
    pub(super) fn states(self) -> Constellation {
        let qam = |order, shaping| {
            Constellation::qam(order, shaping).expect("these shapings are in range")
        };
        match self {
            Self::Qpsk => Constellation::qpsk(),
            Self::Psk8 => Constellation::psk8(),
            Self::Qam16 => qam(QamOrder::Qam16, 0.5),
            Self::Qam64 => qam(QamOrder::Qam64, 0.2),
            Self::Qam256 => qam(QamOrder::Qam256, 0.1),
        }
    }
}

fn symbols(text: &str) -> Result<u64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_nan() || number < 0.0 || (number.is_finite() && number.fract() != 0.0) {
        return Err("not a number of symbols; fix: give a whole number, such as 1e9".to_owned());
    }
    // The cast ends at the largest integer, which the check of the block's size refuses.
    Ok(number as u64)
}

fn modulation(text: &str) -> Result<Modulation, String> {
    if text == "best" {
        return Ok(Modulation::Best);
    }
    let snu = text.parse().map(Modulation::Snu);
    snu.map_err(|_| "not a variance; fix: give a number such as 4.6, or best".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("not a share; fix: give a number from 0 to 1, such as 0.3".to_owned()),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let range = limits::REKEY_INTERVAL_MIN..=limits::REKEY_INTERVAL_MAX;
    match humantime::parse_duration(text) {
        Ok(interval) if range.contains(&interval) => Ok(interval),
        _ => Err("not an interval; fix: give a time from 100ms to 24h, such as 3s".to_owned()),
    }
}

fn estimation(text: &str) -> Result<Estimation, String> {
    if text == "after-correction" {
        return Ok(Estimation::AfterCorrection);
    }
    let share: f64 = text.parse().map_err(|_| {
        "not a method; fix: give after-correction, or a share such as 0.5".to_owned()
    })?;
    Estimation::disclosed(share).map_err(|error| error.to_string())
}
