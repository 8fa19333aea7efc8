use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, pipe};
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::{ignore_closed_pipe, write_all};

#[test]
fn a_closed_pipe_is_not_an_error() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let error = write_all(&writer, b"text").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    ignore_closed_pipe(Err(error)).unwrap();
}

#[test]
fn a_full_disk_is_an_error_with_a_fix() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = ignore_closed_pipe(write_all(&full, b"text")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("standard output") && text.contains("fix:"),
        "{text}"
    );
}

#[test]
fn a_slow_reader_gets_every_octet_of_a_pipe_that_does_not_block() -> io::Result<()> {
    let (mut reader, writer) = pipe()?;
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // More than a pipe holds.
    let text: Vec<u8> = (0..300_000_u32)
        .map(|at| at.to_le_bytes()[at as usize % 3])
        .collect();
    let sent = text.clone();
    let sender = thread::spawn(move || write_all(&writer, &sent));
    let mut read = Vec::new();
    reader.read_to_end(&mut read)?;
    assert!(sender.join().is_ok_and(|sent| sent.is_ok()));
    assert!(read == text, "{} octets of {}", read.len(), text.len());
    Ok(())
}
