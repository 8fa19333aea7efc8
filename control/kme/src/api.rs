//! The three methods of ETSI GS QKD 014 clause 5 at one KME: authorisation, processing, replies,
//! log lines and counters. `server` handles sockets and TLS.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use kme_api::etsi014::{ORIGIN, Status};
use wire::KeyId;

use crate::body::body;
use crate::config::KmeConfig;
use crate::deliveries::Origin;
use crate::faults::{Calls, Fault, Faults};
use crate::key_store::KeyStore;
use crate::quiet::{Kind, Quiet};
use crate::refusal::Refusal;
use crate::reply;
use crate::request::{EncCall, key_id_from_query, key_ids_from_body};
use crate::store::{EncRequest, StoredKey};
use crate::tally::Requests;

/// The SAE that the client certificate names, if this KME serves it.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Option<Arc<str>>);

/// One KME.
pub(crate) struct Api {
    kme_id: String,
    sae_ids: Vec<Arc<str>>,
    keys: Arc<dyn KeyStore>,
    faults: Faults,
    quiet: Quiet,
    requests: Mutex<Requests>,
    /// The `stored_key_count` of the last correct report, for [`Fault::StaleStatus`].
    reported: Mutex<Option<u64>>,
    /// Keys of the last enc_keys call, only while [`Fault::RepeatKeys`] is in force.
    repeated: Mutex<Vec<StoredKey>>,
}

/// Returns the routes, for a server that adds a [`Caller`] to each request. Paths may end with a
/// slash, because some clients send one.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/v1/keys/{sae_id}/status", any(status))
        .route("/api/v1/keys/{sae_id}/status/", any(status))
        .route("/api/v1/keys/{sae_id}/enc_keys", any(enc_keys))
        .route("/api/v1/keys/{sae_id}/enc_keys/", any(enc_keys))
        .route("/api/v1/keys/{sae_id}/dec_keys", any(dec_keys))
        .route("/api/v1/keys/{sae_id}/dec_keys/", any(dec_keys))
        .fallback(unknown)
        .with_state(api)
}

async fn status(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    peer: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    serve(&api, &caller, Calls::Status, "GET", peer, request).await
}

async fn enc_keys(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    peer: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    serve(&api, &caller, Calls::EncKeys, "GET, POST", peer, request).await
}

async fn dec_keys(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    peer: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    serve(&api, &caller, Calls::DecKeys, "GET, POST", peer, request).await
}

pub(crate) async fn unknown(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let status = StatusCode::NOT_FOUND;
    if api.may_log(Kind::Refused) {
        tracing::info!(kme = api.kme_id, %method, path, sae = ?caller.0, status = 404, "refused");
    }
    api.count(status, false);
    status.into_response()
}

/// Methods are checked here. The router would serve HEAD as GET and so take keys out of the store
/// that no SAE receives.
async fn serve(
    api: &Api,
    caller: &Caller,
    call: Calls,
    allowed: &'static str,
    peer: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let known = [Method::GET, Method::POST]
        .into_iter()
        .find(|m| m == request.method());
    let Some(method) = known.filter(|method| allowed.contains(method.as_str())) else {
        let method = request.method();
        if api.may_log(Kind::Refused) {
            let (kme, sae) = (&api.kme_id, &caller.0);
            tracing::info!(kme, %method, ?call, ?sae, status = 405, "refused");
        }
        api.count(StatusCode::METHOD_NOT_ALLOWED, false);
        return reply::method_not_allowed(allowed);
    };
    let faults = api.apply_faults(call, caller).await;
    let response = api
        .answer(call, caller, peer, &method, request, &faults)
        .await;
    api.count(response.status(), !faults.is_empty());
    // Only now, so that the request is processed and counted first.
    if faults.contains(&Fault::LoseReply) {
        reply::lost()
    } else {
        response
    }
}

impl Api {
    /// Returns the faults for this call, after any latency that they impose. Never returns for
    /// [`Fault::Wedge`].
    pub(crate) async fn apply_faults(&self, call: Calls, caller: &Caller) -> Vec<Fault> {
        if caller.0.is_none() {
            return Vec::new();
        }
        let faults = self.faults.take_for(call);
        if !faults.is_empty() && self.may_log(Kind::Fault) {
            tracing::warn!(kme = self.kme_id, ?call, ?faults, "fault applied");
        }
        for fault in &faults {
            match *fault {
                Fault::Latency(time) => tokio::time::sleep(time).await,
                Fault::Wedge => {
                    self.tally().faulted += 1;
                    std::future::pending::<()>().await;
                }
                _ => {}
            }
        }
        faults
    }

    pub(crate) fn new(config: &KmeConfig, keys: Arc<dyn KeyStore>) -> Self {
        Self {
            kme_id: config.kme_id.clone(),
            sae_ids: config.sae_ids.iter().map(|id| id.as_str().into()).collect(),
            keys,
            faults: Faults::default(),
            quiet: Quiet::default(),
            requests: Mutex::default(),
            reported: Mutex::default(),
            repeated: Mutex::default(),
        }
    }

    pub(crate) fn kme_id(&self) -> &str {
        &self.kme_id
    }

    /// True if the log may take another line of this kind now.
    pub(crate) fn may_log(&self, kind: Kind) -> bool {
        self.quiet.may_log(kind)
    }

    pub(crate) fn quiet(&self) -> &Quiet {
        &self.quiet
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    pub(crate) fn requests(&self) -> Requests {
        *self.tally()
    }

    /// Returns the only SAE of this KME among the names in a certificate.
    pub(crate) fn caller(&self, names: &[String]) -> Caller {
        let mut known = self
            .sae_ids
            .iter()
            .filter(|id| names.iter().any(|name| **name == ***id));
        match (known.next(), known.next()) {
            (Some(id), None) => Caller(Some(Arc::clone(id))),
            // None or two of our SAEs: the certificate does not identify the caller.
            _ => Caller(None),
        }
    }

    async fn answer(
        &self,
        call: Calls,
        caller: &Caller,
        peer: Result<Path<String>, PathRejection>,
        method: &Method,
        request: Request,
        faults: &[Fault],
    ) -> Response {
        if let Some(&Fault::Answer(wrong)) = faults.iter().find(|f| matches!(f, Fault::Answer(_))) {
            return reply::wrong(wrong);
        }
        let sae = caller.0.as_deref();
        let name = peer
            .as_ref()
            .map_or("", |Path(peer)| peer.as_str())
            .to_owned();
        let done = match (sae, peer) {
            (None, _) => Err(Refusal::UnknownSae),
            (_, Err(error)) => Err(Refusal::Malformed(error.to_string())),
            (Some(sae), Ok(Path(peer))) => match call {
                Calls::EncKeys => self.enc_keys(sae, &peer, method, request, faults).await,
                Calls::DecKeys => self.dec_keys(sae, &peer, method, request, faults).await,
                Calls::Status | Calls::Any => self
                    .status(sae, &peer, faults)
                    .map(|status| Done::Status(Box::new(status))),
            },
        };
        let kme = self.kme_id.as_str();
        match done {
            Err(refusal) => {
                let status = refusal.status();
                let names = &caller.0;
                if self.may_log(Kind::Refused) {
                    tracing::info!(
                        kme, %method, ?call, sae = ?names, peer = name, status, %refusal, "refused"
                    );
                }
                reply::refused(&refusal)
            }
            Ok(Done::Status(status)) => {
                tracing::debug!(kme, %method, ?call, sae, peer = name, status = 200, "served");
                reply::status(&status, faults)
            }
            Ok(Done::Keys(keys)) => {
                let (number, key_id) = (keys.len(), keys.first().map(|key| key.id));
                tracing::debug!(
                    kme, %method, ?call, sae, peer = name, number, ?key_id, status = 200, "served"
                );
                reply::keys(keys, self.origin(), faults)
            }
        }
    }

    fn status(&self, sae: &str, slave: &str, faults: &[Fault]) -> Result<Status, Refusal> {
        let target = self.peer(sae, slave)?;
        let (config, stored) = (self.keys.config(), self.keys.stored_keys(sae, slave));
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = match *reported {
            Some(stale) if faults.contains(&Fault::StaleStatus) => stale,
            _ => stored,
        };
        *reported = Some(stored);
        let exhausted = faults.contains(&Fault::Exhausted);
        Ok(Status {
            source_kme_id: self.kme_id.clone(),
            target_kme_id: target.to_owned(),
            master_sae_id: sae.to_owned(),
            slave_sae_id: slave.to_owned(),
            key_size: config.key_bits.into(),
            stored_key_count: if exhausted { 0 } else { stored },
            max_key_count: config.pool_bits_max / u64::from(config.key_bits),
            max_key_per_request: config.keys_per_request_max.into(),
            max_key_size: config.key_bits_max.into(),
            min_key_size: config.key_bits_min.into(),
            max_sae_id_count: 0,
            status_extension: Some(serde_json::json!({ ORIGIN: self.origin().as_str() })),
        })
    }

    async fn enc_keys(
        &self,
        sae: &str,
        slave: &str,
        method: &Method,
        request: Request,
        faults: &[Fault],
    ) -> Result<Done, Refusal> {
        let asked = match method {
            &Method::GET => EncCall::from_query(request.uri())?,
            _ => EncCall::from_body(&body(request).await?)?,
        };
        self.give_fresh(sae, slave, asked, faults).map(Done::Keys)
    }

    /// Delivers fresh keys to `sae` and reserves them for `slave`.
    pub(crate) fn give_fresh(
        &self,
        sae: &str,
        slave: &str,
        asked: EncCall,
        faults: &[Fault],
    ) -> Result<Vec<StoredKey>, Refusal> {
        self.peer(sae, slave)?;
        if faults.contains(&Fault::Exhausted) {
            let wanted_bits = asked
                .number
                .unwrap_or(1)
                .saturating_mul(asked.size_bits.unwrap_or(256));
            return Err(Refusal::Exhausted {
                wanted_bits,
                stored_bits: 0,
            });
        }
        let late = faults.iter().find_map(|fault| match fault {
            Fault::LatePropagation(time) => Some(*time),
            _ => None,
        });
        let request = EncRequest {
            master: sae,
            slave,
            number: asked.number,
            size_bits: asked.size_bits,
            propagation: late.unwrap_or(Duration::ZERO),
        };
        let take = || self.keys.enc_keys(&request);
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        if !faults.contains(&Fault::RepeatKeys) {
            repeated.clear();
            return take();
        }
        if repeated.is_empty() {
            *repeated = take()?;
        }
        Ok(repeated.iter().map(StoredKey::again).collect())
    }

    async fn dec_keys(
        &self,
        sae: &str,
        master: &str,
        method: &Method,
        request: Request,
        faults: &[Fault],
    ) -> Result<Done, Refusal> {
        let max = self.keys.config().keys_per_request_max;
        let ids = match method {
            &Method::GET => key_id_from_query(request.uri())?,
            _ => key_ids_from_body(&body(request).await?, max)?,
        };
        self.give_named(sae, master, &ids, faults).map(Done::Keys)
    }

    /// Delivers the keys with these IDs, which `master` took for `sae`.
    pub(crate) fn give_named(
        &self,
        sae: &str,
        master: &str,
        ids: &[KeyId],
        faults: &[Fault],
    ) -> Result<Vec<StoredKey>, Refusal> {
        if faults.contains(&Fault::Exhausted) {
            let wanted_bits = ids.len() as u64 * 256;
            return Err(Refusal::Exhausted {
                wanted_bits,
                stored_bits: 0,
            });
        }
        self.keys.dec_keys(sae, master, ids)
    }

    /// Returns the KME of the other SAE, which must be a different SAE of this store.
    fn peer(&self, sae: &str, peer: &str) -> Result<&str, Refusal> {
        let kme = self.keys.kme_of(peer).filter(|_| peer != sae);
        kme.ok_or(Refusal::PeerUnknown)
    }

    /// Returns the SAEs that `sae` can share keys with.
    pub(crate) fn peers_of(&self, sae: &str) -> Vec<String> {
        self.keys.peers_of(sae)
    }

    pub(crate) fn origin(&self) -> Origin {
        self.keys.origin()
    }

    pub(crate) fn count(&self, status: StatusCode, faulted: bool) {
        self.tally().count(status, faulted);
    }

    fn tally(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Done {
    Status(Box<Status>),
    Keys(Vec<StoredKey>),
}

#[cfg(test)]
mod tests;
