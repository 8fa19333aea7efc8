//! TLS 1.2 and 1.3, or 1.3 alone, with certificates on both sides, and the check that this is the
//! right KME.
//!
//! WebPKI checks the chain, the host name and the dates as for any server. In addition the
//! certificate must carry the KME ID, if one is expected. Where WebPKI's error is unclear, this
//! module examines the certificate again to name the reason.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};

use crate::config::ClientConfig;
use crate::credentials;
use crate::fault::{CertificateFault, ConfigError};
use crate::own::OwnCertificate;

/// The versions of TLS that a client offers.
pub(crate) type Versions = &'static [&'static SupportedProtocolVersion];
/// For ETSI GS QKD 014 and SKIP.
pub(crate) const FROM_12: Versions = &[&TLS13, &TLS12];
/// For ETSI GS QKD 020.
pub(crate) const FROM_13: Versions = &[&TLS13];

/// Builds the TLS configuration from the configured files.
pub(crate) fn setup(
    config: &ClientConfig,
    versions: Versions,
) -> Result<(rustls::ClientConfig, OwnCertificate), ConfigError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let (ours, own) = credentials::ours(config, &provider)?;
    let roots = Arc::new(credentials::trusted(config)?);
    let unusable = |error: String| ConfigError {
        field: "ca",
        value: config.ca.display().to_string(),
        problem: format!("cannot be used ({error})"),
        fix: "name the CA of the KME".to_owned(),
    };
    let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    let verifier = KmeVerifier {
        chain,
        kme_id: config.kme_id.clone(),
    };
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| unusable(error.to_string()))?
        .dangerous() // rustls calls every custom verifier dangerous; this one only adds a check
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(ours)));
    // A full handshake shows both certificates, so that a replaced or expired one takes effect at
    // once. Also, some servers that ask for a certificate fail when a session is resumed.
    tls.resumption = Resumption::disabled();
    // ETSI GS QKD 014 uses HTTP/1.1. Some KMEs accept HTTP/2 and then fail.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((tls, own))
}

/// The configuration for one connection. The flag tells whether the KME has asked for our
/// certificate, and so has accepted our offer of versions, ciphers and key exchange.
pub(crate) fn watched(config: &rustls::ClientConfig) -> (rustls::ClientConfig, Arc<AtomicBool>) {
    let mut config = config.clone();
    let asked = Arc::<AtomicBool>::default();
    config.client_auth_cert_resolver = Arc::new(WatchedCertificate {
        ours: config.client_auth_cert_resolver,
        asked: Arc::clone(&asked),
    });
    (config, asked)
}

/// Our certificate, with a note of the request for it.
#[derive(Debug)]
struct WatchedCertificate {
    ours: Arc<dyn ResolvesClientCert>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for WatchedCertificate {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.ours.resolve(issuers, schemes)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.ours.only_raw_public_keys()
    }

    fn has_certs(&self) -> bool {
        self.ours.has_certs()
    }
}

/// WebPKI, then the KME ID.
#[derive(Debug)]
struct KmeVerifier {
    chain: Arc<WebPkiServerVerifier>,
    kme_id: Option<String>,
}

impl ServerCertVerifier for KmeVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self
            .chain
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| explain(error, end_entity, server_name))?;
        if let Some(expected) = &self.kme_id {
            let found = ids(end_entity);
            if !found.contains(expected) {
                let expected = expected.clone();
                return Err(fault(CertificateFault::WrongKmeId { expected, found }));
            }
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Finds reasons that only the certificate itself shows. All other cases keep the rustls error,
/// which also tells the KME the exact TLS alert.
fn explain(
    error: rustls::Error,
    certificate: &CertificateDer<'_>,
    host: &ServerName<'_>,
) -> rustls::Error {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return error;
    };
    if parsed.version() != X509Version::V3 {
        return fault(CertificateFault::OldVersion(
            parsed.version().0.saturating_add(1),
        ));
    }
    let wrong_entry = wrong_entry(&parsed, host);
    let host = host.to_str().into_owned();
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => match (wrong_entry, alternative_names(&parsed)) {
            (Some(found), _) => fault(CertificateFault::WrongEntry { host, found }),
            (None, presented) if presented.is_empty() => fault(CertificateFault::NoSan { host }),
            (None, presented) => fault(CertificateFault::WrongHost { host, presented }),
        },
        // WebPKI refuses a server with a CA certificate, but has no separate error code for it.
        rustls::Error::InvalidCertificate(CertificateError::Other(_)) if parsed.is_ca() => {
            fault(CertificateFault::IsCa)
        }
        other => other,
    }
}

/// Wraps a fault, so that it passes through TLS and HTTP and `failure` finds it again.
fn fault(fault: CertificateFault) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(fault))).into()
}

/// Returns the KME IDs. In the field they are in the common name and the subject alternative names.
fn ids(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let subject = certificate.subject();
    subject
        .iter_common_name()
        .filter_map(|name| Some(name.as_str().ok()?.to_owned()))
        .chain(alternative_names(&certificate))
        .collect()
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    names
        .value
        .general_names
        .iter()
        .filter_map(name_text)
        .collect()
}

/// The kind of the alternative name that has the text of the host but not the kind that counts.
fn wrong_entry(certificate: &X509Certificate<'_>, host: &ServerName<'_>) -> Option<&'static str> {
    let text = host.to_str();
    let names = certificate.subject_alternative_name().ok().flatten()?;
    let mut names = names.value.general_names.iter();
    let name = names.find(|name| name_text(name).as_deref() == Some(&*text))?;
    match (name, host) {
        (GeneralName::DNSName(_), ServerName::IpAddress(_)) => Some("a DNS name"),
        (GeneralName::URI(_), _) => Some("a URI"),
        (GeneralName::RFC822Name(_), _) => Some("an e-mail address"),
        _ => None,
    }
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::URI(text) | GeneralName::RFC822Name(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(octets) => match *octets {
            [a, b, c, d] => Some(IpAddr::from([*a, *b, *c, *d]).to_string()),
            octets => Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?).to_string()),
        },
        _ => None,
    }
}
