//! The report of a link for people, in at most 80 columns.

use qkd::block::Proof;
use qkd::budget::Budget;
use qkd::receiver::Trust;
use qkd::report::{LinkReport, Section, Value};
use textwrap::{Options, WordSeparator, WordSplitter};

use super::compared::{Compared, Crossover, Event, Point, short};
use super::curve::{Curve, Rates, demand_bit_s};
use super::input::{Inputs, Setup};
use crate::{limits, modelled_link};

/// Columns of a screen.
const COLUMNS: usize = 80;
/// Columns of a label.
const LABEL: usize = 44;
/// A table of a sweep without a chosen step shows one of this number of values.
const SHOWN: usize = 10;

/// The report of one link.
pub(super) fn link(
    inputs: &Inputs,
    setup: &Setup,
    report: &LinkReport,
    rates: &Rates,
    notes: &[String],
) -> String {
    let mut out = wrapped(
        &format!("{}: {}", inputs.preset, inputs.preset.description()),
        "",
        "  ",
    );
    let mut section = None;
    for row in report.rows() {
        if row.section == Section::Beside {
            continue;
        }
        if section != Some(row.section) {
            if let (Some(Section::Inputs), Some(budget)) = (section, &setup.budget) {
                out += &self::budget(budget);
            }
            section = Some(row.section);
            out += &format!("\n{} ({})\n", row.section, report.holds_for());
        }
        let value = match row.value {
            Value::None(_) => row.value.to_string(),
            _ => format!("{} {}", row.value, row.unit),
        };
        out += &line(&row.label, value.trim_end());
        if let ("excess_noise_snu", Some(raman)) = (row.key, setup.raman_snu) {
            out += &line("  of which Raman noise", &format!("{} SNU", short(raman)));
        }
    }
    out += &format!("\n{} (collective attacks)\n", Section::Beside);
    for beside in &report.beside {
        let label = format!("{}, {}", beside.trust, beside.proof_name());
        out += &line(&label, &kbit_s(beside.average_bit_s));
    }
    out += "\nall rates over this fibre\n";
    for (curve, rate) in Curve::ALL.into_iter().zip(rates) {
        out += &line(&curve.name(inputs), &kbit_s(*rate));
    }
    out.push('\n');
    out += &self::notes(notes);
    out + &wrapped(&summary(inputs, report), "", "")
}

/// The sources of the excess noise, with their shares.
fn budget(budget: &Budget) -> String {
    let sum = budget.sum_snu();
    let mut out = "\nnoise budget, SNU at the channel input\n".to_owned();
    for item in &budget.items {
        let share = match item.counts {
            _ if item.cause.key() == "detector" => "not in the sum".into(),
            _ => format!(
                "{:.1} %",
                100.0 * item.at_input_snu / sum.max(f64::MIN_POSITIVE)
            ),
        };
        let value = format!("{:<10} {share}", short(item.at_input_snu));
        out += &line(&item.cause.to_string(), &value);
    }
    out + &line("excess noise, sum", &short(sum))
}

/// The tables of a sweep and the crossovers.
pub(super) fn sweep(inputs: &Inputs, compared: &Compared, notes: &[String]) -> String {
    let (sweep, points) = (&compared.sweep, &compared.points);
    let description = inputs.preset.description();
    let mut out = wrapped(&format!("{}: {description}", inputs.preset), "", "  ");
    let label = sweep.input.label();
    out += &wrapped(
        &format!("key rates by {label}, in bit/s, for collective attacks"),
        "",
        "  ",
    );
    let every = if sweep.chosen_step { 1 } else { SHOWN };
    let shown = points.iter().step_by(every);
    let shown: Vec<&Point> = shown.collect();
    let (own, others) = Curve::ALL.split_at(8);
    let [plob, own @ ..] = own else { return out };
    let others: Vec<Curve> = [*plob].into_iter().chain(others.iter().copied()).collect();
    out += &table(sweep.input.name(), &shown, own, true);
    out += &table(sweep.input.name(), &shown, &others, false);
    if points.iter().any(|point| point.budget.is_some()) {
        out += &noise_table(sweep.input.name(), &shown);
    }
    out += "\ncrossovers\n";
    for crossover in &compared.crossovers {
        out += &wrapped(&crossover.to_string(), "  ", "      ");
    }
    if compared.crossovers.is_empty() {
        out += "  none: the order of the rates does not change\n";
    }
    out.push('\n');
    out += &self::notes(notes);
    out + &wrapped(&of_sweep(&compared.crossovers, inputs), "", "")
}

/// The values at which the finite rates begin and end.
fn of_sweep(crossovers: &[Crossover], inputs: &Inputs) -> String {
    let changes = |curve: Curve| {
        let words = crossovers.iter().filter_map(|crossover| {
            let at = format!("{}{}", short(crossover.at), crossover.input.unit());
            match crossover.event {
                Event::Ends(ended) if ended == curve => Some(format!("ends at {at}")),
                Event::Begins(begun) if begun == curve => Some(format!("begins at {at}")),
                _ => None,
            }
        });
        let words: Vec<_> = words.collect();
        match words.is_empty() {
            true => "neither begins nor ends in this range".to_owned(),
            false => words.join(" and "),
        }
    };
    format!(
        "key by LGG 2010 {}, by the composable proof {}; {}: {}",
        changes(Curve::CvLgg),
        changes(Curve::CvComposable),
        Curve::Demand.name(inputs),
        kbit_s(demand_bit_s(inputs)),
    )
}

fn table(name: String, shown: &[&Point], curves: &[Curve], modulation: bool) -> String {
    let mut out = String::from("\n");
    for (i, first) in halves(&name).into_iter().enumerate() {
        let mut head = format!("{first:>10}");
        if modulation {
            head += &format!(" {:>6}", ["V_A", "SNU"][i]);
        }
        for curve in curves {
            head += &format!(" {:>8}", curve.head()[i]);
        }
        out += head.trim_end();
        out.push('\n');
    }
    for point in shown {
        let mut row = format!("{:>10}", short(point.value));
        if modulation {
            row += &format!(" {:>6}", short(point.modulation_snu));
        }
        for curve in curves {
            let place = Curve::ALL.iter().position(|known| known == curve);
            let rate = place.map_or(0.0, |i| point.rates[i]);
            row += &format!(" {:>8}", compact(rate));
        }
        out += &row;
        out.push('\n');
    }
    out
}

/// The noise of each source, in thousandths of the shot noise.
fn noise_table(name: String, shown: &[&Point]) -> String {
    let mut out = String::from("\nnoise budget, SNU/1000 at the channel input\n");
    let causes = shown.first().and_then(|point| point.budget.as_ref());
    let causes = causes.map_or(&[][..], |budget| &budget.items);
    let names = causes.iter().map(|item| match item.cause.key() {
        "detector" => "v_el",
        "signal_rin" => "RIN",
        "local_oscillator_rin" => "LO RIN",
        key => key,
    });
    let heads = names.map(|name| format!(" {name:>7}"));
    let [first, second] = halves(&name);
    out += &format!("{first:>10}{}\n", heads.collect::<String>());
    if !second.is_empty() {
        out += &format!("{second:>10}\n");
    }
    for point in shown {
        let items = point
            .budget
            .as_ref()
            .map_or(&[][..], |budget| &budget.items);
        let values = items.iter().map(|item| 1e3 * item.at_input_snu);
        let values = values.map(|snu| format!(" {:>7}", short(snu)));
        out += &format!("{:>10}{}\n", short(point.value), values.collect::<String>());
    }
    out
}

/// A name on two lines, for a column of 10 letters.
fn halves(name: &str) -> [&str; 2] {
    match name.rsplit_once('-') {
        Some((first, second)) if name.len() > 10 => [first, second],
        _ => [name, ""],
    }
}

/// A rate in at most 7 letters.
fn compact(bit_s: f64) -> String {
    let (value, unit) = match bit_s {
        rate if rate <= 0.0 => return "-".to_owned(),
        rate if rate.is_infinite() => return "no bound".to_owned(),
        rate if rate >= 1e9 => (rate / 1e9, "G"),
        rate if rate >= 1e6 => (rate / 1e6, "M"),
        rate if rate >= 1e3 => (rate / 1e3, "k"),
        rate => (rate, ""),
    };
    format!("{value:.1}{unit}")
}

fn notes(notes: &[String]) -> String {
    let notes = notes.iter().map(|note| wrapped(note, "note: ", "      "));
    notes.collect()
}

/// Formats a label and its value, on one line if they fit.
fn line(label: &str, value: &str) -> String {
    if label.len() <= LABEL && 2 + LABEL + 1 + value.len() <= COLUMNS {
        return format!("  {label:<LABEL$} {value}\n");
    }
    wrapped(label, "  ", "  ") + &wrapped(value, "      ", "      ")
}

/// Breaks text into lines of at most 80 columns, between words.
fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let options = Options::new(COLUMNS)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}

/// The key rate with its proof, what it is enough for, and the rates of the other assumptions.
pub(super) fn summary(inputs: &Inputs, report: &LinkReport) -> String {
    let proof = match report.link.block.proof() {
        Proof::Lgg2010 { .. } => "LGG 2010",
        Proof::Composable { .. } => "composable",
    };
    let trust = report.link.receiver.trust();
    if let Some(reason) = report.supply.no_key {
        let end = match modelled_link::longest_km(&report.link) {
            Some(km) => format!("with the best V_A, the longest link with key has {km} km"),
            None => "no length gives key".to_owned(),
        };
        return format!("no key ({proof}, {trust}): {reason}; {end}");
    }
    let bit_s = report.supply.average_bit_s;
    let per_pair = 2.0 * f64::from(limits::QKD_KEY_BITS) / inputs.interval.as_secs_f64();
    let pairs = match (bit_s / per_pair).floor() {
        1.0 => "1 pair of encryptors".to_owned(),
        pairs => format!("{pairs:.0} pairs of encryptors"),
    };
    let interval = humantime::format_duration(inputs.interval);
    // The same trust and the other proof, then the same proof and the other trust.
    let composable = matches!(report.link.block.proof(), Proof::Composable { .. });
    let beside = |composable: bool, trust: Trust| {
        let place = usize::from(composable) + 2 * usize::from(trust == Trust::Untrusted);
        kbit_s(report.beside[place].average_bit_s)
    };
    let (other_proof, other_trust) = match (composable, trust) {
        (true, Trust::Trusted) => ("LGG 2010", Trust::Untrusted),
        (true, Trust::Untrusted) => ("LGG 2010", Trust::Trusted),
        (false, Trust::Trusted) => ("composable bound", Trust::Untrusted),
        (false, Trust::Untrusted) => ("composable bound", Trust::Trusted),
    };
    format!(
        "{} ({proof}, {trust}): enough for {pairs} that change both keys every {interval}; \
         {other_proof} of the same block: {}; {other_trust}, {proof}: {}",
        kbit_s(bit_s),
        beside(!composable, trust),
        beside(composable, other_trust),
    )
}

pub(super) fn kbit_s(bit_s: f64) -> String {
    match bit_s {
        rate if rate.is_infinite() => "no bound without loss".to_owned(),
        rate if rate >= 1e6 => format!("{:.2} Mbit/s", rate / 1e6),
        rate if rate >= 100.0 => format!("{:.2} kbit/s", rate / 1e3),
        rate if rate > 0.0 => format!("{rate:.1} bit/s"),
        _ => "no key".to_owned(),
    }
}
