//! Processes as /proc shows them: who descends from whom, and who is still there.

use std::fs;
use std::path::PathBuf;

/// One process; a later one with the same ID is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Process ID.
    pub pid: i32,
    parent: i32,
    /// In clock ticks since boot.
    started: u64,
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        // A zombie has ended; only its exit code waits.
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    /// It still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.started == self.started)
    }

    /// Its arguments.
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

    /// Its root folder, with what it has mounted there.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid))
    }
}

/// All processes that descend from `ancestor`, without itself.
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
