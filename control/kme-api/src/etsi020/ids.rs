//! Names: of keys, of SAEs, and the URL for acknowledgements.

use core::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use url::Url;
use uuid::Uuid;

use super::{SAE_ID_MAX, TARGETS_MAX, URL_MAX, Unreadable};

/// Name of a key: a UUID of RFC 9562, written in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyUuid(Uuid);

/// Name of an SAE: 1 to 64 characters that RFC 3986 allows in a URI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SaeId(#[serde(serialize_with = "shared")] Arc<str>);

/// The SAEs of a key: the one that asked for it, and those that it shares the key with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Parties {
    #[serde(rename = "initiator_sae_id")]
    initiator: SaeId,
    #[serde(rename = "target_sae_ids", serialize_with = "shared")]
    targets: Arc<[SaeId]>,
}

/// The URL to which acknowledgements go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallbackUrl(Arc<Url>);

pub(super) fn shared<T, S>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + ?Sized,
    S: Serializer,
{
    value.serialize(serializer)
}

impl KeyUuid {
    /// Reads the form with hyphens, in either case.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        // The library also reads other forms, all of other lengths.
        let uuid = (text.len() == uuid::fmt::Hyphenated::LENGTH)
            .then(|| Uuid::try_parse(text).ok())
            .flatten();
        uuid.map(Self)
            .ok_or(Unreadable::malformed("key_id", "is not a UUID (RFC 9562)"))
    }

    /// Creates a name from the octets of a UUID.
    #[must_use]
    pub fn from_bytes(octets: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(octets))
    }

    /// The 16 octets.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl fmt::Display for KeyUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl Serialize for KeyUuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl SaeId {
    /// Checks length and characters.
    ///
    /// # Errors
    /// The text is no SAE ID.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        Self::read("sae_id", text)
    }

    fn read(member: &'static str, text: &str) -> Result<Self, Unreadable> {
        if text.is_empty() || text.len() > SAE_ID_MAX {
            return Err(Unreadable::malformed(member, "is not 1 to 64 characters"));
        }
        if !is_uri_text(text) {
            return Err(Unreadable::malformed(
                member,
                "has a character that is not allowed in a URI (RFC 3986)",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SaeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// True for unreserved and reserved characters, and for `%` with two hexadecimal digits.
fn is_uri_text(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (octet, after)
                if octet.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(octet) =>
            {
                after
            }
            _ => return false,
        };
    }
    true
}

impl Parties {
    /// Checks that there is a target, that no SAE occurs twice, and that there are not too many.
    ///
    /// # Errors
    /// One of these is not so.
    pub fn new(initiator: SaeId, targets: Vec<SaeId>) -> Result<Self, Unreadable> {
        let wrong = |problem| Err(Unreadable::malformed("target_sae_ids", problem));
        if targets.is_empty() {
            return wrong("is empty");
        }
        if targets.len() > TARGETS_MAX {
            return wrong("names too many SAEs");
        }
        let twice = |(n, target): (usize, &SaeId)| {
            *target == initiator || targets.iter().skip(n + 1).any(|other| other == target)
        };
        if targets.iter().enumerate().any(twice) {
            return wrong("names an SAE twice, or the initiator");
        }
        Ok(Self {
            initiator,
            targets: targets.into(),
        })
    }

    pub(super) fn read(
        initiator: Option<String>,
        targets: Option<Vec<String>>,
    ) -> Result<Self, Unreadable> {
        let initiator = initiator.ok_or(Unreadable::Missing("initiator_sae_id"))?;
        let targets = targets.ok_or(Unreadable::Missing("target_sae_ids"))?;
        let targets: Result<Vec<_>, _> = targets
            .iter()
            .map(|target| SaeId::read("target_sae_ids", target))
            .collect();
        Self::new(SaeId::read("initiator_sae_id", &initiator)?, targets?)
    }

    /// The SAE that asked for the keys.
    #[must_use]
    pub fn initiator(&self) -> &SaeId {
        &self.initiator
    }

    /// The SAEs that the initiator shares the keys with; at least one.
    #[must_use]
    pub fn targets(&self) -> &[SaeId] {
        &self.targets
    }
}

impl CallbackUrl {
    /// Checks a URL: complete, `https://`, no user, no fragment, at most 1024 characters.
    ///
    /// # Errors
    /// One of these is not so.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let wrong = |problem| Unreadable::malformed("ack_callback_url", problem);
        if text.len() > URL_MAX {
            return Err(wrong("is longer than 1024 characters"));
        }
        if !text.starts_with("https://") {
            return Err(wrong("does not start with https://"));
        }
        let url = Url::parse(text).map_err(|_| wrong("is not a URL"))?;
        if url.as_str().len() > URL_MAX {
            return Err(wrong("is longer than 1024 characters in its ASCII form"));
        }
        let user = !url.username().is_empty() || url.password().is_some();
        if user || url.fragment().is_some() {
            return Err(wrong("has a user or a fragment"));
        }
        Ok(Self(Arc::new(url)))
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl Serialize for CallbackUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}
