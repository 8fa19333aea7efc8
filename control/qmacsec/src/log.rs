//! Log lines: to standard error, one per event, never a key.
//!
//! ```text
//! any thread ── try_send ──▶ [ LINES_MAX lines ] ──▶ thread "log" ── write ──▶ standard error
//! ```
//! A log must not stop what it tells of. Who logs never waits and never fails: where the queue is
//! full, the line is lost and counted. Only the thread of the log waits for a slow reader, and only
//! it meets a full disk. When lines can be written again, the log says how many were lost.
//!
//! Not `tracing-appender`: it prints to standard output when the reader does not read, which blocks
//! or panics on a broken output, and does not count lines that could not be written.

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
use crate::precedence;

/// Lines that wait for a slow reader; more are lost.
const LINES_MAX: usize = 1024;
/// Octets of the longest line; the rest of a longer one is cut off.
const LINE_LEN_MAX: usize = 4096;
/// How long the end of the process waits for the last lines.
const FAREWELL: Duration = Duration::from_secs(1);
/// Between two looks for room in the queue, at the end.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Lines lost since the start, and those of them that the log has told of.
static LOST: AtomicU64 = AtomicU64::new(0);
static TOLD: AtomicU64 = AtomicU64::new(0);
/// The way to the thread of the log.
static THREAD: OnceLock<SyncSender<Entry>> = OnceLock::new();

/// The running log. When this is dropped, it waits a moment for the last lines to be written.
#[must_use = "the last lines are written when this is dropped"]
pub struct Log(Option<SyncSender<Entry>>);

/// What goes to the thread of the log.
enum Entry {
    Line(Box<[u8]>),
    /// All lines before this one are written.
    Flush(SyncSender<()>),
    /// Workers are pinned to these cores.
    GiveWay(Vec<usize>),
}

/// Where `tracing` writes: one line for each call of `write`.
#[derive(Clone)]
struct Lines(SyncSender<Entry>);

/// Starts logging. `RUST_LOG` overrides the level. The first log of a process is the one that
/// counts: encryptors in memory share it.
pub fn start(level: &str) -> Log {
    let (lines, inbox) = sync_channel(LINES_MAX);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        // Otherwise it prints its own errors, and panics if that fails.
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
        // Without it each line is lost and counted.
        Err(_) => Log(None),
    }
}

/// The thread of the log leaves these cores to the workers that are pinned to them.
pub fn give_way_to(cores: &[usize]) {
    if let Some(thread) = THREAD.get() {
        // A queue that is full has a thread that does not write, and takes no core.
        let _full = thread.try_send(Entry::GiveWay(cores.to_vec()));
    }
}

/// Lines lost since the start: the reader was too slow, has gone, or its disk was full.
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

/// The thread of the log.
fn write_lines(to: &impl AsFd, inbox: &Receiver<Entry>) {
    // Frames come first: this thread is control's. Which cores they have is known later.
    precedence::give_way_to(&[]);
    // The line before was cut off by a failure.
    let mut cut = false;
    while let Ok(entry) = inbox.recv() {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::Flush(done) => {
                let _nobody_waits = done.try_send(());
                continue;
            }
            Entry::GiveWay(cores) => {
                precedence::give_way_to(&cores);
                continue;
            }
        };
        let end = if cut { b"\n".as_slice() } else { b"" };
        let written = output::write_all(to, end).and_then(|()| output::write_all(to, &line));
        cut = written.is_err();
        if cut {
            LOST.fetch_add(1, Ordering::Relaxed);
        } else {
            tell_of_lost();
        }
    }
}

/// Lines can be written: says how many could not.
fn tell_of_lost() {
    let lost = lost();
    let untold = lost - TOLD.swap(lost, Ordering::Relaxed);
    if untold > 0 {
        warn!(
            "{untold} log lines were lost: what reads the log was too slow, or its disk was full"
        );
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(lines) = self.0.take() else { return };
        let deadline = Instant::now() + FAREWELL;
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
