//! Benchmarks of qmacsec.
//!
//! `qmacsec-bench crypto` sets the AES-GCM engines of `gcm` and their peers side by side,
//! `qmacsec-bench pipeline` a whole worker between null ports and what could be instead of it,
//! `qmacsec-bench line` two of them and a line between them, over the ports of real interfaces,
//! `qmacsec-bench rekey` two whole encryptors while they change their keys under load,
//! `qmacsec-bench timing` looks for time that depends on secrets, and `icount` (a program of its
//! own, run by `scripts/icount`) counts instructions, which no noisy machine can disturb.
//!
//! ```text
//! crypto:   size ─▶ window (frames in rooms) ─▶ contender (engine or peer) ─┐
//! pipeline: frame_size ─▶ stock of frames ─▶ bed (an arm) on a lane (a core) ┴▶ rounds ─▶ rows ─▶ report, json, chart
//!           cpu (clock, calibrator, AES floor) ─▶ quiet (which rounds count) ─────┘
//! ```
//! Unsafe code is in two files: `cpu/x86.rs` (the clock and the CPU's own limits) and
//! `contender/ipsec_mb.rs` (a C library found at run time).
#![deny(unsafe_code)]

pub mod chart;
pub mod contender;
pub mod cpu;
pub mod crypto;
#[cfg(test)]
mod fixture;
pub mod frame_size;
pub mod icount;
pub mod keyed;
pub mod line;
pub mod machine;
pub mod pipeline;
pub mod quiet;
pub mod rekey;
pub mod size;
pub mod stats;
mod sweeps;
mod text;
mod throughput;
pub mod timing;
mod vdev;
pub mod window;
