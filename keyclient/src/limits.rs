//! Limits for the cost of one exchange with a KME, and the relations between the limits.

use core::time::Duration;

use kme_api::limits::KEY_TEXT_MAX;

/// Most keys in one call. Every prefetched key is a key at risk, so a few suffice.
pub const KEYS_PER_CALL_MAX: usize = 64;
/// Octets of a reply's body. A longer body is refused while it is read.
pub const BODY_OCTETS_MAX: usize = 256 * 1024;
/// Octets that a reply may announce as its body. Blanks after the JSON may exceed
/// [`BODY_OCTETS_MAX`], because they are not kept.
pub const ANNOUNCED_OCTETS_MAX: usize = 16 * BODY_OCTETS_MAX;
/// Most header fields of a reply.
pub const HEADERS_MAX: usize = 256;
/// Octets of a PEM file.
pub const PEM_OCTETS_MAX: usize = 1024 * 1024;
/// Characters of an SAE ID or KME ID in the configuration.
pub const ID_LEN_MAX: usize = 255;
/// Most octets kept of a relayed key's passport.
pub const PASSPORT_LEN_MAX: usize = 2048;
/// Most characters kept of a KME's message.
pub const MESSAGE_CHARS_MAX: usize = 200;
/// Longest time-out for one call in the configuration.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Time limit for connecting and the TLS handshake, unless the call's time-out is shorter.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time limit for the close_notify exchange when a connection closes.
pub const CLOSING_TIME: Duration = Duration::from_secs(1);
/// Time limit for the octets of a reply that come after its announced length.
pub const REST_TIME: Duration = Duration::from_millis(500);
/// Limit for the addresses of a host that are tried.
pub const ADDRESSES_MAX: usize = 4;

/// Limit for the pause that a KME asks for by `Retry-After`.
pub const LEFT_ALONE_MAX: Duration = Duration::from_secs(30);

/// Default time that a KME has to answer before the other KME is asked as well. If the other KME
/// takes the same time, both take a tenth of a rekey interval of 3 s.
pub const PATIENCE: Duration = Duration::from_millis(150);
/// Failures in a row, each one served by the other KME, after which the other KME is asked first.
pub const FAILURES_TO_LEAVE: u32 = 2;
/// Good probes in a row after which the first KME is asked first again.
pub const PROBES_TO_RETURN: u32 = 3;
/// Interval of the probes of the first KME while it is not asked first.
pub const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Shortest time before a KME that failed is asked first again; it grows on repeated failures.
pub const QUARANTINE: Duration = Duration::from_secs(10);
/// Limit for the growth of the quarantine of a KME that fails repeatedly, as a factor.
pub const QUARANTINE_GROWTH_MAX: u32 = 16;
/// Interval of the checks of the certificate files. A change takes effect at the second check.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Interval of new attempts with changed files that cannot be used, even without another change: a
/// certificate may not be valid yet.
pub const RELOAD_AGAIN: Duration = Duration::from_secs(60);
/// Number of names of delivered keys that are remembered, for each kind of call.
pub const KEYS_REMEMBERED: usize = 256;

/// Octets that JSON, identifiers and a KME's own fields may add to each key.
const OCTETS_AROUND_KEY: usize = 2048;

const _: () = {
    assert!(KEYS_PER_CALL_MAX * (KEY_TEXT_MAX + OCTETS_AROUND_KEY) <= BODY_OCTETS_MAX);
    // The return to the first KME takes longer than the failover.
    assert!(QUARANTINE.as_millis() >= PROBE_EVERY.as_millis() * PROBES_TO_RETURN as u128);
    assert!(PROBES_TO_RETURN > FAILURES_TO_LEAVE);
    assert!(CONNECT_TIMEOUT.as_millis() < TIMEOUT_MAX.as_millis());
};
