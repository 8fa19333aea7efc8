//! Why a bench has no report.

use std::io;
use std::time::Duration;

use lab::sandbox::SandboxError;
use port::PortError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot stay on core {0}: no such core, or not allowed to this process; fix: --core")]
    Core(usize),
    #[error("{asked} cores asked for, this process may use {have}: ask for fewer")]
    Cores { asked: usize, have: usize },
    #[error("one core only: the host that sends and the devices under test need one each")]
    OneCore,
    #[error("none of the engines asked for can run here: {0}")]
    NoEngine(String),
    /// A device or an engine does not do what it is timed for.
    #[error("{0}: its speed would mean nothing")]
    Wrong(String),
    #[error("the ports under test have no carrier after {0:?}: is the machine overloaded?")]
    NoCarrier(Duration),
    #[error("dpdk-testpmd: {0}; leave it out with --devices")]
    Testpmd(String),
    /// Files, config, sockets of a pair of encryptors.
    #[error("the pair of encryptors cannot be built: {0}")]
    Setup(String),
    /// Often because a port does not exist.
    #[error("an encryptor ended at its start: {0}")]
    Ended(String),
    #[error("the encryptors have no keys after 30 s; RUST_LOG=info shows why")]
    NoKeys,
    #[error("at size {0} no rate is carried without loss: is the machine overloaded?")]
    NothingCarried(String),
    #[error("the line of nodes cannot be measured: {0}")]
    Nodes(String),
    #[error("--peer {path}: {error}; fix: give the output of scripts/trusted-node-peer")]
    Peer { path: String, error: String },
    #[error("--realtime needs {0}")]
    Realtime(&'static str),
    #[error("the thread of the {0} died (a bug; the message above says where)")]
    Died(&'static str),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("port: {0}")]
    Port(#[from] PortError),
    #[error("the system refuses what the measurement needs: {0}")]
    System(#[from] io::Error),
    #[error("cannot write the chart {path}: {source}; fix: name a file that you may write")]
    Chart { path: String, source: io::Error },
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}
