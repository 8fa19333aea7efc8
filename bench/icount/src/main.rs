//! `icount`: counts instructions for one frame and compares them with `bench/icount/icount.toml`.
//! `scripts/icount` runs it; see [`icount`].

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use icount::work::Piece;
use icount::{Budget, CountError, Counts, Finding, callgrind, compare, step};

/// Tolerance that a new file starts with.
const TOLERANCE_PERCENT: f64 = 3.0;

/// Counts instructions for one frame.
#[derive(Parser)]
struct Cli {
    /// The order
    #[arg(value_enum, default_value = "check")]
    what: What,
    /// The committed counts
    #[arg(long, default_value = "bench/icount/icount.toml")]
    file: PathBuf,
    /// `rustc --version`, kept with the counts
    #[arg(long, default_value = "unknown")]
    rustc: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Compare with the file
    Check,
    /// Rewrite the file
    Update,
    /// Be stepped through
    #[value(hide = true)]
    ChildStep,
    /// Run under callgrind
    #[value(hide = true)]
    ChildCallgrind,
}

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.what {
        What::Check => check(&cli),
        What::Update => update(&cli).map(|()| true),
        What::ChildStep => step::child(&mut say).map(|()| true).map_err(Into::into),
        What::ChildCallgrind => {
            callgrind::child(&mut say);
            Ok(true)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("icount: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(piece: &Piece) {
    let mut out = std::io::stdout().lock();
    let said = write!(out, "{}", step::tell(piece)).and_then(|()| out.flush());
    said.expect("the parent reads this");
}

/// Both counts; an error stands for one that this machine cannot have.
fn count() -> Result<[Result<Counts, CountError>; 2], Error> {
    let program = std::env::current_exe()?;
    let folder = tempfile::tempdir()?; // for the files of valgrind
    Ok([
        step::count(&program, &["child-step"]),
        callgrind::count(&program, &["child-callgrind"], folder.path()),
    ])
}

/// The counts, or why this machine cannot count. All other errors fail.
fn if_possible(counted: Result<Counts, CountError>) -> Result<Result<Counts, CountError>, Error> {
    match counted {
        Err(why) if !matches!(why, CountError::NoValgrind | CountError::Cpu) => Err(why.into()),
        possible => Ok(possible),
    }
}

fn check(cli: &Cli) -> Result<bool, Error> {
    let budget = Budget::read(&cli.file)?;
    let [step, callgrind] = count()?;
    if let (Err(step), Err(callgrind)) = (&step, &callgrind) {
        return Err(format!("nothing could be counted here: {step}; {callgrind}").into());
    }
    let mut out = std::io::stdout().lock();
    let mut failed = false;
    for (how, committed, counted) in [
        ("step", &budget.step, step),
        ("callgrind", &budget.callgrind, callgrind),
    ] {
        let counted = match if_possible(counted)? {
            Ok(counted) => counted,
            Err(why) => {
                writeln!(out, "NOT CHECKED by {how}: {why}")?;
                continue;
            }
        };
        writeln!(out, "{how:<24} committed    now   instructions a frame")?;
        for (name, was, is, finding) in compare(committed, &counted, budget.tolerance_percent) {
            let show = |count: Option<f64>| count.map_or("-".to_owned(), |n| format!("{n:.1}"));
            let words = match finding {
                Finding::Fine => "",
                Finding::Fewer => "  fewer: run scripts/icount update and commit it",
                Finding::More => "  MORE THAN THE TOLERANCE",
                Finding::New => "  NOT IN THE FILE: run scripts/icount update",
                Finding::Gone => "  IN THE FILE, BUT NOT COUNTED: run scripts/icount update",
            };
            failed |= finding.fails();
            writeln!(out, "{name:<24} {:>9} {:>9}{words}", show(was), show(is))?;
        }
    }
    let (was, is) = (&budget.rustc, &cli.rustc);
    if was != is {
        writeln!(
            out,
            "note: the file was written with `{was}`, this is `{is}`: the compiler may be the \
             cause of a difference"
        )?;
    }
    if failed {
        let (file, tolerance) = (cli.file.display(), budget.tolerance_percent);
        writeln!(
            out,
            "FAILED: above {file} + {tolerance} %. A frame costs more instructions than before; if \
             that is meant, run scripts/icount update and say why in the commit."
        )?;
    }
    Ok(!failed)
}

/// Rewrites the file. Pieces that cannot be counted on this machine keep their counts.
fn update(cli: &Cli) -> Result<(), Error> {
    let mut budget = if cli.file.exists() {
        Budget::read(&cli.file)?
    } else {
        Budget {
            rustc: String::new(),
            tolerance_percent: TOLERANCE_PERCENT,
            step: Counts::new(),
            callgrind: Counts::new(),
        }
    };
    budget.rustc = cli.rustc.clone();
    let [step, callgrind] = count()?;
    for (counted, kept) in [(step, &mut budget.step), (callgrind, &mut budget.callgrind)] {
        match if_possible(counted)? {
            // A tenth of an instruction a frame is enough.
            Ok(counts) => {
                let round = |(name, count): (String, f64)| (name, (count * 10.0).round() / 10.0);
                *kept = counts.into_iter().map(round).collect();
            }
            Err(why) => eprintln!("icount: kept as they were: {why}"),
        }
    }
    Ok(budget.write(&cli.file)?)
}
