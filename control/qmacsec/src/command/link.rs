//! `qmacsec link`: the output of the modelled CV-QKD link, together with every input.

use std::process::ExitCode;
use textwrap::{Options, WordSeparator, WordSplitter};

use qkd::block::{Block, Epsilon, Estimation, Proof};
use qkd::channel::{ExcessNoise, Fibre};
use qkd::link::{Reconciliation, Source};
use qkd::optimise::{Objective, limit_of_search, optimise_modulation};
use qkd::preset::Preset;
use qkd::receiver::{Detection, Receiver, Trust};
use qkd::report::{LinkReport, Section, Value};
use qkd::{Link, OutOfRange};
use serde_json::{Map, Value as Json, json};

use super::Outcome;
use crate::output::{self, outln};
use crate::{limits, modelled_link};

/// Arguments of `qmacsec link`.
#[derive(clap::Args)]
#[command(after_help = "\
The rates are valid for collective attacks. They depend strongly on whether the receiver is \
trusted, so the report gives that with each rate. Every input in the report can be set; the \
preset gives the others.

Examples:
  qmacsec link --km 50
  qmacsec link --km 75 --block 1e9 --proof composable
  qmacsec link --preset modern-llo-50km --excess-noise 0.02 --json
  qmacsec link --list")]
pub struct Args {
    /// Preset to start from
    #[arg(long, value_name = "NAME", default_value = limits::LINK_PRESET)]
    preset: String,
    /// Length of the fibre
    #[arg(long, value_name = "KM", allow_negative_numbers = true)]
    km: Option<f64>,
    /// Attenuation of the fibre
    #[arg(long, value_name = "DB", allow_negative_numbers = true)]
    db_per_km: Option<f64>,
    /// Symbols sent per second, such as 1e6
    #[arg(long, value_name = "BAUD", allow_negative_numbers = true)]
    baud: Option<f64>,
    /// Share of the symbols that carry no key: pilots, frame headers
    #[arg(long, value_name = "0..1", allow_negative_numbers = true)]
    overhead: Option<f64>,
    /// Modulation variance V_A, in shot-noise units; default: the best for this link
    #[arg(long, value_name = "SNU", allow_negative_numbers = true)]
    modulation: Option<f64>,
    /// Excess noise at the channel input, in shot-noise units
    #[arg(long, value_name = "SNU", allow_negative_numbers = true)]
    excess_noise: Option<f64>,
    /// Detection of one quadrature or of both
    #[arg(long, value_enum)]
    detection: Option<DetectionName>,
    /// Efficiency eta of the receiver's optics and photodiodes
    #[arg(
        long,
        value_name = "0..1",
        alias = "efficiency",
        allow_negative_numbers = true
    )]
    eta: Option<f64>,
    /// Electronic noise v_el of the receiver, in shot-noise units
    #[arg(
        long,
        value_name = "SNU",
        alias = "electronic-noise",
        allow_negative_numbers = true
    )]
    v_el: Option<f64>,
    /// Assume that Eve also controls the loss and noise of the receiver
    #[arg(long)]
    untrusted: bool,
    /// Reconciliation efficiency beta
    #[arg(long, value_name = "0..1", allow_negative_numbers = true)]
    beta: Option<f64>,
    /// Share of the code frames that fail to decode
    #[arg(
        long,
        value_name = "0..1",
        alias = "frame-error-rate",
        allow_negative_numbers = true
    )]
    fer: Option<f64>,
    /// Symbols in a block, such as 1e9
    #[arg(long, value_name = "SYMBOLS", value_parser = symbols, allow_negative_numbers = true)]
    block: Option<u64>,
    /// Method of the channel estimation: after-correction, or the share of a block that is
    /// disclosed
    #[arg(long, value_name = "HOW", value_parser = estimation, allow_negative_numbers = true)]
    estimation: Option<Estimation>,
    /// Security proof for a block of this size
    #[arg(long, value_enum)]
    proof: Option<ProofName>,
    /// Failure probability of each step of the proof
    #[arg(long, value_name = "0..1", allow_negative_numbers = true)]
    epsilon: Option<f64>,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
    /// List the presets
    #[arg(long, exclusive = true)]
    list: bool,
}

/// The measurement of the receiver.
#[derive(Clone, Copy, clap::ValueEnum)]
enum DetectionName {
    Homodyne,
    Heterodyne,
}

/// The security proof.
#[derive(Clone, Copy, clap::ValueEnum)]
enum ProofName {
    /// Leverrier, Grosshans, Grangier 2010; not composable
    Lgg,
    /// Mountogiannakis and others 2022; composable
    Composable,
}

fn symbols(text: &str) -> Result<u64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_nan() || number < 0.0 || (number.is_finite() && number.fract() != 0.0) {
        return Err("not a number of symbols; fix: give a whole number, such as 1e9".to_owned());
    }
    // The cast ends at the largest integer, which the check of the block's size refuses.
    Ok(number as u64)
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

/// Prints the report.
///
/// # Errors
/// A value out of range, with its name and the range; output that cannot be written.
pub fn main(args: &Args) -> Outcome {
    if args.list {
        for preset in Preset::ALL {
            outln!("{:<18} {}", preset.name(), preset.description())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let preset: Preset = args.preset.parse()?;
    let link = link(args, preset)?;
    let report = LinkReport::of(&link);
    let mut notes = report.notes();
    if args.modulation.is_none()
        && let Some(limit) = limit_of_search(&link)
    {
        notes.push(format!(
            "V_A {limit} SNU is the limit of the search: the best V_A is higher, but a modulator \
             gives less"
        ));
    }
    if args.json {
        outln!("{}", json_report(preset, &report, &notes))?;
    } else {
        output::write(text(preset, &report, &notes))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Applies the arguments to the preset.
fn link(args: &Args, preset: Preset) -> Result<Link, OutOfRange> {
    let mut link = preset.link();
    let fibre = link.fibre;
    link.fibre = Fibre::new(
        args.km.unwrap_or(fibre.km()),
        args.db_per_km.unwrap_or(fibre.attenuation_db_per_km()),
    )?;
    let source = link.source;
    link.source = Source::new(
        args.modulation.unwrap_or(source.modulation_variance_snu()),
        args.baud.unwrap_or(source.symbol_rate_baud()),
    )?
    .with_overhead_share(args.overhead.unwrap_or(source.overhead_share()))?;
    if let Some(snu) = args.excess_noise {
        link.excess_noise = ExcessNoise::at_input_snu(snu)?;
    }
    link.receiver = receiver(args, link.receiver)?;
    let reconciliation = link.reconciliation;
    link.reconciliation = Reconciliation::new(
        args.beta.unwrap_or(reconciliation.efficiency()),
        args.fer.unwrap_or(reconciliation.frame_error_rate()),
    )?;
    link.block = block(args, link.block)?;
    if args.modulation.is_none() {
        link = optimise_modulation(link, Objective::Asymptotic);
    }
    Ok(link)
}

fn receiver(args: &Args, preset: Receiver) -> Result<Receiver, OutOfRange> {
    let detection = match args.detection {
        None => preset.detection(),
        Some(DetectionName::Homodyne) => Detection::Homodyne,
        Some(DetectionName::Heterodyne) => Detection::Heterodyne,
    };
    let receiver = Receiver::trusted(
        detection,
        args.eta.unwrap_or(preset.efficiency()),
        args.v_el.unwrap_or(preset.electronic_noise_snu()),
    )?;
    let trust = match args.untrusted {
        true => Trust::Untrusted,
        false => preset.trust(),
    };
    Ok(receiver.with_trust(trust))
}

fn block(args: &Args, preset: Block) -> Result<Block, OutOfRange> {
    let mut block = preset.with_symbols(args.block.unwrap_or(preset.symbols()))?;
    if let Some(estimation) = args.estimation {
        block = block.with_estimation(estimation);
    }
    let mut proof = match args.proof {
        None => block.proof(),
        Some(ProofName::Lgg) => Proof::LGG_2010,
        Some(ProofName::Composable) => Proof::COMPOSABLE,
    };
    if let Some(probability) = args.epsilon {
        let given = Epsilon::new(probability)?;
        match &mut proof {
            Proof::Lgg2010 { epsilon } | Proof::Composable { epsilon, .. } => *epsilon = given,
        }
    }
    Ok(block.with_proof(proof))
}

/// Formats the report in at most 80 columns.
fn text(preset: Preset, report: &LinkReport, notes: &[String]) -> String {
    let mut out = wrapped(&format!("{preset}: {}", preset.description()), "", "  ");
    let mut section = None;
    for row in report.rows() {
        if row.section == Section::Beside {
            continue;
        }
        if section != Some(row.section) {
            section = Some(row.section);
            out += &format!("\n{} ({})\n", row.section, report.holds_for());
        }
        let value = match row.value {
            Value::None(_) => row.value.to_string(),
            _ => format!("{} {}", row.value, row.unit),
        };
        out += &line(&row.label, value.trim_end());
    }
    out += &format!("\n{} (collective attacks)\n", Section::Beside);
    for beside in &report.beside {
        let label = format!("{}, {}", beside.trust, beside.proof_name());
        out += &line(&label, &kbit_s(beside.average_bit_s));
    }
    out.push('\n');
    for note in notes {
        out += &wrapped(note, "note: ", "      ");
    }
    out + &wrapped(&summary(report), "", "")
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

fn summary(report: &LinkReport) -> String {
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
    let per_line = 2.0 * f64::from(limits::QKD_KEY_BITS) / limits::REKEY_INTERVAL.as_secs_f64();
    let [_, composable, untrusted, _] = report.beside.map(|beside| kbit_s(beside.average_bit_s));
    format!(
        "{} ({proof}, {trust}): enough for {:.0} lines that change both keys every {} s; \
         composable bound of the same block, receiver trusted: {composable}; receiver untrusted, \
         LGG 2010: {untrusted}",
        kbit_s(bit_s),
        (bit_s / per_line).floor(),
        limits::REKEY_INTERVAL.as_secs()
    )
}

fn kbit_s(bit_s: f64) -> String {
    match bit_s > 0.0 {
        true => format!("{:.2} kbit/s", bit_s / 1e3),
        false => "no key".to_owned(),
    }
}

fn json_report(preset: Preset, report: &LinkReport, notes: &[String]) -> Json {
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
        "preset": preset.name(),
        "holds_for": report.holds_for(),
        "link": values,
        "reasons": reasons,
        "notes": notes,
    })
}

/// Columns of a screen.
const COLUMNS: usize = 80;
/// Columns of a label.
const LABEL: usize = 44;
