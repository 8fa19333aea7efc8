//! The messages: versions, keys, acknowledgements, void requests.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::extension::RawExtension;
use super::ids::shared;
use super::object::Object;
use super::{
    ACKS_MAX, CallbackUrl, Extension, KEYS_MAX, KeyUuid, MESSAGE_MAX, Parties, SYNCHRONOUS_MODE,
    Unreadable, VERSION, VOID_KEYS_MAX,
};
use crate::{KeyBytes, SecretText};

/// Reply of `/kmapi/versions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Supported versions of the interface.
    pub versions: Vec<String>,
    /// Optional capabilities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
}

impl Versions {
    /// The versions and capabilities of our KME.
    #[must_use]
    pub fn ours() -> Self {
        Self {
            versions: vec![VERSION.to_owned()],
            capabilities: vec![SYNCHRONOUS_MODE.to_owned()],
        }
    }

    /// True if the KME supports the version that we speak.
    #[must_use]
    pub fn has_ours(&self) -> bool {
        self.versions.iter().any(|version| version == VERSION)
    }

    /// True if the KME takes requests without `ack_callback_url`.
    #[must_use]
    pub fn has_synchronous_mode(&self) -> bool {
        self.capabilities
            .iter()
            .any(|name| name == SYNCHRONOUS_MODE)
    }
}

/// Body of `/ext_keys`: keys for the target SAEs. No `Debug`, no `Clone`: it holds keys.
#[derive(Serialize)]
pub struct ExtKeys {
    /// The keys, none twice.
    pub keys: Vec<ExtKey>,
    /// Their SAEs.
    #[serde(flatten)]
    pub parties: Parties,
    /// URL for the acknowledgement. Without it the answer itself says what became of the keys.
    #[serde(rename = "ack_callback_url", skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackUrl>,
    /// Extensions that the receiver must know.
    #[serde(
        rename = "extension_mandatory",
        skip_serializing_if = "Option::is_none"
    )]
    pub mandatory: Option<Extension>,
    /// Extensions that the receiver passes on unchanged if it does not know them.
    #[serde(rename = "extension_optional", skip_serializing_if = "Option::is_none")]
    pub optional: Option<Extension>,
}

/// One key of [`ExtKeys`].
#[derive(Serialize)]
pub struct ExtKey {
    /// Name of the key.
    pub key_id: KeyUuid,
    /// The key. Shared, since a request may have to be repeated; wiped with its last owner.
    #[serde(serialize_with = "base64")]
    pub value: Arc<KeyBytes>,
    /// Extensions of this key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

fn base64<S: Serializer>(key: &Arc<KeyBytes>, serializer: S) -> Result<S::Ok, S::Error> {
    SecretText::encode(key.expose()).serialize(serializer)
}

#[derive(Deserialize)]
struct RawKeys {
    keys: Option<Vec<Object<RawKey>>>,
    initiator_sae_id: Option<String>,
    target_sae_ids: Option<Vec<String>>,
    ack_callback_url: Option<String>,
    extension_mandatory: Option<RawExtension>,
    extension_optional: Option<RawExtension>,
}

#[derive(Deserialize)]
struct RawKey {
    key_id: Option<String>,
    value: Option<SecretText>,
    extension: Option<RawExtension>,
}

/// Octets of JSON around one key without its extension.
const OCTETS_AROUND_KEY: usize = 128;
/// Most octets that JSON writes for one octet of a text.
const ESCAPED_MAX: usize = 6;
/// Octets of JSON around the keys without extensions.
const OCTETS_AROUND_KEYS: usize = 2048;

impl ExtKeys {
    /// Reads a request.
    ///
    /// # Errors
    /// The request is not understood. Nothing of it is kept.
    pub fn from_json(body: &[u8]) -> Result<Self, Unreadable> {
        let Object(raw): Object<RawKeys> = serde_json::from_slice(body)?;
        let raw_keys = raw.keys.ok_or(Unreadable::Missing("keys"))?;
        if raw_keys.is_empty() {
            return Err(Unreadable::malformed("keys", "is empty"));
        }
        if raw_keys.len() > KEYS_MAX {
            return Err(Unreadable::malformed("keys", "has more than 256 keys"));
        }
        let keys: Vec<_> = raw_keys
            .into_iter()
            .map(ExtKey::read)
            .collect::<Result<_, Unreadable>>()?;
        let mut ids: Vec<_> = keys.iter().map(|key| key.key_id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Unreadable::malformed("keys", "has a key_id twice"));
        }
        Ok(Self {
            keys,
            parties: Parties::read(raw.initiator_sae_id, raw.target_sae_ids)?,
            callback: callback(raw.ack_callback_url)?,
            mandatory: Extension::read("extension_mandatory", raw.extension_mandatory)?,
            optional: Extension::read("extension_optional", raw.extension_optional)?,
        })
    }

    /// Writes the request. The text is wiped when dropped.
    ///
    /// # Errors
    /// None for these types.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let extension = |extension: &Option<Extension>| {
            let members = extension.iter().flat_map(Extension::members);
            members
                .map(|(name, value)| ESCAPED_MAX * name.len() + value.len() + 4)
                .sum::<usize>()
        };
        let key = |key: &ExtKey| {
            let text = key.value.expose().len().div_ceil(3) * 4;
            OCTETS_AROUND_KEY + text + extension(&key.extension)
        };
        let targets = self.parties.targets().len() * (super::SAE_ID_MAX + 3);
        let around =
            OCTETS_AROUND_KEYS + targets + extension(&self.mandatory) + extension(&self.optional);
        // Room for the whole text: a growing buffer would leave copies of keys behind.
        let room = around + self.keys.iter().map(key).sum::<usize>();
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *text, self)?;
        debug_assert!(
            text.len() <= room,
            "{} octets in room for {room}",
            text.len()
        );
        Ok(text)
    }
}

impl ExtKey {
    fn read(Object(raw): Object<RawKey>) -> Result<Self, Unreadable> {
        let value = raw.value.ok_or(Unreadable::Missing("value"))?;
        let value = value.decode().map_err(|_| {
            Unreadable::malformed("value", "is not base64 (RFC 4648) of 1 to 512 octets")
        })?;
        Ok(Self {
            key_id: key_id(raw.key_id)?,
            value: Arc::new(value),
            extension: Extension::read("extension", raw.extension)?,
        })
    }
}

fn key_id(text: Option<String>) -> Result<KeyUuid, Unreadable> {
    KeyUuid::parse(&text.ok_or(Unreadable::Missing("key_id"))?)
}

fn callback(url: Option<String>) -> Result<Option<CallbackUrl>, Unreadable> {
    url.map(|url| CallbackUrl::parse(&url)).transpose()
}

/// The fate of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AckStatus {
    /// The keys are at the KMEs of all targets.
    #[serde(rename = "relayed")]
    Relayed,
    /// The keys could not be relayed.
    #[serde(rename = "failed")]
    Failed,
    /// The keys are voided: no SAE gets them.
    #[serde(rename = "voided")]
    Voided,
    /// The keys could not be voided; an SAE may have them.
    #[serde(rename = "failed to void")]
    FailedToVoid,
    /// The keys are not known.
    #[serde(rename = "key not present")]
    KeyNotPresent,
}

/// An explanation in an acknowledgement, at most 4096 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AckMessage(#[serde(serialize_with = "shared")] Arc<str>);

impl AckMessage {
    /// Creates a message. Characters beyond the limit are left out.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(MESSAGE_MAX).collect::<String>().into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One element of an acknowledgement: keys of the same SAEs with the same outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AckContainer {
    /// The keys.
    #[serde(rename = "key_id_container")]
    pub keys: Vec<AckedKey>,
    /// The fate of these keys.
    #[serde(rename = "ack_status")]
    pub status: AckStatus,
    /// Their SAEs.
    #[serde(flatten)]
    pub parties: Parties,
    /// An explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<AckMessage>,
    /// Extensions of all these keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

/// One key of an [`AckContainer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AckedKey {
    /// Name of the key.
    pub key_id: KeyUuid,
    /// Extensions of this key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

#[derive(Deserialize)]
struct RawAck {
    key_id_container: Option<Vec<Object<RawAckedKey>>>,
    ack_status: Option<String>,
    initiator_sae_id: Option<String>,
    target_sae_ids: Option<Vec<String>>,
    message: Option<String>,
    extension: Option<RawExtension>,
}

#[derive(Deserialize)]
struct RawAckedKey {
    key_id: Option<String>,
    extension: Option<RawExtension>,
}

/// Reads an acknowledgement, or the answer to a request without `ack_callback_url`.
///
/// # Errors
/// The body is not understood.
pub fn acks_from_json(body: &[u8]) -> Result<Vec<AckContainer>, Unreadable> {
    let raw: Vec<Object<RawAck>> = serde_json::from_slice(body)?;
    if raw.len() > ACKS_MAX {
        return Err(Unreadable::malformed(
            "the array",
            "has more than 1024 containers",
        ));
    }
    raw.into_iter().map(AckContainer::read).collect()
}

/// Writes an acknowledgement.
///
/// # Errors
/// None for these types.
pub fn acks_to_json(acks: &[AckContainer]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(acks)
}

impl AckContainer {
    fn read(Object(raw): Object<RawAck>) -> Result<Self, Unreadable> {
        let keys = raw
            .key_id_container
            .ok_or(Unreadable::Missing("key_id_container"))?;
        if keys.len() > ACKS_MAX {
            return Err(Unreadable::malformed(
                "key_id_container",
                "has more than 1024 keys",
            ));
        }
        let key = |Object(raw): Object<RawAckedKey>| {
            Ok(AckedKey {
                key_id: key_id(raw.key_id)?,
                extension: Extension::read("extension", raw.extension)?,
            })
        };
        let status = raw.ack_status.ok_or(Unreadable::Missing("ack_status"))?;
        if raw
            .message
            .as_ref()
            .is_some_and(|text| text.chars().count() > MESSAGE_MAX)
        {
            return Err(Unreadable::malformed(
                "message",
                "is longer than 4096 characters",
            ));
        }
        Ok(Self {
            keys: keys
                .into_iter()
                .map(key)
                .collect::<Result<_, Unreadable>>()?,
            status: AckStatus::parse(&status)?,
            parties: Parties::read(raw.initiator_sae_id, raw.target_sae_ids)?,
            message: raw.message.as_deref().map(AckMessage::new),
            extension: Extension::read("extension", raw.extension)?,
        })
    }
}

impl AckStatus {
    fn parse(text: &str) -> Result<Self, Unreadable> {
        let text = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
        Self::deserialize(text)
            .map_err(|_| Unreadable::malformed("ack_status", "is not one of the standard"))
    }
}

/// Body of `/ext_keys/void`: keys that no SAE may get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Void {
    /// The keys.
    #[serde(flatten)]
    pub keys: VoidKeys,
    /// Their SAEs.
    #[serde(flatten)]
    pub parties: Parties,
    /// URL for the acknowledgement. Without it the answer itself says what became of the keys.
    #[serde(rename = "ack_callback_url", skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackUrl>,
    /// Extensions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

/// The keys of a void request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoidKeys {
    /// These keys, at least one.
    These(Vec<KeyUuid>),
    /// All keys of the SAEs, as the sender has confirmed.
    All,
}

impl Serialize for VoidKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut keys = serializer.serialize_struct("VoidKeys", 2)?;
        match self {
            Self::These(ids) => keys.serialize_field("key_ids", ids)?,
            Self::All => {
                keys.serialize_field::<[KeyUuid; 0]>("key_ids", &[])?;
                keys.serialize_field("all_confirmation", &true)?;
            }
        }
        keys.end()
    }
}

#[derive(Deserialize)]
struct RawVoid {
    key_ids: Option<Vec<String>>,
    initiator_sae_id: Option<String>,
    target_sae_ids: Option<Vec<String>>,
    ack_callback_url: Option<String>,
    all_confirmation: Option<bool>,
    extension: Option<RawExtension>,
}

impl Void {
    /// Reads a request. A key ID that occurs twice counts once.
    ///
    /// # Errors
    /// The request is not understood, or names no keys and does not confirm that all are meant.
    pub fn from_json(body: &[u8]) -> Result<Self, Unreadable> {
        let Object(raw): Object<RawVoid> = serde_json::from_slice(body)?;
        let ids = raw.key_ids.ok_or(Unreadable::Missing("key_ids"))?;
        if ids.len() > VOID_KEYS_MAX {
            return Err(Unreadable::malformed("key_ids", "has more than 4096 keys"));
        }
        let parties = Parties::read(raw.initiator_sae_id, raw.target_sae_ids)?;
        let mut ids: Vec<_> = ids
            .iter()
            .map(|id| KeyUuid::parse(id))
            .collect::<Result<_, Unreadable>>()?;
        ids.sort_unstable();
        ids.dedup();
        let keys = match (ids.is_empty(), raw.all_confirmation) {
            (false, _) => VoidKeys::These(ids),
            (true, Some(true)) => VoidKeys::All,
            (true, _) => return Err(Unreadable::Unconfirmed),
        };
        Ok(Self {
            keys,
            parties,
            callback: callback(raw.ack_callback_url)?,
            extension: Extension::read("extension", raw.extension)?,
        })
    }

    /// Writes the request.
    ///
    /// # Errors
    /// None for these types.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
