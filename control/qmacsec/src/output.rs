//! Standard output and standard error: writes that never end the process.
//!
//! `println!` panics when it fails. Here a failure has one of three fates:
//! - The reader of our output has gone (`qmacsec keys | head`). The rest is thrown away without a
//!   word. The command goes on, and its exit code still says what it found.
//! - Standard output cannot take the text, because its disk is full: an error. The command ends
//!   with exit code 1 and says why.
//! - Standard error cannot take the text: there is no other place to say it, so it is lost.
//!
//! `outln!` and [`write()`] are for the result of a command, `note!` is for what goes beside it.
//! Daemons say nothing here while they run: they have [`crate::log`].

use std::fmt::{self, Arguments};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::unistd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long [`last_words`] wait for a reader that does not read.
const PATIENCE: Duration = Duration::from_secs(1);
/// A pipe that can be written takes this many octets at least without making us wait (PIPE_BUF).
const PIECE: usize = 4096;

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "standard output cannot be written ({0}); fix: make room where it goes, or send it elsewhere"
)]
pub struct OutputError(#[from] io::Error);

/// Writes a line to standard output. Returns a `Result`: the command passes the error on by `?`.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::output::line(format_args!($($text)*))
    };
}
pub(crate) use outln;

/// Writes a line to standard error; if that fails, the line is lost.
macro_rules! note {
    ($($text:tt)*) => {
        $crate::output::note_line(format_args!($($text)*))
    };
}
pub(crate) use note;

/// Writes text to standard output, and nothing after it.
///
/// # Errors
/// The output cannot take it. A reader that has gone is no error.
pub fn write(text: impl fmt::Display) -> Result<(), OutputError> {
    forgive(write_all(io::stdout().lock(), text.to_string().as_bytes()))
}

/// Writes one line to standard output. `outln!` is shorter.
///
/// # Errors
/// As [`write()`].
pub fn line(text: Arguments<'_>) -> Result<(), OutputError> {
    write(format_args!("{text}\n"))
}

/// Writes one line to standard error. `note!` is shorter.
pub fn note_line(text: Arguments<'_>) {
    // One write for one line: lines of several processes on one terminal stay whole.
    let line = format!("{text}\n");
    let _nowhere_else_to_say_it = write_all(io::stderr().lock(), line.as_bytes());
}

/// Writes why the process ends to standard error. Unlike `note!` it does not wait for ever for a
/// reader that does not read: the process must end, so that it can be started again.
pub fn last_words(text: &str) {
    let stderr = io::stderr();
    for piece in format!("{text}\n").as_bytes().chunks(PIECE) {
        if !takes_a_piece(&stderr, Some(PATIENCE)) || write_all(&stderr, piece).is_err() {
            return;
        }
    }
}

/// A reader that has gone is no error: nobody misses the rest.
pub(crate) fn forgive(written: io::Result<()>) -> Result<(), OutputError> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(OutputError(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes all octets. Waits where the other end is slow, also if another process has made the
/// descriptor non-blocking.
pub(crate) fn write_all(to: impl AsFd, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        match unistd::write(&to, octets) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => octets = octets.get(written..).unwrap_or_default(),
            Err(nix::Error::EINTR) => {}
            Err(nix::Error::EAGAIN) => {
                takes_a_piece(&to, None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether a piece can be written now, or within the time given.
fn takes_a_piece(to: impl AsFd, patience: Option<Duration>) -> bool {
    let mut end = [PollFd::new(&to, PollFlags::OUT)];
    let patience = patience.and_then(|time| Timespec::try_from(time).ok());
    poll(&mut end, patience.as_ref()).is_ok() && end[0].revents().contains(PollFlags::OUT)
}

#[cfg(test)]
mod tests;
