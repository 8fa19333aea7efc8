//! The report: tables, JSON, charts, and one page with all of them.

pub(crate) mod charts;
pub(crate) mod files;
mod page;
pub(crate) mod records;
pub(crate) mod text;
