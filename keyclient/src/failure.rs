//! Translates failures of TLS and HTTP into faults.

use core::error::Error as StdError;
use core::time::Duration;
use std::io;
use std::path::PathBuf;

use rustls::{AlertDescription, CertificateError};

use crate::connection::{NoConnection, NoReply};
use crate::exchange::NoAnswer;
use crate::fault::{CertificateFault, KmeFault, NetworkFault};
use crate::limits::BODY_OCTETS_MAX;
use crate::own::OwnCertificate;

/// The TLS versions and algorithms that a KME must offer.
const OFFER: &str = "TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM, \
                     and key exchange by one of the groups X25519, P-256 and P-384";

/// The result of a failed exchange.
pub(crate) enum Failure {
    Network(NetworkFault),
    Certificate(CertificateFault),
    Kme(KmeFault),
    Bug(String),
}

/// The details that a failure names, so that the operator can fix it.
pub(crate) struct Reading {
    /// Time limit for connecting.
    pub(crate) connect: Duration,
    /// Time limit for a call.
    pub(crate) timeout: Duration,
    /// File of the CAs that we trust.
    pub(crate) ca: PathBuf,
    pub(crate) own: OwnCertificate,
}

impl Reading {
    /// The failure for a missing answer.
    pub(crate) fn failure(&self, failure: NoAnswer) -> Failure {
        let network = Failure::Network;
        match failure {
            NoAnswer::NoConnection(NoConnection::Dns) => network(NetworkFault::Dns),
            NoAnswer::NoConnection(NoConnection::TooSlow) => {
                network(NetworkFault::ConnectTimeout(self.connect))
            }
            NoAnswer::NoConnection(NoConnection::Refused(error)) => {
                network(NetworkFault::Connect(error.to_string()))
            }
            NoAnswer::NoConnection(NoConnection::Tls { error, asked }) => match tls_error(&error) {
                Some(tls) => self.tls_failure(tls, asked),
                None => network(NetworkFault::Tls(
                    "the KME closed the connection during the handshake; \
                 it may refuse our certificate, or speak no TLS on this port"
                        .to_owned(),
                )),
            },
            NoAnswer::NoReply(NoReply::TooSlow) => network(NetworkFault::Timeout(self.timeout)),
            NoAnswer::NoReply(NoReply::TooLong) => {
                Failure::Kme(KmeFault::BodyTooLong(BODY_OCTETS_MAX))
            }
            NoAnswer::NoReply(NoReply::Broken { seen, error }) => {
                if let Some(tls) = seen.tls() {
                    return match self.tls_failure(tls, true) {
                        // The request may have reached the KME, because the handshake was complete.
                        Failure::Network(NetworkFault::Tls(text)) => {
                            network(NetworkFault::Broken(text))
                        }
                        failure => failure,
                    };
                }
                if !seen.octets() {
                    return network(NetworkFault::Broken(format!(
                        "the KME closed the connection without a word; its log may tell why. \
                     Some do so when they refuse our certificate {}",
                        self.own
                    )));
                }
                let cause = seen
                    .socket()
                    .map_or_else(|| root_cause(&error), str::to_owned);
                network(NetworkFault::Broken(cause))
            }
            NoAnswer::Unaskable(error) => Failure::Bug(error.to_string()),
        }
    }

    /// `asked` tells whether the KME had asked for our certificate.
    fn tls_failure(&self, error: &rustls::Error, asked: bool) -> Failure {
        match error {
            rustls::Error::InvalidCertificate(error) => {
                Failure::Certificate(self.certificate_fault(error))
            }
            rustls::Error::AlertReceived(alert) if refuses_certificate(*alert) => {
                Failure::Certificate(CertificateFault::OursRefused {
                    alert: format!("{alert:?}"),
                    own: self.own.clone(),
                })
            }
            rustls::Error::InvalidMessage(_) => Failure::Network(NetworkFault::Tls(
                "the KME does not speak TLS on this port; check the port of url".to_owned(),
            )),
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(
                AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity,
            ) => Failure::Network(NetworkFault::Tls(format!(
                "{error}; the KME must offer {OFFER}"
            ))),
            rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) => {
                Failure::Network(NetworkFault::Tls(match asked {
                    // The KME refuses our offer, before any certificate.
                    false => format!("{error}; the KME must offer {OFFER}"),
                    true => format!(
                        "{error}; the KME does not take our certificate, or the kind of its key: {}",
                        self.own
                    ),
                }))
            }
            rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => {
                Failure::Network(NetworkFault::Tls(format!(
                    "{error}; the KME does not know itself by this host name, check url"
                )))
            }
            rustls::Error::AlertReceived(AlertDescription::InternalError) => {
                Failure::Network(NetworkFault::Tls(format!(
                    "{error}; the KME fails at TLS itself, its own log tells why. \
                 Some fail so at our certificate {}",
                    self.own
                )))
            }
            rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                Failure::Network(NetworkFault::Tls(
                    "the KME does not speak HTTP/1.1 on this port; check the port of url".into(),
                ))
            }
            other => Failure::Network(NetworkFault::Tls(other.to_string())),
        }
    }

    fn certificate_fault(&self, error: &CertificateError) -> CertificateFault {
        match error {
            CertificateError::Other(other) => match other.0.downcast_ref::<CertificateFault>() {
                Some(fault) => fault.clone(),
                None => CertificateFault::Other(other.to_string()),
            },
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                CertificateFault::UnknownCa {
                    ca: self.ca.clone(),
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
}

/// Finds the TLS library's error inside a socket error.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// True for alerts about the certificate that we sent or did not send.
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

/// Returns the text of the innermost cause.
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let causes = core::iter::successors(Some(error), |&error| error.source());
    causes.last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests;
