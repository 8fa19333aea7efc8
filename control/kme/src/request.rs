//! Parses requests: query and body become a request to the store. No IO.
//!
//! Types and values are strict. Unknown JSON fields and optional extensions are ignored, because
//! clients in the field send some. A mandatory extension is refused in any form, because none is
//! supported.

use axum::extract::Query;
use axum::http::Uri;
use kme_api::etsi014::{KeyIds, KeyRequest};
use kme_api::whole;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use wire::KeyId;

use crate::limits::QUOTE_CHARS_MAX;
use crate::refusal::Refusal;

/// "Get key", parsed. `None` stands for the KME's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EncCall {
    pub(crate) number: Option<u64>,
    pub(crate) size_bits: Option<u64>,
}

#[derive(Deserialize)]
struct EncQuery {
    #[serde(default, deserialize_with = "whole::from_text")]
    number: Option<u64>,
    #[serde(default, deserialize_with = "whole::from_text")]
    size: Option<u64>,
    // These fields are never ignored, because the client relies on them.
    #[serde(rename = "additional_slave_SAE_IDs")]
    slaves: Option<IgnoredAny>,
    extension_mandatory: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct DecQuery {
    #[serde(rename = "key_ID")]
    key_id: String,
}

impl EncCall {
    /// Parses `GET …/enc_keys?number=…&size=…`.
    pub(crate) fn from_query(uri: &Uri) -> Result<Self, Refusal> {
        let query: EncQuery = query(uri)?;
        if query.slaves.is_some() || query.extension_mandatory.is_some() {
            return Err(Refusal::Malformed(
                "GET accepts only number and size: use POST".into(),
            ));
        }
        Ok(Self {
            number: query.number,
            size_bits: query.size,
        })
    }

    /// Parses the body of `POST …/enc_keys`. An empty body requests the defaults.
    pub(crate) fn from_body(body: &[u8]) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let request: KeyRequest = json(body)?;
        let mandatory = request.extension_mandatory.unwrap_or_default();
        if !is_empty(&mandatory) {
            return Err(Refusal::ExtensionMandatory);
        }
        let slaves = request.additional_slave_sae_ids;
        if !slaves.is_empty() {
            return Err(Refusal::Multicast(slaves.len()));
        }
        Ok(Self {
            number: request.number,
            size_bits: request.size,
        })
    }
}

/// True if the extensions request nothing.
fn is_empty(extensions: &Value) -> bool {
    match extensions {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Parses `GET …/dec_keys?key_ID=…`, which names exactly one key.
pub(crate) fn key_id_from_query(uri: &Uri) -> Result<Vec<KeyId>, Refusal> {
    let query: DecQuery = query(uri)?;
    Ok(vec![key_id(&query.key_id)?])
}

/// Parses the body of `POST …/dec_keys`. `max` is `max_key_per_request`.
pub(crate) fn key_ids_from_body(body: &[u8], max: u32) -> Result<Vec<KeyId>, Refusal> {
    let request: KeyIds = json(body)?;
    let number = request.key_ids.len() as u64;
    if number == 0 || number > u64::from(max) {
        return Err(Refusal::NumberOutOfRange { number, max });
    }
    request
        .key_ids
        .iter()
        .map(|element| key_id(&element.key_id))
        .collect()
}

/// Our key_IDs are lower-case UUIDs, and a UUID may come back in upper case. Any other text is
/// reported as not found.
fn key_id(text: &str) -> Result<KeyId, Refusal> {
    KeyId::new(&text.to_ascii_lowercase()).map_err(|_| Refusal::KeysNotFound)
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refusal> {
    Query::try_from_uri(uri)
        .map(|Query(query)| query)
        .map_err(|error| {
            let error: &dyn std::error::Error = &error;
            malformed(error.source().unwrap_or(error))
        })
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // serde would also accept an array with the fields in order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Refusal::Malformed("the body must be a JSON object".into()));
    }
    serde_json::from_slice(body).map_err(|error| malformed(&error))
}

fn malformed(error: &dyn std::error::Error) -> Refusal {
    Refusal::Malformed(error.to_string().chars().take(QUOTE_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests;
