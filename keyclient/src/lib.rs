//! Client of a KME (key management entity): ETSI GS QKD 014, or SKIP, over mutual TLS.
//!
//! ```text
//!  Sources           one KME or two: failover, new certificates without a restart
//!  └ KeySource       one KME, of either protocol: a fresh key, a key by its name
//!    ├ SkipClient    SKIP (draft-cisco-skip)
//!    └ Client        ETSI GS QKD 014:
//!  Client::new       config ─ credentials (PEM files) ─ tls (is it the right KME?) ─ exchange
//!  Client::enc_keys  question ─ exchange ─ reply ─ verdict (status) ─ container (the keys?) ─ Key
//!  Client::dec_keys  the same, for keys the peer has named
//!  Exchange          connection, one for each call (HTTP/1.1) ─ line (TLS)
//! ```
//!
//! What it does: asks once, checks everything, and says by an [`Error`] who is to blame
//! ([`Error::blame`]) and what to do next ([`Error::retry`]). Keys and replies are wiped when
//! dropped; no key is ever part of an error or a log line.
//!
//! What it does not do: no retries over time, no backoff, no prefetching (the driver of the rekey
//! protocol has the plan; [`Sources`] only asks a second KME), no redirects, no proxies, no
//! cookies, and no switch that skips the verification of a certificate. It cannot wipe the copies
//! of a reply in the read buffers of TLS and HTTP, nor the TLS private key inside the TLS library.
//! It frees these buffers with the connection, after each call. If the allocator of the program
//! wipes freed memory, no key stays in them.
#![forbid(unsafe_code)]

mod body;
mod client;
mod config;
mod connection;
mod container;
mod credentials;
mod error;
mod exchange;
mod failure;
mod fault;
pub mod file;
mod kme;
pub mod limits;
mod line;
mod memory;
pub mod model;
mod own;
mod pem;
mod preference;
mod reply;
mod secret;
pub mod skip;
mod source;
mod sources;
mod tls;
mod verdict;
mod watch;
mod words;

pub use client::Client;
pub use config::{ClientConfig, Form};
pub use container::Key;
pub use error::{Blame, Call, Complaint, Error, Retry};
pub use fault::{CertificateFault, ConfigError, KmeFault, Message, NetworkFault};
pub use own::OwnCertificate;
pub use secret::{KeyBytes, KeyTextError, SecretText};
pub use skip::SkipClient;
pub use source::{KeySource, Protocol};
pub use sources::{Pace, SourceConfig, SourceHealth, Sources};
