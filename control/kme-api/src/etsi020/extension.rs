//! Extensions: members that a vendor has defined.

use core::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

use super::{EXTENSIONS_MAX, Unreadable};

/// An extension object with at least one member. Each name is `E<PEN>_…`, where PEN is the private
/// enterprise number of the vendor. Values are kept as JSON text, and members in their order, so
/// that what is passed on is what was received. A clone shares the same members.
#[derive(Clone, Debug)]
pub struct Extension(Arc<[(Box<str>, Box<RawValue>)]>);

impl Extension {
    /// Creates an extension with one member.
    ///
    /// # Errors
    /// The name is not that of an extension, or the value has no JSON form.
    pub fn new(name: &str, value: &impl Serialize) -> Result<Self, Unreadable> {
        Self::with(None, name, value)
    }

    /// Adds a member to the members that there are, or replaces the one of this name.
    ///
    /// # Errors
    /// The name is not that of an extension, the value has no JSON form, or there are too many
    /// members.
    pub fn with(
        present: Option<&Self>,
        name: &str,
        value: &impl Serialize,
    ) -> Result<Self, Unreadable> {
        let others = present.iter().flat_map(|extension| extension.0.iter());
        let mut members: Vec<_> = others
            .filter(|(known, _)| **known != *name)
            .cloned()
            .collect();
        members.push((name.into(), serde_json::value::to_raw_value(value)?));
        Self::check("extension", members)?.ok_or(Unreadable::Missing("extension"))
    }

    /// `None` if there is no member, which has the meaning of an extension that is left out.
    pub(super) fn read(
        member: &'static str,
        raw: Option<RawExtension>,
    ) -> Result<Option<Self>, Unreadable> {
        Self::check(member, raw.map(|raw| raw.0).unwrap_or_default())
    }

    fn check(
        member: &'static str,
        members: Vec<(Box<str>, Box<RawValue>)>,
    ) -> Result<Option<Self>, Unreadable> {
        if members.len() > EXTENSIONS_MAX {
            return Err(Unreadable::malformed(member, "has too many members"));
        }
        if !members.iter().all(|(name, _)| is_name(name)) {
            let problem = "has a member whose name is not E, a private enterprise number, _ and \
                           a name";
            return Err(Unreadable::malformed(member, problem));
        }
        let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Unreadable::malformed(member, "has a member twice"));
        }
        Ok((!members.is_empty()).then(|| Self(members.into())))
    }

    /// The names of the members and the JSON text of their values, in their order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.get()))
    }

    /// The JSON text of a member's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.members().find(|(known, _)| *known == name)?;
        Some(value)
    }
}

/// True for `E`, digits, `_` and at least one more character.
fn is_name(name: &str) -> bool {
    let Some((number, rest)) = name.strip_prefix('E').and_then(|rest| rest.split_once('_')) else {
        return false;
    };
    // A private enterprise number has 32 bits.
    !rest.is_empty() && number.parse::<u32>().is_ok() && number.bytes().all(|c| c.is_ascii_digit())
}

impl PartialEq for Extension {
    fn eq(&self, other: &Self) -> bool {
        self.members().eq(other.members())
    }
}

impl Eq for Extension {}

impl Serialize for Extension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &*self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// An extension object as received.
pub(super) struct RawExtension(Vec<(Box<str>, Box<RawValue>)>);

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawExtension;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an extension object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawExtension, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            if members.len() > EXTENSIONS_MAX {
                return Err(A::Error::invalid_length(members.len(), &self));
            }
            members.push(member);
        }
        Ok(RawExtension(members))
    }
}

impl<'de> Deserialize<'de> for RawExtension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}
