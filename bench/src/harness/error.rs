//! Why a bench has no report.

use std::io;
use std::time::Duration;

use lab::sandbox::SandboxError;
use port::PortError;

use super::chart::NotWritten;

/// Why a bench has no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such core, or not ours to use.
    #[error("cannot stay on core {0}: no such core, or not allowed to this process; fix: --core")]
    Core(usize),
    /// More cores than there are.
    #[error("{asked} cores asked for, this process may use {have}: ask for fewer")]
    Cores {
        /// Cores asked for.
        asked: usize,
        /// Cores there are.
        have: usize,
    },
    /// The traffic generator would take the core of the devices under test.
    #[error("one core only: the host that sends and the devices under test need one each")]
    OneCore,
    /// Nothing to measure.
    #[error("none of the engines asked for can run here: {0}")]
    Nobody(String),
    /// A device or an engine does not do what it is timed for.
    #[error("{0}: its speed would mean nothing")]
    Wrong(String),
    /// No namespaces.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A port, or frames for it.
    #[error("port: {0}")]
    Port(#[from] PortError),
    /// A cable that does not come up.
    #[error("the ports under test have no carrier after {0:?}: is the machine overloaded?")]
    NoCarrier(Duration),
    /// The peer.
    #[error("dpdk-testpmd: {0}; leave it out with --devices")]
    Testpmd(String),
    /// Namespaces, cables, threads, sockets.
    #[error("the system refuses what the measurement needs: {0}")]
    System(#[from] io::Error),
    /// A bug.
    #[error("the thread of the {0} died (a bug; the message above says where)")]
    Died(&'static str),
    /// The chart.
    #[error(transparent)]
    Chart(#[from] NotWritten),
    /// The JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}
