//! TLS of a KME: its certificate, the CA of its clients, and the SAE ID in their certificates.
//!
//! TLS 1.2 and 1.3, for a neighbour KME 1.3 alone, always with client certificates; no switch turns
//! this off. Sessions are not
//! resumed, so every connection presents its certificate.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyclient::file::{self, FileError, Opened};
use keyclient::limits::PEM_OCTETS_MAX;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::{KmeConfig, SaeIdentity};

/// A certificate or key file that cannot be used.
#[derive(Debug)]
pub enum TlsError {
    /// The file is unreadable, or others may read or replace the key.
    File {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: FileError,
    },
    /// The file is not PEM.
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the parser.
        source: pem::Error,
    },
    /// The file holds no certificate.
    NoCertificate(PathBuf),
    /// A CA certificate that cannot be a trust anchor.
    Ca {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The certificate and the key do not work together.
    Pair {
        /// Certificate file.
        cert: PathBuf,
        /// Key file.
        key: PathBuf,
        /// The error of the TLS library.
        source: rustls::Error,
    },
    /// The TLS library refused its own versions.
    Library(rustls::Error),
}

impl TlsError {
    /// Returns the file that cannot be used; of a pair, the key.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } | Self::Read { path, .. } | Self::Ca { path, .. } => Some(path),
            Self::NoCertificate(path) => Some(path),
            Self::Pair { key, .. } => Some(key),
            Self::Library(_) => None,
        }
    }

    /// Returns the problem, with the file, but without the fix.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::File { path, problem } => format!("{} {problem}", path.display()),
            Self::Read { path, source } => format!("cannot read {}: {source}", path.display()),
            Self::NoCertificate(path) => format!("{} holds no certificate", path.display()),
            Self::Ca { path, reason } => {
                format!(
                    "{} cannot be the CA of the clients: {reason}",
                    path.display()
                )
            }
            Self::Pair { cert, key, source } => {
                let (cert, key) = (cert.display(), key.display());
                format!("{cert} and {key} do not work together: {source}")
            }
            Self::Library(error) => format!("TLS: {error}"),
        }
    }

    /// Returns the fix, if there is one.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        Some(match self {
            Self::File { path, problem } => problem.fix(path),
            Self::Read { .. } => "use a PEM file that this process may read".to_owned(),
            Self::Ca { .. } => "use an X.509 v3 CA certificate".to_owned(),
            Self::Pair { .. } => "use a certificate with its own key".to_owned(),
            Self::NoCertificate(_) => "use a PEM file with a section BEGIN CERTIFICATE".to_owned(),
            Self::Library(_) => return None,
        })
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem())?;
        match self.fix() {
            Some(fix) => write!(f, "; {fix}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Pair { source, .. } | Self::Library(source) => Some(source),
            Self::File { .. } | Self::NoCertificate(_) | Self::Ca { .. } => None,
        }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Library(error)
    }
}

/// For SAEs.
pub(crate) fn server_config(kme: &KmeConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let files = Files {
        ca: &kme.ca,
        cert: &kme.cert,
        key: &kme.key,
    };
    let alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config(&files, &[&version::TLS13, &version::TLS12], alpn)
}

/// For the KME of a neighbour domain: TLS 1.3 and HTTP/1.1.
pub(crate) fn neighbour_config(files: &Files<'_>) -> Result<Arc<ServerConfig>, TlsError> {
    config(files, &[&version::TLS13], vec![b"http/1.1".to_vec()])
}

/// The files of a server.
pub(crate) struct Files<'a> {
    pub(crate) ca: &'a Path,
    pub(crate) cert: &'a Path,
    pub(crate) key: &'a Path,
}

fn config(
    files: &Files<'_>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: Vec<Vec<u8>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let ca_refused = |reason: String| TlsError::Ca {
        path: files.ca.into(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for cert in certificates(files.ca)? {
        roots
            .add(cert)
            .map_err(|error| ca_refused(error.to_string()))?;
    }
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| ca_refused(error.to_string()))?;
    let chain = certificates(files.cert)?;
    let key = private_key(files.key)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|source| TlsError::Pair {
            cert: files.cert.into(),
            key: files.key.into(),
            source,
        })?;
    config.alpn_protocols = alpn;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Reads a private key from a PEM file that only its owner may read.
///
/// # Errors
/// The file cannot be used.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let refused = |problem| TlsError::File {
        path: path.into(),
        problem,
    };
    let opened = Opened::open(path, PEM_OCTETS_MAX).map_err(refused)?;
    let private = opened.private();
    let text = opened.contents().map_err(refused)?;
    // A file without a key need not be private.
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|source| TlsError::Read {
        path: path.into(),
        source,
    })?;
    private.map_err(refused)?;
    Ok(key)
}

/// Reads the certificates of a PEM file, at least one.
///
/// # Errors
/// The file cannot be used.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::Read {
        path: path.into(),
        source,
    };
    let text = file::read(path, PEM_OCTETS_MAX).map_err(|problem| TlsError::File {
        path: path.into(),
        problem,
    })?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.into()));
    }
    Ok(certificates)
}

/// Returns the names in a client certificate that may be an SAE ID. rustls has verified the
/// certificate.
pub(crate) fn sae_names(cert: &CertificateDer<'_>, identity: SaeIdentity) -> Vec<String> {
    let Ok((_, cert)) = X509Certificate::from_der(cert) else {
        return Vec::new();
    };
    let own = |text: &str| text.to_owned();
    if identity == SaeIdentity::CommonName {
        let names = cert.subject().iter_common_name();
        return names
            .filter_map(|name| name.as_str().ok().map(own))
            .collect();
    }
    let Ok(Some(names)) = cert.subject_alternative_name() else {
        return Vec::new();
    };
    let name = |name: &GeneralName<'_>| match (name, identity) {
        (GeneralName::DNSName(text), SaeIdentity::SanDns)
        | (GeneralName::URI(text), SaeIdentity::SanUri) => Some(own(text)),
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests;
