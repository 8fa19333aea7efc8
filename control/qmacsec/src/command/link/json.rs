//! The report of a link for programs: numbers as numbers, reasons as texts.

use qkd::budget::Budget;
use qkd::report::{LinkReport, Value};
use serde_json::{Map, Value as Json, json};

use super::compared::{Compared, Crossover, Event, Point};
use super::curve::{Curve, Rates, demand_bit_s};
use super::input::{Inputs, Setup};

/// The report of one link.
pub(super) fn link(
    inputs: &Inputs,
    setup: &Setup,
    report: &LinkReport,
    rates: &Rates,
    headline: &str,
    notes: &[String],
) -> Json {
    let (mut values, mut reasons) = (Map::new(), Map::new());
    for row in report.rows() {
        let value = match row.value {
            Value::Number(number) => json!(number),
            Value::Numbers(numbers) => json!(numbers),
            Value::Count(count) => json!(count),
            Value::Text(text) => json!(text),
            Value::None(why) => {
                reasons.insert(row.key.to_owned(), json!(why));
                Json::Null
            }
        };
        values.insert(row.key.to_owned(), value);
    }
    json!({
        "preset": inputs.preset.to_string(),
        "source": inputs.preset.description(),
        "headline": headline,
        "holds_for": report.holds_for(),
        "link": values,
        "raman_snu": setup.raman_snu,
        "budget": setup.budget.as_ref().map(budget),
        "rates_bit_s": self::rates(rates),
        "demand": demand(inputs),
        "reasons": reasons,
        "notes": notes,
    })
}

/// The rates of a sweep.
pub(super) fn sweep(inputs: &Inputs, compared: &Compared, notes: &[String]) -> Json {
    let curves = Curve::ALL.map(|curve| json!({ "key": curve.key(), "name": curve.name(inputs) }));
    json!({
        "preset": inputs.preset.to_string(),
        "source": inputs.preset.description(),
        "sweep": compared.sweep.input.name(),
        "label": compared.sweep.input.label(),
        "curves": curves,
        "points": compared.points.iter().map(point).collect::<Vec<_>>(),
        "crossovers": compared.crossovers.iter().map(crossover).collect::<Vec<_>>(),
        "demand": demand(inputs),
        "notes": notes,
    })
}

fn demand(inputs: &Inputs) -> Json {
    json!({
        "encryptors": inputs.encryptors,
        "interval_s": inputs.interval.as_secs_f64(),
        "bit_s": demand_bit_s(inputs),
    })
}

fn point(point: &Point) -> Json {
    json!({
        "value": point.value,
        "modulation_variance_snu": point.modulation_snu,
        "excess_noise_snu": point.excess_noise_snu,
        "finite_tolerable_excess_noise_snu": point.tolerable_snu,
        "rates_bit_s": rates(&point.rates),
        "no_key": point.no_key,
        "budget": point.budget.as_ref().map(budget),
    })
}

/// A bound that does not exist is `null`; a rate without key is 0.
fn rates(rates: &Rates) -> Json {
    let named = Curve::ALL.into_iter().zip(rates);
    let named = named.map(|(curve, rate)| (curve.key().to_owned(), json!(rate)));
    Json::Object(named.collect())
}

fn budget(budget: &Budget) -> Json {
    let items = budget.items.iter().map(|item| {
        json!({
            "cause": item.cause.key(),
            "name": item.cause.to_string(),
            "at_input_snu": item.at_input_snu,
            "attributed_to_eve": item.counts,
        })
    });
    json!({
        "items": items.collect::<Vec<_>>(),
        "excess_noise_snu": budget.sum_snu(),
        "electronic_noise_snu": budget.electronic_noise_snu,
    })
}

fn crossover(crossover: &Crossover) -> Json {
    let (event, curve, other) = match crossover.event {
        Event::Above(winner, loser) => ("above", winner, Some(loser.key())),
        Event::Ends(curve) => ("ends", curve, None),
        Event::Begins(curve) => ("begins", curve, None),
    };
    json!({
        "at": crossover.at,
        "event": event,
        "curve": curve.key(),
        "other": other,
        "text": crossover.to_string(),
    })
}
