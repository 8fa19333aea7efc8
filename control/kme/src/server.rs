//! The sockets of one KME: accept, TLS handshake, HTTP/1.1 or HTTP/2, and an end to all of it.
//!
//! Every step has a time limit and connections have a number limit. What a request means is
//! `api`'s.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::api::{self, Api, Caller};
use crate::config::SaeIdentity;
use crate::limits;
use crate::reply::Lost;
use crate::skip;
use crate::tls::sae_names;

/// What is spoken at an address.
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

/// One listening KME.
pub(crate) struct Server {
    listener: TcpListener,
    tls: TlsAcceptor,
    identity: SaeIdentity,
    api: Arc<Api>,
    face: Face,
}

impl Server {
    pub(crate) fn new(
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        identity: SaeIdentity,
        api: Arc<Api>,
        face: Face,
    ) -> Self {
        Self {
            listener,
            tls: tls.into(),
            identity,
            api,
            face,
        }
    }

    /// Serves until stopped, then lets open requests end within `SHUTDOWN_TIME_MAX`.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let mut full = false;
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(kme = self.api.kme_id(), %error, "connection task failed");
                    }
                    continue;
                }
                _ = stopped.wait_for(|&stop| stop) => break,
            };
            match accepted {
                Ok((stream, peer)) if connections.len() < limits::CONNECTIONS_MAX => {
                    full = false;
                    connections.spawn(self.connection(stream, peer, stopped.clone()));
                }
                Ok((_, peer)) => {
                    if !full {
                        let limit = limits::CONNECTIONS_MAX;
                        let kme = self.api.kme_id();
                        tracing::warn!(kme, %peer, limit, "too many connections, refused");
                    }
                    full = true;
                }
                Err(error) => {
                    // Out of descriptors, most likely: a pause, not a spin.
                    tracing::warn!(kme = self.api.kme_id(), %error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(limits::SHUTDOWN_TIME_MAX, ended).await.is_err() {
            tracing::warn!(
                kme = self.api.kme_id(),
                open = connections.len(),
                "requests cut off"
            );
            connections.shutdown().await;
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + use<> {
        let (tls, identity, api) = (self.tls.clone(), self.identity, Arc::clone(&self.api));
        let face = self.face;
        async move {
            // Requests are small: waiting to fill a segment only delays them.
            let _ = stream.set_nodelay(true);
            let stream = match timeout(limits::HANDSHAKE_TIME_MAX, tls.accept(stream)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    tracing::warn!(kme = api.kme_id(), %peer, %error, "TLS handshake failed");
                    return;
                }
                Err(_) => {
                    tracing::warn!(kme = api.kme_id(), %peer, "no TLS handshake in time");
                    return;
                }
            };
            let (_, session) = stream.get_ref();
            let http2 = session.alpn_protocol() == Some(b"h2");
            let names = match session.peer_certificates() {
                Some([cert, ..]) => sae_names(cert, identity),
                _ => Vec::new(),
            };
            let caller = api.caller(&names);
            let (kme, known) = (api.kme_id(), caller.0.is_some());
            tracing::debug!(kme, %peer, ?names, known, http2, "connected");
            let service = Seated {
                caller,
                router: face.router(Arc::clone(&api)),
            };
            let service = TowerToHyperService::new(service);
            let http = builder(http2, limits::HEAD_TIME_MAX);
            let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop(stopped) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(kme = api.kme_id(), %peer, error, "connection ended");
            }
        }
    }
}

async fn stop(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stop| stop).await;
}

/// ALPN has chosen the version, so the first octets need not be sniffed (without time limit).
fn builder(http2: bool, head_time: Duration) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
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

/// The routes with the caller of this connection. Fails only where a lost reply was ordered:
/// the error makes HTTP drop the connection or the stream.
#[derive(Clone)]
struct Seated {
    caller: Caller,
    router: Router,
}

/// Why a connection breaks off: a fault that was ordered.
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
        request.extensions_mut().insert(self.caller.clone());
        let answer = self.router.call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            match response.extensions().get::<Lost>() {
                Some(_) => Err(ReplyLost),
                None => Ok(response),
            }
        })
    }
}

#[cfg(test)]
mod tests;
