//! One KME over a key store of its caller.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::Api;
use crate::config::{KmeConfig, check_kme};
use crate::key_store::KeyStore;
use crate::server::Face;
use crate::tally::Requests;
use crate::{StartError, bind, count_left_out};

/// One running KME, which serves ETSI GS QKD 014. Dropping it stops it at once; [`Kme::shutdown`]
/// lets requests end.
pub struct Kme {
    address: SocketAddr,
    api: Arc<Api>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Kme {
    /// Starts the KME on the current tokio runtime. When it returns, the address is bound.
    ///
    /// # Errors
    /// A value, certificate or address is unusable. Nothing runs in that case.
    pub async fn start(config: &KmeConfig, keys: Arc<dyn KeyStore>) -> Result<Self, StartError> {
        check_kme(config)?;
        let api = Arc::new(Api::new(config, keys));
        let (server, address) = bind(config, config.listen, &api, Face::Etsi014).await?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(stopped.clone()));
        tasks.spawn(count_left_out(Arc::clone(&api), stopped));
        Ok(Self {
            address,
            api,
            stop,
            tasks,
        })
    }

    /// Returns the listening address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the requests by outcome.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.api.requests()
    }

    /// Accepts no more connections and lets open requests end (at most 2 s).
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
