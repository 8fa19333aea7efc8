//! AES-GCM for bursts of frames.
//!
//! A key is expanded once ([`Engine::expand`]) and then seals or opens bursts of up to
//! [`BURST_MAX`] frames in place. One module per engine; the engine is picked at run time.
//! [`Engine::self_test`] runs known answers through every engine and is to be called once at
//! program start.
//!
//! Not here: nonces (the SecY makes them and owns their uniqueness), SecTAGs, replay.
//!
//! # Panics
//!
//! [`BurstKey::seal`] and [`BurstKey::open`] panic when a caller breaks the contract of a
//! [`Job`]: more than [`BURST_MAX`] jobs, `aad_len + ICV_LEN` beyond the frame, or a frame
//! longer than [`FRAME_LEN_MAX`]. These are programming errors, never a matter of what the line
//! delivers: the worker's buffers are shorter than that.

pub use engine::{Engine, UnknownEngine};
pub use job::{BurstKey, Job, RawKey};
pub use limits::{BURST_MAX, FRAME_LEN_MAX, ICV_LEN};
pub use selftest::SelfTestError;

mod aws_lc;
mod engine;
mod job;
mod limits;
mod rustcrypto;
mod selftest;
#[cfg(target_arch = "x86_64")]
mod vaes512;
