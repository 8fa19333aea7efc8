//! Benchmarks of qmacsec.
//!
//! - `crypto` compares the AES-GCM engines of `gcm` and their peers.
//! - `pipeline` measures a whole worker between null ports, and its ceilings.
//! - `line` measures two encryptors and a line between them, over the ports of real interfaces.
//! - `rekey` measures two whole encryptors while they change their keys under load.
//! - `timing` looks for time that depends on secrets.
//! - `icount` (a program of its own, run by `scripts/icount`) counts instructions, which do not
//!   depend on the noise of a machine.
//!
//! ```text
//! crypto:   size ─▶ window (frames in memory) ─▶ contender (engine or peer) ─┐
//! pipeline: size ─▶ set of frames ─▶ device in a testbed, on a core thread ──┤
//! line:     size ─▶ traffic ─▶ devices in namespaces ────────────────────────┤
//!                                    harness: rounds ─▶ rows ─▶ text, JSON, chart
//! cpu (clock, calibrator, AES floor) ─▶ harness: which rounds count
//! ```
//! Unsafe code is in two files: `cpu/x86.rs` (the clock and the CPU's own limits) and
//! `contender/ipsec_mb.rs` (a C library found at run time).
#![deny(unsafe_code)]

mod contender;
mod cpu;
pub mod crypto;
mod device;
mod drops;
#[cfg(test)]
mod fixture;
mod frames;
mod harness;
pub mod icount;
mod keyed;
pub mod line;
mod network;
pub mod pipeline;
mod ports;
pub mod rekey;
mod size;
mod stats;
pub mod timing;
mod vdev;
mod window;
