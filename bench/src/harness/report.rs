//! The report of a bench: text or JSON, and a chart.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::chart::{Chart, Panel, XAxis};
use super::error::Error;
use super::machine::Machine;

/// Options about the report.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReportOptions {
    /// JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// Write a chart of Gbit/s against size to this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// The JSON of a bench. Its shape is a promise: scripts read it.
#[derive(Serialize)]
struct Document<'a, R> {
    machine: &'a Machine,
    rows: &'a [R],
}

impl ReportOptions {
    /// Writes the chart if one was asked for; returns the text or the JSON.
    pub(crate) fn write<R: Serialize>(
        &self,
        machine: &Machine,
        rows: &[R],
        text: fn(&Machine, &[R]) -> String,
        chart: fn(&Machine, &[R]) -> Chart,
    ) -> Result<String, Error> {
        if let Some(svg) = &self.svg {
            let written = fs::write(svg, chart(machine, rows).draw());
            written.map_err(|source| Error::Chart {
                path: svg.display().to_string(),
                source,
            })?;
        }
        if self.json {
            Ok(serde_json::to_string_pretty(&Document { machine, rows })? + "\n")
        } else {
            Ok(text(machine, rows))
        }
    }
}

/// A chart of Gbit/s against size.
pub(crate) fn by_size(
    title: String,
    machine: &Machine,
    octets_of: &str,
    panels: impl IntoIterator<Item = Panel>,
) -> Chart {
    Chart {
        title,
        subtitle: machine.cpu.clone(),
        x_label: format!("octets of {octets_of}"),
        x_axis: XAxis::Logarithmic,
        panels: panels.into_iter().collect(),
    }
}
