//! Attacks on the quantum channel, and their schedule. They act on the simulated signals
//! ([`crate::source::Fibre`]), never on a figure.

mod parameter;
mod schedule;

use std::fmt;
use std::str::FromStr;

use qkd::OutOfRange;
use qkd::raman::{ClassicalLight, Propagation};

use parameter::Parameter;

pub use schedule::{Schedule, ScheduleError};

/// An attack of Eve, or a fault of the operator that looks like one. Parsed from
/// `NAME[=VALUE[:VALUE]]`; a value that is left out has its default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attack(pub(crate) Action);

/// The change of the link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    /// Eve measures both quadratures of a share of the symbols and sends new states.
    InterceptResend { share: f64 },
    /// Eve mixes every symbol with one half of an entangled state of this variance, in a beam
    /// splitter of this transmittance in front of the fibre.
    EntanglingCloner { transmittance: f64, variance: f64 },
    /// Eve takes a share of the light.
    LossTap { share: f64 },
    /// Eve attenuates the local oscillator: the real shot noise falls below the assumed one. She
    /// replaces the fibre by a better one, so that the signal stays, and adds with an entangling
    /// cloner as much noise as the lower shot noise hides. (Jouguet, Kunz-Jacques, Diamanti, PRA
    /// 87, 062313, 2013)
    LoCalibration { assumed_over_real: f64 },
    /// Eve intercepts every symbol and adds a constant, a share of the receiver's range, to the
    /// states that she sends. The end of the range cuts the noise, and the receiver removes the
    /// constant as its offset. (Qin, Kumar, Alleaume, PRA 94, 012325, 2016)
    Saturation { displacement: f64 },
    /// The operator switches on classical channels in the same fibre.
    Raman {
        power_dbm: f64,
        light: ClassicalLight,
    },
}

/// A name, its values, and the attack that they give.
struct Syntax {
    name: &'static str,
    parameters: &'static [Parameter],
    action: fn(&[f64]) -> Result<Action, OutOfRange>,
}

const SHARE: Parameter = Parameter {
    field: "share of intercepted symbols",
    unit: "",
    min: 0.0,
    max: 1.0,
    fix: "0.1 is every tenth symbol",
    default: 0.1,
};

const SYNTAXES: [Syntax; 6] = [
    Syntax {
        name: "intercept-resend",
        parameters: &[SHARE],
        action: |values| Ok(Action::InterceptResend { share: values[0] }),
    },
    Syntax {
        name: "entangling-cloner",
        parameters: &[
            Parameter {
                field: "transmittance of the cloner",
                unit: "",
                min: 0.01,
                max: 1.0,
                fix: "0.8 takes a fifth of the light",
                default: 0.8,
            },
            Parameter {
                field: "variance of the cloner's entangled state",
                unit: "SNU",
                min: 1.0,
                max: 1000.0,
                fix: "1 is vacuum, which adds no noise",
                default: 1.5,
            },
        ],
        action: |values| {
            Ok(Action::EntanglingCloner {
                transmittance: values[0],
                variance: values[1],
            })
        },
    },
    Syntax {
        name: "loss-tap",
        parameters: &[Parameter {
            field: "share of the light that is tapped",
            unit: "dB",
            min: 0.0,
            max: 0.99,
            fix: "0.2 is a fifth of the light, 1dB as much",
            default: 0.2,
        }],
        action: |values| Ok(Action::LossTap { share: values[0] }),
    },
    Syntax {
        name: "lo-calibration",
        parameters: &[Parameter {
            field: "ratio of assumed to real shot noise",
            unit: "",
            min: 1.0,
            max: 2.0,
            fix: "1 is a true calibration, 1.05 hides some noise",
            default: 1.05,
        }],
        action: |values| {
            Ok(Action::LoCalibration {
                assumed_over_real: values[0],
            })
        },
    },
    Syntax {
        name: "saturation",
        parameters: &[Parameter {
            field: "displacement as a share of the receiver's range",
            unit: "",
            min: 0.0,
            max: 1.2,
            fix: "0.9 hides most of the noise at 25 km",
            default: 0.91,
        }],
        action: |values| {
            Ok(Action::Saturation {
                displacement: values[0],
            })
        },
    },
    Syntax {
        name: "raman",
        parameters: &[Parameter {
            field: "launch power of the classical channels",
            unit: "dBm",
            min: -60.0,
            max: 33.0,
            fix: "0 dBm is one or two channels, 17 dBm about fifty",
            default: 10.0,
        }],
        action: |values| {
            Ok(Action::Raman {
                power_dbm: values[0],
                light: ClassicalLight::new(values[0], Propagation::Co)?,
            })
        },
    },
];

/// A text that is no attack.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AttackError {
    /// No attack has the name.
    #[error("unknown attack `{name}`: use one of {}", names())]
    Name {
        /// The given name.
        name: String,
    },
    /// There are more values than the attack takes.
    #[error("{name} takes {most} value(s), got {given}: remove the rest")]
    Count {
        /// The attack.
        name: &'static str,
        /// Values that it takes.
        most: usize,
        /// Values that were given.
        given: usize,
    },
    /// A value is no number.
    #[error("{name}: `{text}` is no number: give the {field}, such as {default}")]
    Number {
        /// The attack.
        name: &'static str,
        /// The given text.
        text: String,
        /// Name of the value, in words.
        field: &'static str,
        /// A value that will do.
        default: f64,
    },
    /// A value is out of range.
    #[error("{name}: {error}")]
    Range {
        /// The attack.
        name: &'static str,
        /// The value and its range.
        error: OutOfRange,
    },
}

fn names() -> String {
    SYNTAXES.map(|syntax| syntax.name).join(", ")
}

impl FromStr for Attack {
    type Err = AttackError;

    fn from_str(text: &str) -> Result<Self, AttackError> {
        let (name, values) = match text.split_once('=') {
            Some((name, values)) => (name, values.split(':').collect()),
            None => (text, Vec::new()),
        };
        let syntax = SYNTAXES
            .iter()
            .find(|syntax| syntax.name == name)
            .ok_or_else(|| AttackError::Name { name: name.into() })?;
        let &Syntax {
            name, parameters, ..
        } = syntax;
        if values.len() > parameters.len() {
            return Err(AttackError::Count {
                name,
                most: parameters.len(),
                given: values.len(),
            });
        }
        let range = |error| AttackError::Range { name, error };
        let mut numbers = Vec::with_capacity(parameters.len());
        for (i, parameter) in parameters.iter().enumerate() {
            numbers.push(match values.get(i) {
                None => parameter.default,
                Some(text) => {
                    let number = parameter.number(text).ok_or_else(|| AttackError::Number {
                        name,
                        text: (*text).into(),
                        field: parameter.field,
                        default: parameter.default,
                    })?;
                    parameter.check(number).map_err(range)?
                }
            });
        }
        (syntax.action)(&numbers).map(Self).map_err(range)
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Action::InterceptResend { share } => write!(f, "intercept-resend={share}"),
            Action::EntanglingCloner {
                transmittance,
                variance,
            } => write!(f, "entangling-cloner={transmittance}:{variance}"),
            Action::LossTap { share } => write!(f, "loss-tap={share}"),
            Action::LoCalibration { assumed_over_real } => {
                write!(f, "lo-calibration={assumed_over_real}")
            }
            Action::Saturation { displacement } => write!(f, "saturation={displacement}"),
            Action::Raman { power_dbm, .. } => write!(f, "raman={power_dbm}"),
        }
    }
}

#[cfg(test)]
mod tests;
