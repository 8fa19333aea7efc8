//! The key store of one QKD link, shared by the KMEs at its two ends. No IO and no clock: `now` is
//! the time since an origin of the caller's choice.
//!
//! The path of a bit: block → pool → `enc_keys` cuts a key, delivers it to the master SAE and
//! reserves it for the slave SAE → `dec_keys` delivers it to that slave. Each step removes what it
//! delivers, so a key reaches each role at most once. A reserved key that is not fetched expires
//! and is wiped. At any time, in bits: offered = overflow + in pool + reserved + delivered +
//! expired.
//!
//! The store does not depend on the origin of the bits (`deliveries`) or on HTTP (`api`).

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Map, Value};
use wire::KeyId;

use crate::config::LinkConfig;
use crate::entropy::{Entropy, EntropyError};
use crate::key_bytes::KeyBytes;
use crate::limits::{BLOCK_OCTETS_MAX, KEPT_KEYS_MAX, RESERVED_KEYS_MAX};
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::shares::Shares;

/// A key as delivered to one SAE.
pub struct StoredKey {
    /// Lower-case UUID, version 4.
    pub id: KeyId,
    /// The key.
    pub bytes: KeyBytes,
    /// Further fields of its `key_extension`; their names begin with `qmacsec_`.
    pub extension: Map<String, Value>,
}

impl StoredKey {
    /// Returns a second copy, only for faults that send a key twice.
    pub(crate) fn again(&self) -> Self {
        Self {
            id: self.id,
            bytes: self.bytes.second(),
            extension: self.extension.clone(),
        }
    }
}

/// The request of a master SAE (`enc_keys`).
#[derive(Clone, Copy, Debug)]
pub struct EncRequest<'a> {
    /// The SAE that asks.
    pub master: &'a str,
    /// The SAE that may fetch the same keys.
    pub slave: &'a str,
    /// Number of keys; 1 if not given.
    pub number: Option<u64>,
    /// Size of each key in bits; the link's default if not given.
    pub size_bits: Option<u64>,
    /// Time until the slave's KME learns of the keys.
    pub propagation: Duration,
}

/// Totals since the start, in bits unless the name says keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blocks that arrived over the link.
    pub blocks: u64,
    /// Bits that arrived over the link.
    pub offered_bits: u64,
    /// Bits of these that were dropped because the pool was full.
    pub overflow_bits: u64,
    /// Bits delivered to both roles.
    pub delivered_bits: u64,
    /// Bits delivered to the master, never fetched by the slave, and wiped.
    pub expired_bits: u64,
    /// Keys delivered to a master SAE.
    pub enc_keys: u64,
    /// Keys delivered to a slave SAE.
    pub dec_keys: u64,
    /// Keys that expired.
    pub expired_keys: u64,
}

/// The store of one link.
pub struct Store {
    config: LinkConfig,
    entropy: Entropy,
    pool: Pool,
    shares: Shares,
    reserved: HashMap<KeyId, Reserved>,
    reserved_bits: u64,
    /// The reserved keys, ordered by the time of their expiry.
    expiry: BTreeSet<(Duration, KeyId)>,
    counters: Counters,
}

struct Reserved {
    bytes: KeyBytes,
    master: Box<str>,
    slave: Box<str>,
    known_from: Duration,
    expires: Duration,
}

impl Store {
    /// Creates an empty store. `entropy` generates key bits and key_IDs.
    #[must_use]
    pub fn new(config: LinkConfig, entropy: Entropy) -> Self {
        Self {
            config,
            entropy,
            pool: Pool::default(),
            shares: Shares::default(),
            reserved: HashMap::new(),
            reserved_bits: 0,
            expiry: BTreeSet::new(),
            counters: Counters::default(),
        }
    }

    /// Turns this into an empty store with a fair share of the pool for each of these SAEs. Without
    /// this, an SAE may draw all keys.
    #[must_use]
    pub fn with_saes<'a>(self, saes: impl IntoIterator<Item = &'a str>) -> Self {
        let unit = u64::from(self.config.key_bits_max / 8);
        let max = KEPT_KEYS_MAX * u64::from(self.config.key_bits / 8);
        Self {
            shares: Shares::new(saes, unit, max),
            ..self
        }
    }

    /// Takes `blocks` blocks with `octets` octets in total from the link. Octets that do not fit
    /// into the pool are dropped and counted.
    ///
    /// # Errors
    /// The random source fails. The octets that it delivered before are in the pool.
    pub fn deposit(&mut self, blocks: u64, octets: u64) -> Result<(), EntropyError> {
        let room = (self.config.pool_bits_max / 8).saturating_sub(self.pool.octets() as u64);
        let mut rest = octets.min(room);
        let overflow_bits = (octets - rest).saturating_mul(8);
        self.counters.blocks = self.counters.blocks.saturating_add(blocks);
        self.counters.offered_bits = self.counters.offered_bits.saturating_add(overflow_bits);
        self.counters.overflow_bits = self.counters.overflow_bits.saturating_add(overflow_bits);
        while rest > 0 {
            let len = rest.min(BLOCK_OCTETS_MAX as u64);
            let mut bytes = KeyBytes::zeroed(len as usize);
            self.entropy.fill(bytes.expose_mut())?;
            self.counters.offered_bits = self.counters.offered_bits.saturating_add(len * 8);
            self.pool.add(bytes);
            self.shares.deposit(len);
            rest -= len;
        }
        Ok(())
    }

    /// Cuts keys for `request.master` and reserves them for `request.slave`.
    ///
    /// # Errors
    /// The request is refused; the pool is unchanged.
    pub fn enc_keys(
        &mut self,
        now: Duration,
        request: &EncRequest<'_>,
    ) -> Result<Vec<StoredKey>, Refusal> {
        self.expire(now);
        let number = self.number(request.number)?;
        let octets = self.octets(request.size_bits)?;
        let wanted_bits = number as u64 * octets as u64 * 8;
        if wanted_bits > self.pool.bits() {
            return Err(Refusal::Exhausted {
                wanted_bits,
                stored_bits: self.pool.bits(),
            });
        }
        let free_bits = self.free_bits(request.master);
        if wanted_bits > free_bits {
            return Err(Refusal::KeptForOthers {
                wanted_bits,
                free_bits,
                kept_bits: self.pool.bits() - free_bits,
            });
        }
        let own = self.shares.reserved(request.master);
        if own + number > self.shares.reserved_max() {
            return Err(Refusal::ReservedFull(own));
        }
        if self.reserved.len() + number > RESERVED_KEYS_MAX {
            return Err(Refusal::ReservedFull(self.reserved.len()));
        }
        let ids = self.new_ids(number)?;
        let drawn = number as u64 * octets as u64;
        let pool = self.pool.octets() as u64;
        self.shares.draw(request.master, drawn, pool);
        let mut keys = Vec::with_capacity(number);
        for id in ids {
            // The check above found enough octets in the pool, so this never stops half-way.
            let Some(bytes) = self.pool.cut(octets) else {
                break;
            };
            keys.push(StoredKey {
                id,
                bytes: bytes.second(),
                extension: Map::new(),
            });
            self.reserve(now, request, id, bytes);
        }
        self.counters.enc_keys += keys.len() as u64;
        Ok(keys)
    }

    fn number(&self, number: Option<u64>) -> Result<usize, Refusal> {
        let max = self.config.keys_per_request_max;
        match number.unwrap_or(1) {
            number if number == 0 || number > u64::from(max) => {
                Err(Refusal::NumberOutOfRange { number, max })
            }
            number => Ok(number as usize),
        }
    }

    fn octets(&self, size_bits: Option<u64>) -> Result<usize, Refusal> {
        let bits = size_bits.unwrap_or(u64::from(self.config.key_bits));
        let (min, max) = (self.config.key_bits_min, self.config.key_bits_max);
        if !bits.is_multiple_of(8) {
            return Err(Refusal::SizeNotOctets);
        }
        if bits < u64::from(min) || bits > u64::from(max) {
            return Err(Refusal::SizeOutOfRange { bits, min, max });
        }
        Ok((bits / 8) as usize)
    }

    fn new_ids(&mut self, number: usize) -> Result<Vec<KeyId>, Refusal> {
        let mut ids = Vec::with_capacity(number);
        for _ in 0..number {
            let mut octets = [0; 16];
            self.entropy
                .fill(&mut octets)
                .map_err(|_| Refusal::Entropy)?;
            let uuid = uuid::Builder::from_random_bytes(octets).into_uuid();
            let text = uuid.hyphenated().to_string();
            let id = KeyId::new(&text).map_err(|_| Refusal::Entropy)?;
            // A UUID has 122 random bits, so a duplicate means that the source is broken.
            if self.reserved.contains_key(&id) || ids.contains(&id) {
                return Err(Refusal::Entropy);
            }
            ids.push(id);
        }
        Ok(ids)
    }

    fn reserve(&mut self, now: Duration, request: &EncRequest<'_>, id: KeyId, bytes: KeyBytes) {
        let expires = now.saturating_add(self.config.reserved_life);
        self.reserved_bits += bytes.bits();
        self.shares.reserve(request.master);
        self.expiry.insert((expires, id));
        self.reserved.insert(
            id,
            Reserved {
                bytes,
                master: request.master.into(),
                slave: request.slave.into(),
                known_from: now.saturating_add(request.propagation),
                expires,
            },
        );
    }

    /// Delivers the keys with these IDs, which `master` reserved for `caller`: all in the requested
    /// order, or none. Afterwards they are gone from the store.
    ///
    /// # Errors
    /// [`Refusal::NotNamed`] if any of the keys is for another SAE, even if others are missing.
    /// [`Refusal::KeysNotFound`] if any is not here: unknown, delivered, expired, of another
    /// master, not yet propagated, or named twice.
    pub fn dec_keys(
        &mut self,
        now: Duration,
        caller: &str,
        master: &str,
        ids: &[KeyId],
    ) -> Result<Vec<StoredKey>, Refusal> {
        self.expire(now);
        self.number(Some(ids.len() as u64))?;
        let found = || ids.iter().map(|id| self.reserved.get(id));
        if found().flatten().any(|key| &*key.slave != caller) {
            return Err(Refusal::NotNamed);
        }
        let here = |key: &Reserved| &*key.master == master && key.known_from <= now;
        let distinct: BTreeSet<_> = ids.iter().collect();
        if distinct.len() != ids.len() || !found().all(|key| key.is_some_and(here)) {
            return Err(Refusal::KeysNotFound);
        }
        let mut keys = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(bytes) = self.remove(id) {
                self.counters.dec_keys += 1;
                self.counters.delivered_bits += bytes.bits();
                keys.push(StoredKey {
                    id: *id,
                    bytes,
                    extension: Map::new(),
                });
            }
        }
        Ok(keys)
    }

    /// Wipes the reserved keys that have expired.
    pub fn expire(&mut self, now: Duration) {
        while let Some(&(expires, id)) = self.expiry.first()
            && expires <= now
        {
            match self.remove(&id) {
                Some(bytes) => {
                    self.counters.expired_keys += 1;
                    self.counters.expired_bits += bytes.bits();
                }
                // Every entry has a key. An entry without one must not block the others.
                None => drop(self.expiry.pop_first()),
            }
        }
    }

    fn remove(&mut self, id: &KeyId) -> Option<KeyBytes> {
        let key = self.reserved.remove(id)?;
        self.expiry.remove(&(key.expires, *id));
        self.reserved_bits -= key.bytes.bits();
        self.shares.release(&key.master);
        Some(key.bytes)
    }

    /// Returns the limits and sizes of this link.
    #[must_use]
    pub fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Returns the bits available for `enc_keys`.
    #[must_use]
    pub fn pool_bits(&self) -> u64 {
        self.pool.bits()
    }

    /// Returns the bits in the pool that `sae` may draw; the rest is kept for others.
    #[must_use]
    pub fn free_bits(&self, sae: &str) -> u64 {
        let kept = self.shares.kept_from(sae).saturating_mul(8);
        self.pool.bits().saturating_sub(kept)
    }

    /// Returns the whole keys of the default size that `sae` may draw. This is `stored_key_count`:
    /// clause 6.1 defines it as the keys that the KME can deliver to the SAE.
    #[must_use]
    pub fn free_keys(&self, sae: &str) -> u64 {
        self.free_bits(sae) / u64::from(self.config.key_bits)
    }

    /// Returns the whole keys of the default size in the pool.
    #[must_use]
    pub fn pool_keys(&self) -> u64 {
        self.pool.bits() / u64::from(self.config.key_bits)
    }

    /// Returns the number of keys that their slave has not fetched yet.
    #[must_use]
    pub fn reserved_keys(&self) -> usize {
        self.reserved.len()
    }

    /// Returns the bits that their slave has not fetched yet.
    #[must_use]
    pub fn reserved_bits(&self) -> u64 {
        self.reserved_bits
    }

    /// Returns the totals since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

#[cfg(test)]
mod tests;
