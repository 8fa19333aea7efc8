use std::fs::OpenOptions;
use std::io::{Read, Write, pipe};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Entry, LINE_LEN_MAX, LINES_MAX, Lines, Log, lost, write_lines};

/// Generous limit for a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn log() -> (Lines, Log, Receiver<Entry>) {
    let (lines, inbox) = sync_channel(LINES_MAX);
    (Lines(lines.clone()), Log(Some(lines)), inbox)
}

#[test]
fn logging_never_waits_for_a_reader_that_does_not_read() {
    let (mut lines, log, inbox) = log();
    let (mut reader, writer) = pipe().unwrap();
    let writing = thread::spawn(move || write_lines(&writer, &inbox));
    let before = lost();
    // More than the pipe and the queue hold.
    let line = [b'x'; 1000];
    for _ in 0..10 * LINES_MAX {
        lines.write_all(&line).unwrap();
    }
    assert!(lost() - before > LINES_MAX as u64, "lost lines are counted");
    // The end of the process does not wait without a limit either.
    let begun = Instant::now();
    drop(log);
    assert!(begun.elapsed() < LIMIT);

    // The reader continues and gets the queued lines.
    let mut first = [0; 1000];
    reader.read_exact(&mut first).unwrap();
    assert_eq!(first, line);
    drop(lines);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert!(rest.len() >= (LINES_MAX - 1) * line.len());
    writing.join().unwrap();
}

#[test]
fn a_full_disk_or_a_closed_pipe_only_loses_lines() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    for end in [full.into(), std::os::fd::OwnedFd::from(writer)] {
        let (mut lines, log, inbox) = log();
        let writing = thread::spawn(move || write_lines(&end, &inbox));
        let before = lost();
        lines.write_all(b"a line\n").unwrap();
        drop(log);
        assert!(lost() > before);
        drop(lines);
        writing.join().unwrap();
    }
}

#[test]
fn the_last_lines_are_written_before_the_process_ends() {
    let (mut lines, log, inbox) = log();
    let (mut reader, writer) = pipe().unwrap();
    let writing = thread::spawn(move || write_lines(&writer, &inbox));
    lines.write_all(b"one\n").unwrap();
    lines.write_all(&[b'y'; LINE_LEN_MAX + 7]).unwrap();
    drop(log);
    drop(lines);
    writing.join().unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let long = "y".repeat(LINE_LEN_MAX);
    assert_eq!(text, format!("one\n{long}\n"));
}
