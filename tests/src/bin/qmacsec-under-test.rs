//! The program `qmacsec`, built for the end-to-end tests.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    qmacsec::main()
}
