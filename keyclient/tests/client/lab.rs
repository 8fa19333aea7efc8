//! A scripted KME: real TLS, and HTTP/1.1 written by hand.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyclient::{Client, ClientConfig};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::pki::{Pki, Shown};

/// TLS settings of a KME.
pub(crate) struct Setup {
    pub(crate) shown: Shown,
    /// CAs of the clients that it trusts.
    pub(crate) clients: RootCertStore,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    /// Closes at once after an alert, so that a reset follows.
    pub(crate) abrupt: bool,
    /// Accepts every client certificate without a check.
    pub(crate) any_client: bool,
}

/// TLS 1.2 alone, and 1.3 alone.
pub(crate) static EACH_VERSION: [&[&SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];

impl Setup {
    /// Correct settings, except that HTTP/2 is offered too.
    pub(crate) fn new(pki: &Pki) -> Self {
        Self {
            shown: pki.issue(&Pki::kme_params()),
            clients: pki.roots(),
            alpn: vec![b"http/1.1".to_vec()],
            versions: rustls::ALL_VERSIONS,
            abrupt: false,
            any_client: false,
        }
    }
}

/// Accepts any client certificate, as a KME behind a checking proxy does.
#[derive(Debug)]
struct AnyClient(Vec<SignatureScheme>);

impl ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// A KME's answer to one request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A regular reply.
    Reply {
        status: u16,
        kind: &'static str,
        body: Vec<u8>,
    },
    /// These octets without changes.
    Raw(Vec<u8>),
    /// These octets without changes, then the connection is cut.
    RawThenCut(Vec<u8>),
    /// The answer after a delay.
    Late(Duration, Box<Self>),
    /// No answer; the connection is cut.
    Cut,
    /// No answer.
    Never,
    /// 200 with a chunked body of unannounced length that does not end.
    Endless,
}

impl Answer {
    pub(crate) fn ok(json: &str) -> Self {
        Self::json(200, json)
    }

    pub(crate) fn json(status: u16, json: &str) -> Self {
        Self::Reply {
            status,
            kind: "application/json",
            body: json.as_bytes().to_vec(),
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::Reply {
            status,
            kind: "",
            body: Vec::new(),
        }
    }

    pub(crate) fn html(status: u16) -> Self {
        let body = b"<!DOCTYPE html><html><body>SECRET-PAGE</body></html>".to_vec();
        Self::Reply {
            status,
            kind: "text/html; charset=utf-8",
            body,
        }
    }

    fn octets(self) -> Vec<u8> {
        match self {
            Self::Reply { status, kind, body } => {
                let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                if !kind.is_empty() {
                    head += &format!("Content-Type: {kind}\r\n");
                }
                [head.as_bytes(), b"\r\n", &body].concat()
            }
            Self::Raw(octets) | Self::RawThenCut(octets) => octets,
            _ => Vec::new(),
        }
    }
}

/// A request as the KME received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Method and path.
    pub(crate) line: String,
    pub(crate) body: String,
    /// Headers, in lower case.
    pub(crate) head: String,
}

type Script = dyn Fn(usize, &Seen) -> Answer + Send + Sync;

/// A KME that follows a script: a function from the number of the request and the request to the
/// answer.
pub(crate) struct Kme {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    /// Connections that the client closed by close_notify.
    closed: AtomicUsize,
    /// The distinct certificates of clients.
    certificates: Mutex<HashSet<Vec<u8>>>,
}

impl Kme {
    /// Starts a KME with a valid certificate.
    pub(crate) async fn start(
        pki: &Pki,
        script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(Setup::new(pki), script).await
    }

    pub(crate) async fn start_with(
        setup: Setup,
        script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients: Arc<dyn ClientCertVerifier> = if setup.any_client {
            Arc::new(AnyClient(
                provider
                    .signature_verification_algorithms
                    .supported_schemes(),
            ))
        } else {
            let roots = Arc::new(setup.clients);
            WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .unwrap()
        };
        let key = provider
            .key_provider
            .load_private_key(setup.shown.key)
            .unwrap();
        // Unlike the plain builder, this accepts certificates that no client accepts.
        let shown = SingleCertAndKey::from(CertifiedKey::new(setup.shown.chain, key));
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(setup.versions)
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(shown));
        tls.alpn_protocols = setup.alpn;
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            script: Box::new(script),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            certificates: Mutex::default(),
        });
        let abrupt = setup.abrupt;
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(connection(acceptor, stream, state, abrupt));
            }
        });
        Self { address, state }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// TLS connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Number of distinct client certificates so far.
    pub(crate) fn certificates(&self) -> usize {
        self.state.certificates.lock().unwrap().len()
    }

    /// Waits until the client has closed all connections by close_notify, none by a reset.
    pub(crate) async fn all_closed(&self) {
        for _ in 0..500 {
            if self.state.closed.load(Ordering::SeqCst) == self.connections() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let closed = self.state.closed.load(Ordering::SeqCst);
        panic!("{closed} of {} connections are closed", self.connections());
    }
}

async fn connection(acceptor: TlsAcceptor, stream: TcpStream, state: Arc<State>, abrupt: bool) {
    let mut tls = match acceptor.accept(stream).into_fallible().await {
        Ok(tls) => tls,
        Err(_) if abrupt => return,
        Err((_, mut stream)) => {
            // The alert is sent. Further reads keep the kernel from resetting the connection,
            // because a reset could overtake the alert.
            let mut rest = Vec::new();
            let _ = stream.shutdown().await;
            let _ =
                tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await;
            return;
        }
    };
    let shown = tls.get_ref().1.peer_certificates().unwrap_or_default();
    if let Some(certificate) = shown.first() {
        let mut known = state.certificates.lock().unwrap();
        known.insert(certificate.to_vec());
    }
    state.connections.fetch_add(1, Ordering::SeqCst);
    let mut buffer = Vec::new();
    loop {
        let seen = match request(&mut tls, &mut buffer).await {
            Ok(Some(seen)) => seen,
            Ok(None) => {
                // Our close_notify. A client whose socket is already closed answers with a reset.
                let _ = tls.shutdown().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                if tls.get_ref().0.take_error().unwrap().is_none() {
                    state.closed.fetch_add(1, Ordering::SeqCst);
                }
                return;
            }
            Err(_) => return,
        };
        let number = {
            let mut all = state.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        let mut answer = (state.script)(number, &seen);
        while let Answer::Late(pause, then) = answer {
            tokio::time::sleep(pause).await;
            answer = *then;
        }
        match answer {
            Answer::Cut => return,
            Answer::Never => std::future::pending().await,
            Answer::RawThenCut(octets) => {
                let _ = tls.write_all(&octets).await;
                let _ = tls.flush().await;
                return;
            }
            Answer::Endless => {
                let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                let chunk = [b"1000\r\n".as_slice(), &[b' '; 4096], b"\r\n"].concat();
                if tls.write_all(head).await.is_err() {
                    return;
                }
                while tls.write_all(&chunk).await.is_ok() {}
                return;
            }
            reply => {
                if tls.write_all(&reply.octets()).await.is_err() || tls.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Reads one request; `None` at the end of the connection.
async fn request(tls: &mut TlsStream<TcpStream>, buffer: &mut Vec<u8>) -> io::Result<Option<Seen>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
            let lower = head.to_ascii_lowercase();
            let len = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |len| len.trim().parse::<usize>().unwrap());
            if buffer.len() >= end + 4 + len {
                let rest = buffer.split_off(end + 4 + len);
                let body = String::from_utf8(buffer[end + 4..].to_vec()).unwrap();
                *buffer = rest;
                let line = head
                    .lines()
                    .next()
                    .unwrap()
                    .trim_end_matches(" HTTP/1.1")
                    .to_owned();
                return Ok(Some(Seen {
                    line,
                    body,
                    head: lower,
                }));
            }
        }
        if tls.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

pub(crate) fn client(config: ClientConfig) -> Client {
    match Client::new(config) {
        Ok(client) => client,
        Err(error) => panic!("{error}"),
    }
}

/// Returns 32 octets of this value as base64.
pub(crate) fn key32(octet: u8) -> String {
    keyclient::SecretText::encode(&[octet; 32])
        .expose()
        .to_owned()
}

/// Builds a container of these keys.
pub(crate) fn container(keys: &[(&str, &str)]) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|(id, key)| format!(r#"{{"key_ID":"{id}","key":"{key}"}}"#))
        .collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}
