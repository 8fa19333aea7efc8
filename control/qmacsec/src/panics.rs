//! Panics of a daemon: logged where its other lines are, and the end of the process.
//!
//! A panic in one thread leaves the others running: a line encryptor without a worker, or without
//! the task that fetches keys, looks alive to systemd and carries nothing. So the driver looks here,
//! and ends the process, which is started again.
//!
//! The usual message is replaced: it is written to standard error by the thread that panics, and
//! would wait for ever where nobody reads that.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;
use std::thread;

use tracing::error;

/// The first panic of this process.
static FIRST: OnceLock<String> = OnceLock::new();

/// From now on panics are logged and remembered.
pub(crate) fn watch() {
    panic::set_hook(Box::new(|panic| {
        let text = words(panic);
        error!("bug: {text}; please report this");
        let _only_the_first_counts = FIRST.set(text);
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            error!("{backtrace}");
        }
    }));
}

/// The first panic since [`watch`].
pub(crate) fn first() -> Option<&'static str> {
    FIRST.get().map(String::as_str)
}

fn words(panic: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let text = panic.payload_as_str().unwrap_or("without a text");
    let place = panic
        .location()
        .map_or_else(String::new, |place| format!(" at {place}"));
    format!("thread {name} panicked{place}: {text}")
}
