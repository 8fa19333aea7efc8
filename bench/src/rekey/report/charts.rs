//! Charts of one load: throughput around a switch, latency by quantile, and that of peers.

use std::time::Duration;

use hdrhistogram::Histogram;
use plotters::prelude::RGBColor;

use crate::harness::chart::{COLOURS, Chart, Line, Panel, XAxis};
use crate::harness::choice;
use crate::harness::machine::Machine;
use crate::rekey::analyse::account::{Account, window};
use crate::rekey::analyse::row::Row;
use crate::rekey::measure::peers::Peer;

/// Our encryptors with rekeying, among peers.
pub(super) const OURS: &str = "qmacsec";
/// Height of one chart as drawn, and width of all.
const HEIGHT: usize = 520;
const WIDTH: usize = 1120;
/// Steps for each nine of a latency curve, and the most nines.
const STEPS: u32 = 10;
const NINES: u32 = 5;

/// All charts of a load, one above the other in one document.
pub(crate) fn draw(machine: &Machine, rows: &[Row], peers: &[&Peer]) -> String {
    let of = rows.first().map_or(String::new(), |row| {
        format!("{} of the no-drop rate", row.cell)
    });
    let around = ("milliseconds from the switch", XAxis::Linear);
    let quantiles = ("share of frames with at most this latency", XAxis::Nines);
    let arrivals = "arrivals in each millisecond, per cent of an even flow";
    let latency = "one-way latency, µs";
    let windows = "Latency in the windows around switches, and outside";
    let mut charts = vec![
        (
            "Throughput around a switch",
            around,
            arrivals,
            throughput(rows),
        ),
        (windows, quantiles, latency, tails(rows)),
    ];
    if !peers.is_empty() {
        let lines = peers_and_ours(rows, peers);
        charts.push((
            "Latency beside peers, all frames",
            quantiles,
            latency,
            lines,
        ));
    }
    let charts = charts
        .into_iter()
        .map(|(what, (x_label, x_axis), y, mut lines)| {
            lines.retain(|line| !line.points.is_empty());
            let title = y.to_owned();
            let chart = Chart {
                title: format!("{what}: {of}"),
                subtitle: machine.cpu.clone(),
                x_label: x_label.to_owned(),
                x_axis,
                panels: vec![Panel { title, lines }],
            };
            chart.draw()
        });
    let charts: Vec<String> = charts.collect();
    let nested = charts.iter().enumerate().map(|(n, chart)| {
        let place = format!("<svg y=\"{}\" height=\"{HEIGHT}\" ", n * HEIGHT);
        chart.replacen("<svg ", &place, 1)
    });
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\">\n{}</svg>\n",
        charts.len() * HEIGHT,
        nested.collect::<String>()
    )
}

fn label(name: &str, interval: Option<Duration>) -> String {
    interval.map_or(name.to_owned(), |interval| {
        format!("{name}, {} s", interval.as_secs_f64())
    })
}

fn name(row: &Row) -> String {
    format!("T = {} s", row.interval.as_secs_f64())
}

fn throughput(rows: &[Row]) -> Vec<Line> {
    let line = |(row, colour): (&Row, RGBColor)| {
        let half = window(row.interval).as_millis() as f64;
        let bins = row.on.windows.percent().into_iter().enumerate();
        Line {
            name: name(row),
            colour,
            dashed: false,
            points: bins
                .map(|(bin, percent)| (bin as f64 + 0.5 - half, percent))
                .collect(),
        }
    };
    rows.iter().zip(COLOURS).map(line).collect()
}

fn tails(rows: &[Row]) -> Vec<Line> {
    let lines = |(row, colour): (&Row, RGBColor)| {
        [
            (", inside", &row.on.inside.undisturbed, false),
            (", outside", &row.on.outside.undisturbed, true),
        ]
        .map(|(place, histogram, dashed)| Line {
            name: name(row) + place,
            colour,
            dashed,
            points: tail(histogram),
        })
    };
    rows.iter().zip(COLOURS).flat_map(lines).collect()
}

/// Peers, and our encryptors dashed, all at the shortest interval, which costs most.
fn peers_and_ours(rows: &[Row], peers: &[&Peer]) -> Vec<Line> {
    let shortest = rows.iter().min_by_key(|row| row.interval);
    let ours = shortest.map(|row| (label(OURS, Some(row.interval)), &row.on, true));
    let shortest = shortest.map(|row| row.interval);
    let shown = |peer: &&&Peer| peer.interval.is_none() || peer.interval == shortest;
    let peers = peers.iter().filter(shown);
    let peers = peers.map(|peer| {
        (
            label(&choice::name(&peer.device), peer.interval),
            &peer.account,
            false,
        )
    });
    let line = |((name, account, dashed), colour): ((String, &Account, bool), RGBColor)| {
        let mut all = account.outside.undisturbed.clone();
        all += &account.inside.undisturbed;
        Line {
            name,
            colour,
            dashed,
            points: tail(&all),
        }
    };
    peers.chain(ours).zip(COLOURS).map(line).collect()
}

/// Latency by the nines of its quantile.
fn tail(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let steps = (0..=NINES * STEPS).map(|step| f64::from(step) / f64::from(STEPS));
    let shown = steps.filter(|nines| 10_f64.powf(*nines) <= histogram.len() as f64);
    let point = |nines: f64| {
        let quantile = 1.0 - 10_f64.powf(-nines);
        (nines, histogram.value_at_quantile(quantile) as f64 / 1e3)
    };
    shown.map(point).collect()
}
