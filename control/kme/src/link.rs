//! The link between the KMEs: the shared store, its clock, and the KME of each SAE.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use wire::KeyId;

use crate::config::{KmeConfig, LinkConfig};
use crate::deliveries::{Deliveries, Source};
use crate::entropy::{Entropy, EntropyError};
use crate::key_store::KeyStore;
use crate::limits::FILL_SLEEP_MAX;
use crate::refusal::Refusal;
use crate::store::{EncRequest, Store, StoredKey};
use crate::{Origin, Snapshot};

/// State shared by the KMEs of a link and the fill timer.
pub(crate) struct Link {
    started: Instant,
    supply: Deliveries,
    /// One lock for both, never held across an await or IO.
    inner: Mutex<Inner>,
    seats: Vec<Seat>,
}

struct Inner {
    store: Store,
    source: Source,
}

/// An SAE and the KME that serves it.
struct Seat {
    sae_id: String,
    kme_id: String,
}

impl Link {
    /// Creates a link. The initial blocks are in the pool when this returns.
    pub(crate) fn new(
        kmes: &[KmeConfig],
        config: LinkConfig,
        supply: Deliveries,
        entropy: Entropy,
    ) -> Result<Self, EntropyError> {
        let seat = |kme: &KmeConfig, sae: &String| Seat {
            sae_id: sae.clone(),
            kme_id: kme.kme_id.clone(),
        };
        let seats = kmes
            .iter()
            .flat_map(|kme| kme.sae_ids.iter().map(move |sae| seat(kme, sae)));
        let saes = kmes.iter().flat_map(|kme| &kme.sae_ids);
        let mut store = Store::new(config, entropy).with_saes(saes.map(String::as_str));
        let mut source = Source::new(Duration::ZERO, supply);
        source.fill(Duration::ZERO, &mut store)?;
        Ok(Self {
            started: Instant::now(),
            supply,
            inner: Mutex::new(Inner { store, source }),
            seats: seats.collect(),
        })
    }

    /// Runs `work` on the store, with the present time.
    fn with_store<T>(&self, work: impl FnOnce(&mut Store, Duration) -> T) -> T {
        let mut inner = self.inner();
        let now = self.started.elapsed();
        work(&mut inner.store, now)
    }

    /// Returns the state of everything except the KMEs.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let inner = self.inner();
        let now = self.started.elapsed();
        Snapshot {
            pool_keys: inner.store.pool_keys(),
            pool_bits: inner.store.pool_bits(),
            pool_bits_max: inner.store.config().pool_bits_max,
            reserved_keys: inner.store.reserved_keys(),
            reserved_bits: inner.store.reserved_bits(),
            rate_bps: self.supply.rate_bps(),
            origin: self.supply.origin,
            next_block_in: inner.source.next_block_at().saturating_sub(now),
            counters: inner.store.counters(),
            kmes: Vec::new(),
        }
    }

    /// Adds due blocks and expires unfetched keys. Returns the time to sleep.
    fn tick(&self) -> Duration {
        let mut inner = self.inner();
        let Inner { store, source } = &mut *inner;
        let now = self.started.elapsed();
        let expired = store.counters().expired_keys;
        store.expire(now);
        let expired = store.counters().expired_keys - expired;
        if expired > 0 {
            tracing::warn!(
                keys = expired,
                "keys expired because their slave SAE never fetched them"
            );
        }
        let overflow = store.counters().overflow_bits;
        match source.fill(now, store) {
            Ok(0) => {}
            Ok(blocks) => tracing::debug!(
                blocks,
                pool_bits = store.pool_bits(),
                overflow_bits = store.counters().overflow_bits - overflow,
                "key arrived over the link"
            ),
            Err(error) => tracing::error!(%error, "a block of key is lost"),
        }
        source
            .next_block_at()
            .saturating_sub(now)
            .min(FILL_SLEEP_MAX)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore for Link {
    fn config(&self) -> LinkConfig {
        self.with_store(|store, _| *store.config())
    }

    fn origin(&self) -> Origin {
        self.supply.origin
    }

    fn kme_of(&self, sae: &str) -> Option<&str> {
        let seat = self.seats.iter().find(|seat| seat.sae_id == sae)?;
        Some(&seat.kme_id)
    }

    fn peers_of(&self, sae: &str) -> Vec<String> {
        let others = self.seats.iter().filter(|seat| seat.sae_id != sae);
        others.map(|seat| seat.sae_id.clone()).collect()
    }

    fn stored_keys(&self, master: &str, _: &str) -> u64 {
        self.with_store(|store, _| store.free_keys(master))
    }

    fn enc_keys(&self, request: &EncRequest<'_>) -> Result<Vec<StoredKey>, Refusal> {
        self.with_store(|store, now| store.enc_keys(now, request))
    }

    fn dec_keys(
        &self,
        slave: &str,
        master: &str,
        ids: &[KeyId],
    ) -> Result<Vec<StoredKey>, Refusal> {
        self.with_store(|store, now| store.dec_keys(now, slave, master, ids))
    }
}

/// Runs the fill timer until stopped.
pub(crate) async fn fill(link: Arc<Link>, mut stopped: watch::Receiver<bool>) {
    loop {
        let sleep = link.tick().max(Duration::from_millis(1));
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            _ = stopped.wait_for(|&stop| stop) => return,
        }
    }
}
