//! The demand: every ordered pair asks for its keys at its interval, as encryptors would.
//!
//! A pair has one open call at a time, whatever the nodes do. A demand that comes due meanwhile
//! waits for it, and is missed without a call of its own if that takes too long. So the demand
//! never grows where the nodes are slow.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use network::NodeId;
use network::topology::Topology;
use node::{sae_of, sites};
use tokio::runtime::Builder;
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::client::{CALL, Reply, Sae};
use super::layout::Layout;
use super::places::Places;
use super::tally::{PairTally, Tally};

/// Time in which a demand must be met. An encryptor has a key in stock for longer than that.
pub(super) const PATIENCE: Duration = CALL;
/// Pause between two attempts.
const RETRY: Duration = Duration::from_millis(50);
/// One demand of this number is followed by attempts to get its keys again, or at another SAE.
const PROBE_EVERY: u64 = 32;

/// The demand of all pairs, on a thread of its own.
pub(super) struct Demand {
    shared: Arc<Shared>,
    thread: JoinHandle<io::Result<()>>,
}

struct Shared {
    saes: BTreeMap<NodeId, Sae>,
    tally: Mutex<Tally>,
    /// The end of the demand, once it is known.
    end: watch::Sender<Option<Instant>>,
    interval: Duration,
    keys: u32,
}

impl Demand {
    /// Starts to ask, with the certificates of the SAEs.
    pub(super) fn start(
        topology: &Topology,
        layout: &Layout,
        places: &Places,
        pki: &Path,
    ) -> io::Result<Self> {
        let mut saes = BTreeMap::new();
        for site in sites(topology) {
            let id = sae_of(topology.node_name(site));
            if let Some(kme) = layout.at(site) {
                saes.insert(site, Sae::new(pki, &id, places.saes(kme))?);
            }
        }
        let demand = topology.demand();
        let both = demand.pairs.iter().flat_map(|&(a, b)| [(a, b), (b, a)]);
        let tally = Tally::of(both.map(|(from, to)| PairTally::new(from, to)).collect());
        let shared = Arc::new(Shared {
            saes,
            tally: Mutex::new(tally),
            end: watch::Sender::new(None),
            interval: demand.interval,
            keys: demand.keys_per_switch,
        });
        let asking = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("demand".to_owned())
            .spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(asking.run());
                Ok(())
            })?;
        Ok(Self { shared, thread })
    }

    /// The present tally.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.shared.tally()
    }

    /// Ends the demand: all that is due now ends first.
    pub(super) fn stop(self) -> io::Result<Tally> {
        self.shared.end.send_replace(Some(Instant::now()));
        let ended = self.thread.join();
        ended.map_err(|_| io::Error::other("the thread of the demand died"))??;
        Ok(std::mem::take(&mut *self.shared.tally()))
    }
}

impl Shared {
    /// Spreads the demands of all pairs evenly over the interval.
    async fn run(self: Arc<Self>) {
        let number = self.tally().pairs.len();
        let first = Instant::now();
        let mut pairs = JoinSet::new();
        for pair in 0..number {
            let first = first + self.interval.mul_f64(pair as f64 / number as f64);
            pairs.spawn(Arc::clone(&self).ask(pair, number, first));
        }
        while pairs.join_next().await.is_some() {}
    }

    /// Meets the demands of one of `pairs` pairs, one after the other.
    async fn ask(self: Arc<Self>, pair: usize, pairs: usize, first: Instant) {
        let mut end = self.end.subscribe();
        let mut due = first;
        for turn in (pair as u64..).step_by(pairs) {
            select! {
                () = sleep_until(due.into()) => {}
                _ = end.wait_for(Option::is_some) => {}
            }
            if end.borrow().is_some_and(|end| end <= due) {
                return;
            }
            self.meet(pair, turn, due).await;
            due += self.interval;
        }
    }

    /// Meets one demand of a pair, or notes that it was missed.
    async fn meet(&self, pair: usize, turn: u64, due: Instant) {
        let keys = u64::from(self.keys);
        let (from, to) = {
            let mut tally = self.tally();
            match tally.pairs.get_mut(pair) {
                Some(pair) if pair.reachable => {
                    pair.demanded += keys;
                    (pair.from, pair.to)
                }
                _ => return,
            }
        };
        let (Some(initiator), Some(target)) = (self.saes.get(&from), self.saes.get(&to)) else {
            return;
        };
        if due.elapsed() > PATIENCE {
            let failure = "the call before took too long".to_owned();
            return self.tally().missed(pair, keys, failure);
        }
        loop {
            let failure = match self.attempt(initiator, target, turn).await {
                Ok(paths) if due.elapsed() <= PATIENCE => {
                    self.tally().delivered(pair, keys, due.elapsed(), paths);
                    return;
                }
                Ok(_) => "the keys came too late".to_owned(),
                Err(failure) => failure,
            };
            let reachable = self
                .tally()
                .pairs
                .get(pair)
                .is_some_and(|pair| pair.reachable);
            if due.elapsed() > PATIENCE || !reachable {
                self.tally().missed(pair, keys, failure);
                return;
            }
            sleep(RETRY).await;
        }
    }

    /// Draws keys at one end, fetches them at the other, and compares the bits. Returns the paths
    /// of the keys.
    async fn attempt(
        &self,
        initiator: &Sae,
        target: &Sae,
        turn: u64,
    ) -> Result<Vec<Vec<String>>, String> {
        let drawn = initiator.enc_keys(&target.id, self.keys).await?;
        let drawn = Drawn::read(&drawn, self)?;
        let probe = turn.is_multiple_of(PROBE_EVERY);
        if probe {
            self.probe_others(initiator, target, &drawn.ids, turn).await;
        }
        let fetched = target.dec_keys(&initiator.id, &drawn.ids).await?;
        let same = {
            let keys = fetched.keys()?.keys;
            let mut pairs = keys.iter().zip(&drawn.ids).zip(&drawn.keys);
            keys.len() == drawn.ids.len()
                && pairs.all(|((key, id), bits)| key.id == *id && key.key == **bits)
        };
        if !same {
            self.tally().different_bits += 1;
            return Err("the ends got different keys".to_owned());
        }
        if probe {
            self.tally().probes += 1;
            let again = target.dec_keys(&initiator.id, &drawn.ids).await;
            if again.is_ok_and(|again| again.status == 200) {
                self.tally().delivered_twice += 1;
            }
        }
        Ok(drawn.paths)
    }

    /// Asks for the keys of a pair at a third SAE, which must not get them.
    async fn probe_others(&self, initiator: &Sae, target: &Sae, ids: &[String], turn: u64) {
        let is_third = |sae: &&Sae| sae.id != initiator.id && sae.id != target.id;
        let thirds: Vec<_> = self.saes.values().filter(is_third).collect();
        let Some(at) = (turn / PROBE_EVERY).checked_rem(thirds.len() as u64) else {
            return;
        };
        let Some(third) = thirds.get(at as usize) else {
            return;
        };
        self.tally().probes += 1;
        let got = third.dec_keys(&initiator.id, ids).await;
        if got.is_ok_and(|got| got.status == 200) {
            self.tally().delivered_to_others += 1;
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys that the initiator got.
struct Drawn {
    ids: Vec<String>,
    /// In base64.
    keys: Vec<zeroize::Zeroizing<String>>,
    paths: Vec<Vec<String>>,
}

impl Drawn {
    fn read(reply: &Reply, shared: &Shared) -> Result<Self, String> {
        let keys = reply.keys()?.keys;
        let first = keys.first().ok_or("a reply without keys")?;
        let drawn = Self {
            ids: keys.iter().map(|key| key.id.to_owned()).collect(),
            keys: keys.iter().map(|key| key.key.to_owned().into()).collect(),
            paths: first.key_extension.qmacsec_passport.paths(),
        };
        let mut tally = shared.tally();
        drawn.ids.iter().for_each(|id| tally.drawn(id));
        Ok(drawn)
    }
}

#[cfg(test)]
mod tests;
