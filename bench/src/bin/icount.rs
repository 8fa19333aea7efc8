//! `icount`: counts instructions for one frame and compares them with `bench/icount.toml`. Run by
//! `scripts/icount`; see [`qmacsec_bench::icount`].

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use qmacsec_bench::icount::work::Piece;
use qmacsec_bench::icount::{
    Budget, BudgetError, CountError, Counts, Finding, callgrind, compare, step,
};

/// Tolerance that a new file starts with.
const TOLERANCE_PERCENT: f64 = 3.0;

/// Counts instructions for one frame.
#[derive(Parser)]
struct Cli {
    /// What to do
    #[arg(value_enum, default_value = "check")]
    what: What,
    /// The committed counts
    #[arg(long, default_value = "bench/icount.toml")]
    file: PathBuf,
    /// `rustc --version`, kept with the counts
    #[arg(long, default_value = "unknown")]
    rustc: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Compare with the file
    Check,
    /// Write the file anew
    Update,
    /// Be stepped through
    #[value(hide = true)]
    ChildStep,
    /// Run under callgrind
    #[value(hide = true)]
    ChildCallgrind,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Budget(#[from] BudgetError),
    #[error(transparent)]
    Count(#[from] CountError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("nothing could be counted here")]
    Nothing,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.what {
        What::Check => check(&cli),
        What::Update => update(&cli).map(|()| true),
        What::ChildStep => step::child(&mut say).map(|()| true).map_err(Error::from),
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

/// The child tells its parent what it does next.
fn say(piece: &Piece) {
    let mut out = std::io::stdout().lock();
    out.write_all(step::tell(piece).as_bytes())
        .expect("the parent reads this");
    out.flush().expect("the parent reads this");
}

/// Both counts; an error stands for one that cannot be had here.
fn count() -> Result<[Result<Counts, CountError>; 2], Error> {
    let program = std::env::current_exe()?;
    let folder = Folder::new()?;
    Ok([
        step::count(&program, &["child-step"]),
        callgrind::count(&program, &["child-callgrind"], &folder.0),
    ])
}

fn check(cli: &Cli) -> Result<bool, Error> {
    let budget = Budget::read(&cli.file)?;
    let [step, callgrind] = count()?;
    if step.is_err() && callgrind.is_err() {
        eprintln!(
            "icount: {}",
            [step, callgrind]
                .map(|counts| counts
                    .err()
                    .map_or(String::new(), |error| error.to_string()))
                .join("; ")
        );
        return Err(Error::Nothing);
    }
    let mut out = std::io::stdout().lock();
    let mut failed = false;
    for (how, committed, counted) in [
        ("step", &budget.step, step),
        ("callgrind", &budget.callgrind, callgrind),
    ] {
        let counted = match counted {
            Ok(counted) => counted,
            // The machine lacks something: said, and no failure. All else is one.
            Err(why @ (CountError::NoValgrind | CountError::Cpu)) => {
                writeln!(out, "NOT CHECKED by {how}: {why}")?;
                continue;
            }
            Err(other) => return Err(other.into()),
        };
        writeln!(out, "{how:<24} committed    now   instructions a frame")?;
        for (name, was, is, finding) in compare(committed, &counted, budget.tolerance_percent) {
            let show =
                |count: Option<f64>| count.map_or("-".to_owned(), |count| format!("{count:.1}"));
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
    if budget.rustc != cli.rustc {
        writeln!(
            out,
            "note: the file was written with `{}`, this is `{}`: a difference may be the compiler's",
            budget.rustc, cli.rustc
        )?;
    }
    if failed {
        writeln!(
            out,
            "FAILED: above {} + {} %. A frame costs more instructions than before; if that is meant, run scripts/icount update and say why in the commit.",
            cli.file.display(),
            budget.tolerance_percent
        )?;
    }
    Ok(!failed)
}

/// What cannot be counted on this machine keeps its old counts.
fn update(cli: &Cli) -> Result<(), Error> {
    let old = if cli.file.exists() {
        Some(Budget::read(&cli.file)?)
    } else {
        None
    };
    let [step, callgrind] = count()?;
    let (old_step, old_callgrind) = old
        .as_ref()
        .map(|old| (old.step.clone(), old.callgrind.clone()))
        .unwrap_or_default();
    let keep = |counted: Result<Counts, CountError>, old: Counts| match counted {
        Ok(counts) => Ok(counts
            .into_iter()
            .map(|(name, count)| (name, round(count)))
            .collect()),
        Err(why @ (CountError::NoValgrind | CountError::Cpu)) => {
            eprintln!("icount: kept as they were: {why}");
            Ok(old)
        }
        Err(other) => Err(other),
    };
    let budget = Budget {
        rustc: cli.rustc.clone(),
        tolerance_percent: old.map_or(TOLERANCE_PERCENT, |old| old.tolerance_percent),
        step: keep(step, old_step)?,
        callgrind: keep(callgrind, old_callgrind)?,
    };
    Ok(budget.write(&cli.file)?)
}

/// A tenth of an instruction a frame is enough.
fn round(count: f64) -> f64 {
    (count * 10.0).round() / 10.0
}

/// A folder for valgrind's files, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path: &Path = &std::env::temp_dir().join(format!("icount-{}", std::process::id()));
        std::fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind in the folder for temporary files harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
