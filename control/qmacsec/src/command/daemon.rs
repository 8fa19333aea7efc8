//! The common parts of `run`, `kme` and `network node`: log, hardening, answers at the status
//! socket, and an exit with a reason.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use nix::sys::signal::Signal;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::run_error::RunError;
use crate::status::{Asker, StatusError, StatusSocket};
use crate::{harden, limits, log, panics, parent, stop};

/// Prepares the process of a daemon: parent-death signal, log, protection of keys.
pub(super) fn begin() -> io::Result<log::Log> {
    parent::die_with_it()?;
    let log = log::start("info");
    panics::watch();
    harden::process();
    Ok(log)
}

/// Runs a daemon to its end, on this thread. A fault, or a panic of this thread, has its own exit
/// code, so systemd and scripts can distinguish it from a mistake in the config.
///
/// # Errors
/// The reason why the daemon cannot start.
pub(super) fn run<E>(daemon: impl Future<Output = Result<(), E>>) -> Outcome
where
    E: Into<Box<dyn std::error::Error>>,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Unwinding drops the state of the daemon: workers end and wipe their keys.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            // A handler replaces the default action, which ends the process. A log or ledger at its
            // size limit then only gives a failed write.
            let _ignored = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32));
            daemon.await
        })
    }));
    let error = match ended {
        Ok(Ok(())) => return Ok(ExitCode::SUCCESS),
        Ok(Err(error)) => error.into(),
        // The log already has the reason.
        Err(_panic) => return Ok(ExitCode::from(limits::EXIT_FAULT)),
    };
    match error.downcast_ref() {
        Some(RunError::Fault(_)) => Ok(ExitCode::from(limits::EXIT_FAULT)),
        _ => Err(error),
    }
}

/// Answers the requests at the status socket, if there is one, until a signal ends the daemon.
///
/// # Errors
/// The socket cannot be bound.
pub(super) async fn answer_until_stopped(
    socket: Option<&Path>,
    answer: impl Fn(Asker),
) -> Result<(), StatusError> {
    let mut socket = socket.map(StatusSocket::bind).transpose()?;
    let mut stopped = std::pin::pin!(stop::signal());
    loop {
        let asked = async {
            match &mut socket {
                Some(socket) => socket.asked().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut stopped => return Ok(()),
            asker = asked => answer(asker),
        }
    }
}
