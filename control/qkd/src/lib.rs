//! Model of a continuous-variable QKD link: from fibre, source and receiver to the key a KME gets.
//!
//! The protocol is Gaussian-modulated coherent states with homodyne or heterodyne detection and
//! reverse reconciliation. Every rate is for **collective attacks**.
//!
//! The flow, one module each:
//!
//! 1. [`channel`], [`receiver`], [`link`]: the link in checked types, every unit in a name.
//! 2. [`rate`]: the asymptotic rate, as if blocks were infinitely long.
//! 3. [`block`], [`finite`]: what a block of real length leaves of it.
//! 4. [`optimise`], [`threshold`]: the best modulation; the noise and block at which key ends.
//! 5. [`supply`]: bits per block and block period, what a KME is fed with.
//! 6. [`preset`], [`report`]: named links; every input and intermediate of a rate, to be shown.
//!
//! Beside it: [`raman`], the noise of data channels in the same fibre; [`attack`], what attacks do
//! to the noise; [`discrete`], a sender with few states instead of a Gaussian; [`bb84`], what
//! single-photon QKD would give.
//!
//! Conventions, fixed for the whole crate: shot-noise units (SNU), vacuum variance 1, so one
//! photon is 2 SNU; `V = V_A + 1`; excess noise referred to the **channel input**; the
//! transmittance `T` is the fibre's alone, detection efficiency and electronic noise belong to
//! the receiver. Who may have caused those two decides the rate, see [`receiver::Trust`].
//!
//! This crate makes no key. It computes how much key a link would give; bits that are then made
//! up to that rate are `modelled` and must be called so. No IO, no clock, no randomness.
//!
//! ```
//! use qkd::{preset::Preset, supply::Supply};
//!
//! let link = Preset::default().link();
//! let supply = Supply::of(&link);
//! assert!(supply.average_bit_s > 10_000.0);
//! assert_eq!(supply.block_period.as_secs(), 100);
//! # Ok::<(), qkd::OutOfRange>(())
//! ```
#![forbid(unsafe_code)]

pub mod attack;
pub mod bb84;
pub mod block;
pub mod channel;
pub mod discrete;
pub mod finite;
mod limits;
pub mod link;
pub mod optimise;
pub mod preset;
pub mod raman;
pub mod rate;
mod readable;
pub mod receiver;
pub mod report;
pub mod supply;
pub mod threshold;

pub use limits::OutOfRange;
pub use link::Link;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
