//! The program `qmacsec`. All code is in the library, so that tests can run it too.
#![forbid(unsafe_code)]
#![deny(clippy::print_stderr, clippy::print_stdout)]

fn main() -> std::process::ExitCode {
    cli::main()
}
