//! Key containers as KMEs send them: field names are read leniently, without a copy of a key.

use core::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{DeliveredKey, KeyContainer, id};
use crate::SecretText;

/// A field name in lower case, without `_` and `-`.
struct Name(String);

/// A key ID: text, or an integer.
struct Id(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let name = name.chars().filter(|c| !matches!(c, '_' | '-'));
        Ok(Self(name.map(|c| c.to_ascii_lowercase()).collect()))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(id(deserializer)?.trim().to_owned()))
    }
}

impl<'de> Deserialize<'de> for KeyContainer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Container)
    }
}

impl<'de> Deserialize<'de> for DeliveredKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Delivered)
    }
}

struct Container;

impl<'de> Visitor<'de> for Container {
    type Value = KeyContainer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key container")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyContainer, A::Error> {
        let mut keys = None;
        let mut key_container_extension = None;
        while let Some(Name(name)) = map.next_key()? {
            match name.as_str() {
                "keys" => once(&mut keys, map.next_value()?, "keys")?,
                "keycontainerextension" => key_container_extension = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(KeyContainer {
            keys: keys.ok_or_else(|| A::Error::missing_field("keys"))?,
            key_container_extension,
        })
    }
}

struct Delivered;

impl<'de> Visitor<'de> for Delivered {
    type Value = DeliveredKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DeliveredKey, A::Error> {
        let (mut key_id, mut key) = (None, None::<SecretText>);
        let (mut key_id_extension, mut key_extension) = (None::<Value>, None);
        while let Some(Name(name)) = map.next_key()? {
            match name.as_str() {
                "keyid" => once(&mut key_id, map.next_value::<Id>()?.0, "key_ID")?,
                "key" => once(&mut key, map.next_value()?, "key")?,
                "keyidextension" => key_id_extension = map.next_value()?,
                "keyextension" => key_extension = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(DeliveredKey {
            key_id: key_id.ok_or_else(|| A::Error::missing_field("key_ID"))?,
            key_id_extension,
            key: key.ok_or_else(|| A::Error::missing_field("key"))?,
            key_extension,
        })
    }
}

/// Refuses a duplicate field, because its meaning is ambiguous.
fn once<T, E: Error>(field: &mut Option<T>, value: T, name: &'static str) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}
