//! From the HTTP client's error to ours: finds the cause at the bottom of the chain.

use core::error::Error as StdError;
use core::time::Duration;
use std::io;

use rustls::{AlertDescription, CertificateError};

use crate::config::ClientConfig;
use crate::fault::{CertificateFault, NetworkFault};

/// What a failed exchange came down to.
pub(crate) enum Failure {
    Network(NetworkFault),
    Certificate(CertificateFault),
}

/// `connect` is the time that connecting may take.
pub(crate) fn classify(
    error: &reqwest::Error,
    config: &ClientConfig,
    connect: Duration,
) -> Failure {
    if let Some(tls) = find::<rustls::Error>(error) {
        return match tls_failure(tls, config) {
            // After the handshake the request may have reached the KME.
            Failure::Network(NetworkFault::Tls(text)) if !error.is_connect() => {
                Failure::Network(NetworkFault::Broken(text))
            }
            failure => failure,
        };
    }
    Failure::Network(if error.is_connect() {
        if error.is_timeout() {
            NetworkFault::ConnectTimeout(connect)
        } else if error.is_dns() {
            NetworkFault::Dns
        } else if ends_early(error) {
            NetworkFault::Tls(
                "the KME closed the connection during the handshake; \
                 it may refuse our certificate, or speak no TLS on this port"
                    .to_owned(),
            )
        } else {
            NetworkFault::Connect(root_cause(error))
        }
    } else if error.is_timeout() {
        NetworkFault::Timeout(config.timeout)
    } else {
        NetworkFault::Broken(root_cause(error))
    })
}

fn tls_failure(error: &rustls::Error, config: &ClientConfig) -> Failure {
    match error {
        rustls::Error::InvalidCertificate(error) => {
            Failure::Certificate(certificate_fault(error, config))
        }
        rustls::Error::AlertReceived(alert) if refuses_certificate(*alert) => {
            Failure::Certificate(CertificateFault::OursRefused {
                alert: format!("{alert:?}"),
                cert: config.cert.clone(),
            })
        }
        rustls::Error::InvalidMessage(_) => Failure::Network(NetworkFault::Tls(
            "the KME does not speak TLS on this port; check the port of url".to_owned(),
        )),
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            Failure::Network(NetworkFault::Tls(format!(
                "{error}; the KME must offer TLS 1.2 or 1.3 with AEAD cipher suites"
            )))
        }
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Failure::Network(
            NetworkFault::Tls("the KME accepts neither HTTP/2 nor HTTP/1.1; try http1_only".into()),
        ),
        other => Failure::Network(NetworkFault::Tls(other.to_string())),
    }
}

fn certificate_fault(error: &CertificateError, config: &ClientConfig) -> CertificateFault {
    match error {
        CertificateError::Other(other) => match other.0.downcast_ref::<CertificateFault>() {
            Some(fault) => fault.clone(),
            None => CertificateFault::Other(other.to_string()),
        },
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            CertificateFault::UnknownCa {
                ca: config.ca.clone(),
            }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            CertificateFault::Expired(error.to_string())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateFault::NotYetValid(error.to_string())
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateFault::NotForServers
        }
        other => CertificateFault::Other(other.to_string()),
    }
}

/// Alerts that speak of the certificate we showed, or did not show.
fn refuses_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError // a CA of the same name with another key
            | AlertDescription::AccessDenied
            | AlertDescription::NoCertificate
    )
}

/// The first `E` down the chain.
fn find<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// Whether the peer closed the connection where it should not have.
fn ends_early(error: &reqwest::Error) -> bool {
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// In words, without the URL that the outer errors carry.
fn root_cause(error: &reqwest::Error) -> String {
    match chain(error).last() {
        Some(cause) if !cause.is::<reqwest::Error>() => cause.to_string(),
        _ => "no cause given".to_owned(),
    }
}

/// The error, its cause, the cause of that. An `io::Error` hides what it wraps from `source()`.
fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    core::iter::successors(Some(error as &(dyn StdError + 'static)), |error| {
        below(*error)
    })
}

fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => error.source(),
    }
}
