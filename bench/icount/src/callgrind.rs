//! Counting with `valgrind --tool=callgrind`: it shows the child a CPU of its own.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::step::parse;
use crate::work::{Piece, Selection, measured, run};
use crate::{CountError, Counts, per_frame};

/// The function whose calls are counted, one dump each: [`measured`] by its full name, for
/// `--dump-after` takes no wildcard in front.
const MEASURED: &str = "icount::work::measured";

/// Does the work of the child.
pub fn child(tell: &mut dyn FnMut(&Piece)) {
    run(Selection::Others, &mut |piece, work| {
        tell(piece);
        measured(work);
    });
}

/// Runs `program` with `arguments` under valgrind, and counts. `folder` takes its files.
pub fn count(program: &Path, arguments: &[&str], folder: &Path) -> Result<Counts, CountError> {
    let file = folder.join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "-q"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--dump-after={MEASURED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(arguments)
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(CountError::NoValgrind),
        other => other?,
    };
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        return Err(CountError::Valgrind(format!(
            "{}: {}",
            output.status,
            lines.join(" / ")
        )));
    }
    let pieces = parse(&String::from_utf8_lossy(&output.stdout))?;
    let dumps = (1..=pieces.len())
        .map(|n| std::fs::read_to_string(folder.join(format!("callgrind.out.{n}"))));
    let dumps: Vec<String> = dumps.collect::<Result<_, _>>()?;
    let instructions: Option<Vec<u64>> = dumps.iter().map(|dump| total(dump)).collect();
    let instructions = instructions
        .ok_or_else(|| CountError::Valgrind("a dump without a line `totals:`".to_owned()))?;
    per_frame(&pieces, &instructions)
}

pub(crate) fn total(dump: &str) -> Option<u64> {
    let line = dump.lines().find_map(|line| line.strip_prefix("totals:"))?;
    line.split_whitespace().next()?.parse().ok()
}
