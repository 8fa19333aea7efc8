//! An interworking KME with a model of its network, and raw TLS peers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use kme_api::KeyBytes;
use kme_api::etsi020::{Extension, KeyUuid, Parties, SaeId};
use network::interworking::{Relay, Route, Settings, Side, Withdrawal};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::super::{Domain, InterworkingConfig, InterworkingKme, Reports};
use crate::pki::{KmeName, LabPki, make_lab_pki};
use crate::tls::{Files, neighbour_config};

pub(super) fn sae(text: &str) -> SaeId {
    SaeId::parse(text).unwrap()
}

pub(super) fn parties(initiator: &str, target: &str) -> Parties {
    Parties::new(sae(initiator), vec![sae(target)]).unwrap()
}

pub(super) fn key_id(number: u64) -> KeyUuid {
    let mut octets = [0; 16];
    octets[8..].copy_from_slice(&number.to_be_bytes());
    KeyUuid::from_bytes(octets)
}

/// 256 bits that differ for each number.
pub(super) fn value(number: u64) -> Arc<KeyBytes> {
    let octets = number.to_be_bytes().repeat(4);
    Arc::new(
        KeyBytes::from_zeroizing(Zeroizing::new(octets))
            .ok()
            .unwrap(),
    )
}

/// Certificates of two KMEs and of a stranger.
pub(super) fn pki() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let kme = |id: &str| KmeName {
        id: id.into(),
        hosts: Vec::new(),
    };
    let pki = LabPki {
        kmes: ["kme-x", "kme-y", "kme-z"].map(kme).into(),
        ..LabPki::default()
    };
    make_lab_pki(dir.path(), &pki).unwrap();
    dir
}

pub(super) fn config(dir: &Path, id: &str, neighbour: &str, port: u16) -> InterworkingConfig {
    InterworkingConfig {
        kme_id: id.into(),
        listen: ([127, 0, 0, 1], 0).into(),
        host: "localhost".into(),
        ca: dir.join("ca.pem"),
        cert: dir.join(format!("{id}.pem")),
        key: dir.join(format!("{id}.key")),
        neighbour_id: neighbour.into(),
        neighbour_url: format!("https://localhost:{port}"),
        synchronous: false,
        timeout: Duration::from_secs(3),
        journal: dir.join(format!("{id}.journal")),
        settings: |callback| {
            // Short, so that a killed KME costs the test no minutes.
            let ms = Duration::from_millis;
            Settings {
                retry_first: ms(50),
                retry_max: ms(500),
                ack_time: ms(1000),
                ..Settings::new(callback)
            }
        },
    }
}

/// Where a key is in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the KME of its SAE, which must not have it yet.
    Kept,
    /// The SAE may fetch it.
    Free,
    /// The SAE has it.
    Taken,
    /// No SAE gets it any more.
    Gone,
}

/// A network in memory. It outlives the interworking KME, which may be killed.
#[derive(Default)]
pub(super) struct Net {
    /// The SAEs of this network.
    pub(super) saes: Vec<&'static str>,
    /// Keys that start here, with their place.
    pub(super) own: Mutex<HashMap<KeyUuid, Place>>,
    /// Keys from the neighbour, with their octets.
    pub(super) foreign: Mutex<HashMap<KeyUuid, (Place, Relay)>>,
    pub(super) kme: Mutex<Weak<InterworkingKme>>,
    pub(super) reports: Mutex<Option<Reports>>,
    /// Tells the SAE at the other end that its peer has a key.
    pub(super) other: Mutex<Weak<Self>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Net {
    pub(super) fn new(saes: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            saes: saes.to_vec(),
            ..Self::default()
        })
    }

    pub(super) async fn start(
        self: &Arc<Self>,
        config: &InterworkingConfig,
    ) -> Arc<InterworkingKme> {
        let domain = Arc::new(Here(Arc::clone(self), tokio::runtime::Handle::current()));
        let kme = InterworkingKme::start(config, domain).await.unwrap();
        let kme = Arc::new(kme);
        *lock(&self.kme) = Arc::downgrade(&kme);
        kme
    }

    pub(super) fn reports(&self) -> Reports {
        lock(&self.reports).clone().expect("a KME was started")
    }

    /// The SAE at the target fetches a key whose name it has from the initiator.
    fn target_takes(&self, key_id: KeyUuid) {
        let mut foreign = lock(&self.foreign);
        let (place, _) = foreign
            .get_mut(&key_id)
            .expect("a released key is at its target");
        assert_eq!(*place, Place::Free, "{key_id}");
        *place = Place::Taken;
    }
}

/// The network as its KME sees it.
struct Here(Arc<Net>, tokio::runtime::Handle);

impl Domain for Here {
    fn attach(&self, reports: Reports) {
        *lock(&self.0.reports) = Some(reports);
    }

    fn route(&self, sae: &SaeId) -> Route {
        match sae.as_str() {
            own if self.0.saes.contains(&own) => Route::Ours,
            "down" => Route::Down,
            "short" => Route::Short,
            "unknown" => Route::Unknown,
            _ => Route::Back,
        }
    }

    fn relay(&self, relay: Relay) {
        let net = Arc::clone(&self.0);
        let key_id = relay.key_id;
        let before = lock(&net.foreign).insert(key_id, (Place::Kept, relay));
        assert!(before.is_none(), "{key_id} is carried twice");
        self.1.spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if let Some((place @ Place::Kept, _)) = lock(&net.foreign).get_mut(&key_id) {
                *place = Place::Free;
            }
            net.reports().on_relayed(key_id, None);
        });
    }

    fn release(&self, key_id: KeyUuid, _: Option<Extension>) {
        let net = Arc::clone(&self.0);
        {
            let mut own = lock(&net.own);
            let place = own.get_mut(&key_id).expect("a key of this network");
            assert_ne!(
                *place,
                Place::Gone,
                "{key_id} is released after its withdrawal"
            );
            if *place != Place::Kept {
                return;
            }
            *place = Place::Free;
        }
        self.1.spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut taken = false;
            if let Some(place @ Place::Free) = lock(&net.own).get_mut(&key_id) {
                *place = Place::Taken;
                taken = true;
            }
            let other = lock(&net.other).upgrade();
            if let Some(other) = other.filter(|_| taken) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                other.target_takes(key_id);
            }
        });
    }

    fn withdraw(&self, side: Side, key_id: KeyUuid) {
        let withdrawal = match side {
            Side::Sent => withdraw(lock(&self.0.own).entry(key_id).or_insert(Place::Gone)),
            Side::Received => match lock(&self.0.foreign).get_mut(&key_id) {
                Some((place, _)) => withdraw(place),
                None => Withdrawal::Done,
            },
        };
        self.0.reports().on_withdrawn(key_id, withdrawal);
    }
}

fn withdraw(place: &mut Place) -> Withdrawal {
    if *place == Place::Taken {
        return Withdrawal::Taken;
    }
    *place = Place::Gone;
    Withdrawal::Done
}

/// TLS settings of a client with the certificate of `cert`.
pub(super) fn client_tls(
    dir: &Path,
    cert: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap();
    roots.add(ca).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let Some(name) = cert else {
        return config.with_no_client_auth();
    };
    let chain = CertificateDer::from_pem_file(dir.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key"))).unwrap();
    config.with_client_auth_cert(vec![chain], key).unwrap()
}

/// A raw HTTP client.
pub(super) fn client(tls: ClientConfig) -> reqwest::Client {
    let client = reqwest::Client::builder();
    let client = client.tls_backend_preconfigured(tls).no_proxy();
    client.timeout(Duration::from_secs(20)).build().unwrap()
}

/// A request that the scripted neighbour has received.
#[derive(Debug, PartialEq)]
pub(super) struct Heard {
    pub(super) request: String,
    pub(super) content_type: String,
    pub(super) body: Value,
}

/// A neighbour that notes each request and answers by a script: status and body.
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    heard: mpsc::UnboundedReceiver<Heard>,
}

type Script = fn(&Heard, usize) -> (u16, Value);

impl Scripted {
    pub(super) async fn start(dir: &Path, name: &str, script: Script) -> Self {
        let files = Files {
            ca: &dir.join("ca.pem"),
            cert: &dir.join(format!("{name}.pem")),
            key: &dir.join(format!("{name}.key")),
        };
        let tls = TlsAcceptor::from(neighbour_config(&files).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (note, heard) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let router = Router::new().fallback(move |request: Request| {
            let (note, count) = (note.clone(), Arc::clone(&count));
            async move {
                let request_line = format!("{} {}", request.method(), request.uri());
                let content_type = request.headers().get("content-type");
                let content_type = content_type
                    .map_or("", |text| text.to_str().unwrap())
                    .to_owned();
                let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
                let heard = Heard {
                    request: request_line,
                    content_type,
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                };
                let (status, answer) = script(&heard, count.fetch_add(1, Ordering::Relaxed));
                let _ = note.send(heard);
                let text = if answer.is_null() {
                    String::new()
                } else {
                    answer.to_string()
                };
                (StatusCode::from_u16(status).unwrap(), text)
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, router) = (tls.clone(), router.clone());
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    let service = TowerToHyperService::new(router);
                    let http = Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, heard }
    }

    pub(super) async fn next(&mut self) -> Heard {
        let next = tokio::time::timeout(Duration::from_secs(20), self.heard.recv());
        next.await.expect("no request in 20 s").unwrap()
    }
}

pub(super) fn port(address: SocketAddr) -> u16 {
    address.port()
}
