//! The status of a running encryptor and the orders to it: one JSON document for each connection to
//! a Unix socket that only its owner may open.
//!
//! It never holds a key. Key_IDs are names, which may be public.

mod asking;
mod headline;
mod kme_fault;
mod prometheus;
mod report;
mod socket;

pub use asking::{query, request};
pub use headline::State;
pub(crate) use headline::{Facts, Headline, PortFacts, headline};
pub use kme_fault::KmeFault;
pub use prometheus::prometheus;
pub use report::{
    DirectionReport, Done, InterfaceFigures, KmeHealth, KmeReport, LedgerReport, Link, Peer,
    PolicyLine, PortReport, Report, Root, Shortfall, Switch, WorkerReport,
};
pub(crate) use socket::folder_problem;
pub use socket::{Asker, Request, StatusError, StatusSocket};
