//! The JSON of ETSI GS QKD 014 V1.1.1, clause 6: names and case are those of the standard.
//!
//! Optional fields that are not set are not written. `null` counts as left out.

use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{SecretText, whole};

mod delivery;

pub use delivery::Delivery;

/// Message of a 400 when the requested size is not a multiple of 8 bits.
pub const SIZE_NOT_MULTIPLE_OF_8: &str = "size shall be a multiple of 8";
/// Message of a 400 when a mandatory extension is not known.
pub const EXTENSION_NOT_SUPPORTED: &str = "not all extension_mandatory parameters are supported";
/// Message of a 400 when a mandatory extension is known but cannot be fulfilled.
pub const EXTENSION_NOT_MET: &str = "not all extension_mandatory request options could be met";
/// Message of a 400 when an optional extension was not handled.
pub const EXTENSION_NOT_HANDLED: &str = "not all extension_optional request options handled";
/// Message of a 400 when a `key_ID` is unknown or its key already taken.
pub const KEYS_NOT_FOUND: &str = "one or more keys specified are not found on KME";

/// Field of `key_extension` that states the origin of a key's bits: `modelled` or `distilled`.
pub const ORIGIN: &str = "qmacsec_origin";
/// Field of `key_extension` that holds the passport of a relayed key: an object that names the
/// links, their blocks and the nodes that saw the key in clear.
pub const PASSPORT: &str = "qmacsec_passport";

/// Reply to "Get status". All sizes are in bits. A number that the KME left out reads as 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// KME that answers.
    #[serde(rename = "source_KME_ID", deserialize_with = "id")]
    pub source_kme_id: String,
    /// KME of the peer.
    #[serde(rename = "target_KME_ID", deserialize_with = "id")]
    pub target_kme_id: String,
    /// SAE that asks.
    #[serde(rename = "master_SAE_ID", deserialize_with = "id")]
    pub master_sae_id: String,
    /// SAE of the peer.
    #[serde(rename = "slave_SAE_ID", deserialize_with = "id")]
    pub slave_sae_id: String,
    /// Size of a key when the request names none.
    #[serde(deserialize_with = "number")]
    pub key_size: u64,
    /// Number of stored keys of that size. A hint: KMEs in the field report wrong values here.
    #[serde(deserialize_with = "number")]
    pub stored_key_count: u64,
    /// Most keys the store can hold.
    #[serde(deserialize_with = "number")]
    pub max_key_count: u64,
    /// Most keys that one request may ask for.
    #[serde(deserialize_with = "number")]
    pub max_key_per_request: u64,
    /// Size of the largest key that can be requested.
    #[serde(deserialize_with = "number")]
    pub max_key_size: u64,
    /// Size of the smallest key that can be requested.
    #[serde(deserialize_with = "number")]
    pub min_key_size: u64,
    /// Number of additional slave SAEs that a request may name; 0 without support for multicast.
    #[serde(rename = "max_SAE_ID_count", deserialize_with = "number")]
    pub max_sae_id_count: u64,
    /// Reserved by the standard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_extension: Option<Value>,
}

/// Body of "Get key". An empty body or `{}` is [`KeyRequest::default`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyRequest {
    /// Number of keys; 1 when left out.
    #[serde(
        deserialize_with = "whole::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub number: Option<u64>,
    /// Bits of each key; the KME's `key_size` when left out.
    #[serde(
        deserialize_with = "whole::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub size: Option<u64>,
    /// Further slave SAEs that shall be able to fetch the same keys.
    #[serde(
        rename = "additional_slave_SAE_IDs",
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub additional_slave_sae_ids: Vec<String>,
    /// Extensions that the KME must understand and fulfil, or else refuse the request.
    /// The standard has an array of objects, clients in the field send other structures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension_mandatory: Option<Value>,
    /// Extensions that the KME may ignore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension_optional: Option<Value>,
}

/// Body of "Get key with key IDs", in the structured form that all KMEs accept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIds {
    /// Names of the requested keys.
    #[serde(rename = "key_IDs")]
    pub key_ids: Vec<KeyIdElement>,
    /// Reserved by the standard.
    #[serde(
        rename = "key_IDs_extension",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub key_ids_extension: Option<Value>,
}

/// One element of [`KeyIds`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIdElement {
    /// Name of the key, in the KME's own spelling.
    #[serde(rename = "key_ID")]
    pub key_id: String,
    /// Reserved by the standard.
    #[serde(
        rename = "key_ID_extension",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub key_id_extension: Option<Value>,
}

/// Reply to "Get key" and "Get key with key IDs". No `Debug`, no `Clone`: it holds keys.
///
/// Field names are read in any case, with or without `_` and `-`: `Keys`, `keyId`.
#[derive(Default, Serialize)]
pub struct KeyContainer {
    /// The keys. The table in the standard says `Keys`, its examples say `keys`.
    pub keys: Vec<DeliveredKey>,
    /// Reserved by the standard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_container_extension: Option<Value>,
}

/// One key of a [`KeyContainer`].
#[derive(Serialize)]
pub struct DeliveredKey {
    /// Name of the key.
    #[serde(rename = "key_ID")]
    pub key_id: String,
    /// Reserved by the standard.
    #[serde(rename = "key_ID_extension", skip_serializing_if = "Option::is_none")]
    pub key_id_extension: Option<Value>,
    /// The key in base64.
    pub key: SecretText,
    /// Reserved by the standard. Our KME writes [`ORIGIN`] here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_extension: Option<Value>,
}

/// Body of a 400 or 503.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LenientErrorBody")]
pub struct ErrorBody {
    /// The error message.
    pub message: String,
    /// Details of the error: an array of objects by the standard, anything in the field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Value>,
}

impl KeyIds {
    /// Creates a request for these keys, without extensions.
    #[must_use]
    pub fn new<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let element = |id: &str| KeyIdElement {
            key_id: id.to_owned(),
            key_id_extension: None,
        };
        Self {
            key_ids: ids.into_iter().map(element).collect(),
            key_ids_extension: None,
        }
    }
}

impl DeliveredKey {
    /// Creates a key for a container, labelled with its origin.
    #[must_use]
    pub fn new(key_id: &str, key: SecretText, origin: Option<&str>) -> Self {
        Self {
            key_id: key_id.to_owned(),
            key_id_extension: None,
            key,
            key_extension: origin.map(|origin| serde_json::json!({ ORIGIN: origin })),
        }
    }

    /// Returns the origin label of [`Self::key_extension`], if present. An extension that is an
    /// array of objects is searched too.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.extension(ORIGIN)?.as_str()
    }

    /// Returns the passport in [`Self::key_extension`], if present, as compact JSON.
    #[must_use]
    pub fn passport(&self) -> Option<String> {
        self.extension(PASSPORT)
            .filter(|passport| passport.is_object())
            .map(Value::to_string)
    }

    fn extension(&self, field: &str) -> Option<&Value> {
        match self.key_extension.as_ref()? {
            Value::Array(elements) => elements.iter().find_map(|element| element.get(field)),
            other => other.get(field),
        }
    }
}

impl ErrorBody {
    /// Creates an error with a message and no details.
    #[must_use]
    pub fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            details: Vec::new(),
        }
    }
}

/// Error bodies in the field: `detail` or `error` instead of `message`, `details` as text or
/// object.
#[derive(Deserialize)]
struct LenientErrorBody {
    message: Option<Value>,
    detail: Option<Value>,
    error: Option<Value>,
    details: Option<Value>,
}

impl From<LenientErrorBody> for ErrorBody {
    fn from(body: LenientErrorBody) -> Self {
        let message = match body.message.or(body.detail).or(body.error) {
            None => String::new(),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        };
        let details = match body.details {
            None => Vec::new(),
            Some(Value::Array(details)) => details,
            Some(other) => vec![other],
        };
        Self { message, details }
    }
}

/// Reads `null` as left out.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads an ID as text. One KME in the field uses integers.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

/// Reads a number of a status. A status is a hint, so an invalid number reads as 0 and does not
/// fail the rest.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => whole(number.as_u64(), number.as_f64()),
        Value::String(text) => whole(text.trim().parse().ok(), text.trim().parse().ok()),
        _ => 0,
    })
}

/// Accepts an integer, or a float with a whole value such as `256.0`.
fn whole(number: Option<u64>, float: Option<f64>) -> u64 {
    // Every whole number up to this limit has an exact float representation.
    let in_range = |float: &f64| float.fract() == 0.0 && (0.0..=9e15).contains(float);
    number
        .or(float.filter(in_range).map(|float| float as u64))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
