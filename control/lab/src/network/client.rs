//! An SAE as a client of its KME: ETSI 014 over mutual TLS, on connections that stay open.
//!
//! `keyclient` makes a connection for each call, which suits an encryptor. A thousand keys a second
//! need open connections, and nothing else of what it does.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use kme::tls::{certificates, private_key};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, version};
use rustls_pki_types::ServerName;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// Time limit for one call, and for the whole of a demand: a call that is slow is not repeated.
pub(super) const CALL: Duration = Duration::from_secs(2);
/// Most connections of one SAE.
const CONNECTIONS_MAX: usize = 8;
/// Most octets of a reply.
const REPLY_LEN_MAX: usize = 1 << 20;

/// An SAE and its KME.
pub struct Sae {
    /// Its name.
    pub id: String,
    kme: SocketAddr,
    tls: TlsConnector,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    places: Semaphore,
}

/// The reply to a call: its status, and its body, which may hold keys.
pub struct Reply {
    /// Status code of HTTP.
    pub status: u16,
    body: Zeroizing<Vec<u8>>,
}

/// The keys of a reply.
#[derive(Deserialize)]
pub struct Container<'a> {
    /// The keys, in the order of the reply.
    #[serde(borrow)]
    pub keys: Vec<Key<'a>>,
}

/// One key. It borrows its bits from the reply, which is wiped.
#[derive(Deserialize)]
pub struct Key<'a> {
    /// Its `key_ID`.
    #[serde(rename = "key_ID")]
    pub id: &'a str,
    /// In base64.
    pub key: &'a str,
    #[serde(borrow)]
    pub(super) key_extension: Extension<'a>,
}

/// The part of the extension that names the nodes of the key.
#[derive(Deserialize)]
pub(super) struct Extension<'a> {
    #[serde(borrow)]
    pub(super) qmacsec_passport: Passport<'a>,
}

/// The paths of a key.
#[derive(Deserialize)]
pub(super) struct Passport<'a> {
    #[serde(borrow)]
    paths: Vec<PassportPath<'a>>,
    /// Its paths in the neighbour domain, which begin where these end.
    #[serde(borrow)]
    neighbour: Option<Leg<'a>>,
}

#[derive(Deserialize)]
struct Leg<'a> {
    #[serde(borrow)]
    paths: Vec<PassportPath<'a>>,
}

/// The nodes of one path.
#[derive(Deserialize)]
struct PassportPath<'a> {
    #[serde(borrow)]
    nodes: Vec<&'a str>,
}

impl Passport<'_> {
    /// The nodes of each path from site to site.
    pub(super) fn paths(&self) -> Vec<Vec<String>> {
        let own = |(number, path): (usize, &PassportPath<'_>)| {
            let beyond = self
                .neighbour
                .as_ref()
                .and_then(|leg| leg.paths.get(number));
            let nodes = path
                .nodes
                .iter()
                .chain(beyond.into_iter().flat_map(|path| &path.nodes));
            nodes.map(|name| (*name).to_owned()).collect()
        };
        self.paths.iter().enumerate().map(own).collect()
    }
}

impl Sae {
    /// Reads the certificates of the SAE in `pki`. Its KME is at this address.
    ///
    /// # Errors
    /// A certificate or the private key cannot be used.
    pub fn new(pki: &Path, id: &str, kme: SocketAddr) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for ca in certificates(&pki.join("ca.pem")).map_err(io::Error::other)? {
            roots.add(ca).map_err(io::Error::other)?;
        }
        let chain = certificates(&pki.join(format!("{id}.pem"))).map_err(io::Error::other)?;
        let key = private_key(&pki.join(format!("{id}.key"))).map_err(io::Error::other)?;
        let mut tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(io::Error::other)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            id: id.to_owned(),
            kme,
            tls: Arc::new(tls).into(),
            idle: Mutex::default(),
            places: Semaphore::new(CONNECTIONS_MAX),
        })
    }

    /// Asks for fresh keys to share with `slave`.
    ///
    /// # Errors
    /// There is no reply in time.
    pub async fn enc_keys(&self, slave: &str, number: u32) -> Result<Reply, String> {
        self.call(
            &format!("/api/v1/keys/{slave}/enc_keys?number={number}"),
            None,
        )
        .await
    }

    /// Asks for the keys with these IDs, which `master` shares with us.
    ///
    /// # Errors
    /// There is no reply in time.
    pub async fn dec_keys(&self, master: &str, ids: &[String]) -> Result<Reply, String> {
        let path = format!("/api/v1/keys/{master}/dec_keys");
        match ids {
            [id] => self.call(&format!("{path}?key_ID={id}"), None).await,
            ids => {
                let ids: Vec<_> = ids
                    .iter()
                    .map(|id| serde_json::json!({ "key_ID": id }))
                    .collect();
                let body = serde_json::json!({ "key_IDs": ids }).to_string();
                self.call(&path, Some(body)).await
            }
        }
    }

    async fn call(&self, path: &str, body: Option<String>) -> Result<Reply, String> {
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.kme.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|error| error.to_string())?;
        let calling = async {
            let _place = self
                .places
                .acquire()
                .await
                .map_err(|error| error.to_string())?;
            let mut connection = match self.idle_connection() {
                Some(connection) => connection,
                None => self.connect().await.map_err(|error| error.to_string())?,
            };
            let response = connection.send_request(request).await;
            let response = response.map_err(|error| error.to_string())?;
            let status = response.status().as_u16();
            let mut incoming = response.into_body();
            let mut body = Zeroizing::new(Vec::with_capacity(4096));
            while let Some(frame) = incoming.frame().await {
                let frame = frame.map_err(|error| error.to_string())?;
                if let Ok(octets) = frame.into_data() {
                    if body.len() + octets.len() > REPLY_LEN_MAX {
                        return Err("the reply is too long".to_owned());
                    }
                    body.extend_from_slice(&octets);
                }
            }
            self.idle().push(connection);
            Ok(Reply { status, body })
        };
        timeout(CALL, calling)
            .await
            .map_err(|_| format!("no reply within {CALL:?}"))?
    }

    /// Returns a connection that is still open.
    fn idle_connection(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle();
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.kme).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(self.kme.ip());
        let stream = self.tls.connect(name, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // It ends with its sender, or with the KME.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reply {
    /// Reads the keys of a successful reply.
    ///
    /// # Errors
    /// The reply is an error, or has no keys.
    pub fn keys(&self) -> Result<Container<'_>, String> {
        if self.status != 200 {
            let text = String::from_utf8_lossy(&self.body);
            return Err(format!(
                "{} {}",
                self.status,
                text.chars().take(200).collect::<String>()
            ));
        }
        serde_json::from_slice(&self.body).map_err(|error| format!("not a key container: {error}"))
    }
}
