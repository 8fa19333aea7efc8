//! The parts that the benches of frames share.
//!
//! ```text
//! options ─▶ plan ─▶ rounds (interleaved; disturbed ones are left out) ─▶ rows
//! rows ─▶ report: text | JSON, chart
//! ```

pub(crate) mod chart;
pub(crate) mod choice;
pub(crate) mod cores;
pub(crate) mod error;
pub(crate) mod machine;
pub(crate) mod quiet;
pub(crate) mod report;
pub(crate) mod rounds;
pub(crate) mod row;
pub(crate) mod text;
