use std::fs::{File, OpenOptions};
use std::io::Read;
use std::time::Instant;

use nix::sys::stat::Mode;

use super::*;
use crate::site::Site;

fn keep(capture: &Path) -> Keep {
    Keep {
        recorder: Some(Recorder::create(capture, u64::MAX).unwrap()),
        capture: Some(capture.to_path_buf()),
        ledgers: None,
    }
}

#[test]
fn a_pipe_gets_the_frames_and_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("f");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let reader = {
        let fifo = fifo.clone();
        std::thread::spawn(move || {
            let mut octets = Vec::new();
            File::open(fifo).unwrap().read_to_end(&mut octets).unwrap();
            octets
        })
    };
    let keep = keep(&fifo);
    for _ in 0..1000 {
        keep.recorder.as_ref().unwrap().keep(Site::A, &[0xab; 1000]);
    }
    let kept = keep.finish(&[], &[]);
    assert!(reader.join().unwrap().len() > 1_000_000);
    assert_eq!(kept.troubles, [""; 0]);
    assert!(kept.left_out[0].contains("is no regular file"), "{kept:?}");
    assert!(kept.capture.is_none());
}

#[test]
fn a_reader_that_does_not_read_ends_the_capture_and_not_the_lab() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("f");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let _never_reads = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo)
        .unwrap();
    let started = Instant::now();
    let keep = keep(&fifo);
    for _ in 0..1000 {
        keep.recorder.as_ref().unwrap().keep(Site::A, &[0xab; 1000]);
    }
    let kept = keep.finish(&[], &[]);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(kept.troubles[0].contains("has not read"), "{kept:?}");
}

#[test]
fn a_device_is_not_read_again() {
    for (device, trouble) in [("/dev/null", false), ("/dev/full", true)] {
        let kept = keep(Path::new(device)).finish(&[], &[]);
        assert_eq!(kept.left_out.len(), 1, "{kept:?}");
        assert_eq!(!kept.troubles.is_empty(), trouble, "{kept:?}");
    }
}

#[test]
fn a_ledger_that_cannot_be_read_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("site-a.ledger");
    let mut kept = keep(&folder.path().join("line.pcapng")).finish(&[], &[]);
    let found = kept.compare(&[missing.clone(), missing]);
    assert!(found.findings.iter().any(|finding| finding.grave));
    assert_eq!(kept.left_out, [""; 0]);
}
