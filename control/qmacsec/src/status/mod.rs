//! What a running encryptor says of itself, and how it is asked: one JSON document per connection
//! to a Unix socket that only its owner may open.
//!
//! Never in it: a key. Key_IDs are names, and names may be known.

mod report;
mod socket;

pub use report::{Direction, KmeHealth, KmeReport, Peer, PortReport, Report, WorkerReport};
pub use socket::{Asker, StatusError, StatusSocket, query};
