//! Files that the user asks the lab to keep: the capture of the line, the ledgers.
//!
//! Both are tested before the lab is built. A file that fails later does not change the verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::Args;
use super::sniff::Recorder;
use crate::ledger;
use crate::output::note;

/// The files of a run to keep.
pub(super) struct Keep {
    pub(super) recorder: Option<Recorder>,
    ledgers: Option<PathBuf>,
}

impl Keep {
    /// Creates the capture file and the folder of the ledgers, and announces the size of the
    /// capture.
    ///
    /// Called before the sandbox hides folders.
    ///
    /// # Errors
    /// The option that cannot be used, and the fix.
    pub(super) fn prepare(args: &Args) -> Result<Self, String> {
        let recorder = match &args.pcap {
            Some(path) => {
                let recorder = Recorder::create(path, args.pcap_max.octets())
                    .map_err(|error| format!("--pcap {}: {error}", path.display()))?;
                note!("{}", announce(path, args));
                Some(recorder)
            }
            None => None,
        };
        if let Some(folder) = &args.ledgers {
            writable(folder).map_err(|error| {
                format!(
                    "--ledgers {}: {error}; fix: name a folder that can be written",
                    folder.display()
                )
            })?;
        }
        Ok(Self {
            recorder,
            ledgers: args.ledgers.clone(),
        })
    }

    /// Returns the paths that the sandbox must not hide.
    pub(super) fn in_use(args: &Args) -> Vec<PathBuf> {
        let asked = args.pcap.iter().chain(&args.ledgers).cloned();
        asked.chain(std::env::current_dir().ok()).collect()
    }

    /// Ends the capture and copies the ledgers. Returns the failures.
    pub(super) fn finish(self, ledgers: &[PathBuf]) -> Vec<String> {
        let mut troubles = Vec::new();
        if let Some(trouble) = self.recorder.and_then(|recorder| recorder.finish()) {
            troubles.push(format!("--pcap: {trouble}"));
        }
        let Some(folder) = self.ledgers else {
            return troubles;
        };
        for file in ledgers {
            if let Err(error) = ledger::copy(file, &folder) {
                troubles.push(format!("--ledgers: {}: {error}", folder.display()));
            }
        }
        troubles
    }
}

/// Creates the folder if it is missing, and tries to write a file in it.
fn writable(folder: &Path) -> std::io::Result<()> {
    if !folder.is_dir() {
        fs::create_dir(folder)?;
    }
    tempfile::tempfile_in(folder).map(drop)
}

/// Describes the growth of the capture: TCP both ways, and a tenth for headers and ACKs.
fn announce(path: &Path, args: &Args) -> String {
    let limit = args.pcap_max;
    let path = path.display();
    if args.rate == 0 {
        return format!("the capture {path} grows as fast as the line, to at most {limit}");
    }
    let mb_s = f64::from(args.rate) * 2.0 * 1.1 / 8.0;
    let run = args.kill_series.is_none().then_some(args.duration);
    let size = |time: Duration| (mb_s * time.as_secs_f64() * 1e6).min(limit.octets() as f64);
    match run {
        Some(time) => format!(
            "the capture {path} grows by about {mb_s:.0} MB a second, to some {:.0} MB (at most {limit})",
            size(time) / 1e6
        ),
        None => {
            format!("the capture {path} grows by about {mb_s:.0} MB a second, to at most {limit}")
        }
    }
}
