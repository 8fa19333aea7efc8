//! Two KMEs with one store: a key is handed out once at each side.

use std::collections::BTreeMap;
use std::time::Duration;

use rekey::{KeyFailure, Origin, QkdKey};
use wire::KeyId;

use super::plan::Plan;
use super::rng::Rng;

/// Keys the master has and the slave has not taken yet.
#[derive(Default)]
pub struct Kmes {
    made: u32,
    waiting: BTreeMap<(usize, KeyId), ([u8; 32], Duration)>,
    /// For KMEs that repeat themselves.
    given: [Vec<(KeyId, [u8; 32])>; 2],
}

/// The answer to a request, and the time until it arrives.
pub type Answer<T> = (Duration, Result<T, KeyFailure>);

impl Kmes {
    /// Keys that `side` has not asked for, of those that the other end fetched.
    pub fn waiting(&self, side: usize) -> usize {
        self.waiting.keys().filter(|(at, _)| *at == side).count()
    }

    /// `enc_keys` at `side`.
    pub fn enc(
        &mut self,
        now: Duration,
        side: usize,
        plan: &Plan,
        rng: &mut Rng,
    ) -> Answer<(KeyId, QkdKey)> {
        let lag = rng.time(plan.kme_lag);
        if plan
            .kme_outage
            .is_some_and(|(begin, end)| (begin..end).contains(&now))
        {
            return (lag, Err(KeyFailure::NoKeys));
        }
        if let Some(gone) = plan.gone_at(now, side) {
            return (lag, Err(gone.answer));
        }
        if plan.kme_repeats && rng.permille(500) && !self.given[side].is_empty() {
            let (id, bytes) = self.given[side][rng.below(self.given[side].len())];
            return (lag, Ok((id, key(&bytes))));
        }
        if rng.permille(plan.kme_fault) {
            match rng.below(4) {
                0 => return (lag, Err(KeyFailure::NoKeys)),
                1 => return (lag + Duration::from_secs(1), Err(KeyFailure::Unreachable)),
                2 => {
                    // The KME repeats itself.
                    if let Some((id, bytes)) = self.given[side].last() {
                        return (lag, Ok((*id, key(bytes))));
                    }
                }
                _ => {
                    // Answers, but only after a long time.
                    let (_, answer) = self.fresh(now, side, plan, rng);
                    return (rng.time(Duration::from_secs(5)), answer);
                }
            }
        }
        let (_, answer) = self.fresh(now, side, plan, rng);
        (lag, answer)
    }

    fn fresh(
        &mut self,
        now: Duration,
        side: usize,
        plan: &Plan,
        rng: &mut Rng,
    ) -> Answer<(KeyId, QkdKey)> {
        self.made += 1;
        let id = KeyId::new(&format!("key-{}-{}", side, self.made)).expect("a key_ID");
        let mut bytes = [0; 32];
        rng.fill(&mut bytes);
        let mut theirs = bytes;
        if rng.permille(plan.kme_fault / 4) {
            theirs[rng.below(32)] ^= 1; // the two KMEs disagree
        }
        let there = now + rng.time(plan.kme_spread);
        self.waiting.insert((1 - side, id), (theirs, there));
        self.given[side].push((id, bytes));
        (Duration::ZERO, Ok((id, key(&bytes))))
    }

    /// `dec_keys` at `side`.
    pub fn dec(
        &mut self,
        now: Duration,
        side: usize,
        id: KeyId,
        plan: &Plan,
        rng: &mut Rng,
    ) -> Answer<QkdKey> {
        let mut lag = rng.time(plan.kme_lag);
        if let Some(gone) = plan.gone_at(now, side) {
            if gone.spends {
                self.waiting.remove(&(side, id));
            }
            return (lag, Err(gone.answer));
        }
        if rng.permille(plan.kme_fault) {
            match rng.below(3) {
                0 => return (lag + Duration::from_secs(1), Err(KeyFailure::Unreachable)),
                1 => {
                    // The reply is lost, and the key with it.
                    self.waiting.remove(&(side, id));
                    return (lag + Duration::from_secs(1), Err(KeyFailure::Unreachable));
                }
                _ => lag = rng.time(Duration::from_secs(5)),
            }
        }
        match self.waiting.get(&(side, id)) {
            Some((_, there)) if *there <= now => {}
            _ => return (lag, Err(KeyFailure::NotFound)),
        }
        let mut bytes = self.waiting.get(&(side, id)).map(|(bytes, _)| *bytes);
        if !plan.kme_repeats {
            bytes = self.waiting.remove(&(side, id)).map(|(bytes, _)| bytes);
        }
        (
            lag,
            bytes.map(|bytes| key(&bytes)).ok_or(KeyFailure::NotFound),
        )
    }
}

fn key(bytes: &[u8; 32]) -> QkdKey {
    QkdKey::from_slice(bytes, Origin::Modelled).expect("32 octets")
}
