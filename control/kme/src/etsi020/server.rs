//! The sockets: accept, TLS 1.3, the identity of the neighbour, HTTP/1.1, and shutdown.
//!
//! Every step has a time limit, and connections are limited by address before their certificate is
//! verified, and in total after that.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use kme_api::etsi020::{Problem, Reason};
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::InterworkingConfig;
use super::desk::Orders;
use super::routes::{IsNeighbour, problem, router};
use crate::config::SaeIdentity;
use crate::head::{Conversation, Followed, Length};
use crate::limits;
use crate::places::{Go, Place, Places, Standing};
use crate::quiet::{Kind, Quiet};
use crate::tls::sae_names;

/// The listening side of an interworking KME.
pub(super) struct Server {
    listener: TcpListener,
    front: Arc<Front>,
}

/// The parts that a connection needs.
struct Front {
    kme_id: String,
    neighbour_id: String,
    tls: TlsAcceptor,
    router: Router,
    quiet: Quiet,
    handshakes: Places<IpAddr>,
    connections: Places<bool>,
}

impl Server {
    pub(super) fn new(
        config: &InterworkingConfig,
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        orders: Orders,
    ) -> Self {
        let front = Front {
            kme_id: config.kme_id.clone(),
            neighbour_id: config.neighbour_id.clone(),
            tls: tls.into(),
            router: router(orders),
            quiet: Quiet::default(),
            handshakes: Places::new(limits::HANDSHAKES_MAX, limits::HANDSHAKES_PER_ADDRESS_MAX),
            // A stranger with a certificate of the CA has fewer places than the neighbour.
            connections: Places::new(
                2 * limits::NEIGHBOUR_CONNECTIONS_MAX,
                limits::NEIGHBOUR_CONNECTIONS_MAX,
            ),
        };
        Self {
            listener,
            front: Arc::new(front),
        }
    }

    /// Serves until stopped. Open requests then have `SHUTDOWN_TIME_MAX` to end.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let kme = self.front.kme_id.as_str();
        let mut connections = JoinSet::new();
        let mut minute = tokio::time::interval(limits::LOG_MINUTE);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(kme, %error, "connection task failed");
                    }
                    continue;
                }
                _ = minute.tick() => {
                    self.front.log_left_out();
                    continue;
                }
                _ = stopped.wait_for(|&stop| stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let address = peer.ip().to_canonical();
                    match self.front.handshakes.take(&address, Standing::Owing) {
                        Some(held) => {
                            let front = Arc::clone(&self.front);
                            connections.spawn(front.connection(
                                stream,
                                peer,
                                held,
                                stopped.clone(),
                            ));
                        }
                        None => self.front.log(Kind::Place, peer, "too many TLS handshakes"),
                    }
                }
                Err(error) => {
                    // Most likely no descriptor is free: pause, do not loop.
                    if self.front.quiet.may_log(Kind::Accept) {
                        tracing::warn!(kme, %error, "{}", Kind::Accept.words());
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
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

impl Front {
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
            stream = timeout(limits::HANDSHAKE_TIME_MAX, self.tls.accept(stream)) => stream,
            _ = &mut go => return self.log(Kind::Place, peer, "too many TLS handshakes"),
            () = stop(stopped.clone()) => return,
        };
        drop(place);
        match stream {
            Ok(Ok(stream)) => Box::pin(self.converse(stream, peer, stopped)).await,
            Ok(Err(error)) => self.log(Kind::Handshake, peer, &error.to_string()),
            Err(_) => self.log(Kind::HandshakeTime, peer, "it may be no TLS client"),
        }
    }

    /// Handles HTTP with a peer whose certificate is valid.
    async fn converse(
        &self,
        stream: TlsStream<TcpStream>,
        peer: SocketAddr,
        stopped: watch::Receiver<bool>,
    ) {
        let (_, session) = stream.get_ref();
        let known = match session.peer_certificates() {
            Some([cert, ..]) => carries(cert, &self.neighbour_id),
            _ => false,
        };
        if !known {
            self.log(
                Kind::Refused,
                peer,
                "its certificate does not carry neighbour_id",
            );
        }
        let Some((place, go)) = self.connections.take(&known, Standing::Owing) else {
            return self.log(Kind::Place, peer, "too many connections are open");
        };
        let conversation = Arc::new(Conversation::new(place, false));
        let router = self.router.clone();
        let router = router.layer(from_fn_with_state(Arc::clone(&conversation), one));
        let router = router.layer(axum::Extension(IsNeighbour(known)));
        let stream = Followed {
            stream,
            conversation: Arc::clone(&conversation),
        };
        let mut http = Builder::new(TokioExecutor::new()).http1_only();
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::IDLE_TIME_MAX)
            .max_buf_size(limits::HEAD_OCTETS_MAX);
        let service = TowerToHyperService::new(router);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop(stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = conversation.overdue(limits::HEAD_TIME_MAX) => {
                return self.log(Kind::HeadTime, peer, "a request did not come completely");
            }
            _ = go => return self.log(Kind::Place, peer, "too many connections are open"),
        };
        if let Err(error) = ended {
            tracing::debug!(kme = self.kme_id, %peer, error, "connection ended");
        }
    }

    fn log(&self, kind: Kind, peer: SocketAddr, reason: &str) {
        if self.quiet.may_log(kind) {
            tracing::warn!(kme = self.kme_id, %peer, reason, "{}", kind.words());
        }
    }

    fn log_left_out(&self) {
        for (kind, left_out) in self.quiet.minute() {
            let (kme, words) = (&self.kme_id, kind.words());
            tracing::warn!(
                kme,
                left_out,
                "{words}: more lines of this kind are left out"
            );
        }
    }
}

/// True if a verified certificate carries this KME ID as common name or subject alternative name.
fn carries(cert: &CertificateDer<'_>, kme_id: &str) -> bool {
    use SaeIdentity::{CommonName, SanDns, SanUri};
    let places = [CommonName, SanDns, SanUri];
    let mut names = places.iter().flat_map(|place| sae_names(cert, *place));
    names.any(|name| name == kme_id)
}

/// One request of a connection.
async fn one(
    State(conversation): State<Arc<Conversation<bool>>>,
    request: Request,
    next: Next,
) -> Response {
    let (length, serving) = conversation.called();
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let mut response = if chunked && matches!(length, Length::Twice | Length::Unknown) {
        let text = "the request has Content-Length and Transfer-Encoding; send only one of them";
        problem(&Problem::new(Reason::InvalidParameter, text))
    } else {
        next.run(request).await
    };
    drop(serving);
    if chunked {
        // `head` does not see where a chunked body ends, so it cannot judge a later request.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

async fn stop(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stop| stop).await;
}
