//! Client of a KME (key management entity): ETSI GS QKD 014 over mutual TLS.
//!
//! ```text
//!  Client::new       config ─ credentials (PEM files) ─ tls (is it the right KME?) ─ pooled HTTP
//!  Client::enc_keys  request ─ exchange (time, size) ─ reply ─ container (the right keys?) ─ Key
//!  Client::dec_keys  the same, for keys the peer has named
//! ```
//!
//! What it does: asks once, checks everything, and says by an [`Error`] who is to blame
//! ([`Error::blame`]) and what to do next ([`Error::retry`]). Keys and replies are wiped when
//! dropped; no key is ever part of an error or a log line.
//!
//! What it does not do: no retries, no backoff, no prefetching, no memory of `key_ID`s (the driver
//! of the rekey protocol has the clock and the plan), no redirects, no proxies, no cookies, and no
//! switch that skips the verification of a certificate. It cannot wipe the copies of a reply in
//! the read buffers of TLS and HTTP, nor the TLS private key inside the TLS library.
//!
//! One client talks to one KME. A second one for failover is a second `Client`.
#![forbid(unsafe_code)]

mod client;
mod config;
mod container;
mod credentials;
mod error;
mod exchange;
mod failure;
mod fault;
pub mod limits;
pub mod model;
mod secret;
mod tls;

pub use client::Client;
pub use config::{ClientConfig, Form};
pub use container::Key;
pub use error::{Blame, Call, Error, Retry};
pub use fault::{CertificateFault, ConfigError, KmeFault, Message, NetworkFault};
pub use secret::{KeyBytes, KeyTextError, SecretText};
