//! The program `qmacsec`, built for the end-to-end tests. If the environment orders a fault, it
//! runs `run --config FILE` over ports in memory, and one of its threads dies when the fault is
//! due.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "it is built to fail")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tests::dying::{self, Fault};

fn main() -> ExitCode {
    let Some(fault) = env::var(dying::FAULT).ok() else {
        return cli::main();
    };
    let when = PathBuf::from(env::var_os(dying::WHEN).unwrap());
    let config = env::args_os().next_back().unwrap();
    dying::run_until(Path::new(&config), Fault::named(&fault), when)
}
