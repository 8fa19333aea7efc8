//! SKIP (Secure Key Integration Protocol, draft-cisco-skip-02) at one KME: the key provider's side,
//! with the same store and the same callers as ETSI GS QKD 014.
//!
//! System IDs are SAE IDs. A key's name is its UUID without hyphens. Status codes are those of the
//! draft: 200; 400 for an invalid request or key; 404 for another path; 405 for a method other than
//! GET; 500 if no key can be delivered. The draft leaves authorisation to TLS; a certificate that
//! names no SAE of this KME gets 401. `/entropy` is not served, and capabilities report that. SKIP
//! has no field for labels of origin.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use kme_api::etsi014::ErrorBody;
use kme_api::skip::{Capabilities, SkipKey};
use kme_api::{SecretText, whole};
use serde::Deserialize;
use wire::KeyId;

use crate::api::{Api, Caller, unknown};
use crate::faults::{Calls, Fault};
use crate::quiet::Kind;
use crate::refusal::Refusal;
use crate::reply;
use crate::request::EncCall;
use crate::store::StoredKey;

/// Returns the routes, for a server that adds a [`Caller`] to each request.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/capabilities", any(capabilities))
        .route("/key", any(key))
        .route("/key/{key_id}", any(key_by_id))
        .fallback(unknown)
        .with_state(api)
}

#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "remoteSystemID")]
    remote: String,
    #[serde(default, deserialize_with = "whole::from_text")]
    size: Option<u64>,
}

async fn capabilities(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    method: Method,
) -> Response {
    let serve = |sae: &str, faults: &[Fault]| {
        let capabilities = Capabilities {
            entropy: false,
            key: true,
            algorithm: format!("QKD ({})", api.origin().as_str()),
            local_system_id: sae.to_owned(),
            remote_system_id: api.peers_of(sae),
        };
        Ok(reply::json(StatusCode::OK, &capabilities, 1024, faults))
    };
    answer(&api, &caller, Calls::Status, &method, serve).await
}

async fn key(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    method: Method,
    uri: Uri,
) -> Response {
    let serve = |sae: &str, faults: &[Fault]| {
        let asked = asked(&uri)?;
        let one = EncCall {
            number: Some(1),
            size_bits: asked.size,
        };
        let keys = api.give_fresh(sae, &asked.remote, one, faults)?;
        Ok(the_key(keys, faults))
    };
    answer(&api, &caller, Calls::EncKeys, &method, serve).await
}

async fn key_by_id(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
    method: Method,
    uri: Uri,
) -> Response {
    let serve = |sae: &str, faults: &[Fault]| {
        let asked = asked(&uri)?;
        let id = path.ok().and_then(|Path(text)| key_id(&text));
        let id = id.ok_or(Refusal::KeysNotFound)?;
        let keys = api.give_named(sae, &asked.remote, &[id], faults)?;
        Ok(the_key(keys, faults))
    };
    answer(&api, &caller, Calls::DecKeys, &method, serve).await
}

/// Determines the caller, the method and the faults, then calls `serve`.
async fn answer(
    api: &Api,
    caller: &Caller,
    call: Calls,
    method: &Method,
    serve: impl FnOnce(&str, &[Fault]) -> Result<Response, Refusal>,
) -> Response {
    let kme = api.kme_id();
    let sae = caller.0.as_deref();
    if method != Method::GET {
        if api.may_log(Kind::Refused) {
            tracing::info!(kme, %method, ?call, sae, status = 405, "SKIP refused");
        }
        api.count(StatusCode::METHOD_NOT_ALLOWED, false);
        return reply::method_not_allowed("GET");
    }
    let faults = api.apply_faults(call, caller).await;
    let wrong = faults.iter().find_map(|fault| match fault {
        Fault::Answer(wrong) => Some(reply::wrong(*wrong)),
        _ => None,
    });
    let done = match (wrong, sae) {
        (Some(wrong), _) => Ok(wrong),
        (None, None) => Err(Refusal::UnknownSae),
        (None, Some(sae)) => serve(sae, &faults),
    };
    let response = match done {
        Ok(response) => {
            tracing::debug!(
                kme,
                ?call,
                sae,
                status = response.status().as_u16(),
                "SKIP served"
            );
            response
        }
        Err(refusal) => {
            let response = refused(&refusal);
            let status = response.status().as_u16();
            if api.may_log(Kind::Refused) {
                tracing::info!(kme, ?call, sae, status, %refusal, "SKIP refused");
            }
            response
        }
    };
    api.count(response.status(), !faults.is_empty());
    if faults.contains(&Fault::LoseReply) {
        reply::lost()
    } else {
        response
    }
}

fn asked(uri: &Uri) -> Result<Asked, Refusal> {
    Query::try_from_uri(uri)
        .map(|Query(asked)| asked)
        .map_err(|_| {
            Refusal::Malformed("use ?remoteSystemID=ID, and size=BITS for a new key".into())
        })
}

/// Converts a hexadecimal ID to the spelling of the store.
fn key_id(text: &str) -> Option<KeyId> {
    let uuid = uuid::Uuid::try_parse(text).ok()?;
    KeyId::new(&uuid.hyphenated().to_string()).ok()
}

fn the_key(keys: Vec<StoredKey>, faults: &[Fault]) -> Response {
    let Some(key) = reply::with_faults(keys, faults).into_iter().next() else {
        return refused(&Refusal::KeysNotFound);
    };
    let body = SkipKey {
        key_id: key.id.as_str().replace('-', ""),
        key: SecretText::encode_hex(key.bytes.expose()),
    };
    reply::json(StatusCode::OK, &body, 256 + key.bytes.len() * 2, faults)
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal.status() {
        401 if *refusal == Refusal::UnknownSae => return StatusCode::UNAUTHORIZED.into_response(),
        503 => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    // The reply for another SAE's key equals the reply for a missing key.
    let text = match refusal {
        Refusal::NotNamed => Refusal::KeysNotFound.to_string(),
        other => other.to_string(),
    };
    reply::json(status, &ErrorBody::new(&text), 256, &[])
}

#[cfg(test)]
mod tests;
