//! Panics of a daemon: they are logged like other lines, and they end the process.
//!
//! A panic in one thread leaves the others running. A line encryptor without a worker, or without
//! the task that fetches keys, looks alive to systemd but carries no frames. So the driver checks
//! here and ends the process, and systemd restarts it.
//!
//! The default message is replaced: the panicking thread writes it to standard error, and blocks if
//! nothing reads it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;
use std::thread;

use tracing::error;

/// The first panic of this process.
static FIRST: OnceLock<String> = OnceLock::new();

/// Logs and stores panics from now on.
pub(crate) fn watch() {
    panic::set_hook(Box::new(|panic| {
        let text = text_of(panic);
        error!("bug: {text}; please report this");
        let _only_the_first_counts = FIRST.set(text);
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            error!("{backtrace}");
        }
    }));
}

/// Returns the first panic since [`watch`].
pub(crate) fn first() -> Option<&'static str> {
    FIRST.get().map(String::as_str)
}

fn text_of(panic: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let text = panic.payload_as_str().unwrap_or("without a text");
    let place = panic
        .location()
        .map_or_else(String::new, |place| format!(" at {place}"));
    format!("thread {name} panicked{place}: {text}")
}
