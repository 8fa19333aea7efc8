//! Counts what the demand got, for each ordered pair.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use network::NodeId;

/// The demand of one ordered pair and what came of it.
#[derive(Clone, Debug)]
pub(super) struct PairTally {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    /// Keys asked for, without those under way when the pair became unreachable.
    pub(super) demanded: u64,
    /// Keys that both ends got in time, with the same bits.
    pub(super) delivered: u64,
    /// Keys that did not come in time.
    pub(super) missed: u64,
    /// Time from the demand to the key at both ends, in milliseconds.
    pub(super) latencies_ms: Vec<f32>,
    /// Paths of the keys, by the names of their nodes, with the number of keys.
    pub(super) paths: BTreeMap<Vec<Vec<String>>, u64>,
    /// False once a fault has parted the two sites.
    pub(super) reachable: bool,
    /// The reason for the last missed key.
    pub(super) last_miss: Option<String>,
}

/// The tallies of all pairs, and what must never happen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) pairs: Vec<PairTally>,
    /// IDs of all keys that `enc_keys` has delivered.
    ids: HashSet<String>,
    /// Keys that one SAE got twice.
    pub(super) delivered_twice: u64,
    /// Keys that an SAE got that is neither initiator nor target.
    pub(super) delivered_to_others: u64,
    /// Keys whose bits differ between the ends.
    pub(super) different_bits: u64,
    /// Attempts to get a key twice or at the wrong SAE, all of which must be refused.
    pub(super) probes: u64,
    /// The longest time in which a pair that stays reachable got a key, since the first fault.
    pub(super) longest_since_fault: Option<Duration>,
}

impl PairTally {
    pub(super) fn new(from: NodeId, to: NodeId) -> Self {
        Self {
            from,
            to,
            demanded: 0,
            delivered: 0,
            missed: 0,
            latencies_ms: Vec::new(),
            paths: BTreeMap::new(),
            reachable: true,
            last_miss: None,
        }
    }

    /// The path of most keys, or the two paths.
    pub(super) fn usual_paths(&self) -> &[Vec<String>] {
        let usual = self.paths.iter().max_by_key(|(_, keys)| **keys);
        usual.map_or(&[], |(paths, _)| paths)
    }
}

impl Tally {
    pub(super) fn of(pairs: Vec<PairTally>) -> Self {
        Self {
            pairs,
            ..Self::default()
        }
    }

    /// Notes a key that `enc_keys` has delivered.
    pub(super) fn drawn(&mut self, id: &str) {
        if !self.ids.insert(id.to_owned()) {
            self.delivered_twice += 1;
        }
    }

    /// Notes keys that both ends have.
    pub(super) fn delivered(
        &mut self,
        pair: usize,
        keys: u64,
        took: Duration,
        paths: Vec<Vec<String>>,
    ) {
        if let Some(tally) = self.pairs.get_mut(pair) {
            tally.delivered += keys;
            tally.latencies_ms.push(took.as_secs_f32() * 1e3);
            *tally.paths.entry(paths).or_default() += keys;
            if tally.reachable
                && let Some(longest) = &mut self.longest_since_fault
            {
                *longest = took.max(*longest);
            }
        }
    }

    /// Notes keys that did not come in time. If the pair is unreachable, they do not count.
    pub(super) fn missed(&mut self, pair: usize, keys: u64, reason: String) {
        if let Some(tally) = self.pairs.get_mut(pair) {
            match tally.reachable {
                true => {
                    tally.missed += keys;
                    tally.last_miss = Some(reason);
                }
                false => tally.demanded -= keys,
            }
        }
    }

    /// Sum over all pairs.
    pub(super) fn sum(&self, of: impl Fn(&PairTally) -> u64) -> u64 {
        self.pairs.iter().map(of).sum()
    }
}

/// Returns a percentile of times, in milliseconds; 0 without any.
pub(super) fn percentile(latencies_ms: &mut [f32], percent: usize) -> f64 {
    latencies_ms.sort_by(f32::total_cmp);
    let last = latencies_ms.len().saturating_sub(1);
    let at = (latencies_ms.len() * percent / 100).min(last);
    latencies_ms.get(at).copied().map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests;
