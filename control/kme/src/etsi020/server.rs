//! The connections of the neighbour: its identity, HTTP/1.1, and a limit for all of them.
//! `acceptor` has the sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::TRANSFER_ENCODING;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use kme_api::etsi020::{Problem, Reason};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use super::InterworkingConfig;
use super::desk::Orders;
use super::routes::{IsNeighbour, problem, router};
use crate::acceptor::{self, Ended, Front, last};
use crate::config::SaeIdentity;
use crate::head::{Conversation, Length};
use crate::limits;
use crate::places::{Places, Standing};
use crate::quiet::{Kind, Quiet};
use crate::tls::sae_names;

/// The parts of an interworking KME that a connection needs.
pub(super) struct Connections {
    kme_id: String,
    neighbour_id: String,
    router: Router,
    quiet: Arc<Quiet>,
    places: Places<bool>,
}

impl Connections {
    pub(super) fn new(config: &InterworkingConfig, quiet: Arc<Quiet>, orders: Orders) -> Self {
        Self {
            kme_id: config.kme_id.clone(),
            neighbour_id: config.neighbour_id.clone(),
            router: router(orders),
            quiet,
            // A stranger with a certificate of the CA has fewer places than the neighbour.
            places: Places::new(
                2 * limits::NEIGHBOUR_CONNECTIONS_MAX,
                limits::NEIGHBOUR_CONNECTIONS_MAX,
            ),
        }
    }

    fn log(&self, kind: Kind, peer: SocketAddr, reason: &str) {
        if self.quiet.may_log(kind) {
            tracing::warn!(kme = self.kme_id, %peer, reason, "{}", kind.words());
        }
    }
}

impl Front for Connections {
    fn kme_id(&self) -> &str {
        &self.kme_id
    }

    fn quiet(&self) -> &Quiet {
        &self.quiet
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
        let Some((place, go)) = self.places.take(&known, Standing::Owing) else {
            return self.no_place(peer, "too many connections are open");
        };
        let conversation = Arc::new(Conversation::new(place, false));
        let router = self.router.clone();
        let router = router.layer(from_fn_with_state(Arc::clone(&conversation), one));
        let router = router.layer(axum::Extension(IsNeighbour(known)));
        let mut http = Builder::new(TokioExecutor::new()).http1_only();
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::IDLE_TIME_MAX)
            .max_buf_size(limits::HEAD_OCTETS_MAX);
        match acceptor::serve(&http, stream, router, &conversation, go, stopped).await {
            Ok(Ended::Closed) => {}
            Ok(Ended::Overdue) => {
                self.log(Kind::HeadTime, peer, "a request did not come completely");
            }
            Ok(Ended::NoPlace) => self.no_place(peer, "too many connections are open"),
            Err(error) => tracing::debug!(kme = self.kme_id, %peer, error, "connection ended"),
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
        last(&mut response);
    }
    response
}
