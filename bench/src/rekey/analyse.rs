//! The analysis of records: latencies, windows, rows and their verdicts.

pub(crate) mod account;
pub(crate) mod latency;
pub(crate) mod ndr;
pub(crate) mod row;
pub(crate) mod verdict;
pub(crate) mod windows;
