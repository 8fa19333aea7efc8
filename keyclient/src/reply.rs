//! A reply as it came: what its head says, and its body. Not yet judged.

use core::time::Duration;

use hyper::StatusCode;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{
    CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use hyper::http::response::Parts;
use zeroize::Zeroize as _;

use crate::body::Body;
use crate::limits::BODY_OCTETS_MAX;

/// A reply.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// `Content-Type`, in lower case.
    pub(crate) kind: String,
    /// Where a redirect leads.
    pub(crate) location: Option<String>,
    /// How long the KME wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Body,
    /// The body ends with the connection: nothing else says where.
    endless: bool,
}

/// What came of a piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    More,
    /// Nothing that matters can follow.
    Whole,
    TooLong,
}

impl Reply {
    /// `None` when the body announced is longer than we take.
    pub(crate) fn new(head: &Parts, body: &Incoming) -> Option<Self> {
        let announced = body.size_hint().exact();
        let capacity = usize::try_from(announced.unwrap_or(0)).unwrap_or(usize::MAX);
        if capacity > BODY_OCTETS_MAX {
            return None;
        }
        let headers = &head.headers;
        Some(Self {
            status: head.status,
            kind: text(headers, &CONTENT_TYPE)
                .unwrap_or_default()
                .to_ascii_lowercase(),
            location: text(headers, &LOCATION).map(str::to_owned),
            retry_after: text(headers, &RETRY_AFTER)
                .and_then(|seconds| Some(Duration::from_secs(seconds.trim().parse().ok()?))),
            body: Body::with_capacity(capacity),
            endless: announced.is_none() && !headers.contains_key(TRANSFER_ENCODING),
        })
    }

    /// A piece of the body; it is wiped where we are the last to hold it.
    pub(crate) fn take(&mut self, chunk: Bytes) -> Taken {
        let fits = self.body.push(&chunk);
        if let Ok(mut ours) = chunk.try_into_mut() {
            ours.as_mut().zeroize();
        }
        if !fits {
            Taken::TooLong
        } else if self.endless && self.body.is_whole_json() {
            Taken::Whole // some servers forget to close as well
        } else {
            Taken::More
        }
    }

    /// Whether nothing that matters is missing, although the reply broke off: a failure is told by
    /// its status alone, and JSON that parses is whole.
    pub(crate) fn says_all(&self) -> bool {
        !self.status.is_success() || self.body.is_whole_json()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
