//! What `run` and `kme` have in common: their log, hardening, and an end that says why.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use nix::sys::signal::Signal;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::command::Outcome;
use crate::encryptor::RunError;
use crate::{harden, lab, limits, log, panics};

/// A daemon's process, before it does anything: it dies with a lab, logs, and keeps its keys.
pub(crate) fn begin() -> io::Result<log::Log> {
    lab::die_with_parent()?;
    let log = log::start("info");
    panics::watch();
    harden::process();
    Ok(log)
}

/// Runs a daemon to its end, on this thread. A fault, or a panic of this thread, is an exit code of
/// its own: systemd and scripts tell it from a mistake in the config.
///
/// # Errors
/// What keeps it from coming up.
pub(crate) fn run<E>(daemon: impl Future<Output = Result<(), E>>) -> Outcome
where
    E: Into<Box<dyn std::error::Error>>,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Unwinding drops what the daemon holds: workers end and wipe their keys.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            // Once it is listened to, it no longer ends the process: a log or a ledger at its size
            // limit is a write that fails.
            let _ignored = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32));
            daemon.await
        })
    }));
    let error = match ended {
        Ok(Ok(())) => return Ok(ExitCode::SUCCESS),
        Ok(Err(error)) => error.into(),
        // Said in the log.
        Err(_panic) => return Ok(ExitCode::from(limits::EXIT_FAULT)),
    };
    match error.downcast_ref() {
        Some(RunError::Fault(_)) => Ok(ExitCode::from(limits::EXIT_FAULT)),
        _ => Err(error),
    }
}
