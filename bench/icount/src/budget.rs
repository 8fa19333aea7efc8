//! The counts that are committed, and how new counts compare with them.

use core::fmt::Display;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::Counts;

/// A count may differ by this many instructions a frame, whatever the tolerance: a few instructions
/// are many per cent of a small piece of work.
const SLACK: f64 = 2.0;

/// `icount.toml`.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The compiler that made the program that was counted.
    pub rustc: String,
    /// More than this above the count fails.
    pub tolerance_percent: f64,
    /// Counted instruction by instruction.
    pub step: Counts,
    /// Counted by callgrind.
    pub callgrind: Counts,
}

impl Budget {
    /// Reads the file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let wrong = |error: &dyn Display| io::Error::other(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
        toml::from_str(&text).map_err(|error| wrong(&error))
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let head = "# Instructions for one frame of a burst, release build. scripts/icount checks\n\
                    # them, scripts/icount update rewrites them.\n";
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let written = fs::write(path, head.to_owned() + &text);
        written.map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
    }
}

/// A count compared with the budget.
#[derive(Clone, PartialEq, Debug)]
pub enum Finding {
    /// Within the tolerance.
    Fine,
    /// Clearly below: the file should say so.
    Fewer,
    /// Above the tolerance.
    More,
    /// Not in the file.
    New,
    /// In the file, but not counted.
    Gone,
}

impl Finding {
    /// Whether the gate stays shut.
    pub fn fails(&self) -> bool {
        matches!(self, Self::More | Self::New | Self::Gone)
    }
}

/// Every piece of work in the file or counted: name, committed, counted, what it means.
pub fn compare(
    committed: &Counts,
    counted: &Counts,
    tolerance_percent: f64,
) -> Vec<(String, Option<f64>, Option<f64>, Finding)> {
    let mut names: Vec<&String> = committed.keys().chain(counted.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let line = |name: &String| {
        let (was, is) = (committed.get(name).copied(), counted.get(name).copied());
        let finding = match (was, is) {
            (Some(was), Some(is)) => {
                let room = (was.abs() * tolerance_percent / 100.0).max(SLACK);
                if is > was + room {
                    Finding::More
                } else if is < was - room {
                    Finding::Fewer
                } else {
                    Finding::Fine
                }
            }
            (None, _) => Finding::New,
            (Some(_), None) => Finding::Gone,
        };
        (name.clone(), was, is, finding)
    };
    names.into_iter().map(line).collect()
}
