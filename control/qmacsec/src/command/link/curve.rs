//! The key rates that are compared, as functions of the inputs.

use std::fmt;

use qkd::OutOfRange;
use qkd::bb84::Bb84;
use qkd::discrete::{Constellation, DiscreteRate, Moments};
use qkd::one_decoy::{Clock, OneDecoy};
use qkd::rate::Asymptotic;
use qkd::receiver::Trust;
use qkd::supply::Supply;

use super::input::{Inputs, Setup};
use crate::limits;

/// A key rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    Plob,
    CvInfinite,
    CvLgg,
    CvComposable,
    UntrustedInfinite,
    UntrustedLgg,
    UntrustedComposable,
    Discrete,
    NanowiresInfinite,
    Nanowires,
    PhotodiodesInfinite,
    Photodiodes,
    Demand,
}

impl Curve {
    pub(super) const ALL: [Self; 13] = [
        Self::Plob,
        Self::CvInfinite,
        Self::CvLgg,
        Self::CvComposable,
        Self::UntrustedInfinite,
        Self::UntrustedLgg,
        Self::UntrustedComposable,
        Self::Discrete,
        Self::NanowiresInfinite,
        Self::Nanowires,
        Self::PhotodiodesInfinite,
        Self::Photodiodes,
        Self::Demand,
    ];

    /// The name for programs.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Plob => "plob",
            Self::CvInfinite => "cv_asymptotic",
            Self::CvLgg => "cv_lgg",
            Self::CvComposable => "cv_composable",
            Self::UntrustedInfinite => "cv_untrusted_asymptotic",
            Self::UntrustedLgg => "cv_untrusted_lgg",
            Self::UntrustedComposable => "cv_untrusted_composable",
            Self::Discrete => "cv_discrete_untrusted_asymptotic",
            Self::NanowiresInfinite => "bb84_snspd_asymptotic",
            Self::Nanowires => "bb84_snspd_finite",
            Self::PhotodiodesInfinite => "bb84_ingaas_asymptotic",
            Self::Photodiodes => "bb84_ingaas_finite",
            Self::Demand => "demand",
        }
    }

    /// The name for people, with the constellation or the number of encryptors.
    pub(super) fn name(self, inputs: &Inputs) -> String {
        match self {
            Self::Discrete => {
                let states = inputs.constellation.text();
                format!("CV, {states}, untrusted, infinite blocks")
            }
            Self::Demand => {
                let encryptors = match inputs.encryptors {
                    1 => "1 pair of encryptors".to_owned(),
                    n => format!("{n} pairs of encryptors"),
                };
                let interval = humantime::format_duration(inputs.interval);
                format!("demand of {encryptors}, new keys every {interval}")
            }
            curve => curve.to_string(),
        }
    }

    /// The head of its column, at most 8 letters in each of two lines.
    pub(super) fn head(self) -> [&'static str; 2] {
        match self {
            Self::Plob => ["PLOB", "bound"],
            Self::CvInfinite => ["CV", "infinite"],
            Self::CvLgg => ["CV", "LGG"],
            Self::CvComposable => ["CV", "compos."],
            Self::UntrustedInfinite => ["CV untr.", "infinite"],
            Self::UntrustedLgg => ["CV untr.", "LGG"],
            Self::UntrustedComposable => ["CV untr.", "compos."],
            Self::Discrete => ["discrete", "infinite"],
            Self::NanowiresInfinite => ["SNSPD", "infinite"],
            Self::Nanowires => ["SNSPD", "finite"],
            Self::PhotodiodesInfinite => ["InGaAs", "infinite"],
            Self::Photodiodes => ["InGaAs", "finite"],
            Self::Demand => ["demand", ""],
        }
    }

    /// The pairs of rates whose order matters: equal assumptions, or key and demand.
    pub(super) const PAIRS: [(Self, Self); 11] = [
        (Self::CvInfinite, Self::NanowiresInfinite),
        (Self::CvInfinite, Self::PhotodiodesInfinite),
        (Self::CvLgg, Self::Nanowires),
        (Self::CvLgg, Self::Photodiodes),
        (Self::CvComposable, Self::Nanowires),
        (Self::CvComposable, Self::Photodiodes),
        (Self::CvLgg, Self::Demand),
        (Self::CvComposable, Self::Demand),
        (Self::UntrustedLgg, Self::Demand),
        (Self::Nanowires, Self::Demand),
        (Self::Photodiodes, Self::Demand),
    ];
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plob => "bound without repeater (PLOB)",
            Self::CvInfinite => "CV, infinite blocks",
            Self::CvLgg => "CV, LGG 2010",
            Self::CvComposable => "CV, composable",
            Self::UntrustedInfinite => "CV, untrusted receiver, infinite blocks",
            Self::UntrustedLgg => "CV, untrusted receiver, LGG 2010",
            Self::UntrustedComposable => "CV, untrusted receiver, composable",
            Self::Discrete => "CV, discrete, untrusted, infinite blocks",
            Self::NanowiresInfinite => "BB84, SNSPD, infinite blocks",
            Self::Nanowires => "BB84, SNSPD, finite (Rusca 2018)",
            Self::PhotodiodesInfinite => "BB84, InGaAs, infinite blocks",
            Self::Photodiodes => "BB84, InGaAs, finite (Rusca 2018)",
            Self::Demand => "demand of the encryptors",
        })
    }
}

/// The rates of all curves at one value of a sweep, bit/s.
pub(super) type Rates = [f64; Curve::ALL.len()];

/// The computation of the rates.
pub(super) struct Rating {
    constellation: Constellation,
    /// Modulation variances and the moments of the constellation with each.
    moments: Vec<(f64, Moments)>,
}

/// Modulation variances of a discrete modulation among which the best is used, SNU.
const DISCRETE_SNU: [f64; 12] = [0.1, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.0, 3.0, 4.5, 6.0, 8.0];

impl Rating {
    /// Computes the moments of the constellation, which takes a while and serves all rates.
    pub(super) fn of(inputs: &Inputs) -> Self {
        let constellation = inputs.constellation.states();
        let moments = DISCRETE_SNU.into_iter();
        // A variance that makes the outermost state too bright is left out.
        let moments = moments.filter_map(|snu| Some((snu, Moments::of(&constellation, snu).ok()?)));
        Self {
            moments: moments.collect(),
            constellation,
        }
    }

    /// The rates with the given inputs. Infinity stands for a bound that does not exist.
    pub(super) fn rates(&self, inputs: &Inputs) -> Result<Rates, OutOfRange> {
        let trusted = inputs.with_trust(Trust::Trusted).setup()?;
        let untrusted = inputs.with_trust(Trust::Untrusted).setup()?;
        let mut rates = [0.0; Curve::ALL.len()];
        for (rate, curve) in rates.iter_mut().zip(Curve::ALL) {
            *rate = self.rate(curve, inputs, &trusted, &untrusted)?;
        }
        Ok(rates)
    }

    /// The rate of one curve.
    pub(super) fn at(&self, curve: Curve, inputs: &Inputs) -> Result<f64, OutOfRange> {
        let trusted = inputs.with_trust(Trust::Trusted).setup()?;
        let untrusted = inputs.with_trust(Trust::Untrusted).setup()?;
        self.rate(curve, inputs, &trusted, &untrusted)
    }

    fn rate(
        &self,
        curve: Curve,
        inputs: &Inputs,
        trusted: &Setup,
        untrusted: &Setup,
    ) -> Result<f64, OutOfRange> {
        let infinite = |setup: &Setup| Asymptotic::of(&setup.link).secret_key_rate_bit_s;
        let finite = |setup: &Setup, proof| {
            let block = setup.link.block.with_proof(proof);
            Supply::of(&qkd::Link {
                block,
                ..setup.link
            })
            .average_bit_s
        };
        let transmittance = trusted.link.fibre.transmittance();
        let clock = |counts| Clock::new(inputs.bb84_clock, counts);
        let infinite_bb84 = |detection: Bb84, counts| {
            let rate = detection.best_rate(transmittance)?;
            Ok(clock(counts)?.bit_s(rate.key_bit_per_pulse, rate.gain))
        };
        let finite_bb84 = |detection: Bb84, counts| {
            let rate = OneDecoy::new(detection, inputs.bb84_block)?.best_rate(transmittance)?;
            Ok(clock(counts)?.bit_s(rate.key_bit_per_pulse, rate.detected_share))
        };
        let (nanowires, photodiodes) = (Bb84::NANOWIRES, Bb84::AVALANCHE_PHOTODIODES);
        let nanowire_counts = Clock::NANOWIRE_COUNTS_PER_S;
        let photodiode_counts = Clock::AVALANCHE_COUNTS_PER_S;
        match curve {
            Curve::Plob => {
                let bound = trusted.link.channel().repeaterless_bound_bit();
                Ok(bound * trusted.link.source.symbol_rate_baud())
            }
            Curve::CvInfinite => Ok(infinite(trusted)),
            Curve::CvLgg => Ok(finite(trusted, inputs.lgg()?)),
            Curve::CvComposable => Ok(finite(trusted, inputs.composable()?)),
            Curve::UntrustedInfinite => Ok(infinite(untrusted)),
            Curve::UntrustedLgg => Ok(finite(untrusted, inputs.lgg()?)),
            Curve::UntrustedComposable => Ok(finite(untrusted, inputs.composable()?)),
            Curve::Discrete => self.discrete(inputs),
            Curve::NanowiresInfinite => infinite_bb84(nanowires, nanowire_counts),
            Curve::Nanowires => finite_bb84(nanowires, nanowire_counts),
            Curve::PhotodiodesInfinite => infinite_bb84(photodiodes, photodiode_counts),
            Curve::Photodiodes => finite_bb84(photodiodes, photodiode_counts),
            Curve::Demand => Ok(demand_bit_s(inputs)),
        }
    }

    fn discrete(&self, inputs: &Inputs) -> Result<f64, OutOfRange> {
        let mut best = 0.0;
        for (snu, moments) in &self.moments {
            let link = inputs.discrete(*snu).setup()?.link;
            let rate = DiscreteRate::of(&link, &self.constellation, moments);
            best = rate.map_or(best, |rate| rate.secret_key_rate_bit_s.max(best));
        }
        Ok(best)
    }
}

/// Key that the encryptors take.
pub(super) fn demand_bit_s(inputs: &Inputs) -> f64 {
    let keys = 2.0 * f64::from(inputs.encryptors);
    keys * f64::from(limits::QKD_KEY_BITS) / inputs.interval.as_secs_f64()
}
