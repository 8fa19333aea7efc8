//! The connections of SAEs: HTTP/1.1 or HTTP/2, with a limit for each SAE (`places`). `acceptor`
//! has the sockets, `api` handles the meaning of a request.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::http::header::TRANSFER_ENCODING;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use crate::acceptor::{self, Ended, Front, last};
use crate::api::{self, Api, Caller};
use crate::config::SaeIdentity;
use crate::head::{Conversation, Length};
use crate::limits;
use crate::places::{Places, Standing};
use crate::quiet::{Kind, Quiet};
use crate::refusal::Refusal;
use crate::reply::{self, Lost};
use crate::skip;
use crate::tls::sae_names;

/// The protocol at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// ETSI GS QKD 014.
    Etsi014,
    /// SKIP.
    Skip,
}

impl Face {
    fn router(self, api: Arc<Api>) -> Router {
        match self {
            Self::Etsi014 => api::router(api),
            Self::Skip => skip::router(api),
        }
    }
}

/// The owner of a certificate: one of our SAEs, or `None` for any other.
type Sae = Option<Arc<str>>;

/// The parts of a KME that a connection needs.
pub(crate) struct Desk {
    identity: SaeIdentity,
    api: Arc<Api>,
    face: Face,
    /// Places of authenticated connections, by SAE.
    saes: Places<Sae>,
}

impl Desk {
    pub(crate) fn new(identity: SaeIdentity, api: Arc<Api>, face: Face) -> Self {
        Self {
            identity,
            api,
            face,
            saes: Places::new(limits::CONNECTIONS_MAX, limits::CONNECTIONS_PER_SAE_MAX),
        }
    }
}

impl Front for Desk {
    fn kme_id(&self) -> &str {
        self.api.kme_id()
    }

    fn quiet(&self) -> &Quiet {
        self.api.quiet()
    }

    /// Handles HTTP with an authenticated peer.
    async fn converse(
        &self,
        stream: TlsStream<TcpStream>,
        peer: SocketAddr,
        stopped: watch::Receiver<bool>,
    ) {
        let (_, session) = stream.get_ref();
        let http2 = session.alpn_protocol() == Some(b"h2");
        let names = match session.peer_certificates() {
            Some([cert, ..]) => sae_names(cert, self.identity),
            _ => Vec::new(),
        };
        let caller = self.api.caller(&names);
        let (kme, known) = (self.api.kme_id(), caller.0.is_some());
        tracing::debug!(kme, %peer, ?names, known, http2, "connected");
        let Some((place, go)) = self.saes.take(&caller.0, Standing::Owing) else {
            self.no_place(
                peer,
                "its SAE has too many connections open, and each is being served",
            );
            return;
        };
        let conversation = Arc::new(Conversation::new(place, http2));
        let service = Seated {
            caller,
            router: self.face.router(Arc::clone(&self.api)),
            conversation: Arc::clone(&conversation),
        };
        let http = builder(http2, limits::IDLE_TIME_MAX);
        match acceptor::serve(&http, stream, service, &conversation, go, stopped).await {
            Ok(Ended::Closed) => {}
            Ok(Ended::Overdue) => {
                if self.api.may_log(Kind::HeadTime) {
                    tracing::warn!(kme, %peer, ?names, "{}", Kind::HeadTime.words());
                }
            }
            Ok(Ended::NoPlace) => self.no_place(peer, "its SAE has too many connections open"),
            Err(error) => tracing::debug!(kme, %peer, error, "connection ended"),
        }
    }
}

/// ALPN has chosen the version, so the first octets need not be sniffed, which would have no time
/// limit.
fn builder(http2: bool, idle_time: Duration) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_time)
        .max_buf_size(limits::HEAD_OCTETS_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS_MAX)
        .max_header_list_size(limits::HEAD_OCTETS_MAX as u32)
        .keep_alive_interval(limits::PING_EVERY)
        .keep_alive_timeout(limits::PING_TIME_MAX);
    if http2 {
        http.http2_only()
    } else {
        http.http1_only()
    }
}

/// Serves the routes with the caller of this connection. Fails only for an ordered lost reply: the
/// error makes HTTP drop the connection or the stream.
#[derive(Clone)]
struct Seated {
    caller: Caller,
    router: Router,
    conversation: Arc<Conversation<Sae>>,
}

/// The error that breaks off a connection for an ordered fault.
#[derive(Debug, thiserror::Error)]
#[error("reply lost, as ordered")]
struct ReplyLost;

impl<B> tower::Service<Request<B>> for Seated
where
    Router: tower::Service<Request<B>, Response = Response, Error = Infallible>,
    <Router as tower::Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response;
    type Error = ReplyLost;
    type Future = Pin<Box<dyn Future<Output = Result<Response, ReplyLost>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReplyLost>> {
        // A Router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (length, serving) = self.conversation.called();
        let chunked = request.headers().contains_key(TRANSFER_ENCODING);
        if chunked && matches!(length, Length::Twice | Length::Unknown) {
            let mut refused = reply::refused(&Refusal::LengthTwice);
            last(&mut refused);
            return Box::pin(async { Ok(refused) });
        }
        request.extensions_mut().insert(self.caller.clone());
        let answer = self.router.call(request);
        Box::pin(async move {
            let Ok(mut response) = answer.await;
            drop(serving);
            if chunked {
                // `head` does not see where a chunked body ends, so it cannot judge a later
                // request.
                last(&mut response);
            }
            match response.extensions().get::<Lost>() {
                Some(_) => Err(ReplyLost),
                None => Ok(response),
            }
        })
    }
}

#[cfg(test)]
mod tests;
