//! Tables of text: labels on the left, figures to the right of them.

use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::text::line;

/// A table that grows row by row.
pub(crate) struct Table {
    table: comfy_table::Table,
    labels: usize,
    /// An empty line comes before the next row.
    gap: bool,
}

impl Table {
    /// The first columns, as many as `labels`, are labels; the others are figures.
    pub(crate) fn new<S: ToString>(labels: usize, header: impl IntoIterator<Item = S>) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.into_iter().map(|cell| cell.to_string()));
        let gap = false;
        Self { table, labels, gap }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        if core::mem::take(&mut self.gap) {
            self.table.add_row([""]);
        }
        self.table.add_row(cells);
    }

    /// Puts an empty line before the next row.
    pub(crate) fn gap(&mut self) {
        self.gap = true;
    }

    /// Appends a title and the table.
    pub(crate) fn print(mut self, out: &mut String, title: &str) {
        for column in self.table.column_iter_mut() {
            column.set_padding((0, 2));
            let is_label = column.index < self.labels;
            column.set_cell_alignment(if is_label {
                CellAlignment::Left
            } else {
                CellAlignment::Right
            });
        }
        line!(out, "\n{title}");
        for text in self.table.lines() {
            line!(out, "{}", text.trim_end());
        }
    }
}
