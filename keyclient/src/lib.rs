//! Client of a KME (key management entity): ETSI GS QKD 014, or SKIP, over mutual TLS; and of the
//! KME of a neighbour domain, ETSI GS QKD 020 ([`Neighbour`]).
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
//! The client asks once and checks everything. An [`Error`] names the side at fault
//! ([`Error::blame`]) and the next step ([`Error::retry`]). Keys and replies are wiped when
//! dropped. No key is ever part of an error or a log line.
//!
//! The client does not retry over time, back off or prefetch: the rekey protocol (`rekey`) plans
//! that, and [`Sources`] only asks a second KME. It follows no redirects and uses no proxies
//! and no cookies. No switch skips the verification of a certificate. The client cannot wipe the
//! copies of a reply in the read buffers of TLS and HTTP, nor the TLS private key inside the TLS
//! library. It frees these buffers with the connection, after each call. If the allocator of the
//! program wipes freed memory, no key stays in them.
#![forbid(unsafe_code)]

mod body;
mod call;
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
mod neighbour;
mod own;
mod pem;
mod preference;
mod reply;
mod skip;
mod source;
mod sources;
mod text;
mod tls;
mod verdict;
mod watch;
mod words;

pub use call::Call;
pub use client::Client;
pub use config::{ClientConfig, Form, Protocol};
pub use container::Key;
pub use error::{Blame, Complaint, Error, Retry};
pub use fault::{CertificateFault, ConfigError, KmeFault, Message, NetworkFault};
pub use kme_api::{KeyBytes, KeyTextError, SecretText};
pub use neighbour::{Neighbour, NeighbourAnswer, NeighbourConfig};
pub use own::OwnCertificate;
pub use skip::SkipClient;
pub use source::KeySource;
pub use sources::{Pace, SourceConfig, SourceHealth, Sources};
