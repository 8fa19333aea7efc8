//! Output that cannot be written: a full disk is a reported error, and a closed pipe ends the text
//! silently. The exit code is still the one that the command documents.

use std::fs::{File, OpenOptions};
use std::io::pipe;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::program::{self, Ended};

use super::PROGRAM;

/// A full disk.
fn full_disk() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader has closed it.
fn gone_reader() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

fn run_into(stdout: impl Into<Stdio>, args: &[&str]) -> Ended {
    let output = Command::new(PROGRAM)
        .args(args)
        .env_remove("RUST_LOG")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(stdout)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::new(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Commands that print output and need no daemon.
fn commands(folder: &Path) -> Vec<Vec<String>> {
    let pki = folder.join("pki").display().to_string();
    [
        "--help",
        "--version",
        "run --help",
        "ledger verify --help",
        "link --km 50",
        "link --km 50 --json",
        "link --list",
        &format!("pki --overwrite --dir {pki}"),
    ]
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .into()
}

#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for command in commands(folder.path()) {
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        let ended = run_into(full_disk(), &command);
        assert_eq!(ended.code, Some(1), "{command:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("standard output") && ended.stderr.contains("No space left"),
            "{command:?}: {}",
            ended.stderr
        );
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn a_reader_that_has_gone_changes_neither_exit_code_nor_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    for command in commands(folder.path()) {
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        let ended = run_into(gone_reader(), &command);
        assert_eq!(ended.code, Some(0), "{command:?}: {}", ended.stderr);
        assert_eq!(ended.stderr, "", "{command:?}");
    }
}

#[test]
fn a_mistake_is_told_by_exit_code_where_nothing_can_be_written() {
    for (args, code) in [(&["fly"][..], 2), (&["link", "--preset", "moon"], 1)] {
        for stderr in [full_disk().into(), gone_reader()] {
            let ended = Command::new(PROGRAM)
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(stderr)
                .status()
                .unwrap();
            assert_eq!(ended.code(), Some(code), "{args:?}");
        }
    }
    assert_eq!(program::run(PROGRAM, ["fly"]).code, Some(2));
}
