//! One question and its answer: within the time, within the size, and wiped afterwards.

use core::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url, redirect};
use zeroize::{Zeroize as _, Zeroizing};

use crate::config::ClientConfig;
use crate::error::Call;
use crate::fault::{KmeFault, Message};
use crate::limits::{BODY_OCTETS_MAX, CONNECT_TIMEOUT, MESSAGE_CHARS_MAX};
use crate::model::ErrorBody;

/// Question: a URL, and a JSON body if it is a POST.
pub(crate) struct Question {
    pub(crate) url: Url,
    pub(crate) body: Option<Vec<u8>>,
}

/// Answer: as it came, not yet judged.
pub(crate) struct Answer {
    status: StatusCode,
    html: bool,
    body: Body,
}

/// Why there is no answer.
pub(crate) enum NoAnswer {
    Failed(reqwest::Error),
    TooLong,
}

/// Time for connecting: leaves the call some time to tell a dead host from a slow KME.
pub(crate) fn connect_timeout(config: &ClientConfig) -> Duration {
    CONNECT_TIMEOUT.min(config.timeout * 3 / 4)
}

/// An HTTP client that goes to the KME and nowhere else.
///
/// Each call has a connection of its own, which ends with it (ADR 16). The read buffers of TLS and
/// HTTP hold the key as long as their connection lives, and cannot be wiped from here.
pub(crate) fn http(
    config: &ClientConfig,
    tls: rustls::ClientConfig,
) -> Result<reqwest::Client, reqwest::Error> {
    let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .default_headers(accept)
        .timeout(config.timeout)
        .connect_timeout(connect_timeout(config))
        .pool_max_idle_per_host(0);
    if config.http1_only {
        builder.http1_only()
    } else {
        builder
    }
    .build()
}

/// Asks once.
pub(crate) async fn ask(http: &reqwest::Client, question: Question) -> Result<Answer, NoAnswer> {
    let request = match question.body {
        None => http.request(Method::GET, question.url),
        Some(json) => http
            .request(Method::POST, question.url)
            .header(CONTENT_TYPE, "application/json")
            .body(json),
    };
    let mut response = request.send().await.map_err(NoAnswer::Failed)?;
    let announced = response.content_length().unwrap_or(0);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > BODY_OCTETS_MAX {
        return Err(NoAnswer::TooLong);
    }
    let status = response.status();
    let html = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"text/html")
    });
    let mut body = Body(Zeroizing::new(Vec::with_capacity(announced)));
    while let Some(chunk) = response.chunk().await.map_err(NoAnswer::Failed)? {
        let fits = body.push(&chunk);
        // Wiped where we are the last to hold it; else it ends with the connection.
        if let Ok(mut ours) = chunk.try_into_mut() {
            ours.as_mut().zeroize();
        }
        if !fits {
            return Err(NoAnswer::TooLong);
        }
    }
    Ok(Answer { status, html, body })
}

impl Answer {
    /// The body of a 200; any other status is a fault.
    pub(crate) fn into_ok(self, call: Call) -> Result<Body, KmeFault> {
        let status = self.status.as_u16();
        match status {
            200 if self.looks_like_html() => Err(KmeFault::Html),
            200 => Ok(self.body),
            401 => Err(KmeFault::Unauthorized),
            400 | 404 if self.says_no_such_key(call, status) => Err(KmeFault::KeyNotFound {
                status,
                message: self.message(),
            }),
            400 => Err(KmeFault::Refused(self.message())),
            404 => Err(KmeFault::NoSuchPath(self.message())),
            408 | 429 | 500..=599 => Err(KmeFault::Unavailable {
                status,
                message: self.message(),
            }),
            _ => Err(KmeFault::Status {
                status,
                message: self.message(),
            }),
        }
    }

    fn looks_like_html(&self) -> bool {
        let first = self
            .body
            .json()
            .iter()
            .find(|octet| !octet.is_ascii_whitespace());
        first == Some(&b'<') || (self.html && !matches!(first, Some(b'{' | b'[')))
    }

    /// ETSI 014 has a text for it, which many KMEs replace by 404; SKIP has 400 alone.
    fn says_no_such_key(&self, call: Call, status: u16) -> bool {
        call == Call::SkipKeyById
            || (call == Call::DecKeys && (status == 404 || self.says_not_found()))
    }

    fn says_not_found(&self) -> bool {
        self.message()
            .as_str()
            .to_ascii_lowercase()
            .contains("not found")
    }

    /// The `message` of an error body; nothing if there is none.
    fn message(&self) -> Message {
        let body: Result<ErrorBody, _> = serde_json::from_slice(self.body.json());
        let text = body.map(|body| body.message).unwrap_or_default();
        let printable = text.trim().chars().filter(|c| !c.is_control());
        Message(printable.take(MESSAGE_CHARS_MAX).collect())
    }
}

/// A reply's body: grows without leaving copies behind, and is wiped on drop.
pub(crate) struct Body(Zeroizing<Vec<u8>>);

impl Body {
    /// `false` when it would become too long; then nothing is taken.
    fn push(&mut self, octets: &[u8]) -> bool {
        let len = self.0.len() + octets.len();
        if len > BODY_OCTETS_MAX {
            return false;
        }
        if len > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(len.next_power_of_two()));
            larger.extend_from_slice(&self.0);
            self.0 = larger; // the old one is wiped
        }
        self.0.extend_from_slice(octets);
        true
    }

    /// Its octets, without the byte order mark that some servers put in front.
    pub(crate) fn json(&self) -> &[u8] {
        self.0.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests;
