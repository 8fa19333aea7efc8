//! Two KMEs with one store, the real one of crate `kme`, and the injection of KME faults.

use std::time::Duration;

use kme::entropy::Entropy;
use kme::store::{EncRequest, Store};
use kme::{Deliveries, LinkConfig, Refusal, Source};
use rekey::{KeyFailure, Origin, QkdKey};
use wire::KeyId;

use crate::plan::{KmePlan, Window};
use crate::rng::Rng;

const SAE: [&str; 2] = ["sae-a", "sae-b"];
/// Time limit for the answer of a KME.
const TIME_OUT: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_secs(5);

/// The link and its KMEs.
pub(crate) struct Kmes {
    seed: u64,
    starts: u64,
    store: Store,
    source: Source,
    /// The keys that each KME delivered as a master, for KMEs that repeat keys.
    given: [Vec<(KeyId, [u8; 32])>; 2],
}

/// The result of a request, and the time until it arrives.
pub(crate) type Answer<T> = (Duration, Result<T, KeyFailure>);

impl Kmes {
    pub(crate) fn new(seed: u64, plan: &KmePlan) -> Self {
        let (store, source) = link(seed, Duration::ZERO, plan);
        Self {
            seed,
            starts: 0,
            store,
            source,
            given: [Vec::new(), Vec::new()],
        }
    }

    /// Restarts the KMEs. All undelivered keys are lost.
    pub(crate) fn restart(&mut self, now: Duration, plan: &KmePlan) {
        self.starts += 1;
        let seed = self.seed ^ self.starts.wrapping_mul(0x1234_5677);
        (self.store, self.source) = link(seed, now, plan);
    }

    /// Adds enough keys for the rest of the run.
    pub(crate) fn refill(&mut self) -> Result<(), String> {
        self.store
            .deposit(1, 40_000)
            .map_err(|error| error.to_string())
    }

    /// `enc_keys` at `side`.
    pub(crate) fn enc(
        &mut self,
        now: Duration,
        side: usize,
        plan: &KmePlan,
        rng: &mut Rng,
    ) -> Answer<(KeyId, QkdKey)> {
        let lag = rng.time(plan.lag);
        if within(plan.down[side], now) {
            return (rng.pick(&[lag, TIME_OUT]), Err(KeyFailure::Unreachable));
        }
        if within(plan.empty, now) {
            return (lag, Err(KeyFailure::NoKeys));
        }
        let again = &self.given[side];
        if plan.repeats && rng.permille(500) && !again.is_empty() {
            let (id, bytes) = again[rng.below(again.len())];
            return (lag, Ok((id, key(&bytes))));
        }
        if !rng.permille(plan.fault) {
            return (lag, self.fresh(now, side, plan, rng));
        }
        match rng.below(7) {
            0 => (lag, Err(KeyFailure::NoKeys)),
            1 => (TIME_OUT, Err(KeyFailure::Unreachable)),
            2 => {
                // The reply is lost, and the key with it.
                let _lost = self.fresh(now, side, plan, rng);
                (TIME_OUT, Err(KeyFailure::Unreachable))
            }
            3 => match again.last() {
                Some((id, bytes)) => (lag, Ok((*id, key(bytes)))),
                None => (lag, self.fresh(now, side, plan, rng)),
            },
            4 => (rng.time(SLOW), self.fresh(now, side, plan, rng)),
            5 => (lag, Err(KeyFailure::Unusable)),
            _ => {
                let fresh = self.fresh(now, side, plan, rng);
                (lag, fresh.map(|(id, _)| (id, wrong(rng))))
            }
        }
    }

    fn fresh(
        &mut self,
        now: Duration,
        side: usize,
        plan: &KmePlan,
        rng: &mut Rng,
    ) -> Result<(KeyId, QkdKey), KeyFailure> {
        self.fill(now)?;
        let request = EncRequest {
            master: SAE[side],
            slave: SAE[1 - side],
            number: Some(1),
            size_bits: Some(256),
            propagation: rng.time(plan.spread),
        };
        let mut keys = self.store.enc_keys(now, &request).map_err(sorted)?;
        let stored = keys.pop().ok_or(KeyFailure::NoKeys)?;
        let bytes = octets(stored.bytes.expose())?;
        self.given[side].push((stored.id, bytes));
        Ok((stored.id, key(&bytes)))
    }

    /// `dec_keys` at `side`.
    pub(crate) fn dec(
        &mut self,
        now: Duration,
        side: usize,
        id: KeyId,
        plan: &KmePlan,
        rng: &mut Rng,
    ) -> Answer<QkdKey> {
        let lag = rng.time(plan.lag);
        if within(plan.down[side], now) {
            return (rng.pick(&[lag, TIME_OUT]), Err(KeyFailure::Unreachable));
        }
        if plan.repeats
            && let Some((_, bytes)) = self.given[1 - side].iter().find(|given| given.0 == id)
        {
            return (lag, Ok(key(bytes)));
        }
        if !rng.permille(plan.fault) {
            return (lag, self.reserved(now, side, id));
        }
        match rng.below(4) {
            0 => (TIME_OUT, Err(KeyFailure::Unreachable)),
            1 => {
                let _lost = self.reserved(now, side, id);
                (TIME_OUT, Err(KeyFailure::Unreachable))
            }
            2 => (rng.time(SLOW), self.reserved(now, side, id)),
            _ => (lag, self.reserved(now, side, id).map(|_| wrong(rng))),
        }
    }

    fn reserved(&mut self, now: Duration, side: usize, id: KeyId) -> Result<QkdKey, KeyFailure> {
        self.fill(now)?;
        let keys = self.store.dec_keys(now, SAE[side], SAE[1 - side], &[id]);
        let keys = keys.map_err(sorted)?;
        let stored = keys.first().ok_or(KeyFailure::NotFound)?;
        Ok(key(&octets(stored.bytes.expose())?))
    }

    fn fill(&mut self, now: Duration) -> Result<(), KeyFailure> {
        let filled = self.source.fill(now, &mut self.store);
        filled.map(|_| ()).map_err(|_| KeyFailure::Unreachable)
    }
}

fn link(seed: u64, now: Duration, plan: &KmePlan) -> (Store, Source) {
    let mut rng = Rng::new(seed ^ 0x00C0_FFEE);
    let entropy = Entropy::new(move |out| {
        rng.fill(out);
        Ok(())
    });
    let supply = Deliveries {
        block_bits: plan.block_bits,
        block_every: plan.block_every,
        blocks_at_start: plan.blocks_at_start,
        origin: kme::Origin::Modelled,
    };
    let config = LinkConfig {
        reserved_life: Duration::from_secs(10),
        ..LinkConfig::default()
    };
    (Store::new(config, entropy), Source::new(now, supply))
}

/// Maps a refusal like the driver maps the client's errors.
fn sorted(refusal: Refusal) -> KeyFailure {
    match refusal {
        Refusal::Exhausted { .. } => KeyFailure::NoKeys,
        Refusal::KeysNotFound => KeyFailure::NotFound,
        Refusal::ReservedFull(_) | Refusal::Entropy => KeyFailure::Unreachable,
        _ => KeyFailure::Refused,
    }
}

fn within(window: Window, now: Duration) -> bool {
    window.is_some_and(|(from, to)| (from..to).contains(&now))
}

fn octets(bytes: &[u8]) -> Result<[u8; 32], KeyFailure> {
    bytes.try_into().map_err(|_| KeyFailure::Unusable)
}

fn wrong(rng: &mut Rng) -> QkdKey {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    key(&bytes)
}

fn key(bytes: &[u8; 32]) -> QkdKey {
    QkdKey::from_slice(bytes, Origin::Modelled).expect("32 octets are a key")
}
