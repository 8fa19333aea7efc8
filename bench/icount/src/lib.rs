//! Instructions for one frame: a gate that does not depend on the clock.
//!
//! ```text
//! work: named pieces of work ─▶ child process ─▶ step: ptrace, one instruction at a time
//!                                            └▶ callgrind: valgrind, for instructions it knows
//! counts of both ─▶ budget: compared with those in the file
//! ```
//! `step` counts the instructions that run, AVX-512 included. A library may choose others on
//! another CPU; therefore it counts `vaes512` only, whose path is the same everywhere. `callgrind`
//! shows every program the same CPU, without AVX-512; it counts the rest.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

pub use budget::{Budget, Finding, compare};

pub mod budget;
pub mod callgrind;
pub mod step;
pub mod work;

/// Instructions for one frame, by the name of the work.
pub type Counts = BTreeMap<String, f64>;

/// Instructions for one frame, from the instructions of whole bursts in the order of the pieces.
/// The first piece of work does nothing; its count is subtracted from all others. The share of the
/// SecY is the count with the SecY less the count of the engine alone.
pub fn per_frame(pieces: &[work::Piece], instructions: &[u64]) -> Result<Counts, CountError> {
    if pieces.len() != instructions.len() {
        return Err(CountError::Lost {
            named: pieces.len(),
            counted: instructions.len(),
        });
    }
    let nothing = instructions.first().copied().unwrap_or(0);
    let mut counts = Counts::new();
    for (piece, &all) in pieces.iter().zip(instructions).skip(1) {
        let each = all.saturating_sub(nothing) as f64 / f64::from(piece.frames);
        counts.insert(piece.name.clone(), each);
    }
    let (with_secy, mut counts): (Counts, Counts) = counts
        .into_iter()
        .partition(|(name, _)| name.contains(work::WITH_SECY));
    for (name, with) in with_secy {
        let (engine, rest) = name.split_once(work::WITH_SECY).unwrap_or_default();
        for (does, share) in work::SHARES {
            let Some(size) = rest.strip_prefix(does) else {
                continue;
            };
            if let Some(alone) = counts.get(&format!("{engine} {share}{size}")) {
                counts.insert(format!("secy {does}"), with - alone);
            }
        }
    }
    Ok(counts)
}

/// Why there is no count.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// The numbers of names and counts differ.
    #[error("{named} pieces of work, but {counted} counts: a bug in icount, or a child that died")]
    Lost {
        /// Pieces that the child named.
        named: usize,
        /// Counts of the parent.
        counted: usize,
    },
    /// Needed for the counting.
    #[error("valgrind is not installed (Debian: apt-get install valgrind)")]
    NoValgrind,
    /// No AVX-512.
    #[error("this CPU cannot run vaes512")]
    Cpu,
    /// Its last lines.
    #[error("valgrind failed: {0}")]
    Valgrind(String),
    /// The child failed.
    #[error("the child did not do its work: {0}")]
    Child(String),
    /// Not allowed to trace, or out of processes.
    #[error("cannot step through the child: {0}")]
    Trace(#[from] nix::Error),
    /// Files and processes.
    #[error("cannot run the child: {0}")]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
mod tests;
