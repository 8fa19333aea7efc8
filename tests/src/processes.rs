//! Processes as /proc shows them: their descendants, and whether they still run.

use std::fs;
use std::path::PathBuf;

/// One process. A later process with the same ID is a different one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process ID.
    pub pid: i32,
    parent: i32,
    /// Start time in clock ticks since boot.
    started: u64,
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses and may contain any characters.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        // A zombie has ended; only its exit code is left.
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    /// True if it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.started == self.started)
    }

    /// Returns its arguments.
    #[must_use]
    pub fn command_line(&self) -> Vec<String> {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words = line
            .split(|&octet| octet == 0)
            .filter(|word| !word.is_empty());
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }

    /// Returns its root folder, including its own mounts.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid))
    }
}

/// Returns all descendants of `ancestor`, without `ancestor` itself.
#[must_use]
pub fn descendants(ancestor: i32) -> Vec<Process> {
    let all: Vec<_> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::of)
        .collect();
    let mut found: Vec<Process> = Vec::new();
    loop {
        let before = found.len();
        for process in &all {
            let ours =
                process.parent == ancestor || found.iter().any(|one| one.pid == process.parent);
            if ours && !found.contains(process) {
                found.push(*process);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}
