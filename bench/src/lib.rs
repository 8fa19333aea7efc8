//! Benchmarks of qmacsec.
//!
//! `qmacsec-bench crypto` sets the AES-GCM engines of `gcm` and their peers side by side,
//! `qmacsec-bench timing` looks for time that depends on secrets, and `icount` (a program of its
//! own, run by `scripts/icount`) counts instructions, which no noisy machine can disturb.
//!
//! ```text
//! size ─▶ window (frames in rooms) ─▶ contender (engine or peer) ─▶ rounds ─▶ rows ─▶ report, json, chart
//!                                       cpu (clock, calibrator, AES floor) ─┘
//! ```
//! Unsafe code is in two files: `cpu/x86.rs` (the clock and the CPU's own limits) and
//! `contender/ipsec_mb.rs` (a C library found at run time).
#![deny(unsafe_code)]

pub mod contender;
pub mod cpu;
pub mod crypto;
pub mod icount;
pub mod size;
pub mod stats;
pub mod timing;
pub mod window;
