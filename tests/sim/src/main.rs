//! Runs the requested seeds. Exit code 1 after a violation of an invariant, 2 for a wrong argument.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sim::{Plan, Tally, run};

const USAGE: &str = "usage: sim [--seeds N] [--from N] [--minutes M]
  --seeds N    how many seeds (default 10000; with --minutes: no limit)
  --from N     the first seed (default 0)
  --minutes M  stop after so long";
/// The run stops after this number of violations.
const VIOLATIONS_MAX: usize = 20;
const TELL_EVERY: Duration = Duration::from_secs(5);

struct Arguments {
    seeds: Option<u64>,
    from: u64,
    minutes: Option<u64>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self {
            seeds: None,
            from: 0,
            minutes: None,
        };
        while let Some(word) = words.next() {
            let number = words.next().and_then(|number| number.parse().ok());
            let number = number.ok_or_else(|| format!("{word}: a number is missing"))?;
            match word.as_str() {
                "--seeds" => arguments.seeds = Some(number),
                "--from" => arguments.from = number,
                "--minutes" => arguments.minutes = Some(number),
                _ => return Err(format!("{word}: not known")),
            }
        }
        if arguments.seeds.is_none() && arguments.minutes.is_none() {
            arguments.seeds = Some(10_000);
        }
        Ok(arguments)
    }
}

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => nightly(&arguments),
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn nightly(arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let limit = arguments
        .minutes
        .map(|minutes| Duration::from_secs(60 * minutes));
    let (mut tally, mut seeds, mut violations) = (Tally::default(), 0, 0);
    // Two builds that simulate the same have the same sum of all traces.
    let mut traces = 0_u64;
    let mut told = begun;
    loop {
        let all = arguments.seeds.is_some_and(|all| seeds >= all);
        let late = limit.is_some_and(|limit| begun.elapsed() >= limit);
        if all || late || violations == VIOLATIONS_MAX {
            break;
        }
        let outcome = run(Plan::mixed(arguments.from + seeds));
        seeds += 1;
        tally += outcome.tally;
        traces = traces.wrapping_add(outcome.trace);
        if let Some(violation) = outcome.violation {
            violations += 1;
            let seed = outcome.seed;
            eprintln!("\rseed {seed}: {violation}");
            eprintln!("  again: SEED={seed} cargo test -p sim -- one --nocapture");
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let per_second = seeds as f64 / begun.elapsed().as_secs_f64();
            eprint!("\r{seeds} seeds, {per_second:.0} a second, {violations} violations ");
        }
    }
    let summary = format!(
        "\n{seeds} seeds from {} in {:.1} s: {tally}\ntraces {traces:016x}, {violations} \
         violations\n",
        arguments.from,
        begun.elapsed().as_secs_f64()
    );
    let written = std::io::stdout().write_all(summary.as_bytes());
    if violations == 0 && written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
