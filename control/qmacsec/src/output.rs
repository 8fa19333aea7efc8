//! Standard output and standard error: writes that never end the process.
//!
//! `println!` panics when it fails. Here a failure has one of three results:
//! - The reader has closed the pipe (`qmacsec keys | head`). The rest is discarded silently. The
//!   command continues, and its exit code is still correct.
//! - Standard output cannot be written, for example because the disk is full: an error. The command
//!   ends with exit code 1 and gives the reason.
//! - Standard error cannot be written: the text is lost, because there is no other place for it.
//!
//! `outln!` and [`write()`] are for the result of a command, `note!` is for messages beside it.
//! Daemons do not use them while they run: they have [`crate::log`].

use std::fmt::{self, Arguments};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::unistd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Limit of time in which [`final_error`] waits for a reader that does not read.
const PATIENCE: Duration = Duration::from_secs(1);
/// A writable pipe accepts this many octets without blocking (PIPE_BUF).
const PIECE: usize = 4096;

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "standard output cannot be written ({0}); fix: free space there, or send the output elsewhere"
)]
pub struct OutputError(#[from] io::Error);

/// Writes a line to standard output. Returns a `Result`: the command passes the error on with `?`.
#[macro_export]
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::output::line(format_args!($($text)*))
    };
}
pub use outln;

/// Writes a line to standard error; if that fails, the line is lost.
#[macro_export]
macro_rules! note {
    ($($text:tt)*) => {
        $crate::output::note_line(format_args!($($text)*))
    };
}
pub use note;

/// Writes text to standard output, without a newline.
///
/// # Errors
/// The output cannot be written. A closed pipe is no error.
pub fn write(text: impl fmt::Display) -> Result<(), OutputError> {
    ignore_closed_pipe(write_all(io::stdout().lock(), text.to_string().as_bytes()))
}

/// Writes one line to standard output. `outln!` is shorter.
///
/// # Errors
/// Same as [`write()`].
pub fn line(text: Arguments<'_>) -> Result<(), OutputError> {
    write(format_args!("{text}\n"))
}

/// Writes one line to standard error. `note!` is shorter.
pub fn note_line(text: Arguments<'_>) {
    // One write per line, so that lines of several processes on one terminal stay whole.
    let line = format!("{text}\n");
    let _nowhere_else_to_say_it = write_all(io::stderr().lock(), line.as_bytes());
}

/// Writes the reason for the end of the process to standard error. Unlike `note!`, it waits for a
/// slow reader only up to a limit: the process must end, so that it can be started again.
pub fn final_error(text: &str) {
    let stderr = io::stderr();
    for piece in format!("{text}\n").as_bytes().chunks(PIECE) {
        if !takes_a_piece(&stderr, Some(PATIENCE)) || write_all(&stderr, piece).is_err() {
            return;
        }
    }
}

/// Ignores a closed pipe: the reader does not want the rest.
///
/// # Errors
/// Any other failure of the write.
pub fn ignore_closed_pipe(written: io::Result<()>) -> Result<(), OutputError> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(OutputError(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes all octets. Waits for a slow reader, also if another process has made the descriptor
/// non-blocking.
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

/// Writes some octets, like [`io::Write::write`], but waits for a reader only up to a limit.
///
/// # Errors
/// Nobody read in time, or the system refuses.
pub fn write_within(to: impl AsFd, octets: &[u8], patience: Duration) -> io::Result<usize> {
    if !takes_a_piece(&to, Some(patience)) {
        let text = format!("its reader has not read for {patience:?}");
        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
    }
    // More than a writable pipe takes would block.
    let piece = octets.get(..PIECE.min(octets.len())).unwrap_or(octets);
    Ok(unistd::write(&to, piece)?)
}

/// True if `PIECE` octets can be written now, or within the given time.
fn takes_a_piece(to: impl AsFd, patience: Option<Duration>) -> bool {
    let mut end = [PollFd::new(&to, PollFlags::OUT)];
    let patience = patience.and_then(|time| Timespec::try_from(time).ok());
    poll(&mut end, patience.as_ref()).is_ok() && end[0].revents().contains(PollFlags::OUT)
}

#[cfg(test)]
mod tests;
