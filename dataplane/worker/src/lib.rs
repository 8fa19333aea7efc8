//! under construction
#![deny(unsafe_code)]

mod classify;
mod command;
mod control_link;
mod counters;
pub mod limits;
#[expect(
    unsafe_code,
    reason = "the slots of the mailbox pass between two threads"
)]
pub mod mailbox;
mod policy;
mod sync;
mod wake;

pub use command::{Command, Outcome};
pub use control_link::{ControlFrame, ControlLink, Refused, WorkerEnd, link};
pub use counters::WorkerCounters;
pub use mailbox::{Full, Inbox, Mailbox, Ticket};
pub use policy::{Action, ETHERTYPE_MAC_CONTROL, Line, Policy, PolicyError, Rule};
