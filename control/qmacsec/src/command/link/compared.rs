//! The rates over a sweep, and where their order changes.

use std::fmt;

use qkd::budget::Budget;
use qkd::supply::Supply;
use qkd::threshold::finite_tolerable_excess_noise_snu;

use super::curve::{Curve, Rates, Rating};
use super::input::{Input, Inputs};
use super::sweep::Sweep;

/// The rates at each value of a sweep.
pub(super) struct Compared {
    pub(super) sweep: Sweep,
    pub(super) points: Vec<Point>,
    pub(super) crossovers: Vec<Crossover>,
}

/// One value of a sweep.
pub(super) struct Point {
    pub(super) value: f64,
    pub(super) modulation_snu: f64,
    pub(super) excess_noise_snu: f64,
    /// Noise at which the block of the link gives no key.
    pub(super) tolerable_snu: Option<f64>,
    pub(super) budget: Option<Budget>,
    pub(super) rates: Rates,
    /// The reason if the link gives no key with its own proof.
    pub(super) no_key: Option<String>,
}

/// A value at which the order of two rates changes, or a rate ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crossover {
    pub(super) input: Input,
    pub(super) at: f64,
    /// The rate there; zero where a rate ends or begins.
    pub(super) bit_s: f64,
    pub(super) event: Event,
}

/// The change with a rising value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event {
    /// The first rate rises above the second, and both give key, or the second is the demand.
    Above(Curve, Curve),
    /// The rate no longer gives key.
    Ends(Curve),
    /// The rate begins to give key.
    Begins(Curve),
}

impl Compared {
    /// Computes all rates.
    ///
    /// # Errors
    /// An input is out of range at a value of the sweep.
    pub(super) fn of(sweep: Sweep, inputs: &Inputs, rating: &Rating) -> Result<Self, String> {
        let at = |value: f64| {
            let mut inputs = inputs.clone();
            inputs.set(sweep.input, value)?;
            Ok::<_, String>(inputs)
        };
        let in_words = |error: qkd::OutOfRange| error.to_string();
        let mut points = Vec::with_capacity(sweep.values.len());
        for &value in &sweep.values {
            let inputs = at(value)?;
            let setup = inputs.setup().map_err(in_words)?;
            let no_key = Supply::of(&setup.link).no_key;
            points.push(Point {
                value,
                modulation_snu: setup.link.source.modulation_variance_snu(),
                excess_noise_snu: setup.link.excess_noise.snu(),
                tolerable_snu: finite_tolerable_excess_noise_snu(&setup.link),
                budget: setup.budget,
                rates: rating.rates(&inputs).map_err(in_words)?,
                no_key: no_key.map(|reason| reason.to_string()),
            });
        }
        let rate = |curve: Curve, value: f64| {
            let rate = at(value).map(|inputs| rating.at(curve, &inputs));
            rate.ok().and_then(Result::ok).unwrap_or(0.0)
        };
        let crossovers = crossovers(sweep.input, &points, rate);
        Ok(Self {
            sweep,
            points,
            crossovers,
        })
    }
}

fn crossovers(input: Input, points: &[Point], rate: impl Fn(Curve, f64) -> f64) -> Vec<Crossover> {
    let mut found = Vec::new();
    let place = |curve: Curve| Curve::ALL.iter().position(|known| *known == curve);
    let rate_of = |point: &Point, curve: Curve| place(curve).map_or(0.0, |i| point.rates[i]);
    for pair in points.windows(2) {
        let [before, after] = pair else { continue };
        let change = |holds: &dyn Fn(f64) -> bool| {
            let (mut low, mut high) = (before.value, after.value);
            for _ in 0..30 {
                let middle = input.halfway(low, high);
                match holds(middle) {
                    true => low = middle,
                    false => high = middle,
                }
            }
            high
        };
        for curve in Curve::ALL {
            let (gave, gives) = (rate_of(before, curve) > 0.0, rate_of(after, curve) > 0.0);
            if gave != gives && curve != Curve::Plob {
                let at = change(&|value| (rate(curve, value) > 0.0) == gave);
                let event = if gave {
                    Event::Ends(curve)
                } else {
                    Event::Begins(curve)
                };
                found.push(Crossover {
                    input,
                    at,
                    bit_s: 0.0,
                    event,
                });
            }
        }
        for (one, other) in Curve::PAIRS {
            let ahead = |point: &Point| rate_of(point, one) > rate_of(point, other);
            let (was, is) = (ahead(before), ahead(after));
            let (winner, loser) = if is { (one, other) } else { (other, one) };
            if was == is || rate_of(after, winner) <= 0.0 {
                continue;
            }
            let at = change(&|value| (rate(one, value) > rate(other, value)) == was);
            let event = Event::Above(winner, loser);
            let bit_s = rate(winner, at);
            found.push(Crossover {
                input,
                at,
                bit_s,
                event,
            });
        }
    }
    found.sort_by(|a, b| a.at.total_cmp(&b.at));
    found
}

impl fmt::Display for Crossover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}: {}", short(self.at), self.input.unit(), self.event)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Above(Curve::Demand, loser) => write!(f, "{loser} no longer meets the demand"),
            Self::Above(winner, Curve::Demand) => write!(f, "{winner} meets the demand"),
            Self::Above(winner, loser) => write!(f, "{winner} overtakes {loser}"),
            Self::Ends(curve) => write!(f, "{curve} ends"),
            Self::Begins(curve) => write!(f, "{curve} begins"),
        }
    }
}

/// Three or four digits.
pub(super) fn short(value: f64) -> String {
    let magnitude = value.abs();
    let text = match magnitude {
        0.0 => return "0".to_owned(),
        m if !(1e-3..1e5).contains(&m) => {
            let text = format!("{value:.2e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            return format!("{}e{power}", trimmed(digits));
        }
        m if m >= 100.0 => format!("{value:.0}"),
        m if m >= 10.0 => format!("{value:.1}"),
        m if m >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    };
    trimmed(&text).to_owned()
}

fn trimmed(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}
