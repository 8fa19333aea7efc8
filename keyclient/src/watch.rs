//! Have the certificate files changed? Told by what the file system says of them (device, inode,
//! length, times), not by reading them.
//!
//! A change is told once it has settled: certificate and key are two files, and whoever replaces
//! them writes one after the other.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::ClientConfig;

/// The files of some configurations, and how they looked.
pub(crate) struct Watch {
    files: Vec<PathBuf>,
    last: Vec<Stamp>,
    acted_on: Vec<Stamp>,
}

/// One file; `None` when it is not there.
type Stamp = Option<[i128; 5]>;

impl Watch {
    /// To be made before the files are read: what changes in between is then seen as a change.
    pub(crate) fn new<'a>(configs: impl Iterator<Item = &'a ClientConfig>) -> Self {
        let mut files: Vec<PathBuf> = configs
            .flat_map(|config| [&config.ca, &config.cert, &config.key])
            .cloned()
            .collect();
        files.sort();
        files.dedup();
        let now = stamps(&files);
        Self {
            files,
            last: now.clone(),
            acted_on: now,
        }
    }

    /// True when the files differ from those acted on, and are the same as at the last look.
    /// Counts as acted on then.
    pub(crate) fn changed(&mut self) -> bool {
        let now = stamps(&self.files);
        let settled = now == self.last;
        self.last = now;
        if !settled || self.last == self.acted_on {
            return false;
        }
        self.acted_on.clone_from(&self.last);
        true
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Stamp {
    let meta = fs::metadata(file).ok()?; // follows links, which some tools turn to a new file
    let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    Some([
        meta.dev().into(),
        meta.ino().into(),
        meta.len().into(),
        nanos(meta.mtime(), meta.mtime_nsec()),
        nanos(meta.ctime(), meta.ctime_nsec()),
    ])
}

#[cfg(test)]
mod tests;
