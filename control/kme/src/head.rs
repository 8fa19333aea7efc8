//! Observes the octets of an HTTP/1.1 connection before the HTTP library reads them: where the head
//! of a request begins and ends, and whether it gives the length of its body in two ways.
//!
//! The HTTP library has one time limit for both a head and the wait for the next request. It also
//! drops `Content-Length` if `Transfer-Encoding` is present, so later code cannot refuse such a
//! request (RFC 9112 6.3: it may be request smuggling). This module detects both cases. It can
//! judge the first request of a connection, and each request sent after the reply to the previous
//! one. It cannot judge a pipelined request; that one gets [`Length::Unknown`].

use std::hash::Hash;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::limits::{HEAD_OCTETS_MAX, HEADERS_MAX};
use crate::places::{Place, Standing};

/// The way a request gives the length of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// `Content-Length`, or no body.
    Counted,
    /// `Transfer-Encoding`.
    Chunked,
    /// Both.
    Twice,
    /// Pipelined: its head was not observed.
    Unknown,
}

/// The state of a connection; also sets the standing of its place.
pub(crate) struct Conversation<K: Eq + Hash> {
    place: Place<K>,
    http2: bool,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    phase: Phase,
    /// The head so far.
    head: Vec<u8>,
    /// More octets arrived than the requests so far account for.
    ahead: bool,
    /// Requests in service.
    served: usize,
}

#[derive(Clone, Copy)]
enum Phase {
    /// No request.
    Idle,
    /// A head has begun but is not complete.
    Head { since: Instant },
    /// A request is in service; `body` octets of its body are still missing.
    Served { body: u64 },
}

impl<K: Eq + Hash> Conversation<K> {
    pub(crate) fn new(place: Place<K>, http2: bool) -> Self {
        Self {
            place,
            http2,
            state: Mutex::new(State {
                phase: Phase::Idle,
                head: Vec::new(),
                ahead: false,
                served: 0,
            }),
            changed: Notify::new(),
        }
    }

    /// Takes received octets. Ignores HTTP/2: the library checks the lengths of its frames.
    fn read(&self, octets: &[u8]) {
        if self.http2 {
            return;
        }
        let mut state = self.state();
        match &mut state.phase {
            Phase::Idle => {
                state.phase = Phase::Head {
                    since: Instant::now(),
                };
                state.record(octets);
                drop(state);
                self.place.set(Standing::Owing);
                self.changed.notify_one();
            }
            Phase::Head { .. } => state.record(octets),
            Phase::Served { body } => match body.checked_sub(octets.len() as u64) {
                Some(rest) => *body = rest,
                None => state.ahead = true,
            },
        }
    }

    /// Marks a request as received. It is in service until [`Request`] is dropped.
    pub(crate) fn called(self: &Arc<Self>) -> (Length, Request<K>) {
        let length = self.length();
        self.place.set(Standing::Served);
        self.changed.notify_one();
        (length, Request(Arc::clone(self)))
    }

    fn length(&self) -> Length {
        let mut state = self.state();
        state.served += 1;
        if self.http2 {
            return Length::Counted;
        }
        let head = std::mem::take(&mut state.head);
        let (length, body) = match parse(&head) {
            Some(parsed) if !state.ahead => {
                let body = parsed.content_length.unwrap_or(0);
                let come = (head.len() - parsed.octets) as u64;
                match parsed.length() {
                    // Other requests are the last of their connection, so nothing is counted.
                    Length::Counted => {
                        state.ahead = come > body;
                        (Length::Counted, body.saturating_sub(come))
                    }
                    other => (other, u64::MAX),
                }
            }
            _ => (Length::Unknown, u64::MAX),
        };
        state.phase = Phase::Served { body };
        length
    }

    /// Marks a request as answered or abandoned.
    fn answered(&self) {
        let mut state = self.state();
        state.served = state.served.saturating_sub(1);
        let idle = state.served == 0;
        if idle {
            state.phase = Phase::Idle;
        }
        drop(state);
        if idle {
            self.place.set(Standing::Waiting);
        }
    }

    /// Resolves when a head has taken longer than `time`.
    pub(crate) async fn overdue(&self, time: Duration) {
        loop {
            match self.head_since() {
                None => self.changed.notified().await,
                Some(since) => {
                    sleep_until(since + time).await;
                    if self.head_since() == Some(since) {
                        return;
                    }
                }
            }
        }
    }

    fn head_since(&self) -> Option<Instant> {
        match self.state().phase {
            Phase::Head { since } => Some(since),
            Phase::Idle | Phase::Served { .. } => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, octets: &[u8]) {
        // HTTP refuses a longer head. The second half is for body octets that arrive with it.
        let room = (2 * HEAD_OCTETS_MAX).saturating_sub(self.head.len());
        self.ahead |= octets.len() > room;
        self.head
            .extend_from_slice(&octets[..octets.len().min(room)]);
    }
}

struct Parsed {
    octets: usize,
    content_length: Option<u64>,
    counted: bool,
    chunked: bool,
}

impl Parsed {
    fn length(&self) -> Length {
        match (self.counted, self.chunked) {
            (true, true) => Length::Twice,
            (false, true) => Length::Chunked,
            (_, false) => Length::Counted,
        }
    }
}

/// Parses a complete head; `None` if it is incomplete or invalid.
fn parse(head: &[u8]) -> Option<Parsed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let octets = match request.parse(head) {
        Ok(httparse::Status::Complete(octets)) => octets,
        _ => return None,
    };
    let mut parsed = Parsed {
        octets,
        content_length: None,
        counted: false,
        chunked: false,
    };
    for header in &*request.headers {
        if header.name.eq_ignore_ascii_case("content-length") {
            parsed.counted = true;
            let text = std::str::from_utf8(header.value).ok();
            parsed.content_length = text.and_then(|text| text.trim().parse().ok());
        }
        parsed.chunked |= header.name.eq_ignore_ascii_case("transfer-encoding");
    }
    Some(parsed)
}

/// A request in service.
pub(crate) struct Request<K: Eq + Hash>(Arc<Conversation<K>>);

impl<K: Eq + Hash> Drop for Request<K> {
    fn drop(&mut self) {
        self.0.answered();
    }
}

/// A stream that reports what it reads to its conversation.
pub(crate) struct Followed<S, K: Eq + Hash> {
    pub(crate) stream: S,
    pub(crate) conversation: Arc<Conversation<K>>,
}

impl<S: AsyncRead + Unpin, K: Eq + Hash> AsyncRead for Followed<S, K> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let octets = &buffer.filled()[before..];
        if matches!(read, Poll::Ready(Ok(()))) && !octets.is_empty() {
            self.conversation.read(octets);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin, K: Eq + Hash> AsyncWrite for Followed<S, K> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
