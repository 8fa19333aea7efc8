//! Checks that a key container holds the keys that the request asked for.
//!
//! KMEs in the field send keys in any order, with their own extra fields, with `key_ID`s in another
//! case, with fewer or more keys than requested, and sometimes with the same key twice.

use kme_api::KeyBytes;
use kme_api::etsi014::{DeliveredKey, Delivery};
use serde::Deserialize;
use serde_json::Value;
use wire::KeyId;

use crate::call::Call;
use crate::error::Error;
use crate::fault::{KmeFault, Message};
use crate::limits::PASSPORT_LEN_MAX;
use crate::text::Texts;
use crate::words;

/// A key with its name. No `Debug` and no `Clone`; wiped on drop.
pub struct Key {
    /// Name of the key. For `enc_keys` in the spelling of this KME, for `dec_keys` as requested.
    pub id: KeyId,
    /// The key.
    pub bytes: KeyBytes,
    /// The origin of its bits, if the KME states it: `modelled` or `distilled`.
    pub origin: Option<String>,
    /// The passport of a relayed key, as compact JSON: links, blocks and relays. A longer one than
    /// [`PASSPORT_LEN_MAX`](crate::limits::PASSPORT_LEN_MAX) is left out.
    pub passport: Option<String>,
}

/// The keys that a request asked for.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// `number` keys of `bits` each.
    Any { number: usize, bits: u32 },
    /// Exactly these keys.
    These(&'a [KeyId]),
}

impl Key {
    /// Returns the key if it has the length that the caller needs. `dec_keys` names no length, so
    /// its caller checks it here.
    ///
    /// # Errors
    /// [`KmeFault::WrongSize`].
    pub fn with_bits(self, bits: u32) -> Result<Self, Error> {
        check_size(&self, bits)
            .map(|()| self)
            .map_err(|fault| Error::Kme {
                call: Call::DecKeys,
                kme: "the KME".into(),
                fault,
            })
    }
}

/// Parses JSON of one of our model's types. Errors never quote the JSON.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    json: &'a [u8],
    what: &'static str,
) -> Result<T, KmeFault> {
    serde_json::from_slice(json).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => KmeFault::WrongShape(what),
        serde_json::error::Category::Eof if !json.trim_ascii().is_empty() => {
            KmeFault::CutOff(json.len())
        }
        _ => KmeFault::NotJson,
    })
}

/// The words of a reply that reports success but holds no key. `None` for any other structure.
pub(crate) fn no_key(json: &[u8]) -> Option<Message> {
    no_key_in(&parse(json, "").ok()?)
}

/// The words of the KME, if this container is its way to say that it has no key.
fn no_key_in(delivery: &Delivery) -> Option<Message> {
    if !delivery.has_no_elements() {
        return None;
    }
    let texts = Texts::of_json(&Value::Object(delivery.messages().clone()));
    let message = words::judge(&texts, 200).message;
    (delivery.is_list_or_empty() || !message.as_str().is_empty()).then_some(message)
}

/// Returns the keys of a container, all checked. `enc_keys` may deliver fewer keys than requested,
/// but at least one. Keys beyond the requested number are dropped and lost.
pub(crate) fn keys(json: &[u8], asked: Asked<'_>) -> Result<Vec<Key>, KmeFault> {
    let what = "key container";
    let delivery: Delivery = parse(json, what)?;
    if let Some(message) = no_key_in(&delivery) {
        let call = match asked {
            Asked::Any { .. } => Call::EncKeys,
            Asked::These(_) => Call::DecKeys,
        };
        return Err(KmeFault::no_key(call, message));
    }
    match asked {
        _ if delivery.keys.is_empty() => Err(KmeFault::WrongShape(what)),
        Asked::Any { number, bits } => any(delivery.keys, number, bits),
        Asked::These(ids) => these(delivery.keys, ids),
    }
}

fn any(all: Vec<DeliveredKey>, number: usize, bits: u32) -> Result<Vec<Key>, KmeFault> {
    let delivered = all.len();
    if delivered > number {
        tracing::warn!(
            delivered,
            number,
            "the KME sent more keys than asked; the rest is dropped"
        );
    }
    let mut keys = Vec::with_capacity(number.min(delivered));
    let mut unusable = None;
    for delivered in all {
        if keys.len() == number {
            break;
        }
        // An unusable key does not cost the others.
        match key(&delivered).and_then(|key| check_size(&key, bits).map(|()| key)) {
            Ok(key) => {
                check_new(&key, &keys)?;
                keys.push(key);
            }
            Err(fault) => unusable = unusable.or(Some(fault)),
        }
    }
    match unusable {
        Some(fault) if keys.is_empty() => Err(fault),
        Some(fault) => {
            tracing::warn!(%fault, "the KME sent an unusable key; it is dropped");
            Ok(keys)
        }
        None => Ok(keys),
    }
}

fn these(all: Vec<DeliveredKey>, ids: &[KeyId]) -> Result<Vec<Key>, KmeFault> {
    let mut keys: Vec<Key> = Vec::with_capacity(ids.len());
    let mut unasked = None;
    for delivered in all {
        // Only the requested keys matter. Others are dropped and so lost, even unusable ones.
        let named = match KeyId::new(&delivered.key_id) {
            Ok(named) => named,
            Err(error) => {
                unasked = unasked.or(Some(KmeFault::BadKeyId(error)));
                continue;
            }
        };
        let Some(id) = ids.iter().find(|id| same(id, &named)) else {
            unasked = unasked.or(Some(KmeFault::UnaskedKey(named)));
            continue;
        };
        let mut key = key(&delivered)?;
        // Use the spelling of the request, which the peer and we both know.
        key.id = *id;
        let again = |known: &Key| known.id == key.id && known.bytes.same_as(&key.bytes);
        if keys.iter().any(again) {
            continue; // an exact duplicate counts once
        }
        check_new(&key, &keys)?; // also bounds the loop: at most one key for each requested ID
        keys.push(key);
    }
    if let Some(missing) = ids.iter().find(|id| !keys.iter().any(|key| key.id == **id)) {
        return Err(unasked.unwrap_or(KmeFault::MissingKey(*missing)));
    }
    keys.sort_by_key(|key| ids.iter().position(|id| *id == key.id));
    Ok(keys)
}

fn key(delivered: &DeliveredKey) -> Result<Key, KmeFault> {
    let id = KeyId::new(&delivered.key_id).map_err(KmeFault::BadKeyId)?;
    let bytes = delivered
        .key
        .decode()
        .map_err(|error| KmeFault::BadKey(id, error))?;
    Ok(Key {
        id,
        bytes,
        origin: delivered.origin().map(str::to_owned),
        passport: delivered
            .passport()
            .filter(|text| text.len() <= PASSPORT_LEN_MAX),
    })
}

pub(crate) fn check_size(key: &Key, asked: u32) -> Result<(), KmeFault> {
    let bits = key.bytes.bits();
    if usize::try_from(asked) == Ok(bits) {
        Ok(())
    } else {
        Err(KmeFault::WrongSize {
            id: key.id,
            bits,
            asked,
        })
    }
}

fn check_new(key: &Key, keys: &[Key]) -> Result<(), KmeFault> {
    for known in keys {
        if same(&known.id, &key.id) {
            return Err(KmeFault::DuplicateKeyId(key.id));
        }
        if known.bytes.same_as(&key.bytes) {
            return Err(KmeFault::DuplicateKey(key.id));
        }
    }
    Ok(())
}

/// Compares two key IDs. Some KMEs write UUIDs in capitals at one site and not at the other.
pub(crate) fn same(a: &KeyId, b: &KeyId) -> bool {
    a.as_bytes().eq_ignore_ascii_case(b.as_bytes())
}

#[cfg(test)]
mod tests;
