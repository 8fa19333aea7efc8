//! The report in every form, in one folder.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::account::window;
use super::rounds::Results;
use super::rows::Row;
use crate::chart::{COLOURS, Chart, Line, Panel, XAxis};
use crate::machine::Machine;

/// Writes `report.txt`, `.json`, `.html`, a chart for each size and load, and a `.hlog` for each row.
pub(super) fn write(
    folder: &Path,
    machine: &Machine,
    text: &str,
    json: &str,
    results: &Results,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("report.txt"), text)?;
    fs::write(folder.join("report.json"), json)?;
    let mut charts = Vec::new();
    let cells = results
        .rows
        .iter()
        .map(|row| (row.port, row.size, row.load_percent));
    for (port, size, load) in crate::crypto::or_default(&cells.collect::<Vec<_>>(), Vec::new()) {
        let of_cell = |row: &&Row| (row.port, row.size, row.load_percent) == (port, size, load);
        let rows: Vec<&Row> = results.rows.iter().filter(of_cell).collect();
        let chart = chart(machine, &rows);
        fs::write(
            folder.join(format!("{port}-size-{size}-load-{load}.svg")),
            &chart,
        )?;
        charts.push(chart);
        for row in rows {
            let name = format!(
                "{port}-size-{size}-load-{load}-T-{}.hlog",
                row.interval.as_secs_f64()
            );
            histograms(&folder.join(name), row)?;
        }
    }
    fs::write(folder.join("report.html"), page(text, &charts))
}

/// Throughput around a switch, and the tail of the latency inside and outside of the windows.
fn chart(machine: &Machine, rows: &[&Row]) -> String {
    let title = rows.first().map_or(String::new(), |row| {
        format!(
            "Rekeying under load: {} octets, {} % of the no-drop rate",
            row.size, row.load_percent
        )
    });
    let name = |row: &Row| format!("T = {} s", row.interval.as_secs_f64());
    let throughput = rows.iter().zip(COLOURS).map(|(row, colour)| {
        let half = window(row.interval).as_millis() as f64;
        let bins = row.on.bins.iter().enumerate();
        let point = |(bin, &arrived): (usize, &u64)| {
            (
                bin as f64 + 0.5 - half,
                100.0 * arrived as f64 / row.on.even.max(1.0),
            )
        };
        Line {
            name: name(row),
            colour,
            points: bins.map(point).collect(),
        }
    });
    let tails = rows.iter().zip(COLOURS).flat_map(|(row, colour)| {
        [
            ("", &row.on.inside, colour),
            (", outside", &row.on.outside, "#999999"),
        ]
        .map(|(place, histogram, colour)| Line {
            name: name(row) + place,
            colour,
            points: tail(histogram),
        })
    });
    let panel = |title: &str, lines: Vec<Line>| Panel {
        title: title.to_owned(),
        lines: lines
            .into_iter()
            .filter(|line| !line.points.is_empty())
            .collect(),
    };
    let draw = |title: String, x_label: &str, panel| {
        let chart = Chart {
            title,
            subtitle: machine.cpu.clone(),
            x_label: x_label.to_owned(),
            x_axis: XAxis::Linear,
            panels: vec![panel],
        };
        chart.draw()
    };
    let throughput = panel(
        "arrivals in each millisecond, per cent of an even flow",
        throughput.collect(),
    );
    let tails = panel("one-way latency, us", tails.collect());
    let height = 520;
    let charts = [
        draw(title.clone(), "milliseconds from the switch", throughput),
        draw(title, "nines of the quantile: 2 is p99, 4 is p99.99", tails),
    ];
    // One above the other in one document.
    let nested = charts.iter().enumerate().map(|(n, chart)| {
        chart.replacen(
            "<svg ",
            &format!("<svg y=\"{}\" height=\"{height}\" ", n * height),
            1,
        )
    });
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1120 {}\">\n{}</svg>\n",
        2 * height,
        nested.collect::<String>()
    )
}

/// Latency against the nines of its quantile.
fn tail(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let steps = (0..=50).map(|step| f64::from(step) / 10.0);
    let shown = steps.filter(|nines| 10_f64.powf(*nines) <= histogram.len() as f64);
    let point = |nines: f64| {
        let quantile = 1.0 - 10_f64.powf(-nines);
        (nines, histogram.value_at_quantile(quantile) as f64 / 1e3)
    };
    shown.map(point).collect()
}

/// Histograms in the format of HdrHistogram's own logs: nanoseconds, tagged by where they are from.
fn histograms(path: &Path, row: &Row) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("one-way latency of frames, ns, from when each was due")
        .begin_log_with(&mut file, &mut serializer)
        .map_err(io::Error::other)?;
    let all = [
        ("inside", &row.on.inside),
        ("outside", &row.on.outside),
        ("off", &row.off.outside),
    ];
    for (name, histogram) in all {
        let tag = Tag::new(name).ok_or_else(|| io::Error::other("a tag without spaces"))?;
        log.write_histogram(histogram, Duration::ZERO, Duration::ZERO, Some(tag))
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    Ok(())
}

/// One page that needs nothing else.
fn page(text: &str, charts: &[String]) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let figures = charts
        .iter()
        .map(|chart| format!("<figure>{chart}</figure>\n"));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rekeying under load</title>\n\
         <style>body{{font-family:sans-serif;margin:2em}}pre{{overflow-x:auto;font-size:12px}}\
         figure{{max-width:1120px;margin:2em 0}}</style></head>\n<body><h1>Rekeying under load</h1>\n{}\
         <pre>{escaped}</pre></body></html>\n",
        figures.collect::<String>()
    )
}
