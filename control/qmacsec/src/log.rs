//! Log lines: to standard error, one for each event, never a key.
//!
//! ```text
//! any thread ── try_send ──▶ [ LINES_MAX lines ] ──▶ thread "log" ── write ──▶ standard error
//! ```
//! A log must not stop the process. Logging never waits and never fails: if the queue is full, the
//! line is lost and counted. Only the log thread waits for a slow reader, and only it sees a full
//! disk. Once lines can be written again, the log gives the number of lost lines.
//!
//! Not `tracing-appender`: it prints to standard output when the reader does not read, which blocks
//! or panics on a broken output. It does not count lines that could not be written.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::output;
use crate::thread_priority;

/// Limit of lines that wait for a slow reader; more are lost.
const LINES_MAX: usize = 1024;
/// Limit of octets in a line; the rest is cut off.
const LINE_LEN_MAX: usize = 4096;
/// Limit of time at exit to write the last lines.
const LAST_LINES_TIME: Duration = Duration::from_secs(1);
/// Time between two checks for space in the queue, at exit.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Lines lost since the start, and the part of them that the log has reported.
static LOST: AtomicU64 = AtomicU64::new(0);
static REPORTED: AtomicU64 = AtomicU64::new(0);
/// The queue of the log thread.
static THREAD: OnceLock<SyncSender<Entry>> = OnceLock::new();

/// The running log. On drop, it waits up to a limit for the last lines.
#[must_use = "the last lines are written when this is dropped"]
pub struct Log(Option<SyncSender<Entry>>);

/// A message to the log thread.
enum Entry {
    Line(Box<[u8]>),
    /// Confirms that all lines before this message are written.
    Flush(SyncSender<()>),
    /// Cores of pinned workers.
    GiveWay(Vec<usize>),
}

/// The writer for `tracing`: one line for each call of `write`.
#[derive(Clone)]
struct Lines(SyncSender<Entry>);

/// Starts logging. `RUST_LOG` overrides the level. Only the first call in a process has an effect:
/// encryptors in one process share the log.
pub fn start(level: &str) -> Log {
    let (lines, inbox) = sync_channel(LINES_MAX);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        // By default it prints its own errors, and panics if that fails.
        .log_internal_errors(false)
        .with_writer(Lines(lines.clone()));
    if builder.try_init().is_err() {
        return Log(None);
    }
    let writing = thread::Builder::new().name("log".to_owned());
    match writing.spawn(move || write_lines(&io::stderr(), &inbox)) {
        Ok(_) => {
            // Only the first log of a process gets here.
            let _set_before = THREAD.set(lines.clone());
            Log(Some(lines))
        }
        // Without the thread each line is lost and counted.
        Err(_) => Log(None),
    }
}

/// Moves the log thread away from the cores of pinned workers.
pub fn give_way_to(cores: &[usize]) {
    if let Some(thread) = THREAD.get() {
        // If the queue is full, the thread waits for its reader and uses no core.
        let _full = thread.try_send(Entry::GiveWay(cores.to_vec()));
    }
}

/// Returns the number of lines lost since the start: the reader was slow or closed the pipe, or the
/// disk was full.
#[must_use]
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut kept = line.get(..LINE_LEN_MAX).unwrap_or(line).to_vec();
        if kept.len() < line.len() {
            kept.push(b'\n');
        }
        if self.0.try_send(Entry::Line(kept.into())).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log thread.
fn write_lines(to: &impl AsFd, inbox: &Receiver<Entry>) {
    // Frames have priority over this thread. The workers' cores are not known yet.
    thread_priority::give_way_to(&[]);
    // True if a failure has cut off the previous line.
    let mut cut = false;
    while let Ok(entry) = inbox.recv() {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::Flush(done) => {
                let _nobody_waits = done.try_send(());
                continue;
            }
            Entry::GiveWay(cores) => {
                thread_priority::give_way_to(&cores);
                continue;
            }
        };
        let end = if cut { b"\n".as_slice() } else { b"" };
        let written = output::write_all(to, end).and_then(|()| output::write_all(to, &line));
        cut = written.is_err();
        if cut {
            LOST.fetch_add(1, Ordering::Relaxed);
        } else {
            report_lost();
        }
    }
}

/// Reports the number of lost lines, once lines can be written again.
fn report_lost() {
    let lost = lost();
    let unreported = lost - REPORTED.swap(lost, Ordering::Relaxed);
    if unreported > 0 {
        warn!(
            "{unreported} log lines are lost: the reader of the log was too slow, or its disk was \
             full"
        );
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(lines) = self.0.take() else { return };
        let deadline = Instant::now() + LAST_LINES_TIME;
        let (done, written) = sync_channel(1);
        let mut flush = Entry::Flush(done);
        loop {
            match lines.try_send(flush) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if Instant::now() < deadline => flush = back,
                Err(_) => return,
            }
            thread::sleep(LOOK_EVERY);
        }
        let _or_too_late = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests;
