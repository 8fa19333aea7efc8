//! Key containers as KMEs in the field send them. Reading makes no copy of a key.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{DeliveredKey, KeyContainer, id};
use crate::SecretText;
use crate::field_name;

/// A reply that should be a key container. An element that is no key does not cost the others.
#[derive(Default)]
pub struct Delivery {
    /// The keys.
    pub keys: Vec<DeliveredKey>,
    /// Elements of `keys` that are no keys.
    malformed: usize,
    /// The reply has the field `keys`, possibly `null`.
    listed: bool,
    /// The reply has no field at all.
    empty: bool,
    /// The fields that hold a message.
    messages: Map<String, Value>,
    extension: Option<Value>,
}

impl Delivery {
    /// True if the reply has no element of `keys`, not even a malformed one.
    #[must_use]
    pub fn has_no_elements(&self) -> bool {
        self.keys.is_empty() && self.malformed == 0
    }

    /// True if the reply has the field `keys`, possibly `null`, or has no field at all.
    #[must_use]
    pub fn is_list_or_empty(&self) -> bool {
        self.listed || self.empty
    }

    /// The fields that hold a message ([`field_name::names_a_message`]).
    #[must_use]
    pub fn messages(&self) -> &Map<String, Value> {
        &self.messages
    }
}

/// A field name in lower case, without `_` and `-`.
struct Name(String);

/// A key ID: text, or an integer.
struct Id(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self(field_name::plain(&name)))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(id(deserializer)?.trim().to_owned()))
    }
}

impl<'de> Deserialize<'de> for KeyContainer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let delivery = Delivery::deserialize(deserializer)?;
        if delivery.malformed > 0 {
            return Err(D::Error::custom("an element of keys is no key"));
        }
        if !delivery.listed {
            return Err(D::Error::missing_field("keys"));
        }
        Ok(Self {
            keys: delivery.keys,
            key_container_extension: delivery.extension,
        })
    }
}

impl<'de> Deserialize<'de> for DeliveredKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Loose(key) = Loose::deserialize(deserializer)?;
        key.ok_or_else(|| D::Error::custom("no key"))
    }
}

impl<'de> Deserialize<'de> for Delivery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Container)
    }
}

struct Container;

impl<'de> Visitor<'de> for Container {
    type Value = Delivery;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key container")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Delivery, A::Error> {
        let mut delivery = Delivery {
            empty: true,
            ..Delivery::default()
        };
        while let Some(Name(name)) = map.next_key()? {
            delivery.empty = false;
            match name.as_str() {
                "keys" => {
                    let keys: Option<Vec<Loose<DeliveredKey>>> = map.next_value()?;
                    delivery.listed = true;
                    delivery.take(keys.unwrap_or_default())?;
                }
                "keycontainerextension" => delivery.extension = map.next_value()?,
                name if field_name::names_a_message(name) => {
                    delivery.messages.insert(name.to_owned(), map.next_value()?);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(delivery)
    }
}

impl Delivery {
    /// Takes the keys of one field. A second field must hold the same keys, because otherwise the
    /// meaning is ambiguous.
    fn take<E: Error>(&mut self, elements: Vec<Loose<DeliveredKey>>) -> Result<(), E> {
        let all = elements.len();
        let keys: Vec<_> = elements.into_iter().filter_map(|Loose(key)| key).collect();
        self.malformed += all - keys.len();
        if self.keys.is_empty() {
            self.keys = keys;
        } else if !keys.is_empty() && !same(&keys, &self.keys) {
            return Err(E::duplicate_field("keys"));
        }
        Ok(())
    }
}

fn same(a: &[DeliveredKey], b: &[DeliveredKey]) -> bool {
    let pair =
        |(a, b): (&DeliveredKey, &DeliveredKey)| a.key_id == b.key_id && a.key.same_as(&b.key);
    a.len() == b.len() && a.iter().zip(b).all(pair)
}

/// A value that may have another type than expected. Then it is `None`, and reading goes on.
struct Loose<T>(Option<T>);

/// The ways to read a type from JSON.
trait Read: Sized {
    fn from_string(_: String) -> Option<Self> {
        None
    }

    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl Read for SecretText {
    fn from_string(text: String) -> Option<Self> {
        Some(Self::received(text))
    }
}

impl Read for DeliveredKey {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let (mut key_id, mut key) = (None::<String>, None::<SecretText>);
        let (mut key_id_extension, mut key_extension) = (None::<Value>, None);
        let mut ambiguous = false;
        while let Some(Name(name)) = map.next_key()? {
            match name.as_str() {
                "keyid" => {
                    let Id(id) = map.next_value()?;
                    ambiguous |= key_id.as_ref().is_some_and(|known| *known != id);
                    key_id = Some(id);
                }
                "key" => {
                    if let Loose(Some(text)) = map.next_value()? {
                        ambiguous |= key.as_ref().is_some_and(|known| !known.same_as(&text));
                        key = Some(text);
                    }
                }
                "keyidextension" => key_id_extension = map.next_value()?,
                "keyextension" => key_extension = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let found = key_id.zip(key).filter(|_| !ambiguous);
        Ok(found.map(|(key_id, key)| Self {
            key_id,
            key_id_extension,
            key,
            key_extension,
        }))
    }
}

impl<'de, T: Read> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(LooseVisitor(PhantomData))
            .map(Self)
    }
}

/// Reads a value of any type. A text is taken without an unwiped copy in between.
struct LooseVisitor<T>(PhantomData<T>);

impl<'de, T: Read> Visitor<'de> for LooseVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(T::from_string(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Option<T>, E> {
        Ok(T::from_string(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<T>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::from_map(map)
    }
}
