//! AES-GCM for bursts of frames.
//!
//! A key is expanded once ([`Engine::expand`]) and then seals or opens bursts of up to
//! [`BURST_MAX`] frames in place. Each engine is one module; the engine is selected at run time.
//! Call [`self_test`] once at program start: it runs known-answer tests on every engine.
//!
//! Not here: nonces (the SecY makes them and keeps them unique), SecTAGs, replay.
//!
//! # Panics
//!
//! [`BurstKey::seal`] and [`BurstKey::open`] panic if the caller breaks the contract of a [`Job`]:
//! more than [`BURST_MAX`] jobs, `aad_len + ICV_LEN` beyond the frame, or a frame longer than
//! [`FRAME_LEN_MAX`]. These are programming errors. No frame from the line can cause them, since
//! the buffers of the worker are shorter than that.

pub use engine::{Engine, UnknownEngine};
pub use job::{BurstKey, Job, RawKey};
pub use limits::{BURST_MAX, FRAME_LEN_MAX, ICV_LEN};
pub use selftest::{SelfTestError, self_test};

mod aws_lc;
mod engine;
mod job;
mod limits;
mod rustcrypto;
mod selftest;
#[cfg(target_arch = "x86_64")]
mod vaes512;
