//! The KMEs of a site: one KME, or two with failover from the first to the second.
//!
//! ```text
//!  fresh, by_id ─▶ Preference (which first?) ─▶ KeySource ─┬─▶ key
//!                                  no answer in time, or a failure: the other as well
//!  tend         ─▶ Watch (new certificates?) ─▶ new KeySources
//!               └▶ probe of the first KME while the second is active
//! ```
//!
//! A request gets one answer. The KME that is asked first has [`Pace::patience`] to answer. After
//! that time or a failure the other KME is asked as well, and the first key that arrives is taken.
//! A dead or hanging KME costs a request `patience`, and only until the other KME is asked first
//! (see `preference`). A request ends at the latest after `patience` plus the time-out of one call.
//!
//! One key may be wasted: a key that arrives after the key of the other KME is dropped and wiped. A
//! delivered key is never requested again, and a fresh key is never taken twice.

use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::time::{Instant, sleep, timeout};
use wire::KeyId;

use crate::call::Call;
use crate::config::{ClientConfig, Protocol};
use crate::container::Key;
use crate::error::Error;
use crate::fault::KmeFault;
use crate::limits::{LOOK_EVERY, PATIENCE, PROBE_EVERY, QUARANTINE, RELOAD_AGAIN};
use crate::memory::Memory;
use crate::preference::{Ending, Preference};
use crate::source::KeySource;
use crate::watch::Watch;

mod round;

use round::{Round, is_not_found, most_hopeful};

/// One KME of [`Sources`].
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// The protocol of the KME.
    pub protocol: Protocol,
    /// The address of the KME and our identity.
    pub client: ClientConfig,
}

/// Time limits and intervals. [`Default`] suits a rekey interval of 3 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time that a KME has to answer before the other KME is asked as well.
    pub patience: Duration,
    /// Interval of the probes of the first KME while the second is active.
    pub probe_every: Duration,
    /// Shortest time before the first KME is asked first again after a failover.
    pub quarantine: Duration,
    /// Interval of the checks of the certificate files.
    pub look_every: Duration,
}

/// The state of one KME.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceHealth {
    /// Host and port.
    pub kme: String,
    /// True if fresh keys are requested from it first.
    pub active: bool,
    /// Number of keys that it delivered.
    pub keys: u64,
    /// Number of requests that it failed or answered too late. Probes do not count.
    pub failures: u64,
    /// Its last failure as text.
    pub last_error: Option<String>,
}

/// The KMEs of a site. Calls may run in parallel.
pub struct Sources {
    configs: Vec<SourceConfig>,
    pace: Pace,
    started: Instant,
    /// Replaced as a whole when certificates change.
    clients: RwLock<Vec<Arc<KeySource>>>,
    state: Mutex<State>,
    watch: Arc<Mutex<Watch>>,
}

/// Never locked across an await.
struct State {
    preference: Preference,
    health: Vec<SourceHealth>,
    fresh: Memory,
    by_id: Memory,
    /// The reason why the present files cannot be used, and the time since when.
    unusable: Option<(String, Instant)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            patience: PATIENCE,
            probe_every: PROBE_EVERY,
            quarantine: QUARANTINE,
            look_every: LOOK_EVERY,
        }
    }
}

impl Sources {
    /// Takes one KME, or two in the order of preference. Reads and checks all files. Does not
    /// connect.
    ///
    /// # Errors
    /// [`Error::Config`] names the field, the file and the fix; [`Error::Bug`] for another number
    /// of KMEs.
    pub fn new(configs: Vec<SourceConfig>, pace: Pace) -> Result<Self, Error> {
        if !(1..=2).contains(&configs.len()) {
            let problem = format!("{} KMEs, not 1 or 2", configs.len());
            return Err(crate::client::bug(Call::Status, problem));
        }
        let watch = Watch::new(configs.iter().map(|config| &config.client));
        let clients = build(&configs)?;
        let health = clients.iter().map(|client| SourceHealth {
            kme: client.kme().to_owned(),
            ..SourceHealth::default()
        });
        let state = State {
            preference: Preference::new(pace.quarantine),
            health: health.collect(),
            fresh: Memory::default(),
            by_id: Memory::default(),
            unusable: None,
        };
        Ok(Self {
            configs,
            pace,
            started: Instant::now(),
            clients: RwLock::new(clients),
            state: Mutex::new(state),
            watch: Arc::new(Mutex::new(watch)),
        })
    }

    /// Requests one fresh key of `bits`.
    ///
    /// # Errors
    /// If no KME delivers: the failure of the KME that was asked first.
    pub async fn fresh(&self, bits: u32) -> Result<Key, Error> {
        let first = self.state().preference.active();
        let ask = |n: usize| async move {
            let client = self.client(n);
            let key = client.fresh(bits).await?;
            if self.state().fresh.enter(key.id) {
                return Ok(key);
            }
            Err(Error::Kme {
                call: Call::EncKeys,
                kme: client.kme().into(),
                fault: KmeFault::RepeatedKeyId(key.id),
            })
        };
        let round = self.round(first, ask).await;
        let ending = match &round.key {
            Some((n, _)) if *n == first => Ending::Delivered,
            Some(_) => Ending::OtherDelivered,
            None => Ending::Nobody,
        };
        let mut state = self.state();
        state.enter(&round, self.pace.patience);
        let now = self.started.elapsed();
        if state.preference.fresh_ended(now, first, ending) {
            state.tell_move();
        }
        round.answer(|mut errors| errors.remove(0).1)
    }

    /// Requests the key that the peer named, of `bits`, from either KME.
    ///
    /// # Errors
    /// If no KME delivers: "not found" if one KME answered so, since the key may still be on its
    /// way to that KME. [`Error::AskedTwice`] if the key was delivered before.
    pub async fn by_id(&self, id: KeyId, bits: u32) -> Result<Key, Error> {
        let first = {
            let state = self.state();
            if state.by_id.holds(&id) {
                return Err(Error::AskedTwice { id });
            }
            state.preference.by_id()
        };
        let ask = |n: usize| async move { self.client(n).by_id(&id, bits).await };
        let round = self.round(first, ask).await;
        let mut state = self.state();
        state.enter(&round, self.pace.patience);
        if let Some((n, _)) = &round.key {
            state.preference.delivered_by_id(*n);
            if !state.by_id.enter(id) {
                return Err(Error::AskedTwice { id }); // two requests for it in parallel
            }
        }
        round.answer(most_hopeful)
    }

    /// Checks the certificate files and the health of the first KME. Never ends. Runs beside the
    /// requests and is dropped with them.
    pub async fn tend(&self) {
        let (mut look, mut probe) = (Instant::now(), Instant::now());
        loop {
            sleep(self.pace.look_every.min(self.pace.probe_every)).await;
            if look.elapsed() >= self.pace.look_every {
                look = Instant::now();
                self.look_at_files().await;
            }
            if probe.elapsed() >= self.pace.probe_every && self.state().preference.active() != 0 {
                probe = Instant::now();
                let well = self.client(0).probe().await.is_ok();
                let mut state = self.state();
                if state.preference.probed(self.started.elapsed(), well) {
                    state.tell_move();
                }
            }
        }
    }

    /// Returns the configured URL of the KME that is asked first for fresh keys.
    #[must_use]
    pub fn active_url(&self) -> String {
        let active = self.state().preference.active();
        self.configs[active].client.base_url.clone()
    }

    /// Returns the state of each KME in the order of the configuration.
    #[must_use]
    pub fn health(&self) -> Vec<SourceHealth> {
        let state = self.state();
        let active = state.preference.active();
        let told = |(n, health): (usize, &SourceHealth)| SourceHealth {
            active: n == active,
            ..health.clone()
        };
        state.health.iter().enumerate().map(told).collect()
    }

    /// Asks `first`, and asks the other KME after a failure or after `patience`.
    async fn round<F>(&self, first: usize, ask: impl Fn(usize) -> F) -> Round
    where
        F: Future<Output = Result<Key, Error>>,
    {
        let mut round = Round::default();
        let mut one = pin!(ask(first));
        if self.configs.len() == 1 {
            round.enter(first, one.await);
            return round;
        }
        let other = 1 - first;
        if let Ok(result) = timeout(self.pace.patience, one.as_mut()).await {
            if round.enter(first, result) {
                round.enter(other, ask(other).await);
            }
            return round;
        }
        let mut two = pin!(ask(other));
        tokio::select! {
            biased;
            result = one.as_mut() => {
                if round.enter(first, result) {
                    round.enter(other, two.await);
                }
            }
            result = two.as_mut() => {
                if round.enter(other, result) {
                    round.enter(first, one.await);
                } else {
                    round.overtaken = Some(first);
                }
            }
        }
        round
    }

    /// Creates new clients if the files have changed and can be used; otherwise the old clients
    /// stay. A separate thread checks and reads the files, so a slow file system delays no request.
    async fn look_at_files(&self) {
        let again = {
            let state = self.state();
            let unusable = state.unusable.as_ref();
            unusable.is_some_and(|(_, since)| since.elapsed() >= RELOAD_AGAIN)
        };
        let (configs, watch) = (self.configs.clone(), Arc::clone(&self.watch));
        let looked = tokio::task::spawn_blocking(move || {
            let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
            (watch.changed() || again).then(|| build(&configs))
        });
        let built = match looked.await {
            Ok(Some(built)) => built,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, "certificates could not be read again"),
        };
        match built {
            Ok(clients) => {
                *self.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
                self.state().unusable = None;
                tracing::info!("the certificate files have changed; new ones are in use");
            }
            Err(error) => {
                let text = error.to_string();
                let mut state = self.state();
                if state
                    .unusable
                    .as_ref()
                    .is_none_or(|(told, _)| *told != text)
                {
                    tracing::error!(
                        "the certificate files have changed but cannot be used, \
                         the old ones stay in use: {text}"
                    );
                }
                state.unusable = Some((text, Instant::now()));
            }
        }
    }

    fn client(&self, n: usize) -> Arc<KeySource> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&clients[n])
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn build(configs: &[SourceConfig]) -> Result<Vec<Arc<KeySource>>, Error> {
    configs
        .iter()
        .map(|config| KeySource::new(config.protocol, config.client.clone()).map(Arc::new))
        .collect()
}

impl State {
    /// Counts the results of each KME.
    fn enter(&mut self, round: &Round, patience: Duration) {
        if let Some((n, _)) = &round.key {
            self.health[*n].keys += 1;
        }
        for (n, error) in &round.errors {
            if !is_not_found(error) {
                self.health[*n].failures += 1;
                self.health[*n].last_error = Some(error.to_string());
            }
        }
        if let Some(n) = round.overtaken {
            let health = &mut self.health[n];
            health.failures += 1;
            health.last_error = Some(format!("{}: no answer within {patience:?}", health.kme));
        }
    }

    fn tell_move(&self) {
        let active = self.preference.active();
        let (to, from) = (&self.health[active], &self.health[1 - active]);
        if active == 0 {
            tracing::info!("fresh keys come from the first KME {} again", to.kme);
        } else {
            tracing::warn!(
                "fresh keys come from the fallback KME {} now; the first fails: {}",
                to.kme,
                from.last_error.as_deref().unwrap_or("no answer")
            );
        }
    }
}
