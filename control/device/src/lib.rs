//! One end of a QKD link whose keys are distilled, as a process runs it: the protocol of `distill`
//! with sockets, threads, a clock, a durable position in the pre-shared secret, and a KME.
//!
//! ```text
//!   other end ══ TCP: signals ═══ signals ──┐                 ┌── keys ── KME ══ 014, mTLS ══ SAE
//!                                           ├── distiller ────┤
//!   other end ══ TCP: messages ══ session ──┘                 └── report ── status
//! ```
//! [`Running::start`] starts all of it on the present tokio runtime. `session` keeps both
//! connections. `signals` has a thread that makes or measures signals, `distiller` one that
//! corrects and shortens blocks; both give way to others. Queues between them are short: a
//! slow part slows the source. `keys` is the store behind the KME.
//!
//! Blocks and keys are in memory only. A device that starts again begins without any.
#![forbid(unsafe_code)]

mod distiller;
mod frame;
mod key_ids;
mod keys;
pub mod limits;
mod link;
mod position;
mod protocol;
mod report;
mod role;
mod session;
mod signals;
mod stock;
mod view;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kme::{KeyStore, Kme, KmeConfig, StartError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub use distill::authentication::{Secret, WrongSecret};
pub use distill::eve::Schedule;
pub use distill::protocol::CountedProof;
pub use distill::wiped::Wiped;
pub use keys::Names;
pub use link::{Link, LinkError, LinkSettings};
pub use position::PositionError;
pub use report::{AlarmView, BlockCounts, BlockView, DeviceReport};
pub use role::Role;
pub use session::Channels;
pub use signals::{Pace, Signals};
pub use stock::Books;

use distill::protocol::InvalidSetup;
use keys::DeviceKeys;
use position::PositionFile;
use signals::Counts;
use view::View;

/// Settings of one end.
pub struct Settings {
    /// The end.
    pub role: Role,
    /// Bob's addresses.
    pub channels: Channels,
    /// The SAEs and KMEs of both ends.
    pub names: Names,
    /// The KME of this end.
    pub kme: KmeConfig,
    /// Time that an SAE has to fetch a key after the other one has got it.
    pub key_life: Duration,
    /// The pre-shared secret, the same at both ends.
    pub secret: Wiped<u8>,
    /// File for the position in the secret.
    pub position: PathBuf,
    /// The link, the same at both ends.
    pub link: Link,
    /// The simulation of the signals.
    pub signals: Signals,
}

/// The reason why a device does not start.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The file of the position cannot be used.
    #[error(transparent)]
    Position(#[from] PositionError),
    /// The protocol does not accept the link.
    #[error("the link cannot be used: {0}")]
    Setup(#[from] InvalidSetup),
    /// The pre-shared secret has a wrong size.
    #[error("{0}; fix: create one with `qmacsec distill secret FILE` and carry it to both sites")]
    Secret(#[from] WrongSecret),
    /// The address of a channel is not free.
    #[error("cannot listen on {address}: {source}; fix: choose a free port of a local address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The KME does not start.
    #[error(transparent)]
    Kme(#[from] StartError),
    /// The system gives no random number or thread.
    #[error("the system refuses a random number or a thread: {0}")]
    System(#[from] io::Error),
}

/// A running device. Dropping it stops it at once, like a crash.
pub struct Running {
    role: Role,
    link: Link,
    names: Names,
    keys: Arc<DeviceKeys>,
    view: Arc<View>,
    counts: Arc<Counts>,
    kme: Kme,
    channels: Channels,
    started: Instant,
    fault: Option<oneshot::Receiver<String>>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Starts the device on the present tokio runtime. When it returns, its addresses are bound.
    ///
    /// # Errors
    /// A setting, file, certificate or address is unusable. Nothing runs in that case.
    pub async fn start(settings: Settings) -> Result<Self, DeviceError> {
        let Settings {
            role,
            channels,
            names,
            kme,
            key_life,
            secret,
            position,
            link,
            signals,
        } = settings;
        let (file, position) = PositionFile::open(&position, &secret)?;
        let keys = Arc::new(DeviceKeys::new(names.clone(), role, key_life));
        let view = Arc::new(View::new(position));
        let parts = distiller::Parts {
            link,
            setup: link.setup()?,
            secret: Secret::new(secret)?,
            position,
            file,
            keys: Arc::clone(&keys),
            view: Arc::clone(&view),
        };
        let listeners = match role {
            Role::Alice => None,
            Role::Bob => {
                let bound = session::Listeners::bind(&channels).await;
                Some(bound.map_err(|(address, source)| DeviceError::Listen { address, source })?)
            }
        };
        let channels = match &listeners {
            Some(listeners) => listeners.channels()?,
            None => channels,
        };
        let kme = Kme::start(&kme, Arc::clone(&keys) as Arc<dyn KeyStore>).await?;
        let mut tasks = JoinSet::new();
        let (counts, fault) = match listeners {
            None => distiller::alice(parts, channels, &signals, &mut tasks)?,
            Some(listeners) => distiller::bob(parts, listeners, signals, &mut tasks)?,
        };
        Ok(Self {
            role,
            link,
            names,
            keys,
            view,
            counts,
            kme,
            channels,
            started: Instant::now(),
            fault: Some(fault),
            tasks,
        })
    }

    /// Bob's addresses, as bound.
    #[must_use]
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Address of the KME.
    #[must_use]
    pub fn kme_address(&self) -> SocketAddr {
        self.kme.address()
    }

    /// Waits for the end of the distillation by a fault, and returns its reason. Without a fault,
    /// waits for ever. To be called once.
    pub fn fault(&mut self) -> impl Future<Output = String> + use<> {
        let fault = self.fault.take();
        async move {
            match fault {
                Some(fault) => fault
                    .await
                    .unwrap_or_else(|_| "the thread that distils has died".to_owned()),
                None => std::future::pending().await,
            }
        }
    }

    /// Returns the present state.
    #[must_use]
    pub fn report(&self) -> DeviceReport {
        let (fresh_keys, books) = self.keys.with(|stock, now| {
            stock.expire(now);
            (stock.fresh_keys(), stock.books())
        });
        let mut report = DeviceReport {
            role: self.role.name().to_owned(),
            kme_id: self.names.kme_id.clone(),
            kme_address: self.kme.address().to_string(),
            origin: self.keys.origin().as_str().to_owned(),
            signals: distill::source::LABEL.to_owned(),
            uptime_s: self.started.elapsed().as_secs_f64(),
            km: self.link.km(),
            block_symbols: self.link.block_symbols(),
            symbol_rate_baud: self.link.symbol_rate_baud(),
            symbols: self.counts.symbols(),
            held_back_s: self.counts.held_back().as_secs_f64(),
            fresh_keys,
            books,
            requests: self.kme.requests().ok,
            ..DeviceReport::default()
        };
        self.view.fill(&mut report);
        report
    }

    /// Lets the requests of SAEs end (at most 2 s), then ends all connections and wipes all keys.
    pub async fn shutdown(mut self) {
        self.kme.shutdown().await;
        self.tasks.shutdown().await;
    }
}
