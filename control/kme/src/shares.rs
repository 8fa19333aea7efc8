//! Fair shares of the pool: a part is kept for each SAE, so that one SAE cannot take all keys.
//!
//! Each SAE is credited an equal part of the arriving bits, up to a limit. The surplus of a full
//! account is common. An SAE draws common bits first, then those of its own account. It may draw
//! everything except the accounts of the others. So an SAE that draws no more than its part is
//! always served, and unused bits soon become common. An account holds back only whole units (one
//! key of the largest size). In a smaller pool all bits are common.

use crate::limits::RESERVED_KEYS_MAX;

/// The accounts of the SAEs of one link. All amounts are octets.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    accounts: Vec<Account>,
    unit: u64,
    max: u64,
}

#[derive(Debug)]
struct Account {
    sae: Box<str>,
    kept: u64,
    /// Keys of this SAE that its peer has not fetched yet.
    reserved: usize,
}

impl Shares {
    /// Creates accounts of at most `max` octets, which hold back whole units of `unit` octets.
    pub(crate) fn new<'a>(saes: impl IntoIterator<Item = &'a str>, unit: u64, max: u64) -> Self {
        let account = |sae: &str| Account {
            sae: sae.into(),
            kept: 0,
            reserved: 0,
        };
        Self {
            accounts: saes.into_iter().map(account).collect(),
            unit: unit.max(1),
            max,
        }
    }

    /// Credits octets that arrived.
    pub(crate) fn deposit(&mut self, octets: u64) {
        let Some(part) = octets.checked_div(self.accounts.len() as u64) else {
            return;
        };
        for account in &mut self.accounts {
            account.kept = account.kept.saturating_add(part).min(self.max);
        }
    }

    /// Returns the octets that `sae` must leave in the pool for others.
    pub(crate) fn kept_from(&self, sae: &str) -> u64 {
        let others = self.accounts.iter().filter(|account| &*account.sae != sae);
        others.map(|account| self.whole(account.kept)).sum()
    }

    /// Draws `octets` for `sae` from a pool of `pool` octets. The caller checks that this is
    /// allowed.
    pub(crate) fn draw(&mut self, sae: &str, octets: u64, pool: u64) {
        let kept: u64 = self.accounts.iter().map(|account| account.kept).sum();
        let common = pool.saturating_sub(kept);
        let mut rest = octets.saturating_sub(common);
        if let Some(own) = self.own(sae) {
            let from_own = rest.min(own.kept);
            own.kept -= from_own;
            rest -= from_own;
        }
        if rest > 0 {
            // The rest comes from the octets beyond whole units in the other accounts.
            let unit = self.unit;
            for account in &mut self.accounts {
                account.kept -= account.kept % unit;
            }
        }
    }

    /// Limit for the keys of one SAE that its peers have not fetched yet: an equal part of all.
    pub(crate) fn reserved_max(&self) -> usize {
        RESERVED_KEYS_MAX / self.accounts.len().max(1)
    }

    /// Number of keys of `sae` that its peers have not fetched yet.
    pub(crate) fn reserved(&self, sae: &str) -> usize {
        let own = self.accounts.iter().find(|account| &*account.sae == sae);
        own.map_or(0, |account| account.reserved)
    }

    pub(crate) fn reserve(&mut self, sae: &str) {
        if let Some(own) = self.own(sae) {
            own.reserved += 1;
        }
    }

    pub(crate) fn release(&mut self, sae: &str) {
        if let Some(own) = self.own(sae) {
            own.reserved = own.reserved.saturating_sub(1);
        }
    }

    fn own(&mut self, sae: &str) -> Option<&mut Account> {
        self.accounts
            .iter_mut()
            .find(|account| &*account.sae == sae)
    }

    fn whole(&self, octets: u64) -> u64 {
        octets - octets % self.unit
    }
}

#[cfg(test)]
mod tests;
