//! Paints rows of a running lab: in place on a terminal; elsewhere at intervals.

use std::time::{Duration, Instant};

use console::Term;
use qmacsec::output::note;

/// Interval between two paintings without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The place where the rows stand.
pub(crate) struct Paint {
    terminal: Option<Term>,
    painted: usize,
    last_line: Option<Instant>,
}

impl Paint {
    pub(crate) fn new() -> Self {
        let terminal = Term::stderr();
        Self {
            terminal: terminal.is_term().then_some(terminal),
            painted: 0,
            last_line: None,
        }
    }

    /// Shows rows in place of those before. Without a terminal it shows `few` of them now and then.
    pub(crate) fn show(&mut self, rows: &[String], few: &[String], now: Instant) {
        match &self.terminal {
            Some(terminal) => {
                let width = usize::from(terminal.size().1).max(40) - 1;
                // A closed terminal is no reason to stop the lab.
                let _closed = terminal.clear_last_lines(self.painted);
                for row in rows {
                    let _closed =
                        terminal.write_line(console::truncate_str(row, width, "…").as_ref());
                }
                self.painted = rows.len();
            }
            None if self.last_line.is_none_or(|last| now - last >= LINE_EVERY) => {
                self.last_line = Some(now);
                note!("{}", few.join("\n"));
            }
            None => {}
        }
    }

    /// Shows a line that stays, above the rows to come.
    pub(crate) fn note(&mut self, line: &str) {
        if let Some(terminal) = &self.terminal {
            let _closed = terminal.clear_last_lines(self.painted);
        }
        self.painted = 0;
        note!("{line}");
    }
}
