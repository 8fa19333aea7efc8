//! TLS 1.3 between neighbours, with certificates on both sides. The certificate of a node holds its
//! name among the DNS names.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use kme::tls::{TlsError, certificates, private_key};
use rustls::client::{Resumption, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, RootCertStore, ServerConfig, version,
};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The files of a node's identity, in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Certificates of the authorities that sign the certificates of nodes and SAEs.
    pub ca: PathBuf,
    /// Certificate of this node, with its chain if there is one.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The reason why a node cannot use its certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file that cannot be used.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The certificate is of another node.
    #[error(
        "{file} is not a certificate for {name}: it has no such DNS name; fix: issue one with \
         `qmacsec pki --kme {name}`"
    )]
    OtherName {
        /// The file.
        file: PathBuf,
        /// The name of this node.
        name: String,
    },
    /// The certificate is not valid now.
    #[error(
        "{file} is valid from {from} until {until} only; fix: issue a new certificate, or set the \
         clock"
    )]
    Dates {
        /// The file.
        file: PathBuf,
        /// Start of its validity.
        from: String,
        /// End of its validity.
        until: String,
    },
}

/// Both roles of a node in TLS.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) connector: TlsConnector,
}

impl Tls {
    /// Reads the files. `name` is the name of this node.
    pub(crate) fn load(identity: &Identity, name: &str) -> Result<Self, IdentityError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        let ca_refused = |reason: String| TlsError::Ca {
            path: identity.ca.clone(),
            reason,
        };
        for certificate in certificates(&identity.ca)? {
            let added = roots.add(certificate);
            added.map_err(|error| ca_refused(error.to_string()))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(&identity.cert)?;
        if let Some(own) = chain.first() {
            check_own(own, identity, name)?;
        }
        let pair_refused = |source| TlsError::Pair {
            cert: identity.cert.clone(),
            key: identity.key.clone(),
            source,
        };
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|error| ca_refused(error.to_string()))?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(TlsError::from)?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain.clone(), private_key(&identity.key)?)
            .map_err(pair_refused)?;
        // Each connection shows its certificate, so that a replaced one takes effect at once.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(TlsError::from)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, private_key(&identity.key)?)
            .map_err(pair_refused)?;
        client.resumption = Resumption::disabled();
        Ok(Self {
            acceptor: Arc::new(server).into(),
            connector: Arc::new(client).into(),
        })
    }
}

/// Checks what no neighbour would tell us in plain words: name and dates of our certificate.
fn check_own(
    own: &CertificateDer<'_>,
    identity: &Identity,
    name: &str,
) -> Result<(), IdentityError> {
    let file = || identity.cert.clone();
    if !names(own, name) {
        return Err(IdentityError::OtherName {
            file: file(),
            name: name.to_owned(),
        });
    }
    let Ok((_, own)) = X509Certificate::from_der(own) else {
        return Err(TlsError::NoCertificate(file()).into());
    };
    if !own.validity().is_valid() {
        return Err(IdentityError::Dates {
            file: file(),
            from: own.validity().not_before.to_string(),
            until: own.validity().not_after.to_string(),
        });
    }
    Ok(())
}

/// True if a verified certificate is that of the node with this name.
pub(crate) fn names(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let (Ok(certificate), Ok(name)) = (
        ParsedCertificate::try_from(certificate),
        ServerName::try_from(name),
    ) else {
        return false;
    };
    verify_server_name(&certificate, &name).is_ok()
}

/// Describes why TLS with a neighbour failed, with the fix where there is one.
pub(crate) fn explain(error: &std::io::Error, neighbour: impl Display) -> String {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(tls) = tls else {
        return error.to_string();
    };
    match tls {
        rustls::Error::InvalidCertificate(reason) => match reason {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
                "the certificate of {neighbour} has expired; fix: issue a new one for that node, \
                 or set this node's clock"
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
                "the certificate of {neighbour} is not valid yet; fix: set the clocks of both nodes"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!(
                    "another node answers at the address of {neighbour}: its certificate has \
                     another name; fix: correct the address in [neighbours]"
                )
            }
            CertificateError::UnknownIssuer => format!(
                "the certificate of {neighbour} is not signed by our CA; fix: give both nodes \
                 certificates of one authority"
            ),
            other => format!("the certificate of {neighbour} is refused: {other}"),
        },
        rustls::Error::AlertReceived(AlertDescription::CertificateExpired) => format!(
            "{neighbour} says that our certificate has expired; fix: issue a new one, or set that \
             node's clock"
        ),
        rustls::Error::AlertReceived(AlertDescription::UnknownCA) => format!(
            "{neighbour} does not know the CA of our certificate; fix: give both nodes \
             certificates of one authority"
        ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
