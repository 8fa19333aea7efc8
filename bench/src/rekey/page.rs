//! The report as one HTML page that needs nothing else: the verdict, the rows, the charts, and every
//! table of the text.

use super::faults::Outcome;
use super::rounds::Results;
use super::rows::Row;
use super::verdict::Verdict;
use crate::text::{line, put};

/// Light and dark; what is wide scrolls in its own box, so that the page never does.
const STYLE: &str = "
:root { color-scheme: light dark; --back: #fff; --text: #1a1a1a; --soft: #666; --rule: #ddd; --box: #f6f6f4;
  --pass: #00663f; --fail: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --back: #16181b; --text: #e6e6e6; --soft: #a0a0a0; --rule: #3a3d42; --box: #1f2226;
    --pass: #4cc38a; --fail: #ff8a80 }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem 1rem; max-width: 1180px;
  color: var(--text); background: var(--back) }
h1 { font-size: 1.5rem; margin: 0 0 .75rem } h2 { font-size: 1.05rem; margin: 2rem 0 .25rem }
p { margin: .25rem 0; color: var(--soft) }
.verdict { border-left: .5rem solid; padding: .5rem .9rem; background: var(--box); margin: 0 0 1rem }
.verdict strong { font-size: 1.25rem } .verdict ul { margin: .25rem 0; padding-left: 1.2rem; color: var(--text) }
.pass { color: var(--pass) } .fail { color: var(--fail) }
.box { overflow-x: auto; background: var(--box); border: 1px solid var(--rule); border-radius: 4px }
pre { margin: 0; padding: .6rem .8rem; font: 12px/1.45 ui-monospace, monospace; width: max-content }
.head pre { white-space: pre-wrap; width: auto; overflow-wrap: anywhere }
table { border-collapse: collapse; font-size: 13px; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule) }
th { font-weight: 600; color: var(--soft) } th:first-child, td:first-child, th:last-child, td:last-child { text-align: left }
tr:last-child td { border-bottom: 0 }
figure { margin: 1rem 0 } figure svg { display: block; min-width: 720px }
figure svg rect { fill: var(--box) } figure svg text { fill: var(--text) }
figure svg line[stroke='#dddddd'] { stroke: var(--rule) }
figure svg [stroke='#000000'] { stroke: var(--text) } figure svg circle[fill='#000000'] { fill: var(--text) }
";

/// The page; `text` is the whole report.
pub(super) fn write(text: &str, results: &Results, charts: &[String]) -> String {
    let mut page = String::new();
    let out = &mut page;
    line!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Rekeying under load</title>\n<style>{STYLE}</style></head>\n<body><h1>Rekeying under load</h1>"
    );
    verdict(out, results);
    let mut sections = text.split("\n\n");
    if let Some(machine) = sections.next() {
        line!(
            out,
            "<div class=\"box head\"><pre>{}</pre></div>",
            escape(machine)
        );
    }
    rows(out, &results.rows);
    line!(out, "<h2>Charts</h2>");
    for chart in charts {
        line!(out, "<figure class=\"box\">{chart}</figure>");
    }
    sections.for_each(|text| section(out, text));
    line!(out, "</body></html>");
    page
}

/// First of all: whether it passed, of what, and why not.
fn verdict(out: &mut String, results: &Results) {
    let of_row = |row: &Row| {
        let (port, size, load) = row.cell();
        let interval = row.interval.as_secs_f64();
        let of = format!("{port} {size} octets {load} % T = {interval} s");
        Some(format!("{of}: {}", row.verdict().why()?))
    };
    let of_fault = |outcome: &Outcome| {
        let name = outcome.trouble.name();
        Some(format!("{name}: {}", outcome.verdict().why()?))
    };
    let of_rows = results.rows.iter().filter_map(of_row);
    let of_faults = results.outcomes.iter().filter_map(of_fault);
    let failed: Vec<String> = of_rows.chain(of_faults).collect();
    let sum = |of: fn(&Row) -> u64| results.rows.iter().map(of).sum::<u64>();
    let (class, word) = marked(&Verdict::of(&failed));
    line!(
        out,
        "<div class=\"verdict {class}\"><strong>{word}</strong>\n<p>{} rows, {} faults: {} changes of key under {} frames, {} lost, {} unexplained, {} in clear</p>",
        results.rows.len(),
        results.outcomes.len(),
        sum(|row| row.on.switches),
        sum(|row| row.on.frames),
        sum(|row| row.on.lost),
        sum(Row::missing),
        sum(|row| row.safety.clear),
    );
    if !failed.is_empty() {
        put!(out, "<ul>");
        failed
            .iter()
            .for_each(|why| put!(out, "<li>{}</li>", escape(why)));
        line!(out, "</ul>");
    }
    line!(out, "</div>");
}

/// Its class in the style, and the word.
fn marked(verdict: &Verdict) -> (&'static str, &'static str) {
    let class = match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail(_) => "fail",
    };
    (class, verdict.word())
}

/// T3 in short: one row for each interval.
fn rows(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "<h2>What a change of key costs</h2>\n<p>Latencies in µs from when a frame was due; inside: in the windows around switches; \
         p99.99 without the frames that a standstill or slowness of the machine touched, the longest of all frames.</p>\n\
         <div class=\"box\"><table><tr><th>port<th>T, s<th>octets<th>load<th>switches<th>frames<th>lost<th>loss at most (95 %)\
         <th>blocked µs a switch<th>p99.99 inside<th>outside<th>max inside<th>outside<th>verdict</tr>"
    );
    let us = |us: Option<f64>| us.map_or("–".to_owned(), |us| format!("{us:.0}"));
    for row in rows {
        let a = &row.on;
        let (class, word) = marked(&row.verdict());
        let latencies = [&a.inside, &a.outside];
        let [tail_in, tail_out] = latencies.map(|latency| us(latency.tail_us()));
        let [max_in, max_out] = latencies.map(|latency| us(latency.max_us()));
        line!(
            out,
            "<tr><td>{}<td>{}<td>{}<td>{} %<td>{}<td>{}<td>{}<td>{:.1e}<td>{:.1}<td>{tail_in}<td>{tail_out}<td>{max_in}<td>{max_out}<td class=\"{class}\">{word}</tr>",
            row.port,
            row.interval.as_secs_f64(),
            row.size,
            row.load_percent,
            a.switches,
            a.frames,
            a.lost,
            a.loss_upper_95(),
            a.blocked_us_per_switch(row.rate),
        );
    }
    line!(out, "</table></div>");
}

/// A table of the text: its first line is what it is called, in capitals, and what it says.
fn section(out: &mut String, text: &str) {
    let text = text.trim_matches('\n');
    let (title, table) = text.split_once('\n').unwrap_or((text, ""));
    let named = |word: &&str| !word.contains(char::is_lowercase);
    let name: Vec<&str> = title.split(' ').take_while(named).collect();
    let name = name.join(" ");
    let says = title[name.len()..].trim_start_matches([',', ' ']);
    line!(
        out,
        "<h2>{}</h2>",
        escape(name.trim_end_matches([',', ' ']))
    );
    let (says, table) = match table.is_empty() {
        true => ("", says),
        false => (says, table),
    };
    if !says.is_empty() {
        line!(out, "<p>{}</p>", escape(says));
    }
    let table = escape(table)
        .replace("PASS", "<b class=\"pass\">PASS</b>")
        .replace("FAIL", "<b class=\"fail\">FAIL</b>");
    line!(out, "<div class=\"box\"><pre>{table}</pre></div>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
