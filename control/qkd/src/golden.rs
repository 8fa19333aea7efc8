//! Reads the reference values in `vectors/`. Only for tests.

use std::collections::HashMap;

/// One line of a file: its fields by the names in the header.
pub(crate) struct Row(HashMap<String, String>);

impl Row {
    /// A field as text.
    pub(crate) fn text(&self, column: &str) -> &str {
        self.0
            .get(column)
            .unwrap_or_else(|| panic!("no column {column}"))
    }

    /// A field as a number; `nan` is allowed.
    pub(crate) fn number(&self, column: &str) -> f64 {
        let text = self.text(column);
        text.parse()
            .unwrap_or_else(|_| panic!("{column} is {text}, not a number"))
    }
}

/// All lines of a CSV text with a header; fields may be quoted.
pub(crate) fn rows(csv: &str) -> Vec<Row> {
    let mut lines = csv.lines().map(fields);
    let header = lines.next().expect("a header");
    lines
        .map(|line| {
            assert_eq!(line.len(), header.len(), "{line:?}");
            Row(header.iter().cloned().zip(line).collect())
        })
        .collect()
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().expect("never empty").push(c),
        }
    }
    fields
}

/// Asserts that two numbers differ by at most `tolerance`. The message shows both.
#[track_caller]
pub(crate) fn assert_near(what: &str, got: f64, expected: f64, tolerance: f64) {
    let difference = (got - expected).abs();
    assert!(
        difference <= tolerance,
        "{what}: got {got:e}, expected {expected:e}, apart by {difference:e} > {tolerance:e}"
    );
}
