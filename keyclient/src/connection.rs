//! One TLS connection to a KME: HTTP/1.1, for one exchange.
//!
//! It closes with close_notify, never with a reset. The HTTP and TLS buffers, which held a key, are
//! freed at once. Only the bare socket waits for the close_notify of the KME.

use core::pin::pin;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::limits::{ADDRESSES_MAX, HEADERS_MAX, REST_TIME};
use crate::line::{Line, Seen};
use crate::reply::{Reply, Taken};
use crate::tls;

/// A connection before its request.
pub(crate) struct Connection(Line);

/// The reason for no connection.
#[derive(Debug)]
pub(crate) enum NoConnection {
    Dns,
    Refused(io::Error),
    TooSlow,
    Tls {
        error: io::Error,
        /// The KME had asked for our certificate.
        asked: bool,
    },
}

/// The reason for no reply.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// The connection broke, or the reply is not HTTP.
    Broken {
        /// The observations of [`Line`] on this connection.
        seen: Arc<Seen>,
        error: hyper::Error,
    },
    /// The reply missed the time limit.
    TooSlow,
    /// The body exceeds our limit.
    TooLong,
}

impl Connection {
    /// Connects and does the TLS handshake.
    pub(crate) async fn open(
        tls: &rustls::ClientConfig,
        url: &Url,
        until: Instant,
    ) -> Result<Self, NoConnection> {
        let tcp = tcp(url, until).await?;
        let name = server_name(url).ok_or(NoConnection::Dns)?;
        let (tls, asked) = tls::watched(tls);
        let tls = TlsConnector::from(Arc::new(tls));
        let tls = timeout_at(until, tls.connect(name, tcp)).await;
        let tls = tls
            .map_err(|_| NoConnection::TooSlow)?
            .map_err(|error| NoConnection::Tls {
                asked: asked.load(Ordering::Relaxed),
                error,
            })?;
        Ok(Self(Line::new(tls)))
    }

    /// Sends the request and reads the reply.
    pub(crate) async fn ask(
        self,
        request: Request<Full<Bytes>>,
        until: Instant,
    ) -> Result<Reply, NoReply> {
        let seen = self.0.seen();
        let mut reply = None;
        let talked = timeout_at(until, talk(self.0, request, &mut reply)).await;
        let (end, line) = match talked {
            Ok((end, line)) => (end, line),
            Err(_) => (Err(Trouble::TooSlow), None),
        };
        if let Some(line) = line {
            tokio::spawn(line.close());
        }
        let end = end.map_err(|trouble| match trouble {
            Trouble::Broken(error) => NoReply::Broken { seen, error },
            Trouble::TooSlow => NoReply::TooSlow,
            Trouble::TooLong => NoReply::TooLong,
        });
        // A reply that is complete in content counts, even if the connection broke after it.
        match (reply, end) {
            (Some(reply), Ok(())) => Ok(reply),
            (Some(reply), Err(NoReply::Broken { .. } | NoReply::TooSlow)) if reply.says_all() => {
                Ok(reply)
            }
            (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(NoReply::TooSlow), // unreachable: success has a reply
        }
    }
}

/// The ways in which an exchange fails.
enum Trouble {
    Broken(hyper::Error),
    TooSlow,
    TooLong,
}

/// One exchange. `reply` is filled as octets arrive, so that they survive a time-out.
async fn talk(
    line: Line,
    request: Request<Full<Bytes>>,
    reply: &mut Option<Reply>,
) -> (Result<(), Trouble>, Option<Line>) {
    // Lenient, because an unreadable reply costs a key.
    let http = http1::Builder::new()
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(line))
        .await;
    let (mut sender, driver) = match http {
        Ok(http) => http,
        Err(error) => return (Err(Trouble::Broken(error)), None),
    };
    let mut driver = pin!(driver.without_shutdown());
    let mut driven = None;
    let end = {
        let reply = &mut *reply;
        let mut exchange = pin!(async move {
            let response = sender.send_request(request).await;
            read(response.map_err(Trouble::Broken)?, reply).await
        });
        loop {
            tokio::select! {
                biased;
                end = exchange.as_mut() => break end,
                parts = driver.as_mut(), if driven.is_none() => driven = Some(parts),
            }
        }
    }; // the sender is dropped, so the HTTP driver ends
    let parts = match driven {
        Some(parts) => parts,
        None => driver.await,
    };
    let Ok(parts) = parts else {
        return (end, None);
    };
    let mut line = parts.io.into_inner();
    match (&end, reply) {
        (Ok(()), Some(reply)) if reply.is_cut() => {
            let rest = rest(&mut line, parts.read_buf, reply);
            let end = match timeout(REST_TIME, rest).await {
                Ok(Taken::TooLong) => Err(Trouble::TooLong),
                _ => end, // the parser names JSON that is still cut
            };
            (end, Some(line))
        }
        _ => (end, Some(line)),
    }
}

/// Reads on after the announced length of a body, which was too small. On this connection all
/// octets belong to the one reply.
async fn rest(line: &mut Line, read: Bytes, reply: &mut Reply) -> Taken {
    let mut taken = reply.take(read);
    let mut buffer = Zeroizing::new([0; 4096]);
    while taken == Taken::More && reply.is_cut() {
        taken = match line.read(buffer.as_mut()).await {
            Ok(0) | Err(_) => return taken,
            Ok(len) => reply.take(Bytes::copy_from_slice(
                buffer.get(..len).unwrap_or_default(),
            )),
        };
    }
    taken
}

/// Reads the head and the body of a reply.
async fn read(response: Response<Incoming>, reply: &mut Option<Reply>) -> Result<(), Trouble> {
    let (head, mut body) = response.into_parts();
    let reply = reply.insert(Reply::new(&head, &body).ok_or(Trouble::TooLong)?);
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(Trouble::Broken)?.into_data() else {
            continue; // trailers
        };
        match reply.take(chunk) {
            Taken::More => {}
            Taken::Whole => return Ok(()),
            Taken::TooLong => return Err(Trouble::TooLong),
        }
    }
    Ok(())
}

/// Connects to the first address of the host that accepts.
async fn tcp(url: &Url, until: Instant) -> Result<TcpStream, NoConnection> {
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<_> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
        Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
        Some(Host::Domain(name)) => timeout_at(until, lookup_host((name, port)))
            .await
            .map_err(|_| NoConnection::Dns)?
            .map_err(|_| NoConnection::Dns)?
            .take(ADDRESSES_MAX)
            .collect(),
        None => Vec::new(),
    };
    let mut failure = NoConnection::Dns;
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).unwrap_or(1);
        let share = until.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true); // an error only costs speed
                return Ok(stream);
            }
            Ok(Err(error)) => failure = NoConnection::Refused(error),
            Err(_) => failure = NoConnection::TooSlow,
        }
    }
    Err(failure)
}

/// The name that the certificate of the KME must contain.
fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Ipv4(ip) => Some(ServerName::from(std::net::IpAddr::from(ip))),
        Host::Ipv6(ip) => Some(ServerName::from(std::net::IpAddr::from(ip))),
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
    }
}
