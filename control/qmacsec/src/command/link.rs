//! `qmacsec link`: what the modelled CV-QKD link delivers, with every input beside it.

use std::process::ExitCode;

use qkd::Link;
use qkd::channel::{ExcessNoise, Fibre};
use qkd::link::{Reconciliation, Source};
use qkd::optimise::{Objective, optimise_modulation};
use qkd::preset::Preset;
use qkd::receiver::{Detection, Receiver, Trust};
use qkd::report::{LinkReport, Value};
use serde_json::{Map, Value as Json, json};

use super::Outcome;
use crate::limits;
use crate::output::{self, outln};

/// Arguments of `qmacsec link`.
#[derive(clap::Args)]
#[command(after_help = "\
Rates hold for collective attacks. Whether the receiver is trusted decides everything: it is printed beside each rate.

Examples:
  qmacsec link --km 50
  qmacsec link --preset modern-llo-50km --excess-noise 0.02 --json
  qmacsec link --list")]
pub struct Args {
    /// Where to start from
    #[arg(long, value_name = "NAME", default_value = limits::LINK_PRESET)]
    preset: String,
    /// Length of the fibre; the modulation is chosen anew for it
    #[arg(long, value_name = "KM", allow_negative_numbers = true)]
    km: Option<f64>,
    /// Excess noise at the channel input, in shot-noise units
    #[arg(long, value_name = "SNU")]
    excess_noise: Option<f64>,
    /// Modulation variance V_A, in shot-noise units; default: the best for this link
    #[arg(long, value_name = "SNU")]
    modulation: Option<f64>,
    /// Reconciliation efficiency beta
    #[arg(long, value_name = "0..1")]
    beta: Option<f64>,
    /// One quadrature or both
    #[arg(long, value_enum)]
    detection: Option<DetectionName>,
    /// Take Eve to hold the receiver's loss and noise too
    #[arg(long)]
    untrusted: bool,
    /// For scripts
    #[arg(long)]
    json: bool,
    /// List the presets
    #[arg(long, exclusive = true)]
    list: bool,
}

/// How the receiver measures.
#[derive(Clone, Copy, clap::ValueEnum)]
enum DetectionName {
    Homodyne,
    Heterodyne,
}

/// Prints the report.
///
/// # Errors
/// A value out of range, by name, with the range; output that cannot be written.
pub fn main(args: &Args) -> Outcome {
    if args.list {
        for preset in Preset::ALL {
            outln!("{:<18} {}", preset.name(), preset.description())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let preset: Preset = args.preset.parse()?;
    let report = LinkReport::of(&link(args, preset)?);
    if args.json {
        outln!("{}", json_report(preset, &report))?;
    } else {
        output::write(text(preset, &report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The preset with what was asked for in its place.
fn link(args: &Args, preset: Preset) -> Result<Link, qkd::OutOfRange> {
    let mut link = preset.link();
    if let Some(km) = args.km {
        link.fibre = Fibre::new(km, link.fibre.attenuation_db_per_km())?;
    }
    if let Some(snu) = args.excess_noise {
        link.excess_noise = ExcessNoise::at_input_snu(snu)?;
    }
    if let Some(beta) = args.beta {
        link.reconciliation = Reconciliation::new(beta, link.reconciliation.frame_error_rate())?;
    }
    if let Some(detection) = args.detection {
        let detection = match detection {
            DetectionName::Homodyne => Detection::Homodyne,
            DetectionName::Heterodyne => Detection::Heterodyne,
        };
        let receiver = link.receiver;
        link.receiver = Receiver::trusted(
            detection,
            receiver.efficiency(),
            receiver.electronic_noise_snu(),
        )?;
    }
    if args.untrusted {
        link.receiver = link.receiver.with_trust(Trust::Untrusted);
    }
    match args.modulation {
        Some(snu) => link.source = Source::new(snu, link.source.symbol_rate_baud())?,
        None => link = optimise_modulation(link, Objective::Asymptotic),
    }
    Ok(link)
}

fn text(preset: Preset, report: &LinkReport) -> String {
    let mut out = format!("{preset}: {}\n", preset.description());
    let mut section = None;
    for row in report.rows() {
        if section != Some(row.section) {
            section = Some(row.section);
            out += &format!("\n{} ({})\n", row.section, report.holds_for());
        }
        out += &format!("  {:<44} {} {}\n", row.label, row.value, row.unit);
    }
    let bit_s = report.supply.average_bit_s;
    let per_tunnel = 2.0 * f64::from(limits::QKD_KEY_BITS) / limits::REKEY_INTERVAL.as_secs_f64();
    out += &format!(
        "\n{:.2} kbit/s: enough for {:.0} lines that change both their keys every {} s\n",
        bit_s / 1e3,
        (bit_s / per_tunnel).floor(),
        limits::REKEY_INTERVAL.as_secs()
    );
    out
}

fn json_report(preset: Preset, report: &LinkReport) -> Json {
    let mut values = Map::new();
    for row in report.rows() {
        let value = match row.value {
            Value::Number(number) => json!(number),
            Value::Count(count) => json!(count),
            Value::Text(text) => json!(text),
            Value::None(_) => Json::Null,
        };
        values.insert(row.key.to_owned(), value);
    }
    json!({ "preset": preset.name(), "holds_for": report.holds_for(), "link": values })
}
