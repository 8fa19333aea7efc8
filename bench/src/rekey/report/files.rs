//! The report in every form, in one folder.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::{charts, page};
use crate::harness::choice::name;
use crate::harness::machine::Machine;
use crate::rekey::analyse::row::Row;
use crate::rekey::measure::rounds::Results;

/// Writes `report.txt`, `.json`, `.html`, a chart for each size and load, and a `.hlog` for each
/// row.
pub(crate) fn write(
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
    for rows in results.rows.chunk_by(|a, b| a.cell == b.cell) {
        let cell = rows[0].cell;
        let (port, size, load) = (name(&cell.port), cell.offer.size, cell.load_percent);
        let file = format!("{port}-size-{size}-load-{load}");
        let peers = results.peers.iter().filter(|peer| peer.cell == cell);
        let chart = charts::draw(machine, rows, &peers.collect::<Vec<_>>());
        fs::write(folder.join(format!("{file}.svg")), &chart)?;
        charts.push(chart);
        for row in rows {
            let interval = row.interval.as_secs_f64();
            histograms(&folder.join(format!("{file}-T-{interval}.hlog")), row)?;
        }
    }
    let page = page::write(text, results, &charts).map_err(io::Error::other)?;
    fs::write(folder.join("report.html"), page)
}

/// Writes the histograms of a row as an HdrHistogram log: nanoseconds, tagged by their place.
fn histograms(path: &Path, row: &Row) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("one-way latency of frames, ns, from when each was due")
        .begin_log_with(&mut file, &mut serializer)
        .map_err(io::Error::other)?;
    let all = [
        ("inside", &row.on.inside.all),
        ("outside", &row.on.outside.all),
        ("off", &row.off.outside.all),
        ("inside-undisturbed", &row.on.inside.undisturbed),
        ("outside-undisturbed", &row.on.outside.undisturbed),
        ("off-undisturbed", &row.off.outside.undisturbed),
    ];
    for (name, histogram) in all {
        let tag = Tag::new(name).ok_or_else(|| io::Error::other("a tag without spaces"))?;
        log.write_histogram(histogram, Duration::ZERO, Duration::ZERO, Some(tag))
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    Ok(())
}
