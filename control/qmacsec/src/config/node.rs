//! Config of a node of a network (`qmacsec network node --config FILE`).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use node::{Identity, Settings};
use serde::Deserialize;

use super::value::Span;
use super::{ConfigError, file, topology};

/// A whole config file. Paths in it are relative to the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    /// Name of this node in the topology.
    name: String,
    /// Name of a built-in topology, or a file.
    topology: String,
    /// Interval of the demand, if not that of the topology. The same at every node.
    interval: Option<Span>,
    /// Address and port for neighbours.
    listen: SocketAddr,
    /// Address and port for SAEs: ETSI GS QKD 014.
    kme_listen: SocketAddr,
    /// Certificate (PEM) of the authority that signs the certificates of nodes and SAEs.
    ca: PathBuf,
    /// Certificate (PEM) of this node.
    cert: PathBuf,
    /// Its private key (PEM, PKCS#8).
    key: PathBuf,
    /// Blocks of each modelled link at the start, as if it had run before.
    #[serde(default = "one")]
    blocks_at_start: u32,
    /// Path of the status socket, which `qmacsec network status` queries.
    pub status_socket: Option<PathBuf>,
    /// File for the ledger of blocks, batches and deliveries, which `qmacsec network drill` reads.
    /// Its name ends with `.node-ledger`.
    ledger: Option<PathBuf>,
    /// Addresses of the neighbours.
    #[serde(default)]
    neighbours: BTreeMap<String, SocketAddr>,
}

fn one() -> u32 {
    1
}

impl NodeFile {
    /// Reads and parses a config file and its topology.
    ///
    /// # Errors
    /// The first mistake found, with file, key, value and fix.
    pub fn read(path: &Path) -> Result<(Self, Settings), ConfigError> {
        let mut config: Self = file::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for path in [&mut config.ca, &mut config.cert, &mut config.key] {
            *path = folder.join(&*path);
        }
        if let Some(socket) = &mut config.status_socket {
            *socket = folder.join(&*socket);
        }
        let topology = topology(folder, &config.topology).map_err(|problem| {
            ConfigError::new(path, "topology", problem.to_string())
                .value(format!("{:?}", config.topology))
        })?;
        let topology = match config.interval {
            Some(Span(interval)) => topology.with_interval(interval),
            None => topology,
        };
        let settings = Settings {
            name: config.name.clone(),
            topology,
            listen: config.listen,
            neighbours: config.neighbours.clone(),
            identity: Identity {
                ca: config.ca.clone(),
                cert: config.cert.clone(),
                key: config.key.clone(),
            },
            kme_listen: config.kme_listen,
            blocks_at_start: config.blocks_at_start,
            ledger: config.ledger.as_ref().map(|ledger| folder.join(ledger)),
        };
        Ok((config, settings))
    }
}
