//! Files that the user asks the lab to keep: the capture of the line, the ledgers.
//!
//! Both are tested before the lab is built. A file that fails later does not change the verdict.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qmacsec::ledger::{self, Finding, Verification};
use qmacsec::output::note;

use super::args::Args;
use super::sniff::Recorder;

/// The files of a run to keep.
pub(super) struct Keep {
    pub(super) recorder: Option<Recorder>,
    capture: Option<PathBuf>,
    ledgers: Option<PathBuf>,
}

/// The files of a run after its end.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The capture, if it can be read again.
    capture: Option<PathBuf>,
    /// Checks that are not made, and why. They do not change the verdict.
    pub(super) left_out: Vec<String>,
    /// Failures of the files that the user asked for.
    pub(super) troubles: Vec<String>,
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
                if is_fifo(path) {
                    note!("--pcap {}: waits for a reader of it", path.display());
                }
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
            capture: args.pcap.clone(),
            ledgers: args.ledgers.clone(),
        })
    }

    /// Returns the paths that the sandbox must not hide.
    pub(super) fn in_use(args: &Args) -> Vec<PathBuf> {
        let asked = args.pcap.iter().chain(&args.ledgers).cloned();
        asked.chain(std::env::current_dir().ok()).collect()
    }

    /// Ends the capture and copies the ledgers of the encryptors, and those of the nodes that gave
    /// the keys.
    pub(super) fn finish(self, ledgers: &[PathBuf], of_nodes: &[PathBuf]) -> Kept {
        let mut kept = Kept::default();
        if let (Some(recorder), Some(path)) = (self.recorder, self.capture) {
            if recorder.regular() {
                kept.capture = Some(path);
            } else {
                kept.left_out.push(format!(
                    "the check of the ledgers against the capture: {} is no regular file, so it \
                     cannot be read again",
                    path.display()
                ));
            }
            let trouble = recorder.finish();
            kept.troubles
                .extend(trouble.map(|trouble| format!("--pcap: {trouble}")));
        }
        let Some(folder) = self.ledgers else {
            return kept;
        };
        for file in ledgers {
            if let Err(error) = ledger::copy(file, &folder) {
                let trouble = format!("--ledgers: {}: {error}", folder.display());
                kept.troubles.push(trouble);
            }
        }
        for file in of_nodes {
            let name = file.file_name().unwrap_or_default();
            if let Err(error) = fs::copy(file, folder.join(name)) {
                kept.troubles
                    .push(format!("--ledgers: {}: {error}", file.display()));
            }
        }
        kept
    }
}

impl Kept {
    /// Compares the two encryptors' ledgers with each other and with the capture. An unreadable
    /// capture is a trouble; an unreadable ledger is a finding, so that there is always a verdict.
    pub(super) fn compare(&mut self, [a, b]: &[PathBuf; 2]) -> Verification {
        let verify = |capture| ledger::verify([a, b], capture);
        let mut result = verify(self.capture.as_deref());
        if let (Err(error), Some(capture)) = (&result, &self.capture) {
            let alone = verify(None);
            if alone.is_ok() {
                self.troubles.push(format!(
                    "--pcap: the ledgers are not checked against {}: {error}",
                    capture.display()
                ));
            }
            result = alone;
        }
        result.unwrap_or_else(|error| Verification {
            findings: vec![Finding {
                grave: true,
                text: error.to_string(),
            }],
            ..Verification::default()
        })
    }
}

/// True if opening `path` for writing waits for a reader.
fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo())
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
            "the capture {path} grows by about {mb_s:.0} MB a second, to some {:.0} MB (at most \
             {limit})",
            size(time) / 1e6
        ),
        None => {
            format!("the capture {path} grows by about {mb_s:.0} MB a second, to at most {limit}")
        }
    }
}

#[cfg(test)]
mod tests;
