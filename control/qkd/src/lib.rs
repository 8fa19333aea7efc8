//! Model of a continuous-variable QKD link: from fibre, source and receiver to the key that a KME
//! gets.
//!
//! The protocol is Gaussian-modulated coherent states with homodyne or heterodyne detection and
//! reverse reconciliation. Every rate is for **collective attacks**.
//!
//! The steps, one module each:
//!
//! 1. [`channel`], [`receiver`], [`link`]: the link in checked types, with the unit in each name.
//! 2. [`rate`]: the asymptotic rate, for infinitely long blocks.
//! 3. [`block`], [`finite`]: the rate of a finite block.
//! 4. [`optimise`], [`threshold`]: the best modulation; the noise and block at which the key rate
//!    is zero.
//! 5. [`supply`]: bits per block and block period, the input of a KME.
//! 6. [`preset`], [`report`]: named links; every input and intermediate result of a rate, for
//!    display.
//!
//! Further modules: [`raman`], the noise of data channels in the same fibre; [`attack`], the effect
//! of attacks on the noise; [`discrete`], a sender with a few states instead of a Gaussian;
//! [`bb84`] and [`one_decoy`], the rate of single-photon QKD; [`budget`], the sources of the excess
//! noise; [`published`], links of experiments.
//!
//! Conventions of the whole crate: shot-noise units (SNU), vacuum variance 1, so one photon is 2
//! SNU; `V = V_A + 1`; excess noise is referred to the **channel input**; the transmittance `T` is
//! that of the fibre alone, and detection efficiency and electronic noise belong to the receiver.
//! The rate depends on whether Eve may have caused those two, see [`receiver::Trust`].
//!
//! This crate makes no key. It computes the key rate of a link. Bits that are generated at that
//! rate are `modelled` and must be labelled so. No IO, no clock, no randomness.
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
pub mod budget;
pub mod channel;
pub mod discrete;
pub mod finite;
mod limits;
pub mod link;
pub mod one_decoy;
pub mod optimise;
pub mod preset;
pub mod published;
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
