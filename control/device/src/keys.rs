//! The stock behind the KME of this end: ETSI GS QKD 014 on top of distilled blocks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kme::store::{EncRequest, StoredKey};
use kme::{KeyStore, LinkConfig, Origin, Refusal};
use serde_json::Map;
use wire::KeyId;

use crate::limits::{KEY_BITS, STOCK_KEYS_MAX};
use crate::role::Role;
use crate::stock::{Key, Stock};

/// The two SAEs of a link and the KMEs that serve them.
#[derive(Clone, Debug)]
pub struct Names {
    /// The SAE of this end.
    pub sae_id: String,
    /// The SAE of the other end.
    pub peer_sae_id: String,
    /// ID of the KME of this end.
    pub kme_id: String,
    /// ID of the KME of the other end.
    pub peer_kme_id: String,
}

/// The stock with its clock and lock.
pub(crate) struct DeviceKeys {
    names: Names,
    started: Instant,
    /// Never held across IO.
    stock: Mutex<Stock>,
}

impl DeviceKeys {
    /// An empty stock for these SAEs.
    pub(crate) fn new(names: Names, role: Role, key_life: Duration) -> Self {
        Self {
            names,
            started: Instant::now(),
            stock: Mutex::new(Stock::new(role, key_life)),
        }
    }

    /// Runs `work` on the stock, with the present time.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Stock, Duration) -> T) -> T {
        let mut stock = self.lock();
        let now = self.started.elapsed();
        work(&mut stock, now)
    }

    fn lock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that these are the SAEs of the link, this end's first.
    fn check_pair(&self, own: &str, other: &str) -> Result<(), Refusal> {
        match own == self.names.sae_id && other == self.names.peer_sae_id {
            true => Ok(()),
            false => Err(Refusal::PeerUnknown),
        }
    }
}

impl KeyStore for DeviceKeys {
    fn config(&self) -> LinkConfig {
        LinkConfig {
            pool_bits_max: STOCK_KEYS_MAX as u64 * u64::from(KEY_BITS),
            key_bits: KEY_BITS,
            key_bits_min: KEY_BITS,
            key_bits_max: KEY_BITS,
            ..LinkConfig::default()
        }
    }

    fn origin(&self) -> Origin {
        Origin::Distilled
    }

    fn kme_of(&self, sae: &str) -> Option<&str> {
        let names = &self.names;
        match sae {
            sae if sae == names.sae_id => Some(&names.kme_id),
            sae if sae == names.peer_sae_id => Some(&names.peer_kme_id),
            _ => None,
        }
    }

    fn peers_of(&self, sae: &str) -> Vec<String> {
        let peer = (sae == self.names.sae_id).then(|| self.names.peer_sae_id.clone());
        peer.into_iter().collect()
    }

    fn stored_keys(&self, _: &str, _: &str) -> u64 {
        self.with(|stock, now| {
            stock.expire(now);
            stock.fresh_keys() as u64
        })
    }

    fn enc_keys(&self, request: &EncRequest<'_>) -> Result<Vec<StoredKey>, Refusal> {
        self.check_pair(request.master, request.slave)?;
        let number = self.check_number(request.number.unwrap_or(1))?;
        check_size(request.size_bits)?;
        let keys = self.with(|stock, now| stock.fresh(now, number))?;
        Ok(stored(keys))
    }

    fn dec_keys(
        &self,
        slave: &str,
        master: &str,
        ids: &[KeyId],
    ) -> Result<Vec<StoredKey>, Refusal> {
        self.check_pair(slave, master)?;
        self.check_number(ids.len() as u64)?;
        let keys = self.with(|stock, now| stock.named(now, ids))?;
        Ok(stored(keys))
    }
}

impl DeviceKeys {
    fn check_number(&self, number: u64) -> Result<usize, Refusal> {
        let max = self.config().keys_per_request_max;
        match usize::try_from(number) {
            Ok(whole) if (1..=u64::from(max)).contains(&number) => Ok(whole),
            _ => Err(Refusal::NumberOutOfRange { number, max }),
        }
    }
}

fn check_size(bits: Option<u64>) -> Result<(), Refusal> {
    match bits.unwrap_or(KEY_BITS.into()) {
        bits if bits == u64::from(KEY_BITS) => Ok(()),
        bits if !bits.is_multiple_of(8) => Err(Refusal::SizeNotOctets),
        bits => Err(Refusal::SizeOutOfRange {
            bits,
            min: KEY_BITS,
            max: KEY_BITS,
        }),
    }
}

fn stored(keys: Vec<Key>) -> Vec<StoredKey> {
    let stored = |Key { id, bytes }| StoredKey {
        id,
        bytes,
        extension: Map::new(),
    };
    keys.into_iter().map(stored).collect()
}
