//! Requests parsed: from query and body to what the store is asked for. No IO.
//!
//! Strict in types and values, indifferent to JSON fields the standard does not know, because
//! clients in the field send some.

use axum::extract::Query;
use axum::http::Uri;
use keyclient::model::{KeyIds, KeyRequest};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use wire::KeyId;

use crate::limits::QUOTE_CHARS_MAX;
use crate::refusal::Refusal;

/// "Get key", parsed. What is `None` takes the KME's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EncCall {
    pub(crate) number: Option<u64>,
    pub(crate) size_bits: Option<u64>,
}

#[derive(Deserialize)]
struct EncQuery {
    number: Option<u64>,
    size: Option<u64>,
    // Meant seriously by whoever sends them, so not to be ignored.
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
    /// From `GET …/enc_keys?number=…&size=…`.
    pub(crate) fn from_query(uri: &Uri) -> Result<Self, Refusal> {
        let query: EncQuery = query(uri)?;
        if query.slaves.is_some() || query.extension_mandatory.is_some() {
            return Err(Refusal::Malformed(
                "GET takes number and size only, use POST".into(),
            ));
        }
        Ok(Self {
            number: query.number,
            size_bits: query.size,
        })
    }

    /// From the body of `POST …/enc_keys`; an empty one asks for the defaults.
    pub(crate) fn from_body(body: &[u8]) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let request: KeyRequest = json(body)?;
        if !request.extension_mandatory.is_empty() {
            return Err(Refusal::ExtensionMandatory);
        }
        if !request.additional_slave_sae_ids.is_empty() {
            return Err(Refusal::Multicast(request.additional_slave_sae_ids.len()));
        }
        Ok(Self {
            number: request.number,
            size_bits: request.size,
        })
    }
}

/// From `GET …/dec_keys?key_ID=…`: exactly one.
pub(crate) fn key_id_from_query(uri: &Uri) -> Result<Vec<KeyId>, Refusal> {
    let query: DecQuery = query(uri)?;
    Ok(vec![key_id(&query.key_id)?])
}

/// From the body of `POST …/dec_keys`. `max` is `max_key_per_request`.
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

/// Our key_IDs are lower-case UUIDs, and a UUID may come back in upper case. What cannot be one
/// of ours is simply not found.
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
    // serde would also take an array as the fields in their order.
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
