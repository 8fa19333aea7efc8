//! The end of a lab: a verdict, or the reason why there is none. With `--json` each end is one
//! document.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use qmacsec::limits;
use qmacsec::modelled_link::NoKey;
use qmacsec::output::{OutputError, outln};
use serde_json::json;

use super::verdict::{Verdict, Word};

/// The end of a lab that could be built and ran.
pub(super) enum End {
    /// All was measured.
    Judged(Box<Verdict>),
    /// The user stopped it before it showed anything.
    Stopped(&'static str),
    /// The modelled link gives no key, so the lab was not built.
    NoKey(NoKey),
}

/// The reason why a lab did not come to its verdict.
#[derive(Debug)]
pub(super) enum NoVerdict {
    /// The user stopped it; the text says before what.
    Stopped(&'static str),
    /// It could not be built, or a part of it failed.
    Failed(String),
}

impl From<String> for NoVerdict {
    fn from(error: String) -> Self {
        Self::Failed(error)
    }
}

impl From<&str> for NoVerdict {
    fn from(error: &str) -> Self {
        Self::Failed(error.to_owned())
    }
}

impl End {
    /// Returns the result of a run. An error is a lab that failed.
    pub(super) fn of(run: Result<Verdict, NoVerdict>) -> Result<Self, String> {
        match run {
            Ok(verdict) => Ok(Self::Judged(Box::new(verdict))),
            Err(NoVerdict::Stopped(before)) => Ok(Self::Stopped(before)),
            Err(NoVerdict::Failed(error)) => Err(error),
        }
    }

    /// Returns the text for a person; its verdict stands at the start of a line.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Judged(verdict) => format!("\n{}", verdict.text()),
            Self::Stopped(before) => format!("\nNOT PROVEN (stopped early)\n  {before}"),
            Self::NoKey(no_key) => format!(
                "FAIL: {no_key}; fix: a shorter --km, or another --preset (qmacsec link --list)"
            ),
        }
    }

    /// Returns the document for `--json`.
    pub(super) fn document(&self) -> serde_json::Result<String> {
        let document = match self {
            // As text at once, so that the verdict stands first.
            Self::Judged(verdict) => return serde_json::to_string(verdict),
            Self::Stopped(before) => json!({
                "verdict": Word::NotProven,
                "unproven": [before],
                "stopped_early": true,
                "error": before,
            }),
            Self::NoKey(no_key) => json!({
                "verdict": Word::Fail,
                "no_key": no_key,
                "error": no_key.to_string(),
            }),
        };
        Ok(document.to_string())
    }

    /// Returns the exit code.
    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Judged(verdict) => match verdict.verdict {
                // The line works, but a requested file is missing.
                Word::Pass if !verdict.troubles.is_empty() => ExitCode::FAILURE,
                Word::Pass => ExitCode::SUCCESS,
                Word::Fail | Word::Error => ExitCode::FAILURE,
                Word::NotProven => ExitCode::from(limits::EXIT_NOT_PROVEN),
            },
            Self::Stopped(_) => ExitCode::from(limits::EXIT_NOT_PROVEN),
            Self::NoKey(_) => ExitCode::FAILURE,
        }
    }
}

/// Prints the document of this end on standard output, unless another end has printed its own: a
/// second signal can meet the lab while it prints.
pub(super) fn print(document: &str) -> Result<(), OutputError> {
    static PRINTED: AtomicBool = AtomicBool::new(false);
    match PRINTED.swap(true, Ordering::Relaxed) {
        true => Ok(()),
        false => outln!("{document}"),
    }
}

/// Returns the document of a lab that could not be built, or whose parts failed.
pub(super) fn error_document(error: &str) -> String {
    json!({ "verdict": Word::Error, "error": error }).to_string()
}

#[cfg(test)]
mod tests;
