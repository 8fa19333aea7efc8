//! Exact descriptions of faults, with texts that name the fix.

use core::fmt;
use core::time::Duration;
use std::net::IpAddr;
use std::path::PathBuf;

use kme_api::KeyTextError;
use kme_api::etsi014::{
    EXTENSION_NOT_HANDLED, EXTENSION_NOT_MET, EXTENSION_NOT_SUPPORTED, SIZE_NOT_MULTIPLE_OF_8,
};
use wire::{KeyId, KeyIdError};

use crate::call::Call;
use crate::limits::MESSAGE_CHARS_MAX;
use crate::own::OwnCertificate;

/// A wrong value of [`ClientConfig`](crate::ClientConfig), or a wrong file named there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = \"{value}\": {problem}; {fix}")]
pub struct ConfigError {
    /// Field of the configuration.
    pub field: &'static str,
    /// Its value; for a file, its path.
    pub value: String,
    /// The problem.
    pub problem: String,
    /// The fix.
    pub fix: String,
}

/// The reason for a missing answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkFault {
    /// The host name has no address.
    #[error("the host name cannot be resolved; check url and the name service")]
    Dns,
    /// No connection: refused or unreachable.
    #[error("no connection ({0}); is the KME running, are host and port of url right?")]
    Connect(String),
    /// No connection within the time limit.
    #[error("no connection within {0:?}; is the KME running, does a firewall drop the packets?")]
    ConnectTimeout(Duration),
    /// The TLS handshake failed for a reason other than a certificate.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Connected and asked, but no complete answer within the time limit.
    #[error("no full answer within {0:?}")]
    Timeout(Duration),
    /// Connected, but the connection broke or the answer was not HTTP.
    #[error("the connection broke before the answer was complete ({0})")]
    Broken(String),
}

/// The certificate that is refused, and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// The KME's certificate was not issued by our CA.
    #[error(
        "the KME's certificate was not issued by a CA in {} (ca); \
         put the CA of the KME into that file, or connect to the right KME", .ca.display()
    )]
    UnknownCa {
        /// File of the CA certificates.
        ca: PathBuf,
    },
    /// X.509 version 1 or 2.
    #[error(
        "the KME's certificate is X.509 version {0}, which TLS no longer accepts; \
         re-issue it as version 3 with a subject alternative name for its host"
    )]
    OldVersion(u32),
    /// No subject alternative name. The common name alone is not enough.
    #[error(
        "the KME's certificate has no subject alternative name; \
         re-issue it with {} (the common name alone does not count)", entry(.host)
    )]
    NoSan {
        /// Host of `base_url`.
        host: String,
    },
    /// The certificate was issued for another host.
    #[error(
        "the KME's certificate is for {presented:?}, not for \"{host}\"; \
         use one of these names in url, or re-issue it with {}", entry(.host)
    )]
    WrongHost {
        /// Host of `base_url`.
        host: String,
        /// Names in the certificate.
        presented: Vec<String>,
    },
    /// The host stands in the certificate as an entry of the wrong kind.
    #[error(
        "the KME's certificate needs {} ({}), it has it as {found}; re-issue it",
        needed(.host), entry(.host)
    )]
    WrongEntry {
        /// Host of `base_url`.
        host: String,
        /// The kind of the entry that names the host.
        found: &'static str,
    },
    /// The validity of the certificate has ended.
    #[error(
        "the KME's certificate has expired ({0}); re-issue it, or set this machine's clock right"
    )]
    Expired(String),
    /// The validity of the certificate has not begun.
    #[error(
        "the KME's certificate is not valid yet ({0}); \
         set the clock of this machine or the KME right"
    )]
    NotYetValid(String),
    /// A server uses a CA certificate, often a self-signed one.
    #[error(
        "the KME uses a CA certificate as its own; \
         issue it a server certificate (basic constraints CA:FALSE) from that CA"
    )]
    IsCa,
    /// The extended key usage does not name serverAuth.
    #[error(
        "the KME's certificate may not be used by a server; \
         re-issue it with extended key usage serverAuth"
    )]
    NotForServers,
    /// Right CA and right host, but another KME than expected.
    #[error(
        "this KME carries the IDs {found:?}, not \"{expected}\" (kme_id); \
         set kme_id right, or connect to the right KME"
    )]
    WrongKmeId {
        /// `kme_id` of the configuration.
        expected: String,
        /// Common names and subject alternative names of the certificate.
        found: Vec<String>,
    },
    /// Anything else.
    #[error("the KME's certificate is not acceptable ({0}); re-issue it")]
    Other(String),
    /// The KME refuses our certificate.
    #[error(
        "the KME refuses our certificate {own} with the TLS alert {alert}; \
         have it issued by the CA the KME trusts, for this SAE, \
         as a client (clientAuth), and in date"
    )]
    OursRefused {
        /// Name of the alert.
        alert: String,
        /// Our certificate.
        own: OwnCertificate,
    },
    /// The same refusal by HTTP: a web server in front of the KME checked our certificate.
    #[error(
        "{status}{message}: the KME, or a proxy in front of it, refuses our certificate {own}; \
         have it issued by the CA that is trusted there, for this SAE, \
         as a client (clientAuth), and in date"
    )]
    OursNotTaken {
        /// HTTP status.
        status: u16,
        /// The text of the page.
        message: Message,
        /// Our certificate.
        own: OwnCertificate,
    },
    /// The server requests our certificate after the handshake, where TLS cannot send it.
    #[error(
        "{status}{message}: the KME, or a proxy in front of it, asks for our certificate only after \
         the handshake, where it cannot be given; have it ask for it in the handshake, for the whole \
         host (Apache: SSLVerifyClient outside of Location and Directory)"
    )]
    AskedTooLate {
        /// HTTP status.
        status: u16,
        /// The text of the page.
        message: Message,
    },
}

/// A KME's answer that brought no usable keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KmeFault {
    /// 401.
    #[error(
        "401, the KME does not give this SAE these keys{0}; \
         check cert (is it the one registered at this KME?) and the peer's sae_id at both sites"
    )]
    Unauthorized(Message),
    /// 403.
    #[error(
        "403, the KME, or a proxy in front of it, forbids it{0}; \
         have this SAE's certificate (cert) allowed there"
    )]
    Forbidden(Message),
    /// 3xx. Redirects are not followed: keys come only from the configured KME.
    #[error("{status}, the KME sends us elsewhere{to}; set url to where its API is")]
    Redirected {
        /// HTTP status.
        status: u16,
        /// The target of the redirect.
        to: Message,
    },
    /// The key is no longer, or not yet, at this KME.
    #[error("{status}, the key is not at this KME{message}")]
    KeyNotFound {
        /// HTTP status.
        status: u16,
        /// The message of the KME.
        message: Message,
    },
    /// The KME refuses a key that the peer named. Possibly the key has not arrived yet.
    #[error(
        "{status}, the KME does not give out the key{message}; it may not be here yet. \
         If this lasts, check cert, and the peer's sae_id at both sites"
    )]
    KeyRefused {
        /// HTTP status.
        status: u16,
        /// The message of the KME.
        message: Message,
    },
    /// 400 and similar: the KME rejects the request.
    #[error("{status}, the KME refuses the request{message}{}", hint(*.status))]
    Refused {
        /// HTTP status.
        status: u16,
        /// The message of the KME.
        message: Message,
    },
    /// The KME rejects a request of a kind that it served before.
    #[error(
        "{status}, the KME refuses a request that it has served before{message}; \
         it may have no keys now"
    )]
    RefusedNow {
        /// HTTP status.
        status: u16,
        /// The message of the KME.
        message: Message,
    },
    /// Keys have run out according to the message of the KME. No status is defined for this.
    #[error("{status}, the KME has no keys now{message}")]
    Exhausted {
        /// HTTP status.
        status: u16,
        /// The message of the KME.
        message: Message,
    },
    /// 404 for a call other than `dec_keys`.
    #[error("404, the KME does not know the path or the peer{0}; check url and the peer's sae_id")]
    NoSuchPath(Message),
    /// 429: too many requests.
    #[error(
        "429, the KME wants fewer requests{message}{}; \
         have its limit raised, or lengthen the rekey interval", not_before(*.pause)
    )]
    TooMany {
        /// The pause that the KME asks for.
        pause: Option<Duration>,
        /// The message of the KME.
        message: Message,
    },
    /// 502, 503 or 504 from a proxy; 304 from a cache, 407 or 511 from one that wants a login.
    #[error(
        "{status}, {} answers in the KME's place{message}; {}",
        stand_in(*.status).0, stand_in(*.status).1
    )]
    Proxy {
        /// HTTP status.
        status: u16,
        /// The text of the page.
        message: Message,
    },
    /// 5xx, 408: the KME cannot serve now. Most KMEs also report an empty pool this way.
    #[error("{status}, the KME cannot serve now{message}")]
    Unavailable {
        /// HTTP status.
        status: u16,
        /// The message of the KME.
        message: Message,
    },
    /// A status code that the standard does not define.
    #[error("unexpected HTTP status {status}{message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The message of the KME.
        message: Message,
    },
    /// 200 with a web page.
    #[error("an HTML page instead of JSON; is url the KME's API and no web front end?")]
    Html,
    /// A body in an encoding that we do not accept.
    #[error(
        "the reply is encoded{0}, which we do not ask for; \
         have the KME, or the proxy in front of it, send it without Content-Encoding"
    )]
    Encoded(Message),
    /// 200 with something that is not JSON.
    #[error("the reply is not JSON")]
    NotJson,
    /// 200 with JSON that ends too early.
    #[error(
        "the reply's JSON breaks off after {0} octets; does the KME, or a proxy in front of it, \
         announce a Content-Length that is too small?"
    )]
    CutOff(usize),
    /// JSON of another structure.
    #[error("the reply is JSON but no {0}")]
    WrongShape(&'static str),
    /// The reply is too long.
    #[error("the reply is longer than {0} octets")]
    BodyTooLong(usize),
    /// 2xx without any key: keys have run out. No status is defined for this.
    #[error("the KME has no keys now, its reply holds none{0}")]
    NoKeys(Message),
    /// 2xx without the key that the peer named.
    #[error("the reply does not hold the key{0}; it may not be here yet")]
    NotYet(Message),
    /// A `key_ID` that the rekey protocol cannot carry.
    #[error("the reply holds a bad key_ID: {0}")]
    BadKeyId(KeyIdError),
    /// The same `key_ID` twice.
    #[error("key_ID {0} comes twice in one reply")]
    DuplicateKeyId(KeyId),
    /// Fresh keys: a `key_ID` that an earlier call already brought.
    #[error("key_ID {0} was delivered as a fresh key before; the KME repeats keys")]
    RepeatedKeyId(KeyId),
    /// One key under two names.
    #[error("the key of key_ID {0} came under another key_ID before")]
    DuplicateKey(KeyId),
    /// `dec_keys` brought a key that was not requested.
    #[error("key_ID {0} was not asked for")]
    UnaskedKey(KeyId),
    /// `dec_keys` left out a key.
    #[error("key_ID {0} was asked for and is missing")]
    MissingKey(KeyId),
    /// The key's text is wrong.
    #[error("key_ID {0}: {1}")]
    BadKey(KeyId, KeyTextError),
    /// The key's length is wrong.
    #[error("key_ID {id}: {bits} bits instead of {asked}")]
    WrongSize {
        /// Name of the key.
        id: KeyId,
        /// Its length.
        bits: usize,
        /// The requested length.
        asked: u32,
    },
}

/// A message from the KME: cut, without control characters, possibly empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message(pub(crate) String);

/// The entry of a subject alternative name that names this host, as OpenSSL writes it.
fn entry(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(_) => format!("IP:{host}"),
        Err(_) => format!("DNS:{host}"),
    }
}

fn needed(host: &str) -> &'static str {
    match host.parse::<IpAddr>() {
        Ok(_) => "the address as an IP entry",
        Err(_) => "the host name as a DNS entry",
    }
}

/// Returns the server that answers in the place of the KME with this status, and the fix.
fn stand_in(status: u16) -> (&'static str, &'static str) {
    match status {
        304 => ("a cache", "have it pass every request on to the KME"),
        407 => (
            "a proxy",
            "it wants a login; have the KME reached without this proxy",
        ),
        511 => (
            "a network that wants a login",
            "have this machine admitted to it without one",
        ),
        _ => (
            "a proxy",
            "is the KME behind it running, and does the proxy reach it?",
        ),
    }
}

/// Returns the fix for some statuses.
fn hint(status: u16) -> &'static str {
    match status {
        405 | 415 => "; try form = \"get\" or \"post\"",
        421 => "; url names another host than this KME's",
        _ => "",
    }
}

fn not_before(pause: Option<Duration>) -> String {
    pause.map_or_else(String::new, |pause| {
        format!(", not before {} s are over", pause.as_secs())
    })
}

impl KmeFault {
    /// A reply to this call that reports success but brings no key.
    pub(crate) fn no_key(call: Call, message: Message) -> Self {
        match call.names_a_key() {
            true => Self::NotYet(message),
            false => Self::NoKeys(message),
        }
    }
}

impl NetworkFault {
    /// True if the request may have reached the KME.
    pub(crate) fn after_asking(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Broken(_))
    }
}

impl Message {
    /// Shortens the text to one line without control characters.
    pub(crate) fn new(text: &str) -> Self {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let printable = words.chars().filter(|c| !c.is_control());
        Self(printable.take(MESSAGE_CHARS_MAX).collect())
    }

    /// The message, possibly empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the fixed texts of the standard that a correct client never gets.
    pub(crate) fn names_our_mistake(&self) -> bool {
        [
            SIZE_NOT_MULTIPLE_OF_8,
            EXTENSION_NOT_SUPPORTED,
            EXTENSION_NOT_MET,
            EXTENSION_NOT_HANDLED,
        ]
        .contains(&self.as_str())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, ": \"{}\"", self.0)
        }
    }
}
