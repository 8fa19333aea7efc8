//! The node as the key store of its KME: ETSI 014 on top of relayed keys.

use std::sync::Arc;

use kme::store::{EncRequest, StoredKey};
use kme::{KeyBytes, KeyStore, LinkConfig, Origin, Refusal};
use kme_api::etsi014::PASSPORT;
use network::limits::{KEY_LEN, KEYS_ASKED_MAX};
use network::{Key, KeyId, Refusal as Refused, SaeId};
use serde_json::Map as Fields;

use crate::core::Core;
use crate::map::Map;
use crate::passport::to_json;

/// Bits of each key: relayed keys have one size.
const KEY_BITS: u32 = KEY_LEN as u32 * 8;

/// The keys of one node for its SAEs.
pub(crate) struct NodeKeys {
    pub(crate) map: Arc<Map>,
    pub(crate) core: Arc<Core>,
}

impl KeyStore for NodeKeys {
    fn config(&self) -> LinkConfig {
        LinkConfig {
            key_bits: KEY_BITS,
            key_bits_min: KEY_BITS,
            key_bits_max: KEY_BITS,
            keys_per_request_max: KEYS_ASKED_MAX as u32,
            ..LinkConfig::default()
        }
    }

    fn origin(&self) -> Origin {
        Origin::Modelled
    }

    fn kme_of(&self, sae: &str) -> Option<&str> {
        self.map.node_of(sae)
    }

    fn peers_of(&self, sae: &str) -> Vec<String> {
        let others = self.map.saes().filter(|name| *name != sae);
        others.map(str::to_owned).collect()
    }

    fn stored_keys(&self, master: &str, slave: &str) -> u64 {
        let status = self.core.with(|node, _| node.status());
        let mut pairs = status.pairs.iter();
        let pair =
            pairs.find(|pair| pair.initiator.as_str() == master && pair.target.as_str() == slave);
        pair.map_or(0, |pair| pair.stock as u64)
    }

    fn enc_keys(&self, request: &EncRequest<'_>) -> Result<Vec<StoredKey>, Refusal> {
        let (initiator, target) = (sae(request.master)?, sae(request.slave)?);
        let number = number(request.number.unwrap_or(1))?;
        check_size(request.size_bits)?;
        let keys = self
            .core
            .with(|node, now| node.enc_keys(now, &initiator, &target, number))
            .map_err(|refused| refusal(refused, number))?;
        Ok(self.deliver(keys))
    }

    fn dec_keys(
        &self,
        slave: &str,
        master: &str,
        ids: &[wire::KeyId],
    ) -> Result<Vec<StoredKey>, Refusal> {
        let (caller, initiator) = (sae(slave)?, sae(master)?);
        number(ids.len() as u64)?;
        let named: Option<Vec<_>> = ids.iter().map(key_id).collect();
        let named = named.ok_or(Refusal::KeysNotFound)?;
        let keys = self
            .core
            .with(|node, now| node.dec_keys(now, &caller, &initiator, &named))
            .map_err(|refused| refusal(refused, named.len()))?;
        Ok(self.deliver(keys))
    }
}

impl NodeKeys {
    fn deliver(&self, keys: Vec<Key>) -> Vec<StoredKey> {
        let stored = |key: Key| {
            let id = wire::KeyId::new(&key.id.to_string()).ok()?;
            let mut extension = Fields::new();
            extension.insert(PASSPORT.to_owned(), to_json(&key.passport, &self.map));
            Some(StoredKey {
                id,
                bytes: KeyBytes::new(key.value.expose()[..].into()),
                extension,
            })
        };
        // Every UUID is a valid key_ID, so none is left out.
        keys.into_iter().filter_map(stored).collect()
    }
}

fn sae(name: &str) -> Result<SaeId, Refusal> {
    SaeId::parse(name).map_err(|_| Refusal::PeerUnknown)
}

fn number(number: u64) -> Result<usize, Refusal> {
    let max = KEYS_ASKED_MAX;
    match usize::try_from(number) {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => Err(Refusal::NumberOutOfRange {
            number,
            max: max as u32,
        }),
    }
}

fn check_size(bits: Option<u64>) -> Result<(), Refusal> {
    let bits = bits.unwrap_or(KEY_BITS.into());
    match bits {
        bits if bits == u64::from(KEY_BITS) => Ok(()),
        bits if !bits.is_multiple_of(8) => Err(Refusal::SizeNotOctets),
        bits => Err(Refusal::SizeOutOfRange {
            bits,
            min: KEY_BITS,
            max: KEY_BITS,
        }),
    }
}

/// Reads a name that we gave out. Any other text names no key.
fn key_id(id: &wire::KeyId) -> Option<KeyId> {
    let uuid = uuid::Uuid::try_parse(id.as_str()).ok()?;
    Some(KeyId(uuid.into_bytes()))
}

fn refusal(refused: Refused, number: usize) -> Refusal {
    match refused {
        Refused::NotHere => Refusal::UnknownSae,
        Refused::NoDemand => Refusal::PeerUnknown,
        Refused::Number => Refusal::NumberOutOfRange {
            number: number as u64,
            max: KEYS_ASKED_MAX as u32,
        },
        Refused::UnknownKey => Refusal::KeysNotFound,
        Refused::Short(reason) => Refusal::Unavailable(reason.to_string()),
    }
}
