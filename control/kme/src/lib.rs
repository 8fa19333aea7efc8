//! Key management entities for a lab: the two ends of one modelled QKD link, each an ETSI GS QKD
//! 014 server over mutual TLS, and on demand a SKIP server over the same keys.
//!
//! ```text
//! Deliveries ─ blocks ─▶ Store ◀─ enc_keys ─ KME A ◀─ mutual TLS ─ SAE A (master)
//!                           ─ dec_keys ─▶ KME B ─ mutual TLS ─▶ SAE B (slave)
//! ```
//!
//! Both KMEs run in one process and share one store, which takes the place of the quantum link.
//! This is not a KME for production. Keys are `modelled`: their rate follows a link model, and
//! their bits come from the CSPRNG of the operating system. Nothing is stored on disk, no key is
//! relayed, and [`faults`] can make a KME misbehave on purpose.
//!
//! ```no_run
//! # async fn lab() -> Result<(), Box<dyn std::error::Error>> {
//! use kme::pki::{LabPki, make_lab_pki};
//! use kme::{KmeConfig, Kmes, LinkConfig, Origin, SaeIdentity, Deliveries};
//! use std::{path::Path, time::Duration};
//!
//! let pki = Path::new("pki");
//! make_lab_pki(pki, &LabPki::default())?;
//! let kme = |id: &str, sae: &str| KmeConfig {
//!     kme_id: id.into(),
//!     listen: ([127, 0, 0, 1], 0).into(),
//!     ca: pki.join("ca.pem"),
//!     cert: pki.join(format!("{id}.pem")),
//!     key: pki.join(format!("{id}.key")),
//!     sae_ids: vec![sae.into()],
//!     identity: SaeIdentity::CommonName,
//! };
//! let supply = Deliveries {
//!     block_bits: 1_000_000,
//!     block_every: Duration::from_secs(100),
//!     blocks_at_start: 1,
//!     origin: Origin::Modelled,
//! };
//! let kmes = vec![kme("kme-a", "sae-a"), kme("kme-b", "sae-b")];
//! let kmes = Kmes::start(kmes, LinkConfig::default(), supply).await?;
//! println!("{:?}: {} keys", kmes.addresses(), kmes.snapshot().pool_keys);
//! kmes.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`Kme`] is one KME over a store of its caller ([`KeyStore`]), such as a node of a network.
//!
//! Responsibilities: `store` owns the keys, `deliveries` their arrival, `api` and `skip` the
//! meaning of a request, `server` the sockets and TLS, `places` the connection limits, this file
//! the tasks and the clock.
#![forbid(unsafe_code)]

mod acceptor;
mod api;
mod body;
mod config;
mod deliveries;
pub mod entropy;
pub mod etsi020;
pub mod faults;
mod head;
mod key_bytes;
mod key_store;
pub mod limits;
mod link;
pub mod pki;
mod places;
mod pool;
mod quiet;
mod refusal;
mod reply;
mod request;
mod server;
mod shares;
mod single;
mod skip;
pub mod store;
mod tally;
pub mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use config::{ConfigError, KmeConfig, LinkConfig, SaeIdentity, check_kmes};
pub use deliveries::{Deliveries, Origin, Source};
pub use key_bytes::KeyBytes;
pub use key_store::KeyStore;
pub use refusal::Refusal;
pub use single::Kme;
pub use tally::Requests;
pub use tls::TlsError;

use acceptor::Acceptor;
use api::Api;
use entropy::Entropy;
use faults::Faults;
use link::Link;
use server::{Desk, Face};
use store::Counters;

/// The running KMEs of one link. Dropping it stops them at once; [`Kmes::shutdown`] lets requests
/// end.
pub struct Kmes {
    link: Arc<Link>,
    running: Vec<Running>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

struct Running {
    config: KmeConfig,
    address: SocketAddr,
    api: Arc<Api>,
}

/// State of the link and its KMEs at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Keys of the default size in the pool.
    pub pool_keys: u64,
    /// Bits in the pool.
    pub pool_bits: u64,
    /// Most bits that the pool holds.
    pub pool_bits_max: u64,
    /// Keys that a master received and the slave has not fetched yet.
    pub reserved_keys: usize,
    /// Bits of these keys.
    pub reserved_bits: u64,
    /// Mean rate of the link in bit/s.
    pub rate_bps: f64,
    /// Label of the keys.
    pub origin: Origin,
    /// Time until the next block.
    pub next_block_in: Duration,
    /// Totals since the start.
    pub counters: Counters,
    /// State of each KME, in the order of the configuration.
    pub kmes: Vec<KmeSnapshot>,
}

/// State of one KME at one moment.
#[derive(Clone, Debug)]
pub struct KmeSnapshot {
    /// KME ID.
    pub kme_id: String,
    /// Its listening address.
    pub address: SocketAddr,
    /// Requests by outcome.
    pub requests: Requests,
    /// Faults in force.
    pub faults: Vec<faults::Fault>,
}

/// The reason why the KMEs did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A certificate or key cannot be used.
    #[error("{kme_id}: {source}")]
    Tls {
        /// KME ID.
        kme_id: String,
        /// The file and the fix.
        source: TlsError,
    },
    /// The KME cannot listen on the address.
    #[error(
        "{kme_id}: cannot listen on {address}: {source}; choose a free port of a local address"
    )]
    Listen {
        /// KME ID.
        kme_id: String,
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The first blocks could not be created.
    #[error(transparent)]
    Entropy(#[from] entropy::EntropyError),
}

impl Kmes {
    /// Starts one or two KMEs at the ends of one link, on the current tokio runtime. When it
    /// returns, the first blocks are in the pool and all addresses are bound.
    ///
    /// # Errors
    /// A value, certificate or address is unusable. Nothing runs in that case.
    pub async fn start(
        configs: Vec<KmeConfig>,
        link: LinkConfig,
        supply: Deliveries,
    ) -> Result<Self, StartError> {
        Self::start_with(configs, link, supply, Entropy::system()).await
    }

    /// Same as [`Kmes::start`], with key bits and key_IDs from another random source, for tests
    /// that must know the keys.
    ///
    /// # Errors
    /// Same as [`Kmes::start`].
    pub async fn start_with(
        configs: Vec<KmeConfig>,
        link: LinkConfig,
        supply: Deliveries,
        entropy: Entropy,
    ) -> Result<Self, StartError> {
        check_kmes(&configs)?;
        link.check()?;
        supply.check()?;
        let link = Arc::new(Link::new(&configs, link, supply, entropy)?);
        let (stop, stopped) = watch::channel(false);
        let mut running = Vec::new();
        let mut servers = Vec::new();
        for config in &configs {
            let api = Arc::new(Api::new(config, Arc::clone(&link) as Arc<dyn KeyStore>));
            let (server, address) = bind(config, config.listen, &api, Face::Etsi014).await?;
            servers.push(server);
            running.push(Running {
                config: config.clone(),
                address,
                api,
            });
        }
        let mut tasks = JoinSet::new();
        for server in servers {
            tasks.spawn(server.run(stopped.clone()));
        }
        for kme in &running {
            tasks.spawn(count_left_out(Arc::clone(&kme.api), stopped.clone()));
        }
        tasks.spawn(link::fill(Arc::clone(&link), stopped));
        Ok(Self {
            link,
            running,
            stop,
            tasks,
        })
    }

    /// Makes the KME with this ID serve SKIP as well, at a separate address: with the same keys and
    /// certificates, and with SAE IDs as system IDs. Returns the bound address, or `None` if there
    /// is no such KME.
    ///
    /// # Errors
    /// A certificate or address is unusable.
    pub async fn serve_skip(
        &mut self,
        kme_id: &str,
        listen: SocketAddr,
    ) -> Result<Option<SocketAddr>, StartError> {
        let Some(kme) = self.running.iter().find(|kme| kme.api.kme_id() == kme_id) else {
            return Ok(None);
        };
        let (server, address) = bind(&kme.config, listen, &kme.api, Face::Skip).await?;
        self.tasks.spawn(server.run(self.stop.subscribe()));
        Ok(Some(address))
    }

    /// Returns the listening address of each KME, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.running.iter().map(|kme| kme.address).collect()
    }

    /// Returns the fault control of the KME with this ID.
    #[must_use]
    pub fn faults(&self, kme_id: &str) -> Option<Faults> {
        let kme = self.running.iter().find(|kme| kme.api.kme_id() == kme_id)?;
        Some(kme.api.faults().clone())
    }

    /// Returns the present state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.link.snapshot();
        snapshot.kmes = self
            .running
            .iter()
            .map(|kme| KmeSnapshot {
                kme_id: kme.api.kme_id().to_owned(),
                address: kme.address,
                requests: kme.api.requests(),
                faults: kme.api.faults().in_force(),
            })
            .collect();
        snapshot
    }

    /// Accepts no more connections, lets open requests end (at most 2 s), and wipes all keys.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Logs the number of log lines left out, once a minute and at the end.
async fn count_left_out(api: Arc<Api>, mut stopped: watch::Receiver<bool>) {
    loop {
        let stop = tokio::select! {
            () = tokio::time::sleep(limits::LOG_MINUTE) => false,
            _ = stopped.wait_for(|&stop| stop) => true,
        };
        api.quiet().log_left_out(api.kme_id());
        if stop {
            return;
        }
    }
}

/// Binds a server to its address, without running it.
async fn bind(
    config: &KmeConfig,
    listen: SocketAddr,
    api: &Arc<Api>,
    face: Face,
) -> Result<(Acceptor<Desk>, SocketAddr), StartError> {
    let tls = tls::server_config(config).map_err(|source| StartError::Tls {
        kme_id: config.kme_id.clone(),
        source,
    })?;
    let not_bound = |source| StartError::Listen {
        kme_id: config.kme_id.clone(),
        address: listen,
        source,
    };
    let listener = TcpListener::bind(listen).await.map_err(not_bound)?;
    let address = listener.local_addr().map_err(not_bound)?;
    let desk = Desk::new(config.identity, Arc::clone(api), face);
    Ok((Acceptor::new(listener, tls, desk), address))
}

#[cfg(test)]
mod tests;
