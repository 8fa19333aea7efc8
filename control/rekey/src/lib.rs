//! The rekey protocol, without IO: how two encryptors agree on a fresh SAK for each direction,
//! every few seconds, from keys that a KME hands out by `key_ID`.
//!
//! ```text
//!             frames, keys, acknowledgements, time
//!                          │ on_*(now, …)
//!                          ▼
//!   ┌─────────────────── Rekey ───────────────────┐
//!   │ session   which run of the peer, is it alive │
//!   │ tx        our direction: fetch, offer, switch│──▶ poll_action(): frames to send, keys to
//!   │ stock     its keys that are not used yet     │    fetch, SAs to install and retire, events
//!   │ shortage  what it does when keys run short   │
//!   │ rx        its direction: look up, install    │
//!   │ ratchet   root secret + KEM exchanges ─▶ root│
//!   │ schedule  QKD key + root ─▶ SAK              │
//!   └──────────────────────────────────────────────┘
//! ```
//! The protocol is specified in `docs/spec/rekey.md`; comments and tests name its rules (REKEY-n).
//!
//! Ownership: the workers own every installed SA, and [`Rekey`] remembers only its name. A
//! SAK leaves in [`Action::InstallRx`] or [`Action::InstallTx`] and is not kept. A QKD key is used
//! for one SA and wiped; only one that the peer did not get is offered again (REKEY-59).
//!
//! Not here: clocks, sockets, threads, HTTP, logs (the driver in `qmacsec`), frames' protection
//! (`secy`), where QKD keys come from (`keyclient`). Left out of the protocol for now: more than
//! one peer per [`Rekey`] (make one for each).
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as rekey; // the simulation in tests/world names the crate from both sides

#[cfg(all(feature = "guards", not(debug_assertions)))]
compile_error!("the feature `guards` is for the simulation only: no release can have it");

#[cfg(feature = "guards")]
pub mod guards;
pub mod limits;

mod action;
mod announced;
mod config;
mod context;
mod end;
mod event;
mod forgeries;
#[cfg(not(feature = "guards"))]
#[expect(
    unreachable_pub,
    reason = "public for the simulation, by the feature `guards`"
)]
mod guards;
mod kem;
mod key_policy;
mod message;
mod ratchet;
mod rx;
mod schedule;
mod secret;
mod session;
mod session_id;
mod shortage;
mod shortage_stage;
mod status;
mod stock;
mod transfer;
mod tx;
mod used;

#[cfg(test)]
mod mutations;

pub use action::{Action, ControlFrame, Step};
pub use announced::{Difference, LedgerHead, LineSettings};
pub use config::{Config, ConfigError, scs};
pub use end::Rekey;
pub use event::{Cause, Direction, Ended, Event, KeyFailure, RatchetFailure, Refusal};
pub use kem::{
    KEM_PUBLIC_LEN, KEM_SECRET_LEN, KEM_TEXT_LEN, Kem, KemError, KemKeys, KemPublic, KemSecret,
    KemText, MlKem,
};
pub use key_policy::{KeyPolicy, UnknownPolicy};
pub use message::{FRAME_LEN, FRAME_LEN_MAX};
pub use secret::{Origin, QkdKey, RootSecret, SecretError};
pub use session::Entropy;
pub use shortage::Shortfall;
pub use shortage_stage::ShortageStage;
pub use status::{
    Counters, DirectionStatus, KeyStatus, RootStatus, SessionState, SessionStatus, Status,
    SwitchTimes,
};
