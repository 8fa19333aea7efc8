//! Reads the body of a request within the limits of size and time.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;

use crate::limits::{BODY_OCTETS_MAX, BODY_TIME_MAX};
use crate::refusal::Refusal;

/// Returns the whole body.
pub(crate) async fn body(request: Request) -> Result<Bytes, Refusal> {
    let read = to_bytes(request.into_body(), BODY_OCTETS_MAX);
    match tokio::time::timeout(BODY_TIME_MAX, read).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => {
            let text =
                format!("the body cannot be read, or has more than {BODY_OCTETS_MAX} octets");
            Err(Refusal::Malformed(text))
        }
        Err(_) => Err(Refusal::Malformed(format!(
            "the body is not complete within {BODY_TIME_MAX:?}"
        ))),
    }
}
