//! Fair shares of a link's key: no pair can starve the others.
//!
//! A pair may always use a multiple of its demand. Beyond that it may use a part of what is left,
//! so that whoever takes much leaves ever more for the others (a dynamic threshold, as for the
//! shared buffer of a switch: Choudhury and Hahne 1998).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Demand;
use crate::guards::{Guard, on};
use crate::limits;
use crate::pool::Purpose;
use crate::sites::PairId;

/// The use of one direction of a link by each pair.
#[derive(Default)]
pub(crate) struct Shares {
    used: BTreeMap<PairId, Used>,
}

struct Used {
    /// Octets, less what the pair's demand has allowed since.
    octets: u64,
    since: Duration,
}

impl Shares {
    /// Whether a pair may use this number of octets, with `usable` left.
    pub(crate) fn allow(
        &mut self,
        now: Duration,
        pair: PairId,
        demand: &Demand,
        octets: usize,
        usable: usize,
    ) -> bool {
        let used = self.used.entry(pair).or_insert(Used {
            octets: 0,
            since: now,
        });
        let micros = u64::try_from(now.saturating_sub(used.since).as_micros()).unwrap_or(u64::MAX);
        let per_second = demand.share_per_second();
        let allowed = micros.saturating_mul(per_second) / 1_000_000;
        if allowed > 0 {
            used.octets = used.octets.saturating_sub(allowed);
            used.since = now;
        }
        let after = used.octets + octets as u64;
        let burst = 2 * Purpose::batch(demand.stock()).len() as u64;
        let share = burst.max((usable / limits::SHARE_OF_REST) as u64);
        after <= share || !on(Guard::FairShare)
    }

    /// The pair has used these octets.
    pub(crate) fn book(&mut self, now: Duration, pair: PairId, octets: usize) {
        let used = self.used.entry(pair).or_insert(Used {
            octets: 0,
            since: now,
        });
        used.octets += octets as u64;
    }
}

impl Demand {
    /// Octets that a pair may always use in a second: a multiple of its demand, and at least one
    /// attempt for the keys of one switch.
    fn share_per_second(&self) -> u64 {
        let octets = u128::from(self.keys) * limits::KEY_LEN as u128 * 1_000_000;
        let demand = octets / self.interval.as_micros().max(1);
        let demand = u64::try_from(demand).unwrap_or(u64::MAX);
        let least = Purpose::batch(self.keys.into()).len() as u64;
        demand.saturating_mul(limits::SHARE_OF_DEMAND).max(least)
    }
}

#[cfg(test)]
mod tests;
