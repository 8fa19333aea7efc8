//! Ctrl-C and other requests to end: a flag that the lab checks, so that it can clean up.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, Signal};
use qmacsec::output::note;

use super::end::{self, End};

/// The flag: true if the lab must end.
#[derive(Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Blocks SIGINT, SIGTERM and SIGHUP from now on. Must be called before other threads exist, so
    /// that all of them leave the signals to the thread that [`Stop::watch`] starts. That thread
    /// must start after the sandbox, which only a process of one thread can enter.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let mut signals = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            signals.add(signal);
        }
        signals.thread_block()?;
        Ok(Self(Arc::new(AtomicBool::new(false))))
    }

    /// Starts to watch for the signals. A second one ends the process at once, with `json` after a
    /// document.
    pub(crate) fn watch(&self, json: bool) -> io::Result<()> {
        let flag = Arc::clone(&self.0);
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                while SigSet::thread_get_mask()
                    .and_then(|signals| signals.wait())
                    .is_ok()
                {
                    if flag.swap(true, Ordering::Relaxed) {
                        let end = End::Stopped("stopped at once");
                        if let (true, Ok(document)) = (json, end.document()) {
                            let _the_end_in_any_case = end::print(&document);
                        }
                        std::process::exit(130);
                    }
                    note!("\nstopping; once more to stop at once");
                }
            })?;
        Ok(())
    }

    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
