//! One node of a network of QKD nodes, as a process runs it: the relay protocol of `network` with
//! sockets, a clock and random bits.
//!
//! ```text
//!   neighbour ══ TLS: messages ══ lines ──┐                  ┌── keys ── KME ══ 014, mTLS ══ SAE
//!                                         ├── core (Node) ───┤
//!   neighbour ══ TLS: blocks ══ quantum ──┤                  └── report ── status
//!   other domain ══ 020, mTLS ══ crossing ┘
//! ```
//! [`Running::start`] starts all of it on the present tokio runtime. `core` holds the node behind a
//! lock; every input is one short call to it. `lines` keeps the connections to the neighbours,
//! `quantum` models their QKD devices, `keys` is the store behind the KME of this node, `crossing`
//! the KME of an interworking node for the neighbour domain.
//!
//! Pools and keys are in memory only. A node that starts again begins without any.
#![forbid(unsafe_code)]

mod config;
mod core;
mod crossing;
pub mod drill;
mod frame;
mod keys;
pub mod ledger;
pub mod limits;
mod lines;
mod map;
mod opening;
pub mod passport;
mod quantum;
mod report;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use kme::etsi020::{Domain, InterworkingError, InterworkingKme};
use kme::{Kme, KmeConfig, SaeIdentity, StartError};
use network::{ConfigError, LinkId, Node};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use config::{Interworking, Settings, SettingsError};
pub use map::{Map, link_name, sae_of, sites};
pub use report::{AccountReport, InterworkingReport, LinkReport, NodeReport, PairReport};
pub use tls::{Identity, IdentityError};

use config::node_config;
use core::Core;
use crossing::{OurDomain, kme_config};
use keys::NodeKeys;
use ledger::{LedgerError, NodeLedger};
use lines::Lines;
use opening::Purpose;
use quantum::Devices;
use tls::Tls;

/// A running node. Dropping it stops it at once, like a crash.
pub struct Running {
    map: Arc<Map>,
    core: Arc<Core>,
    started: Instant,
    /// A node without SAEs has no KME.
    kme: Option<Kme>,
    /// Only an interworking node has it.
    interworking: Option<InterworkingKme>,
    address: SocketAddr,
    tasks: JoinSet<()>,
}

/// The reason why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A setting contradicts the topology.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The protocol does not accept the topology.
    #[error("the topology cannot be used: {0}")]
    Network(#[from] ConfigError),
    /// The ledger cannot be continued.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The address for neighbours is not free.
    #[error(
        "cannot listen for neighbours on {address}: {source}; fix: choose a free port of a local \
         address"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The KME does not start.
    #[error(transparent)]
    Kme(#[from] StartError),
    /// The KME for the neighbour domain does not start.
    #[error(transparent)]
    Interworking(#[from] InterworkingError),
}

impl Running {
    /// Starts the node on the present tokio runtime. When it returns, its addresses are bound.
    ///
    /// # Errors
    /// A setting, certificate or address is unusable. Nothing runs in that case.
    pub async fn start(settings: Settings) -> Result<Self, NodeError> {
        let map = Arc::new(settings.map()?);
        let tls = Tls::load(&settings.identity, map.name())?;
        let started = Instant::now();
        let entropy = Box::new(|out: &mut [u8]| {
            getrandom::fill(out).expect("the random source of the system works after its start");
        });
        let node = Node::new(node_config(&map)?, entropy)?;
        let open = |path: &PathBuf| NodeLedger::open(path, map.name());
        let ledger = settings.ledger.as_ref().map(open).transpose()?;
        let (crossings, reports) = mpsc::channel(limits::CROSSINGS_MAX);
        let core = Core::new(node, ledger, Arc::clone(&map), started, crossings);
        let core = Arc::new(core);
        let address = settings.listen;
        let not_bound = |source| NodeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(not_bound)?;
        let address = listener.local_addr().map_err(not_bound)?;
        let kme = start_kme(&settings, &map, &core).await?;
        let domain = Arc::new(OurDomain::new(Arc::clone(&map), Arc::clone(&core)));
        let interworking = start_interworking(&settings, &domain).await?;
        let leads = |(link, neighbour)| {
            let supply = map.supply(link).filter(|_| map.leads(neighbour))?;
            Some((link, supply))
        };
        let devices = Devices::new(map.own_links().filter_map(leads), settings.blocks_at_start);
        let lines = Arc::new(Lines {
            map: Arc::clone(&map),
            core: Arc::clone(&core),
            tls,
            devices,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(domain.run(reports));
        for (link, neighbour) in map
            .own_links()
            .filter(|(_, neighbour)| map.leads(*neighbour))
        {
            let Some(address) = settings.neighbours.get(map.neighbour_name(link)) else {
                continue; // the check of the settings has refused this
            };
            for purpose in [Purpose::Messages, Purpose::Quantum] {
                tasks.spawn(Arc::clone(&lines).connect(link, neighbour, *address, purpose));
            }
        }
        tasks.spawn(lines.accept(listener));
        let timer = Arc::clone(&core);
        tasks.spawn(async move { timer.run_timer().await });
        Ok(Self {
            map,
            core,
            started,
            kme,
            interworking,
            address,
            tasks,
        })
    }

    /// The topology and the place of this node in it.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Address for neighbours.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address for SAEs; `None` for a node that only relays.
    #[must_use]
    pub fn kme_address(&self) -> Option<SocketAddr> {
        self.kme.as_ref().map(Kme::address)
    }

    /// Address for the KME of the neighbour domain, at an interworking node.
    #[must_use]
    pub fn interworking_address(&self) -> Option<SocketAddr> {
        self.interworking.as_ref().map(InterworkingKme::address)
    }

    /// Returns the present state.
    #[must_use]
    pub fn report(&self) -> NodeReport {
        let requests = self.kme.as_ref().map_or(0, |kme| kme.requests().ok);
        let mut report = report::report(&self.map, &self.core, self.started.elapsed(), requests);
        if let Some(kme) = &self.interworking {
            report.interworking = kme.books().map(Into::into);
        }
        report
    }

    /// Ends the connections of a link for good. False: this node has no such link.
    pub fn cut(&self, link: LinkId) -> bool {
        self.core.cut(link)
    }

    /// Lets the requests of SAEs end (at most 2 s), then ends all connections.
    pub async fn shutdown(mut self) {
        if let Some(kme) = self.kme.take() {
            kme.shutdown().await;
        }
        if let Some(kme) = self.interworking.take() {
            kme.shutdown().await;
        }
        self.tasks.shutdown().await;
    }
}

async fn start_kme(
    settings: &Settings,
    map: &Arc<Map>,
    core: &Arc<Core>,
) -> Result<Option<Kme>, StartError> {
    let sae_ids: Vec<_> = map.own_saes().map(str::to_owned).collect();
    if sae_ids.is_empty() {
        return Ok(None);
    }
    let Identity { ca, cert, key } = settings.identity.clone();
    let config = KmeConfig {
        kme_id: map.name().to_owned(),
        listen: settings.kme_listen,
        ca,
        cert,
        key,
        sae_ids,
        identity: SaeIdentity::CommonName,
    };
    let keys = NodeKeys {
        map: Arc::clone(map),
        core: Arc::clone(core),
    };
    Kme::start(&config, Arc::new(keys)).await.map(Some)
}

async fn start_interworking(
    settings: &Settings,
    domain: &Arc<OurDomain>,
) -> Result<Option<InterworkingKme>, InterworkingError> {
    let neighbour = settings.topology.neighbour_kme(&settings.name);
    let Some((interworking, neighbour)) = settings.interworking.as_ref().zip(neighbour) else {
        return Ok(None);
    };
    let config = kme_config(settings, interworking, neighbour);
    let domain = Arc::clone(domain) as Arc<dyn Domain>;
    InterworkingKme::start(&config, domain).await.map(Some)
}

#[cfg(test)]
mod tests;
