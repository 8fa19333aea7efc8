//! The report as one HTML page that needs no other file: verdict, rows, charts, and all tables.

use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use serde_json::{Value, json};

use super::{records, text};
use crate::rekey::analyse::row::Row;
use crate::rekey::analyse::verdict::Verdict;
use crate::rekey::measure::rounds::Results;

#[derive(PartialEq, Eq, Debug, Serialize)]
struct Section<'a> {
    name: &'a str,
    note: &'a str,
    table: &'a str,
}

/// The page; `report` is the whole text report.
pub(super) fn write(
    report: &str,
    results: &Results,
    charts: &[String],
) -> Result<String, minijinja::Error> {
    let rows = &results.rows;
    let failed = failed(results);
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let mut sections = report.split("\n\n");
    let context = json!({
        "verdict": Verdict::of(&failed).word(),
        "failed": failed,
        "faults": results.outcomes.len(),
        "sums": {
            "switches": sum(|row| row.on.switches),
            "frames": sum(|row| row.on.frames),
            "lost": sum(|row| row.on.lost),
            "unexplained": sum(Row::missing),
            "clear": sum(|row| row.safety.counted.clear),
        },
        "head": sections.next().unwrap_or_default(),
        "rows": rows.iter().map(records::row).collect::<Vec<_>>(),
        "charts": charts,
        "sections": sections.map(Section::of).collect::<Vec<_>>(),
    });
    let mut environment = Environment::new();
    environment.add_filter("figure", |value: minijinja::Value| {
        text::cell(&serde_json::to_value(value).unwrap_or(Value::Null))
    });
    environment.add_template("page.html", include_str!("page.html"))?;
    environment
        .get_template("page.html")?
        .render(Serde(context))
}

fn failed(results: &Results) -> Vec<String> {
    let of_rows = results.rows.iter();
    let of_rows = of_rows.filter_map(|row| Some(format!("{row}: {}", row.verdict().why()?)));
    let of_faults = results.outcomes.iter().filter_map(|outcome| {
        let name = outcome.scenario.name();
        Some(format!("{name}: {}", outcome.verdict().why()?))
    });
    of_rows.chain(of_faults).collect()
}

impl<'a> Section<'a> {
    /// A table of the text. Its first line starts with its name, in capitals; the rest is a note.
    fn of(text: &'a str) -> Self {
        let text = text.trim_matches('\n');
        let (title, table) = text.split_once('\n').unwrap_or((text, ""));
        let named = |word: &&str| !word.contains(char::is_lowercase);
        let words = title.split_inclusive(' ').take_while(named);
        let (name, note) = title.split_at(words.map(str::len).sum());
        let (note, table) = match table.is_empty() {
            true => ("", note),
            false => (note, table),
        };
        let name = name.trim_end_matches([',', ';', ' ']);
        Self { name, note, table }
    }
}

#[cfg(test)]
mod tests;
