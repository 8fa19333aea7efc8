//! Reports of one site's encryptor over all its processes.
//!
//! A killed process loses its counters, and the next one counts from 0. The lab keeps the last
//! report of each killed process, so that sums cover the whole run.

use std::collections::BTreeMap;

use qmacsec::status::{Report, WorkerReport};

/// The last report of each process of one encryptor, the running one last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives {
    killed: Vec<Report>,
    now: Report,
}

impl Lives {
    /// Creates the lives of an encryptor that was never killed.
    pub(crate) fn one(now: Report) -> Self {
        Self {
            killed: Vec::new(),
            now,
        }
    }

    /// Must be called before a kill. `last` is the current report of the process, if it still
    /// answers.
    ///
    /// Frames between this report and the kill count as lost.
    pub(crate) fn end(&mut self, last: Option<Report>) {
        let seen = std::mem::take(&mut self.now);
        self.killed.push(last.unwrap_or(seen));
    }

    /// Returns a copy with a newer report of the running process.
    pub(crate) fn with(&self, now: Report) -> Self {
        Self {
            killed: self.killed.clone(),
            now,
        }
    }

    /// Takes a newer report of the running process.
    pub(crate) fn see(&mut self, now: Report) {
        self.now = now;
    }

    /// Returns the last report of the running process.
    pub(crate) fn now(&self) -> &Report {
        &self.now
    }

    /// Returns the sum of a counter of one section, over all workers of all processes.
    pub(crate) fn sum(
        &self,
        section: impl Fn(&WorkerReport) -> &BTreeMap<String, u64> + Copy,
        name: &str,
    ) -> u64 {
        self.all().map(|report| report.sum(section, name)).sum()
    }

    /// Returns the workers of all processes.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &WorkerReport> {
        self.all().flat_map(|report| &report.workers)
    }

    /// Returns the key switches of all processes. The first key of a process is not a switch.
    pub(crate) fn key_changes(&self) -> u64 {
        self.all()
            .map(|report| report.tx.switches.saturating_sub(1))
            .sum()
    }

    fn all(&self) -> impl Iterator<Item = &Report> {
        self.killed.iter().chain([&self.now])
    }
}
