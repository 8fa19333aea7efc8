//! Builds replies: key containers, status, errors, and the wrong replies of ordered faults.
//!
//! The JSON text of a container is wiped when HTTP no longer needs it. The copies in the buffers of
//! HTTP and TLS cannot be wiped from here.

use axum::body::{Body, Bytes};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kme_api::SecretText;
use kme_api::etsi014::{DeliveredKey, ErrorBody, KeyContainer, Status};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::Origin;
use crate::faults::{Fault, Wrong};
use crate::key_bytes::KeyBytes;
use crate::refusal::Refusal;
use crate::store::StoredKey;

/// Marks a response that must not be sent: the connection is closed instead.
#[derive(Clone, Copy)]
pub(crate) struct Lost;

/// A field unknown to every client, added by [`Fault::ExtraFields`].
#[derive(Serialize)]
struct WithExtra<'a, T> {
    #[serde(flatten)]
    usual: &'a T,
    vendor_extra: &'static str,
}

/// Octets of JSON around one key: names, key_ID, origin, and additions by faults.
const OCTETS_AROUND_KEY: usize = 256;

pub(crate) fn keys(keys: Vec<StoredKey>, origin: Origin, faults: &[Fault]) -> Response {
    let keys = with_faults(keys, faults);
    let room = room(&keys);
    let delivered = |key: StoredKey| {
        let text = SecretText::encode(key.bytes.expose());
        let mut extension = key.extension;
        let mut key = DeliveredKey::new(key.id.as_str(), text, Some(origin.as_str()));
        if let Some(Value::Object(fields)) = &mut key.key_extension {
            fields.append(&mut extension);
        }
        if faults.contains(&Fault::ExtraFields) {
            key.key_id_extension = Some(serde_json::json!({ "vendor_extra": 1 }));
        }
        key
    };
    let container = KeyContainer {
        keys: keys.into_iter().map(delivered).collect(),
        key_container_extension: None,
    };
    json(StatusCode::OK, &container, room, faults)
}

/// Returns the size of the whole text: a growing buffer would leave copies of keys behind.
fn room(keys: &[StoredKey]) -> usize {
    let base64 = |key: &StoredKey| key.bytes.len().div_ceil(3) * 4;
    let extension = |key: &StoredKey| match key.extension.is_empty() {
        true => 0,
        false => serde_json::to_vec(&key.extension).map_or(0, |text| text.len()),
    };
    keys.iter()
        .map(|key| OCTETS_AROUND_KEY + base64(key) + extension(key))
        .sum::<usize>()
        + OCTETS_AROUND_KEY
}

/// Changes the right keys as the faults require.
pub(crate) fn with_faults(mut keys: Vec<StoredKey>, faults: &[Fault]) -> Vec<StoredKey> {
    for fault in faults {
        match fault {
            Fault::WrongKeyId => {
                for key in &mut keys {
                    let other = uuid::Uuid::new_v4().hyphenated().to_string();
                    key.id = wire::KeyId::new(&other).unwrap_or(key.id);
                }
            }
            Fault::WrongKey => {
                for key in &mut keys {
                    let other = key.bytes.expose().iter().map(|octet| !octet);
                    key.bytes = KeyBytes::new(other.collect());
                }
            }
            Fault::WrongSize => {
                for key in &mut keys {
                    let short = key.bytes.len().saturating_sub(1);
                    key.bytes = KeyBytes::new(key.bytes.expose()[..short].into());
                }
            }
            Fault::DuplicateKeys => {
                let number = keys.len().max(2);
                keys.truncate(1);
                while let Some(first) = keys.first()
                    && keys.len() < number
                {
                    let again = first.again();
                    keys.push(again);
                }
            }
            Fault::ReversedOrder => keys.reverse(),
            Fault::Latency(_)
            | Fault::Wedge
            | Fault::Answer(_)
            | Fault::LoseReply
            | Fault::Exhausted
            | Fault::LatePropagation(_)
            | Fault::RepeatKeys
            | Fault::ExtraFields
            | Fault::StaleStatus => {}
        }
    }
    keys
}

pub(crate) fn status(status: &Status, faults: &[Fault]) -> Response {
    json(StatusCode::OK, status, 1024, faults)
}

/// Builds a refusal: an Error body, except for 401, which has no body.
pub(crate) fn refused(refusal: &Refusal) -> Response {
    match StatusCode::from_u16(refusal.status()) {
        Ok(StatusCode::UNAUTHORIZED) => StatusCode::UNAUTHORIZED.into_response(),
        Ok(status) => json(status, &ErrorBody::new(&refusal.to_string()), 256, &[]),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(crate) fn wrong(wrong: Wrong) -> Response {
    let error = |status, text| json(status, &ErrorBody::new(text), 256, &[]);
    match wrong {
        Wrong::BadRequest => error(StatusCode::BAD_REQUEST, "fault ordered: bad request"),
        Wrong::Unauthorized => StatusCode::UNAUTHORIZED.into_response(),
        Wrong::NotFound => StatusCode::NOT_FOUND.into_response(),
        Wrong::Unavailable => error(
            StatusCode::SERVICE_UNAVAILABLE,
            "fault ordered: unavailable",
        ),
        Wrong::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT.into_response(),
        Wrong::Html => {
            let kind = (
                CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            );
            let page = "<!doctype html><title>Log in</title><p>Please log in.</p>";
            ([kind], page).into_response()
        }
    }
}

pub(crate) fn lost() -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(Lost);
    response
}

pub(crate) fn method_not_allowed(allowed: &'static str) -> Response {
    let allow = (ALLOW, HeaderValue::from_static(allowed));
    (StatusCode::METHOD_NOT_ALLOWED, [allow]).into_response()
}

pub(crate) fn json(
    status: StatusCode,
    value: &impl Serialize,
    room: usize,
    faults: &[Fault],
) -> Response {
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    let written = if faults.contains(&Fault::ExtraFields) {
        let value = WithExtra {
            usual: value,
            vendor_extra: "ignore me",
        };
        serde_json::to_writer(&mut *text, &value)
    } else {
        serde_json::to_writer(&mut *text, value)
    };
    if written.is_err() {
        // Only types without a JSON form fail here, and all of ours have one.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Body::from(Bytes::from_owner(text))).into_response()
}

#[cfg(test)]
mod tests;
