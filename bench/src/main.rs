//! `qmacsec-bench`: see [`qmacsec_bench`].

use std::process::ExitCode;

fn main() -> ExitCode {
    qmacsec_bench::main()
}
