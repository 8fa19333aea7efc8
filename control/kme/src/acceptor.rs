//! The sockets of a KME, for each protocol alike: accept, TLS handshake, HTTP, and shutdown.
//!
//! Every step has a time limit. Connections are limited by address before their certificate is
//! verified. A [`Front`] limits them after that, and knows the meaning of a request.

use std::error::Error;
use std::future::Future;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::head::{Conversation, Followed};
use crate::limits;
use crate::places::{Go, Place, Places, Standing};
use crate::quiet::{Kind, Quiet};

/// The protocol behind the sockets.
pub(crate) trait Front: Send + Sync + 'static {
    /// KME ID, for log lines.
    fn kme_id(&self) -> &str;

    /// The budget of log lines.
    fn quiet(&self) -> &Quiet;

    /// Handles HTTP with a peer whose certificate is valid.
    fn converse(
        &self,
        stream: TlsStream<TcpStream>,
        peer: SocketAddr,
        stopped: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send;

    /// Logs that a connection is closed because of a limit.
    fn no_place(&self, peer: SocketAddr, reason: &str) {
        if self.quiet().may_log(Kind::Place) {
            let kme = self.kme_id();
            tracing::warn!(kme, %peer, reason, "{}", Kind::Place.words());
        }
    }
}

/// One address of a KME.
pub(crate) struct Acceptor<F> {
    listener: TcpListener,
    gate: Arc<Gate<F>>,
}

/// The parts that a connection needs.
struct Gate<F> {
    tls: TlsAcceptor,
    /// Places of connections without a certificate yet, by address.
    handshakes: Places<IpAddr>,
    front: F,
}

/// The end of a conversation.
pub(crate) enum Ended {
    /// The connection is closed.
    Closed,
    /// A request did not come completely in time.
    Overdue,
    /// Another connection needs the place.
    NoPlace,
}

impl<F: Front> Acceptor<F> {
    pub(crate) fn new(listener: TcpListener, tls: Arc<rustls::ServerConfig>, front: F) -> Self {
        let gate = Gate {
            tls: tls.into(),
            handshakes: Places::new(limits::HANDSHAKES_MAX, limits::HANDSHAKES_PER_ADDRESS_MAX),
            front,
        };
        Self {
            listener,
            gate: Arc::new(gate),
        }
    }

    /// Serves until stopped. Open requests then have `SHUTDOWN_TIME_MAX` to end.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let front = &self.gate.front;
        let kme = front.kme_id();
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
                    match self.gate.handshakes.take(&address, Standing::Owing) {
                        Some(held) => {
                            let gate = Arc::clone(&self.gate);
                            connections.spawn(gate.connection(stream, peer, held, stopped.clone()));
                        }
                        None => front.no_place(peer, "too many TLS handshakes are open"),
                    }
                }
                Err(error) => {
                    // Most likely no descriptor is free: pause, do not loop.
                    if front.quiet().may_log(Kind::Accept) {
                        tracing::warn!(kme, %error, "{}", Kind::Accept.words());
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

impl<F: Front> Gate<F> {
    /// Handles a connection from its first octet to its last.
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        (place, mut go): (Place<IpAddr>, Go),
        stopped: watch::Receiver<bool>,
    ) {
        let front = &self.front;
        // Requests are small, so Nagle's algorithm only delays them.
        let _ = stream.set_nodelay(true);
        let stream = tokio::select! {
            stream = timeout(limits::HANDSHAKE_TIME_MAX, self.handshake(stream, &place)) => stream,
            _ = &mut go => {
                front.no_place(peer, "its address has too many TLS handshakes open");
                return;
            }
            () = stop(stopped.clone()) => return,
        };
        drop(place);
        let kme = front.kme_id();
        match stream {
            // Boxed, so that the future of a silent connection stays small.
            Ok(Ok(stream)) => Box::pin(front.converse(stream, peer, stopped)).await,
            Ok(Err(error)) => {
                if front.quiet().may_log(Kind::Handshake) {
                    tracing::warn!(kme, %peer, %error, "{}", Kind::Handshake.words());
                }
            }
            Err(_) => {
                if front.quiet().may_log(Kind::HandshakeTime) {
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
}

/// Serves HTTP on a connection until one of its ends, or one of its limits, closes it.
pub(crate) async fn serve<S, K>(
    http: &Builder<TokioExecutor>,
    stream: TlsStream<TcpStream>,
    service: S,
    conversation: &Arc<Conversation<K>>,
    go: Go,
    stopped: watch::Receiver<bool>,
) -> Result<Ended, Box<dyn Error + Send + Sync>>
where
    S: tower::Service<Request<Incoming>, Response = Response> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    K: Eq + Hash + Send + 'static,
{
    let stream = Followed {
        stream,
        conversation: Arc::clone(conversation),
    };
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => ended.map(|()| Ended::Closed),
        () = stop(stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await.map(|()| Ended::Closed)
        }
        () = conversation.overdue(limits::HEAD_TIME_MAX) => Ok(Ended::Overdue),
        _ = go => Ok(Ended::NoPlace),
    }
}

/// Makes the connection close after this response.
pub(crate) fn last(response: &mut Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
}

async fn stop(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stop| stop).await;
}
