//! The part of the NIC test bed outside the guest: see `scripts/nics`.
//!
//! ```text
//! nics traffic SITE-A SITE-B LINE MTU FRAMES SECONDS   sends both ways, then waits SECONDS
//! nics judge TRAFFIC STATUS-A STATUS-B                 prints verdict, a tab, why
//! ```
//! LINE is the far end of the line, a TAP. `traffic` prints JSON; `judge` reads it from files.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a script")]

use std::error::Error;
use std::time::Duration;

use qmacsec::status::Report;
use tests::nics::{judge, traffic};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["traffic", a, b, line, mtu, frames, seconds] => {
            let plan = traffic::Plan {
                mtu: mtu.parse()?,
                frames: frames.parse()?,
                wait: Duration::from_secs(seconds.parse()?),
            };
            println!("{}", traffic::between([a, b], line, plan)?);
        }
        ["judge", traffic, a, b] => {
            let status = |path| Ok::<Report, Box<dyn Error>>(serde_json::from_str(&read(path)?)?);
            let traffic = serde_json::from_str(&read(traffic)?)?;
            let verdict = judge::judge(&traffic, [&status(a)?, &status(b)?]);
            let (word, why) = verdict.told();
            println!("{word}\t{why}");
        }
        _ => return Err("see the head of tests/src/bin/nics.rs".into()),
    }
    Ok(())
}

fn read(path: &str) -> Result<String, Box<dyn Error>> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}").into())
}
