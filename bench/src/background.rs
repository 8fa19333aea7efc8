//! A thread that works until it is ended.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The thread, and the order to end.
pub(crate) struct Background<T> {
    end: Sender<()>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Background<T> {
    /// Starts `work(pause)`: `pause` waits, and returns false when the thread has to end.
    pub(crate) fn start(
        name: &str,
        work: impl FnOnce(&dyn Fn(Duration) -> bool) -> T + Send + 'static,
    ) -> io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let pause = move |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
        let named = thread::Builder::new().name(name.to_owned());
        let thread = named.spawn(move || work(&pause))?;
        Ok(Self { end, thread })
    }

    /// Ends it. Returns its result; `None` if it panicked.
    pub(crate) fn end(self) -> Option<T> {
        drop(self.end);
        self.thread.join().ok()
    }
}
