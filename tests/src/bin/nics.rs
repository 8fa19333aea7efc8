//! The outside of the test bed of NICs: see `scripts/nics`.
//!
//! ```text
//! nics traffic SITE-A SITE-B MTU FRAMES SECONDS     sends both ways, waits so long for the last ones
//! nics wire END-A END-B                             carries frames until its input ends
//! nics judge TRAFFIC LINE STATUS-A STATUS-B         prints verdict, a tab, why
//! ```
//! The first two print JSON, the third reads it from files.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a script")]

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qmacsec::status::Report;
use serde_json::Value;
use tests::nics::{judge, traffic, wire};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["traffic", a, b, mtu, frames, seconds] => {
            let plan = traffic::Plan {
                mtu: mtu.parse()?,
                frames: frames.parse()?,
                wait: Duration::from_secs(seconds.parse()?),
            };
            println!("{}", traffic::between([a, b], plan)?);
        }
        ["wire", a, b] => {
            let stop = Arc::new(AtomicBool::new(false));
            let ended = Arc::clone(&stop);
            std::thread::spawn(move || {
                let _ended_either_way = std::io::stdin().read_to_end(&mut Vec::new());
                ended.store(true, Ordering::Relaxed);
            });
            println!("{}", wire::between([a, b], &stop)?);
        }
        ["judge", traffic, line, a, b] => {
            let value = |path| Ok::<Value, Box<dyn Error>>(serde_json::from_str(&read(path)?)?);
            let status = |path| Ok::<Report, Box<dyn Error>>(serde_json::from_str(&read(path)?)?);
            let boxes = [&status(a)?, &status(b)?];
            let verdict = judge::judge(&value(traffic)?, &value(line)?, boxes);
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
