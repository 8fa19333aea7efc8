//! The worker: the poll loop of one core, and the interface through which control commands it.
//!
//! ```text
//!  control's side                            worker's side, one thread
//!  Handle ── Mailbox ── Command ──────────▶ Inbox ─ between bursts ─▶ TxSc, RxScs
//!         ── ControlLink ◀── rekey frames ─▶ WorkerEnd ◀─▶ black port
//!         ── Stats ◀─── published numbers ──
//!                                            │ Seat: lines to other workers
//! ```
//! A worker owns both its ports, one tx SC, the rx SCs assigned to it, and all their keys. Control
//! owns nothing on the frame path: it posts commands that carry expanded keys. The acknowledged
//! epoch tells control that the new keys are in use and that the replaced keys are wiped.
//!
//! Read `worker.rs` first: [`Worker::poll`] is one round of the loop. Then read `mailbox.rs`, the
//! only module with `unsafe`.
//!
//! Not here: the rekey protocol (`rekey`), MACsec (`secy`), devices (`port`); logs, clocks, files;
//! and process matters: memory locking, privileges, signals.
#![deny(unsafe_code)]

mod classify;
mod command;
mod control_link;
mod counters;
mod handover;
mod idle;
pub mod limits;
mod line_tag;
#[expect(
    unsafe_code,
    reason = "the slots of the mailbox pass between two threads"
)]
pub mod mailbox;
mod policy;
mod spawn;
mod stats;
mod sync;
mod through_secy;
mod wake;
mod worker;

pub use command::{Command, Outcome, Side};
pub use control_link::{ControlFrame, ControlLink, Refused, WorkerEnd};
pub use counters::WorkerCounters;
pub use handover::{Seat, owner};
pub use idle::{Idle, TooFewCores};
pub use line_tag::LineTag;
pub use mailbox::{Full, Inbox, Mailbox, Ticket};
pub use policy::{
    Action, ETHERTYPE_MAC_CONTROL, Line, Policy, PolicyError, PolicyHits, Protocol, Rule,
    UnknownProtocol,
};
pub use spawn::{
    Death, Handle, Opener, Openers, PortFacts, SpawnError, WorkerConfig, spawn, spawn_among,
};
pub use stats::{Stats, StatsSnapshot};
pub use worker::{Parts, Worker};
