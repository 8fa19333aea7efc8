//! A lab: a PKI in a temporary directory, two KMEs (or one with both SAEs), and raw clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, Response};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pki::{LabPki, make_lab_pki};
use crate::{Deliveries, KmeConfig, Kmes, LinkConfig, Origin, SaeIdentity};

pub(super) struct World {
    pub(super) kmes: Kmes,
    dir: TempDir,
    /// Client of KME A, with the certificate of SAE A.
    pub(super) a: Sae,
    /// Client of KME B with the certificate of SAE B. With one KME, a client of that one.
    pub(super) b: Sae,
}

/// A raw HTTP client without ETSI 014 logic: URL in, status and body out.
pub(super) struct Sae {
    pub(super) url: String,
    pub(super) client: Client,
}

/// Status code and body.
#[derive(Debug, PartialEq)]
pub(super) struct Answer(pub(super) u16, pub(super) Value);

/// Keys of a reply: (key_ID, base64).
pub(super) fn keys(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.0, 200, "{answer:?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = answer.1["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| (text(&key["key_ID"]), text(&key["key"])))
        .collect()
}

pub(super) fn error(status: u16, message: &str) -> Answer {
    Answer(status, serde_json::json!({ "message": message }))
}

pub(super) fn not_found() -> Answer {
    error(400, "one or more keys specified are not found on KME")
}

/// This number of keys of 256 bits at the start, then none for an hour.
pub(super) fn supply(keys: u64) -> Deliveries {
    Deliveries {
        block_bits: keys * 256,
        block_every: Duration::from_secs(3600),
        blocks_at_start: 1,
        origin: Origin::Modelled,
    }
}

pub(super) fn kme(dir: &Path, id: &str, saes: &[&str]) -> KmeConfig {
    KmeConfig {
        kme_id: id.into(),
        listen: ([127, 0, 0, 1], 0).into(),
        ca: dir.join("ca.pem"),
        cert: dir.join(format!("{id}.pem")),
        key: dir.join(format!("{id}.key")),
        sae_ids: saes.iter().map(|sae| (*sae).to_owned()).collect(),
        identity: SaeIdentity::CommonName,
    }
}

impl World {
    /// Starts KME A with SAE A and KME B with SAE B.
    pub(super) async fn two(supply: Deliveries) -> Self {
        Self::with(supply, LinkConfig::default(), SaeIdentity::CommonName).await
    }

    pub(super) async fn with(supply: Deliveries, link: LinkConfig, identity: SaeIdentity) -> Self {
        Self::start(supply, link, |dir| {
            let with = |config| KmeConfig { identity, ..config };
            vec![
                with(kme(dir, "kme-a", &["sae-a"])),
                with(kme(dir, "kme-b", &["sae-b"])),
            ]
        })
        .await
    }

    /// Starts one KME that serves both SAEs.
    pub(super) async fn one(supply: Deliveries) -> Self {
        let kmes = |dir: &Path| vec![kme(dir, "kme-a", &["sae-a", "sae-b"])];
        Self::start(supply, LinkConfig::default(), kmes).await
    }

    /// Starts KME A with SAE A, and KME B with an SAE of this ID that has no certificate.
    pub(super) async fn named(sae: &str) -> Self {
        Self::start(supply(2), LinkConfig::default(), |dir| {
            vec![kme(dir, "kme-a", &["sae-a"]), kme(dir, "kme-b", &[sae])]
        })
        .await
    }

    async fn start(
        supply: Deliveries,
        link: LinkConfig,
        configs: impl Fn(&Path) -> Vec<KmeConfig>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut pki = LabPki::default();
        pki.saes.push("sae-c".into());
        make_lab_pki(dir.path(), &pki).unwrap();
        let kmes = Kmes::start(configs(dir.path()), link, supply)
            .await
            .unwrap();
        let ports: Vec<_> = kmes
            .addresses()
            .iter()
            .map(|address| address.port())
            .collect();
        let url = |port: &u16| format!("https://localhost:{port}/api/v1/keys");
        let a = Sae::new(url(&ports[0]), tls(dir.path(), Some("sae-a"), ALL));
        let b = Sae::new(
            url(ports.last().unwrap()),
            tls(dir.path(), Some("sae-b"), ALL),
        );
        Self { kmes, dir, a, b }
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Connects to KME A over HTTP/1.1 with the certificate of `sae`.
    pub(super) async fn connect(&self, sae: &str) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.kmes.addresses()[0]).await.unwrap();
        let tls = TlsConnector::from(Arc::new(tls(self.dir(), Some(sae), ALL)));
        let name = "localhost".try_into().unwrap();
        tls.connect(name, stream).await.unwrap()
    }

    /// Returns another client of KME A.
    pub(super) fn client(&self, tls: ClientConfig) -> Sae {
        Sae::new(self.a.url.clone(), tls)
    }
}

pub(super) const ALL: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// Returns the TLS settings of a client that trusts the CA in `dir`, with or without a certificate;
/// HTTP/1.1.
pub(super) fn tls(
    dir: &Path,
    cert: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match cert {
        None => config.with_no_client_auth(),
        Some(name) => {
            let chain = CertificateDer::from_pem_file(dir.join(format!("{name}.pem"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(dir.join(format!("{name}.key"))).unwrap();
            config.with_client_auth_cert(vec![chain], key).unwrap()
        }
    }
}

impl Sae {
    pub(super) fn new(url: String, tls: ClientConfig) -> Self {
        let client = Client::builder().tls_backend_preconfigured(tls).no_proxy();
        Self {
            url,
            client: client.timeout(Duration::from_secs(10)).build().unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        answer(self.send(Method::GET, path, "").await.unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Answer {
        answer(self.send(Method::POST, path, body).await.unwrap()).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &str,
    ) -> reqwest::Result<Response> {
        let url = format!("{}/{path}", self.url);
        self.client
            .request(method, url)
            .body(body.to_owned())
            .send()
            .await
    }

    /// Takes keys for the other SAE.
    pub(super) async fn enc(&self, slave: &str, number: u32) -> Vec<(String, String)> {
        keys(&self.get(&format!("{slave}/enc_keys?number={number}")).await)
    }

    /// Fetches keys by their IDs.
    pub(super) async fn dec(&self, master: &str, ids: &[&str]) -> Answer {
        let ids: Vec<_> = ids
            .iter()
            .map(|id| serde_json::json!({ "key_ID": id }))
            .collect();
        let body = serde_json::json!({ "key_IDs": ids }).to_string();
        self.post(&format!("{master}/dec_keys"), &body).await
    }
}

/// Waits for an event that must happen soon; panics otherwise.
pub(super) async fn until(happened: impl Fn() -> bool) {
    for _ in 0..2000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 20 s in vain");
}

/// Returns status and body: `null` for an empty body, and the text of a body that is not JSON.
pub(super) async fn answer(response: Response) -> Answer {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    };
    Answer(status, body)
}
