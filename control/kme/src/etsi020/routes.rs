//! The endpoints of ETSI GS QKD 020: from a request to an order for the desk, and from its answer
//! to a response with the status and body that the standard publishes.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use kme_api::etsi020::{
    ACK_PATH, EXT_KEYS_PATH, ExtKeys, Problem, Reason, Unreadable, VERSIONS_PATH, VOID_PATH,
    Versions, Void, acks_from_json,
};
use serde::Serialize;

use super::desk::{self, Order, Orders};
use crate::limits::{BODY_TIME_MAX, NEIGHBOUR_BODY_OCTETS_MAX};

/// True if the certificate of the connection carries the neighbour's KME ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IsNeighbour(pub(super) bool);

/// Returns the routes, for a server that adds [`IsNeighbour`] to each request.
pub(super) fn router(orders: Orders) -> Router {
    Router::new()
        .route(VERSIONS_PATH, any(versions))
        .route(EXT_KEYS_PATH, any(ext_keys))
        .route(ACK_PATH, any(ack))
        .route(VOID_PATH, any(void))
        .fallback(unknown)
        .with_state(orders)
}

async fn versions(Extension(caller): Extension<IsNeighbour>, method: Method) -> Response {
    match check(caller, &method, &Method::GET) {
        Some(refused) => refused,
        None => json(StatusCode::OK, &Versions::ours()),
    }
}

async fn ext_keys(
    State(orders): State<Orders>,
    Extension(caller): Extension<IsNeighbour>,
    request: Request,
) -> Response {
    let body = match body(caller, request, Endpoint::ExtKeys).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    match ExtKeys::from_json(&body) {
        Ok(keys) => answer(orders.ask(|to| Order::Keys(keys, to)).await),
        Err(error) => problem(&Endpoint::ExtKeys.problem(&error)),
    }
}

async fn ack(
    State(orders): State<Orders>,
    Extension(caller): Extension<IsNeighbour>,
    request: Request,
) -> Response {
    let body = match body(caller, request, Endpoint::Ack).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    match acks_from_json(&body) {
        Ok(acks) => answer(orders.ask(|to| Order::Acks(acks, to)).await),
        Err(error) => problem(&Endpoint::Ack.problem(&error)),
    }
}

async fn void(
    State(orders): State<Orders>,
    Extension(caller): Extension<IsNeighbour>,
    request: Request,
) -> Response {
    let body = match body(caller, request, Endpoint::Void).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    match Void::from_json(&body) {
        Ok(void) => answer(orders.ask(|to| Order::PeerVoid(void, to)).await),
        Err(error) => problem(&Endpoint::Void.problem(&error)),
    }
}

async fn unknown(Extension(caller): Extension<IsNeighbour>) -> Response {
    match caller {
        IsNeighbour(true) => StatusCode::NOT_FOUND.into_response(),
        IsNeighbour(false) => unauthorized(),
    }
}

/// An endpoint that takes a body.
#[derive(Clone, Copy)]
enum Endpoint {
    ExtKeys,
    Ack,
    Void,
}

impl Endpoint {
    /// The published error for a body that is not understood.
    fn problem(self, error: &Unreadable) -> Problem {
        let reason = match (self, error) {
            (Self::ExtKeys, Unreadable::Missing(_)) => Reason::MissingParameters,
            (Self::ExtKeys, _) => Reason::InvalidParameter,
            (Self::Ack, _) => Reason::AckNotUnderstood,
            (Self::Void, Unreadable::Unconfirmed) => Reason::VoidUnconfirmed,
            (Self::Void, _) => Reason::VoidNotUnderstood,
        };
        Problem::new(reason, &error.to_string())
    }

    fn too_long(self) -> Problem {
        let text = format!("the body has more than {NEIGHBOUR_BODY_OCTETS_MAX} octets");
        let reason = match self {
            Self::ExtKeys => Reason::InvalidParameter,
            Self::Ack => Reason::AckNotUnderstood,
            Self::Void => Reason::VoidNotUnderstood,
        };
        Problem::new(reason, &text)
    }
}

/// Checks the caller first: a stranger learns nothing.
fn check(caller: IsNeighbour, method: &Method, allowed: &Method) -> Option<Response> {
    if caller == IsNeighbour(false) {
        return Some(unauthorized());
    }
    if method != allowed {
        let allow = HeaderValue::from_str(allowed.as_str());
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        response
            .headers_mut()
            .extend(allow.map(|allow| (ALLOW, allow)));
        return Some(response);
    }
    None
}

fn unauthorized() -> Response {
    let text = "the certificate is not that of the neighbour KME that is configured here";
    problem(&Problem::new(Reason::Unauthorized, text))
}

/// Reads the whole body within the limits of size and time.
async fn body(
    caller: IsNeighbour,
    request: Request,
    endpoint: Endpoint,
) -> Result<Bytes, Response> {
    if let Some(refused) = check(caller, request.method(), &Method::POST) {
        return Err(refused);
    }
    let read = to_bytes(request.into_body(), NEIGHBOUR_BODY_OCTETS_MAX);
    match tokio::time::timeout(BODY_TIME_MAX, read).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(problem(&endpoint.too_long())),
        Err(_) => {
            let text = format!("the body was not complete within {BODY_TIME_MAX:?}");
            Err(problem(&Problem::new(Reason::Timeout, &text)))
        }
    }
}

fn answer(response: Option<desk::Response>) -> Response {
    match response {
        Some(desk::Response::Accepted) => StatusCode::ACCEPTED.into_response(),
        Some(desk::Response::Acknowledged) => StatusCode::OK.into_response(),
        Some(desk::Response::Done(acks)) => json(StatusCode::OK, &acks),
        Some(desk::Response::Refused(refused)) => problem(&refused),
        None => {
            let text = "this KME has stopped handing over keys";
            problem(&Problem::new(Reason::ServerSideError, text))
        }
    }
}

pub(super) fn problem(problem: &Problem) -> Response {
    let status = problem
        .status
        .and_then(|status| StatusCode::from_u16(status).ok());
    json(status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE), problem)
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    match serde_json::to_vec(value) {
        Ok(text) => (status, headers, Body::from(text)).into_response(),
        // Only types without a JSON form fail here, and all of ours have one.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
