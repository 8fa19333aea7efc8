//! Errors between us and a KME, grouped by the side that must fix them.
//!
//! No variant holds key material or a reply's text, except for the `message` of the KME's error
//! body, which is cut to [`MESSAGE_CHARS_MAX`](crate::limits::MESSAGE_CHARS_MAX).

use std::sync::Arc;

use wire::KeyId;

use crate::call::Call;
use crate::fault::{CertificateFault, ConfigError, KmeFault, NetworkFault};

/// The reason for missing keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration or a file it names is wrong. Found before any request was sent.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The KME was not reached, or its answer did not arrive.
    #[error("{call} at {kme}: {fault}")]
    Network {
        /// The request.
        call: Call,
        /// Host and port.
        kme: Arc<str>,
        /// The failure.
        fault: NetworkFault,
    },
    /// One side does not accept the other's certificate.
    #[error("{call} at {kme}: {fault}")]
    Certificate {
        /// The request.
        call: Call,
        /// Host and port.
        kme: Arc<str>,
        /// The fault of the certificate.
        fault: CertificateFault,
    },
    /// The KME answered, but not with the requested data.
    #[error("{call} at {kme}: {fault}")]
    Kme {
        /// The request.
        call: Call,
        /// Host and port.
        kme: Arc<str>,
        /// The fault of the answer.
        fault: KmeFault,
    },
    /// The peer named a key that was already delivered to us. No KME has it any more, so none was
    /// asked.
    #[error("key_ID {id} was delivered before and is not asked for again")]
    AskedTwice {
        /// Name of the key.
        id: KeyId,
    },
    /// Our request is one that no KME can serve.
    #[error("{call}: {problem}; this is a bug of the caller")]
    Bug {
        /// The request.
        call: Call,
        /// The fault of the request.
        problem: String,
    },
}

/// The side that must fix the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// Our configuration or files.
    Config,
    /// The KME.
    Kme,
    /// The network between us and the KME.
    Network,
    /// The encryptor at the other site.
    Peer,
    /// This program.
    Bug,
}

/// The next step after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Repeat the same request after a growing pause.
    Later,
    /// This key is lost or unknown: continue with another key. After [`KmeFault::KeyNotFound`] and
    /// [`KmeFault::KeyRefused`] retry for a short time first, because a key can reach the second
    /// KME late.
    NextKey,
    /// Retry only after a configuration change, with a new client.
    Never,
}

/// The problem between us and a KME in short form, for the status and for the choice of a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Complaint {
    /// The KME does not answer.
    NoAnswer,
    /// The KME cannot serve now.
    Unavailable,
    /// The KME, or a proxy in front of it, refuses our certificate.
    OurCertificate,
    /// We refuse the certificate of the KME.
    ItsCertificate,
    /// The KME refuses the request, or the mistake is ours.
    Refusal,
    /// The KME has no keys.
    NoKeys,
    /// The KME does not know the named key, or not yet.
    NotFound,
    /// The answer of the KME is invalid.
    Nonsense,
    /// The KME delivers unusable keys.
    BadKey,
}

impl Error {
    /// Returns the side that must fix the problem.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Config(_) => Blame::Config,
            Self::Network { .. } => Blame::Network,
            Self::Certificate { fault, .. } => match fault {
                CertificateFault::UnknownCa { .. }
                | CertificateFault::WrongKmeId { .. }
                | CertificateFault::OursRefused { .. }
                | CertificateFault::OursNotTaken { .. } => Blame::Config,
                _ => Blame::Kme,
            },
            Self::Kme { fault, .. } => match fault {
                KmeFault::Unauthorized(_)
                | KmeFault::Forbidden(_)
                | KmeFault::Redirected { .. }
                | KmeFault::KeyRefused { status: 401, .. }
                | KmeFault::NoSuchPath(_)
                | KmeFault::Html => Blame::Config,
                KmeFault::Refused { message, .. } if message.names_our_mistake() => Blame::Bug,
                KmeFault::Proxy { .. } => Blame::Network,
                _ => Blame::Kme,
            },
            Self::AskedTwice { .. } => Blame::Peer,
            Self::Bug { .. } => Blame::Bug,
        }
    }

    /// Returns the problem in short form.
    #[must_use]
    pub fn complaint(&self) -> Complaint {
        match self {
            Self::Config(_) | Self::Bug { .. } => Complaint::Refusal,
            Self::Network { .. } => Complaint::NoAnswer,
            Self::Certificate { fault, .. } => match fault {
                CertificateFault::OursRefused { .. }
                | CertificateFault::OursNotTaken { .. }
                | CertificateFault::AskedTooLate { .. } => Complaint::OurCertificate,
                _ => Complaint::ItsCertificate,
            },
            // The key was delivered before, so it is gone; continue with the next one.
            Self::AskedTwice { .. } => Complaint::NotFound,
            Self::Kme { fault, .. } => match fault {
                KmeFault::Proxy { .. } => Complaint::NoAnswer,
                KmeFault::Unauthorized(_)
                | KmeFault::Forbidden(_)
                | KmeFault::Redirected { .. }
                | KmeFault::NoSuchPath(_)
                | KmeFault::Refused { .. } => Complaint::Refusal,
                KmeFault::KeyNotFound { .. }
                | KmeFault::KeyRefused { .. }
                | KmeFault::NotYet(_)
                | KmeFault::MissingKey(_) => Complaint::NotFound,
                KmeFault::NoKeys(_)
                | KmeFault::Exhausted { .. }
                | KmeFault::RefusedNow { .. }
                | KmeFault::Unavailable { status: 503, .. } => Complaint::NoKeys,
                KmeFault::Unavailable { .. } | KmeFault::TooMany { .. } => Complaint::Unavailable,
                KmeFault::Status { .. }
                | KmeFault::Html
                | KmeFault::Encoded(_)
                | KmeFault::NotJson
                | KmeFault::CutOff(_)
                | KmeFault::WrongShape(_)
                | KmeFault::BodyTooLong(_) => Complaint::Nonsense,
                KmeFault::BadKeyId(_)
                | KmeFault::DuplicateKeyId(_)
                | KmeFault::RepeatedKeyId(_)
                | KmeFault::DuplicateKey(_)
                | KmeFault::UnaskedKey(_)
                | KmeFault::BadKey(..)
                | KmeFault::WrongSize { .. } => Complaint::BadKey,
            },
        }
    }

    /// Returns the next step.
    ///
    /// A KME forgets a key once it has answered. So a `dec_keys` without a usable answer has lost
    /// that key for good, but `enc_keys` simply brings the next keys.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Config(_) | Self::Bug { .. } => Retry::Never,
            Self::AskedTwice { .. } => Retry::NextKey,
            Self::Certificate { .. } => Retry::Later,
            Self::Network { call, fault, .. } if call.names_a_key() && fault.after_asking() => {
                Retry::NextKey
            }
            Self::Network { .. } => Retry::Later,
            Self::Kme {
                fault:
                    KmeFault::Unavailable { .. } | KmeFault::TooMany { .. } | KmeFault::Proxy { .. },
                ..
            } => Retry::Later,
            Self::Kme { call, .. } if call.names_a_key() => Retry::NextKey,
            Self::Kme {
                fault: KmeFault::Refused { message, .. },
                ..
            } if message.names_our_mistake() => Retry::Never,
            Self::Kme { .. } => Retry::Later,
        }
    }
}
