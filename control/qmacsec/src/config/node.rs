//! Config of a node of a network (`qmacsec network node --config FILE`).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use node::{Identity, Interworking, Settings};
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
    /// The KME for the neighbour domain, at an interworking node.
    interworking: Option<InterworkingSection>,
    /// Addresses of the neighbours.
    #[serde(default)]
    neighbours: BTreeMap<String, SocketAddr>,
}

/// ETSI GS QKD 020 to the KME of the neighbour domain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InterworkingSection {
    /// Address and port for the neighbour's KME.
    listen: SocketAddr,
    /// Host name under which the neighbour reaches this KME; the address of `listen` by default.
    host: Option<String>,
    /// Host and port of the neighbour's KME.
    neighbour: String,
    /// Certificate (PEM) of the authority of the neighbour's KME; that of the node by default.
    ca: Option<PathBuf>,
    /// File for the states of the keys. It holds no key.
    journal: PathBuf,
    /// Ask the neighbour for the synchronous mode.
    #[serde(default)]
    synchronous: bool,
}

impl InterworkingSection {
    fn settings(&self, folder: &Path, ca: &Path) -> Interworking {
        let address = match self.listen.ip() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let own = self.ca.as_ref().map(|ca| folder.join(ca));
        Interworking {
            ca: own.unwrap_or_else(|| ca.to_owned()),
            listen: self.listen,
            host: self.host.clone().unwrap_or(address),
            neighbour: self.neighbour.clone(),
            journal: folder.join(&self.journal),
            synchronous: self.synchronous,
        }
    }
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
            interworking: config
                .interworking
                .as_ref()
                .map(|section| section.settings(folder, &config.ca)),
        };
        Ok((config, settings))
    }
}
