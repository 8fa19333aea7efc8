//! Detects changes of the certificate files by their metadata (device, inode, length, times),
//! without reading them.
//!
//! A change is reported once it has settled: certificate and key are two files, and a tool replaces
//! them one after the other.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::ClientConfig;

/// The files of some configurations, with their last metadata.
pub(crate) struct Watch {
    files: Vec<PathBuf>,
    last: Vec<Stamp>,
    acted_on: Vec<Stamp>,
}

/// Metadata of one file; `None` if the file is absent.
type Stamp = Option<[i128; 5]>;

impl Watch {
    /// Must be called before the files are read, so that a change in between is detected.
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

    /// True if the files differ from those in use and have not changed since the last check. From
    /// then on they count as in use.
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
    let meta = fs::metadata(file).ok()?; // follows links: some tools switch a link to a new file
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
