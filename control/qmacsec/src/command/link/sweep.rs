//! A sweep of one input: `km=0..150/5`.

use std::str::FromStr;

use clap::ValueEnum;

use super::input::Input;

/// The values of one input, from first to last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sweep {
    pub(super) input: Input,
    /// At least two, rising.
    pub(super) values: Vec<f64>,
    /// Whether the step was given, so that each value is of interest.
    pub(super) chosen_step: bool,
}

/// The most values of a sweep.
const VALUES_MAX: f64 = 1001.0;
/// The number of steps if none is given.
const STEPS: u16 = 150;

impl Sweep {
    /// The lengths of a chart for which no sweep is given, up to the greatest loss of the model.
    pub(super) fn of_lengths(attenuation_db_per_km: f64, joints_db: f64) -> Self {
        let most = (59.9 - joints_db) / attenuation_db_per_km;
        let last = most.min(150.0).floor();
        Self {
            input: Input::Km,
            values: between(0.0, last, f64::from(STEPS), false),
            chosen_step: false,
        }
    }
}

impl Input {
    /// The name on the command line.
    pub(super) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether equal factors, and not equal distances, lie between the values.
    pub(super) fn is_logarithmic(self) -> bool {
        matches!(
            self,
            Self::Baud
                | Self::Block
                | Self::Epsilon
                | Self::PhaseNoise
                | Self::Linewidth
                | Self::Bb84Clock
                | Self::Bb84Block
        )
    }

    /// The name on an axis, with the unit.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Km => "fibre length in km",
            Self::DbPerKm => "fibre attenuation in dB/km",
            Self::SharedDbm => "power of the data channels in dBm",
            Self::Baud => "symbol rate in baud",
            Self::Overhead => "share of symbols without key",
            Self::Modulation => "modulation variance V_A in SNU",
            Self::ExcessNoise => "excess noise at the channel input in SNU",
            Self::Eta => "efficiency of the receiver",
            Self::VEl => "electronic noise of the receiver in SNU",
            Self::Beta => "reconciliation efficiency beta",
            Self::Fer => "frame error rate",
            Self::Block => "block size in symbols",
            Self::Estimation => "share of the block disclosed for the estimation",
            Self::Epsilon => "failure probability of each step of the proof",
            Self::PhaseNoise => "variance of the residual phase in rad^2",
            Self::Linewidth => "linewidth of each laser in Hz",
            Self::Rin => "relative intensity noise in dBc/Hz",
            Self::AdcBits => "effective bits of the receiver's converter",
            Self::Bb84Clock => "clock of BB84 in Hz",
            Self::Bb84Block => "sifted bits of a BB84 block",
        }
    }

    /// The unit behind a value.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Km => " km",
            Self::DbPerKm => " dB/km",
            Self::SharedDbm => " dBm",
            Self::Baud => " baud",
            Self::Modulation | Self::ExcessNoise | Self::VEl => " SNU",
            Self::Block => " symbols",
            Self::PhaseNoise => " rad^2",
            Self::Linewidth | Self::Bb84Clock => " Hz",
            Self::Rin => " dBc/Hz",
            Self::AdcBits | Self::Bb84Block => " bits",
            Self::Overhead
            | Self::Eta
            | Self::Beta
            | Self::Fer
            | Self::Estimation
            | Self::Epsilon => "",
        }
    }

    /// The value halfway between two, on the scale of this input.
    pub(super) fn halfway(self, low: f64, high: f64) -> f64 {
        match self.is_logarithmic() {
            true => (low * high).sqrt(),
            false => f64::midpoint(low, high),
        }
    }
}

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "fix: give an input, its first and its last value, and a step if you like, \
                    such as km=0..150/5";
        let (name, range) = text.split_once('=').ok_or_else(|| form.to_owned())?;
        let input = Input::from_str(name, false).map_err(|_| {
            let names = Input::value_variants().iter().map(|input| input.name());
            let names: Vec<_> = names.collect();
            format!(
                "there is no input {name:?}; fix: use one of {}",
                names.join(", ")
            )
        })?;
        let (range, step) = match range.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (range, None),
        };
        let (first, last) = range.split_once("..").ok_or_else(|| form.to_owned())?;
        let number = |text: &str| {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| format!("{text:?} is not a number; {form}"))
        };
        let (first, last) = (number(first)?, number(last)?);
        let logarithmic = input.is_logarithmic();
        if first >= last || (logarithmic && first <= 0.0) {
            let low = if logarithmic { ", above 0" } else { "" };
            return Err(format!(
                "{range} does not rise; fix: give a lower first value{low}"
            ));
        }
        let steps = match step.map(number).transpose()? {
            None => f64::from(STEPS),
            // A factor from value to value.
            Some(step) if logarithmic && step > 1.0 => (last / first).ln() / step.ln(),
            Some(step) if !logarithmic && step > 0.0 => (last - first) / step,
            Some(_) if logarithmic => {
                return Err(format!(
                    "the step of {name} is a factor above 1, such as {name}={range}/10"
                ));
            }
            Some(_) => return Err("a step is above 0".to_owned()),
        };
        if steps >= VALUES_MAX {
            return Err(format!(
                "more than {VALUES_MAX} values; fix: give a larger step"
            ));
        }
        Ok(Self {
            input,
            values: between(first, last, steps, logarithmic),
            chosen_step: step.is_some(),
        })
    }
}

/// Values from `first` to `last`; the last step may be shorter.
fn between(first: f64, last: f64, steps: f64, logarithmic: bool) -> Vec<f64> {
    let whole = (steps - 1e-9).ceil().max(1.0) as u32;
    let value = |i: u32| match (i == whole, logarithmic) {
        (true, _) => last,
        (false, true) => first * (last / first).powf(f64::from(i) / steps),
        (false, false) => first + (last - first) * f64::from(i) / steps,
    };
    (0..=whole).map(value).collect()
}
