//! Reports as text: lines, figures and tables. They are built in a `String`, and writing to a
//! `String` cannot fail.

use comfy_table::{CellAlignment, ContentArrangement, presets};

/// Appends a formatted line, or an empty one.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($arg:tt)*) => {
        ::std::fmt::Write::write_fmt($out, format_args!("{}\n", format_args!($($arg)*)))
            .expect("a String takes everything")
    };
}

pub(crate) use line;

pub(crate) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A figure with this many decimals, or a dash.
pub(crate) fn figure(value: Option<f64>, decimals: usize) -> String {
    or_dash(value.map(|value| format!("{value:.decimals$}")))
}

/// A table that grows row by row: labels stand on the left of their columns, figures on the
/// right.
pub(crate) struct Table {
    table: comfy_table::Table,
    /// An empty line comes before the next row.
    gap: bool,
}

/// A column: its header, and what it has of a row.
pub(crate) type Column<'a, R> = (&'a str, &'a dyn Fn(&R) -> String);

impl Table {
    pub(crate) fn new<S: ToString>(header: impl IntoIterator<Item = S>) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.into_iter().map(|cell| cell.to_string()));
        Self { table, gap: false }
    }

    /// A table of these columns, with a gap between groups of rows.
    pub(crate) fn of<R>(
        columns: &[Column<'_, R>],
        rows: &[&R],
        same_group: impl FnMut(&&R, &&R) -> bool,
    ) -> Self {
        let mut table = Self::new(columns.iter().map(|(header, _)| header));
        for group in rows.chunk_by(same_group) {
            for row in group {
                table.row(columns.iter().map(|(_, cell)| cell(row)));
            }
            table.gap = true;
        }
        table
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        if core::mem::take(&mut self.gap) {
            self.table.add_row([""]);
        }
        self.table.add_row(cells);
    }

    /// Appends a title and the table.
    pub(crate) fn print(mut self, out: &mut String, title: &str) {
        let count = self.table.column_count();
        let is_figure = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let figures = |index| {
            let cells = self
                .table
                .row_iter()
                .filter_map(|row| row.cell_iter().nth(index));
            let mut cells = cells.map(comfy_table::Cell::content);
            cells.all(|cell| cell.is_empty() || is_figure(&cell))
        };
        let figures: Vec<bool> = (0..count).map(figures).collect();
        for (column, figures) in self.table.column_iter_mut().zip(figures) {
            column.set_padding((0, 2));
            column.set_cell_alignment(match figures {
                true => CellAlignment::Right,
                false => CellAlignment::Left,
            });
        }
        line!(out, "\n{title}");
        for text in self.table.lines() {
            line!(out, "{}", text.trim_end());
        }
    }
}
