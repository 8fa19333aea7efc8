use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, pipe};
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::{forgive, write_all};

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let error = write_all(&writer, b"text").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    forgive(Err(error)).unwrap();
}

#[test]
fn a_full_disk_is_an_error_that_says_what_to_do() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = forgive(write_all(&full, b"text")).unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains("standard output") && words.contains("fix:"),
        "{words}"
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
