//! `qmacsec link`: the output of the modelled CV-QKD link, together with every input.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use qkd::Link;
use qkd::channel::ExcessNoise;
use qkd::optimise::limit_of_search;
use qkd::report::LinkReport;
use qkd::supply::Supply;

use super::Outcome;
use crate::limits;
use crate::output::{self, note, outln};

mod chart;
mod compared;
mod curve;
mod input;
mod json;
mod start;
mod sweep;
mod text;

use compared::Compared;
use curve::Rating;
use input::{Inputs, NOISE_MAX_SNU, Setup};
use start::Start;
use sweep::Sweep;

/// Arguments of `qmacsec link`.
#[derive(clap::Args)]
#[command(after_help = "\
The rates are valid for collective attacks. They depend strongly on whether the receiver is \
trusted, so the report gives that with each rate. Every input in the report can be set; the \
preset gives the others.

Examples:
  One link, and a better one that the composable proof holds for:
    qmacsec link --km 50
    qmacsec link --km 75 --block 1e9 --proof composable
  A fibre as met in a city, with drift over the day:
    qmacsec link --km 12 --splices 6 --patch-panels 4 --drift 0.3
  Data channels in the same fibre, the quantum channel in the S band:
    qmacsec link --km 25 --shared-dbm 10 --band s1500
  The noise, source by source:
    qmacsec link --budget --linewidth 1e4 --baud 1e8 --adc-bits 8
  Rates over length, with BB84 and the demand of 10 encryptors; a chart; numbers for a program:
    qmacsec link --sweep km=0..150/10 --encryptors 10 --interval 1s
    qmacsec link --sweep km=0..150 --chart rates.svg
    qmacsec link --sweep block=1e6..1e12/10 --km 50 --json
  A published experiment:
    qmacsec link --preset zhang-2020-49km
    qmacsec link --list")]
pub struct Args {
    /// Preset or published experiment to start from (see --list)
    #[arg(long, value_name = "NAME", default_value = limits::LINK_PRESET)]
    preset: String,
    #[command(flatten)]
    inputs: Inputs,
    /// Vary one input, such as km=0..150/5: first and last value, and a step (a factor for baud,
    /// block, epsilon, phase-noise, linewidth and BB84)
    #[arg(long, value_name = "INPUT=RANGE")]
    sweep: Option<Sweep>,
    /// Draw the rates of the sweep as SVG; without a sweep, over length
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
    /// List the presets and the published experiments
    #[arg(long, exclusive = true)]
    list: bool,
}

/// Prints the report, and draws the chart.
///
/// # Errors
/// A value out of range, with its name and the range; output that cannot be written.
pub fn main(args: &Args) -> Outcome {
    if args.list {
        for start in Start::all() {
            outln!("{:<18} {}", start.to_string(), start.description())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let inputs = &args.inputs()?;
    let setup = inputs.setup()?;
    let rating = Rating::of(inputs);
    if args.sweep.is_none() {
        let report = LinkReport::with_proofs(&setup.link, inputs.lgg()?, inputs.composable()?);
        let rates = rating.rates(inputs)?;
        let notes = notes(inputs, &setup, &report);
        if args.json {
            let headline = text::summary(inputs, &report);
            let json = json::link(inputs, &setup, &report, &rates, &headline, &notes);
            outln!("{json}")?;
        } else {
            output::write(text::link(inputs, &setup, &report, &rates, &notes))?;
        }
    }
    if args.sweep.is_none() && args.chart.is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    let fibre = setup.link.fibre;
    let sweep = args.sweep.clone();
    let sweep = sweep
        .unwrap_or_else(|| Sweep::of_lengths(fibre.attenuation_db_per_km(), fibre.joints_db()));
    if let Some(fix) = inputs.without_effect(sweep.input) {
        let name = sweep.input.name();
        return Err(format!("a sweep of {name} has no effect on this link; fix: {fix}").into());
    }
    let compared = Compared::of(sweep, inputs, &rating)?;
    if args.sweep.is_some() {
        let notes = general_notes(inputs);
        match args.json {
            true => outln!("{}", json::sweep(inputs, &compared, &notes))?,
            false => output::write(text::sweep(inputs, &compared, &notes))?,
        }
    }
    if let Some(file) = &args.chart {
        fs::write(file, chart::draw(inputs, &compared)).map_err(|error| {
            let file = file.display();
            format!("{file} cannot be written ({error}); fix: name a file in a folder of yours")
        })?;
        note!("chart: {}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn inputs(&self) -> Result<Inputs, String> {
        let mut inputs = self.inputs.clone();
        inputs.preset = self.preset.parse()?;
        Ok(inputs)
    }
}

/// Remarks on one link.
fn notes(inputs: &Inputs, setup: &Setup, report: &LinkReport) -> Vec<String> {
    let mut notes = report.notes();
    if setup.best_modulation
        && let Some(limit) = limit_of_search(&setup.link)
    {
        notes.push(format!(
            "V_A {limit} SNU is the limit of the search: the best V_A is higher, but a modulator \
             gives less"
        ));
    }
    if setup.link.excess_noise.snu() >= NOISE_MAX_SNU {
        notes.push(format!(
            "there is more excess noise than {NOISE_MAX_SNU} SNU, the most that the model takes"
        ));
    }
    if setup.raman_snu.is_some() || setup.budget.is_some() {
        notes.push("the longest fibre is that with the excess noise of this length".to_owned());
    }
    if inputs.drift > 0.0 {
        let mean = setup.link.excess_noise.snu();
        let worst = match ExcessNoise::at_input_snu(mean * (1.0 + inputs.drift)) {
            Ok(excess_noise) => {
                let link = Link {
                    excess_noise,
                    ..setup.link
                };
                Supply::of(&link).average_bit_s
            }
            Err(_) => 0.0,
        };
        let swing = 100.0 * inputs.drift;
        notes.push(format!(
            "at the worst hour of the day, with {swing:.0} % more noise: {}",
            text::kbit_s(worst)
        ));
    }
    notes.extend(general_notes(inputs));
    notes
}

/// Remarks on the rates of other systems.
fn general_notes(inputs: &Inputs) -> Vec<String> {
    let mut notes = vec![format!(
        "discrete modulation is {}, proven for heterodyne detection, an untrusted receiver and \
         infinite blocks",
        inputs.constellation.text()
    )];
    if inputs.is_shared() {
        notes.push("the rates of BB84 are those of a dark fibre".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests;
