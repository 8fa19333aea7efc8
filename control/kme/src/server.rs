//! The sockets of one KME: accept, TLS handshake, HTTP/1.1 or HTTP/2, and shutdown.
//!
//! Every step has a time limit. Connections are limited in total and for each peer: by address
//! before the certificate is verified, by SAE after that (`places`). `api` handles the meaning of a
//! request.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::api::{self, Api, Caller};
use crate::config::SaeIdentity;
use crate::head::{Conversation, Followed, Length};
use crate::limits;
use crate::places::{Go, Place, Places, Standing};
use crate::quiet::Kind;
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

/// One listening KME.
pub(crate) struct Server {
    listener: TcpListener,
    desk: Arc<Desk>,
}

/// The parts of a KME that a connection needs.
struct Desk {
    tls: TlsAcceptor,
    identity: SaeIdentity,
    api: Arc<Api>,
    face: Face,
    /// Places of connections without a certificate yet, by address.
    handshakes: Places<IpAddr>,
    /// Places of authenticated connections, by SAE.
    saes: Places<Sae>,
}

impl Server {
    pub(crate) fn new(
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        identity: SaeIdentity,
        api: Arc<Api>,
        face: Face,
    ) -> Self {
        let desk = Desk {
            tls: tls.into(),
            identity,
            api,
            face,
            handshakes: Places::new(limits::HANDSHAKES_MAX, limits::HANDSHAKES_PER_ADDRESS_MAX),
            saes: Places::new(limits::CONNECTIONS_MAX, limits::CONNECTIONS_PER_SAE_MAX),
        };
        Self {
            listener,
            desk: Arc::new(desk),
        }
    }

    /// Serves until stopped. Open requests then have `SHUTDOWN_TIME_MAX` to end.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let kme = self.desk.api.kme_id();
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(kme, %error, "connection task failed");
                    }
                    continue;
                }
                _ = stopped.wait_for(|&stop| stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let address = address(peer.ip());
                    match self.desk.handshakes.take(&address, Standing::Owing) {
                        Some(held) => {
                            let desk = Arc::clone(&self.desk);
                            connections.spawn(desk.connection(stream, peer, held, stopped.clone()));
                        }
                        None => self.desk.no_place(peer, "too many TLS handshakes are open"),
                    }
                }
                Err(error) => {
                    // Most likely no descriptor is free: pause, do not loop.
                    if self.desk.api.may_log(Kind::Accept) {
                        tracing::warn!(kme, %error, "cannot accept a connection");
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(limits::SHUTDOWN_TIME_MAX, ended).await.is_err() {
            tracing::warn!(
                kme,
                open = connections.len(),
                "connections closed with open requests"
            );
            connections.shutdown().await;
        }
    }
}

/// Returns the peer of an address. One IPv6 host can use a whole /64, so a /64 is one peer.
fn address(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

impl Desk {
    /// Handles a connection from its first octet to its last.
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        (place, mut go): (Place<IpAddr>, Go),
        stopped: watch::Receiver<bool>,
    ) {
        // Requests are small, so Nagle's algorithm only delays them.
        let _ = stream.set_nodelay(true);
        let stream = tokio::select! {
            stream = timeout(limits::HANDSHAKE_TIME_MAX, self.handshake(stream, &place)) => stream,
            _ = &mut go => {
                self.no_place(peer, "its address has too many TLS handshakes open");
                return;
            }
            () = stop(stopped.clone()) => return,
        };
        drop(place);
        let kme = self.api.kme_id();
        match stream {
            // Boxed, so that the future of a silent connection stays small.
            Ok(Ok(stream)) => Box::pin(self.converse(stream, peer, stopped)).await,
            Ok(Err(error)) => {
                if self.api.may_log(Kind::Handshake) {
                    tracing::warn!(kme, %peer, %error, "{}", Kind::Handshake.words());
                }
            }
            Err(_) => {
                if self.api.may_log(Kind::HandshakeTime) {
                    tracing::warn!(kme, %peer, "{}", Kind::HandshakeTime.words());
                }
            }
        }
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        place: &Place<IpAddr>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        // A silent connection is evicted before one that has sent something.
        stream.readable().await?;
        place.set(Standing::Waiting);
        self.tls.accept(stream).await
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
        let service = TowerToHyperService::new(Seated {
            caller,
            router: self.face.router(Arc::clone(&self.api)),
            conversation: Arc::clone(&conversation),
        });
        let stream = Followed {
            stream,
            conversation: Arc::clone(&conversation),
        };
        let http = builder(http2, limits::IDLE_TIME_MAX);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop(stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = conversation.overdue(limits::HEAD_TIME_MAX) => {
                if self.api.may_log(Kind::HeadTime) {
                    tracing::warn!(kme, %peer, ?names, "{}", Kind::HeadTime.words());
                }
                return;
            }
            _ = go => {
                self.no_place(peer, "its SAE has too many connections open");
                return;
            }
        };
        if let Err(error) = ended {
            tracing::debug!(kme, %peer, error, "connection ended");
        }
    }

    fn no_place(&self, peer: SocketAddr, reason: &str) {
        if self.api.may_log(Kind::Place) {
            let kme = self.api.kme_id();
            tracing::warn!(kme, %peer, reason, "{}", Kind::Place.words());
        }
    }
}

async fn stop(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stop| stop).await;
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

/// Closes the connection after this response.
fn last(response: &mut Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
}

#[cfg(test)]
mod tests;
