//! A reply as received: the relevant fields of its head, and its body. Not yet checked.

use core::time::Duration;

use hyper::StatusCode;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use hyper::http::response::Parts;
use zeroize::Zeroize as _;

use crate::body::Body;
use crate::limits::{ANNOUNCED_OCTETS_MAX, BODY_OCTETS_MAX};

/// A received reply.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// `Content-Type`, in lower case.
    pub(crate) kind: String,
    /// `Content-Encoding`, unless it is `identity`.
    pub(crate) encoding: Option<String>,
    /// The reason phrase, if it is not the usual one of the status.
    pub(crate) reason: String,
    /// The target of a redirect.
    pub(crate) location: Option<String>,
    /// The pause that the KME asks for.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Body,
    /// Only the end of the connection ends the body.
    endless: bool,
}

/// The result of adding a part of the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    More,
    /// The body is complete; no relevant octet can follow.
    Whole,
    TooLong,
}

impl Reply {
    /// Returns `None` if the announced body exceeds our limit.
    pub(crate) fn new(head: &Parts, body: &Incoming) -> Option<Self> {
        let announced = body.size_hint().exact();
        let capacity = usize::try_from(announced.unwrap_or(0)).unwrap_or(usize::MAX);
        if capacity > ANNOUNCED_OCTETS_MAX {
            return None;
        }
        let headers = &head.headers;
        Some(Self {
            status: head.status,
            kind: text(headers, &CONTENT_TYPE)
                .unwrap_or_default()
                .to_ascii_lowercase(),
            encoding: text(headers, &CONTENT_ENCODING)
                .filter(|encoding| !encoding.trim().eq_ignore_ascii_case("identity"))
                .filter(|encoding| !encoding.trim().is_empty())
                .map(str::to_owned),
            reason: reason(head),
            location: text(headers, &LOCATION).map(str::to_owned),
            retry_after: text(headers, &RETRY_AFTER)
                .and_then(|seconds| Some(Duration::from_secs(seconds.trim().parse().ok()?))),
            body: Body::with_capacity(capacity.min(BODY_OCTETS_MAX)),
            endless: announced.is_none() && !headers.contains_key(TRANSFER_ENCODING),
        })
    }

    /// Adds a part of the body. Wipes the part if no other reference to it exists.
    pub(crate) fn take(&mut self, chunk: Bytes) -> Taken {
        let fits = self.body.push(&chunk);
        // Blanks after the end of the JSON need no room.
        let whole = !fits && self.body.push(chunk.trim_ascii_end()) && self.body.is_whole_json();
        if let Ok(mut ours) = chunk.try_into_mut() {
            ours.as_mut().zeroize();
        }
        if whole {
            Taken::Whole
        } else if !fits {
            Taken::TooLong
        } else if self.endless && self.body.is_whole_json() {
            Taken::Whole // some servers also forget to close
        } else {
            Taken::More
        }
    }

    /// True if a reply that is complete by its length breaks off inside its JSON.
    pub(crate) fn is_cut(&self) -> bool {
        let json = match self.body.json().first() {
            Some(first) => matches!(first, b'{' | b'['),
            None => self.status == StatusCode::OK,
        };
        self.status.is_success() && !self.endless && json && !self.body.is_whole_json()
    }

    /// True if a reply that broke off is complete in content: the status alone shows a failure, and
    /// JSON that parses is complete.
    pub(crate) fn says_all(&self) -> bool {
        !self.status.is_success() || self.body.is_whole_json()
    }
}

fn reason(head: &Parts) -> String {
    let phrase = head.extensions.get::<ReasonPhrase>();
    let octets = phrase.map(ReasonPhrase::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(octets).into_owned()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
