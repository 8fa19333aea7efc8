//! One request and its reply, within the time limit, on a separate connection (ADR 16).

use core::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, http};
use tokio::time::Instant;
use url::{Position, Url};

use crate::config::ClientConfig;
use crate::connection::{Connection, NoConnection, NoReply};
use crate::limits::CONNECT_TIMEOUT;
use crate::reply::Reply;

/// A question: a URL, and a JSON body if it is a POST.
pub(crate) struct Question {
    pub(crate) url: Url,
    pub(crate) body: Option<Bytes>,
}

/// The reason for no reply.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    NoConnection(NoConnection),
    NoReply(NoReply),
    /// The question does not form a valid HTTP request.
    Unaskable(http::Error),
}

/// The exchanges with one KME.
pub(crate) struct Exchange {
    tls: rustls::ClientConfig,
    timeout: Duration,
    connect_timeout: Duration,
}

/// Time limit for connecting. It leaves enough of the call's time to tell a dead host from a slow
/// KME.
pub(crate) fn connect_timeout(config: &ClientConfig) -> Duration {
    CONNECT_TIMEOUT.min(config.timeout * 3 / 4)
}

impl Exchange {
    pub(crate) fn new(config: &ClientConfig, tls: rustls::ClientConfig) -> Self {
        Self {
            tls,
            timeout: config.timeout,
            connect_timeout: connect_timeout(config),
        }
    }

    /// Sends one request on a new connection. It closes after that, because its buffers hold keys.
    pub(crate) async fn ask(&self, question: Question) -> Result<Reply, NoAnswer> {
        let start = Instant::now();
        let until = start + self.timeout;
        let url = question.url.clone();
        let request = request(question).map_err(NoAnswer::Unaskable)?;
        let connected = until.min(start + self.connect_timeout);
        let connection = Connection::open(&self.tls, &url, connected).await;
        let connection = connection.map_err(NoAnswer::NoConnection)?;
        connection
            .ask(request, until)
            .await
            .map_err(NoAnswer::NoReply)
    }
}

fn request(question: Question) -> Result<Request<Full<Bytes>>, http::Error> {
    let url = &question.url;
    let json = HeaderValue::from_static("application/json");
    let request = Request::builder()
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(ACCEPT, json.clone())
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close");
    match question.body {
        None => request.body(Full::default()),
        Some(body) => request
            .method(Method::POST)
            .header(CONTENT_TYPE, json)
            .body(body.into()),
    }
}
