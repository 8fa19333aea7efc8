//! The KME of an interworking node: ETSI GS QKD 020 V1.1.1 between two domains.
//!
//! ```text
//! our network ─ Domain, Reports ─ desk (one thread: state machine, journal)
//!                                          ├─ server ─ routes ◀─ mutual TLS 1.3 ─ neighbour KME
//!                                          └─ keyclient::Neighbour ─────────────▶ neighbour KME
//! ```
//!
//! The rules of the standard are in [`network::interworking`], which has no IO. This module adds
//! the sockets, the clock and the journal. The journal holds the state of each key, no key material
//! ([`JournalError`]). After a crash both domains end the keys that were under way alike.

mod desk;
mod journal;
mod routes;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyclient::{Neighbour, NeighbourConfig};
use kme_api::etsi020::{ACK_PATH, CallbackUrl, Extension, KeyUuid, SaeId, Unreadable};
use network::interworking::{
    Books, Interworking, NotTaken, Offer, Relay, Route, Settings, Side, Withdrawal,
};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::acceptor::Acceptor;
use crate::tls::{self, Files, TlsError};
use desk::{Desk, Order, Orders};
use journal::Journal;
pub use journal::JournalError;
use server::Connections;

/// The configuration of an interworking KME.
#[derive(Clone, Debug)]
pub struct InterworkingConfig {
    /// Its KME ID, for log lines.
    pub kme_id: String,
    /// Address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Host name or IP address under which the neighbour reaches it.
    pub host: String,
    /// PEM file of the CA of the neighbour's certificate.
    pub ca: PathBuf,
    /// PEM file of this KME's certificate, for servers and clients.
    pub cert: PathBuf,
    /// PEM file of this KME's private key.
    pub key: PathBuf,
    /// KME ID of the neighbour, which its certificate must carry as common name or subject
    /// alternative name.
    pub neighbour_id: String,
    /// URL of the neighbour: `https://host[:port]`.
    pub neighbour_url: String,
    /// Ask the neighbour for the synchronous mode, if it has it.
    pub synchronous: bool,
    /// Time limit for one request to the neighbour.
    pub timeout: Duration,
    /// File for the states of the keys. It is created if it does not exist.
    pub journal: PathBuf,
    /// Limits and times; usually [`Settings::new`].
    pub settings: fn(CallbackUrl) -> Settings,
}

/// Our network, as the interworking KME uses it. No call may block. The results come later, by
/// [`Reports`].
pub trait Domain: Send + Sync + 'static {
    /// Takes the way for results, before any other call.
    fn attach(&self, reports: Reports);

    /// Where an SAE is.
    fn route(&self, sae: &SaeId) -> Route;

    /// Carries a key to its target; then [`Reports::on_relayed`] or
    /// [`Reports::on_relay_failed`].
    fn relay(&self, relay: Relay);

    /// Allows the initiator's KME to deliver a key. May come twice for a key.
    fn release(&self, key_id: KeyUuid, extension: Option<Extension>);

    /// Makes sure that no SAE has or gets a key; then [`Reports::on_withdrawn`].
    fn withdraw(&self, side: Side, key_id: KeyUuid);
}

/// The reports of our network to its interworking KME. A KME that has ended takes no report.
#[derive(Clone)]
pub struct Reports(Orders);

impl Reports {
    /// Hands over a key for an SAE of the neighbour domain, at once; the future waits for the
    /// journal. Our network must not deliver the key before [`Domain::release`].
    ///
    /// # Errors
    /// The key is not taken, and nothing of it is kept.
    pub fn offer(&self, offer: Offer) -> impl Future<Output = Result<(), NotTaken>> + use<> {
        let (to, answer) = oneshot::channel();
        self.0.give(Order::Offer(offer, to));
        // A desk that has stopped takes nothing.
        async { answer.await.unwrap_or(Err(NotTaken::Full)) }
    }

    /// Our network has carried a key to its target.
    pub fn on_relayed(&self, key_id: KeyUuid, extension: Option<Extension>) {
        self.0.give(Order::Relayed(key_id, extension));
    }

    /// Our network cannot carry a key to its target, and has dropped it.
    pub fn on_relay_failed(&self, key_id: KeyUuid, why: &str) {
        self.0.give(Order::RelayFailed(key_id, why.to_owned()));
    }

    /// Our network has answered [`Domain::withdraw`].
    pub fn on_withdrawn(&self, key_id: KeyUuid, withdrawal: Withdrawal) {
        self.0.give(Order::Withdrawn(key_id, withdrawal));
    }

    /// Our network wants a key voided that it has handed over.
    pub fn void(&self, key_id: KeyUuid) {
        self.0.give(Order::Void(key_id));
    }
}

/// The reason why an interworking KME does not start.
#[derive(Debug, thiserror::Error)]
pub enum InterworkingError {
    /// The host does not give a URL.
    #[error(
        "host = {host:?} gives no URL for acknowledgements: {problem}; use a name or an address"
    )]
    Host {
        /// The configured host.
        host: String,
        /// The problem.
        problem: Unreadable,
    },
    /// A certificate or key cannot be used by the server.
    #[error("{kme_id}: {source}")]
    Tls {
        /// KME ID.
        kme_id: String,
        /// The file and the fix.
        source: TlsError,
    },
    /// The client of the neighbour cannot be set up.
    #[error("{kme_id}: {source}")]
    Client {
        /// KME ID.
        kme_id: String,
        /// The field and the fix.
        source: keyclient::Error,
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
    /// The journal cannot be used.
    #[error("{kme_id}: {source}")]
    Journal {
        /// KME ID.
        kme_id: String,
        /// The file and the fix.
        source: JournalError,
    },
    /// The thread of the desk could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A running interworking KME. Dropping it stops it at once, as a crash would;
/// [`InterworkingKme::shutdown`] lets requests end.
pub struct InterworkingKme {
    address: SocketAddr,
    orders: Orders,
    desk: Option<JoinHandle<()>>,
    books: Arc<Mutex<Books>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl InterworkingKme {
    /// Starts the KME on the current tokio runtime. Reads the journal: keys that were under way are
    /// voided on both sides.
    ///
    /// # Errors
    /// A value, file or address is unusable. Nothing runs in that case.
    pub async fn start(
        config: &InterworkingConfig,
        domain: Arc<dyn Domain>,
    ) -> Result<Self, InterworkingError> {
        let kme_id = || config.kme_id.clone();
        let files = Files {
            ca: &config.ca,
            cert: &config.cert,
            key: &config.key,
        };
        let tls = tls::neighbour_config(&files).map_err(|source| InterworkingError::Tls {
            kme_id: kme_id(),
            source,
        })?;
        let neighbour = Neighbour::new(NeighbourConfig {
            url: config.neighbour_url.clone(),
            kme_id: config.neighbour_id.clone(),
            ca: config.ca.clone(),
            cert: config.cert.clone(),
            key: config.key.clone(),
            timeout: config.timeout,
        })
        .map_err(|source| InterworkingError::Client {
            kme_id: kme_id(),
            source,
        })?;
        let not_bound = |source| InterworkingError::Listen {
            kme_id: kme_id(),
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(not_bound)?;
        let address = listener.local_addr().map_err(not_bound)?;
        let callback = format!("https://{}:{}{ACK_PATH}", config.host, address.port());
        let callback =
            CallbackUrl::parse(&callback).map_err(|problem| InterworkingError::Host {
                host: config.host.clone(),
                problem,
            })?;
        let mut settings = (config.settings)(callback);
        settings.synchronous = config.synchronous && is_synchronous(&neighbour).await;
        let bad_journal = |source| InterworkingError::Journal {
            kme_id: kme_id(),
            source,
        };
        let (journal, records) = Journal::open(&config.journal).map_err(bad_journal)?;
        let machine = Interworking::restore(settings, Duration::ZERO, records);
        let desk = Desk::new(
            &config.kme_id,
            machine,
            journal,
            neighbour,
            Arc::clone(&domain),
        );
        let (quiet, books) = (desk.quiet(), desk.books());
        let (orders, desk) = desk.start().map_err(InterworkingError::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let connections = Connections::new(config, quiet, orders.clone());
        tasks.spawn(Acceptor::new(listener, tls, connections).run(stopped));
        Ok(Self {
            address,
            orders,
            desk: Some(desk),
            books,
            stop,
            tasks,
        })
    }

    /// Returns the listening address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the books, or `None` if the KME has stopped because its journal cannot be written.
    #[must_use]
    pub fn books(&self) -> Option<Books> {
        let runs = self.desk.as_ref().is_some_and(|desk| !desk.is_finished());
        runs.then(|| *self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Accepts no more connections and lets open requests end (at most 2 s).
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for InterworkingKme {
    /// Waits for the desk, which ends after the step that it is in: then the journal is free for a
    /// KME that is started next.
    fn drop(&mut self) {
        self.orders.stop();
        let own = std::thread::current().id();
        if let Some(desk) = self.desk.take().filter(|desk| desk.thread().id() != own)
            && desk.join().is_err()
        {
            tracing::error!("the thread of the interworking KME has panicked");
        }
    }
}

/// True if the neighbour says that it takes requests without `ack_callback_url`. The asynchronous
/// mode always works, so a neighbour that does not answer now is no error.
async fn is_synchronous(neighbour: &Neighbour) -> bool {
    let name = neighbour.name();
    match neighbour.versions().await {
        Ok(versions) if versions.has_synchronous_mode() => return true,
        Ok(_) => tracing::warn!(name, "the neighbour KME has no synchronous mode"),
        Err(error) => tracing::warn!(name, %error, "the neighbour KME does not tell its mode"),
    }
    false
}

#[cfg(test)]
mod tests;
