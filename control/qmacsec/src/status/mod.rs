//! What a running encryptor says of itself, how it is asked and told what to do: one JSON document per connection
//! to a Unix socket that only its owner may open.
//!
//! Never in it: a key. Key_IDs are names, and names may be known.

mod headline;
mod kme_fault;
mod prometheus;
mod report;
mod socket;

pub use headline::State;
pub(crate) use headline::{Facts, Headline, PortFacts, headline};
pub use kme_fault::KmeFault;
pub use prometheus::prometheus;
pub use report::{
    Direction, Done, InterfaceFigures, KmeHealth, KmeReport, LedgerReport, Link, Peer, PolicyLine,
    PortReport, Report, Root, Shortfall, Switch, WorkerReport,
};
pub(crate) use socket::folder_problem;
pub use socket::{Asker, Request, StatusError, StatusSocket, query, request};
