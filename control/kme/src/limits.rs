//! Every limit of this crate, and the relations between the limits.

use std::time::Duration;

/// Size of a key when the request names none, in bits.
pub const KEY_BITS: u32 = 256;
/// Size of the smallest key, in bits.
pub const KEY_BITS_MIN: u32 = 64;
/// Size of the largest key, in bits.
pub const KEY_BITS_MAX: u32 = 4096;
/// Most keys in one request.
pub const KEYS_PER_REQUEST_MAX: u32 = 128;
/// Most bits in the pool of a link, unless configured otherwise: 262,144 keys of 256 bits.
pub const POOL_BITS_MAX: u64 = 64 << 20;
/// Largest pool that a configuration may set, in bits: 128 MiB, generated in a fraction of a
/// second.
pub const POOL_BITS_CEILING: u64 = 1 << 30;
/// Most keys that masters have received and slaves have not fetched yet.
pub const RESERVED_KEYS_MAX: usize = 65_536;
/// Limit for the share of the pool that is kept for one SAE, in keys of the default size. It covers
/// ten keys a second for the usual time between two blocks.
pub const KEPT_KEYS_MAX: u64 = 1024;
/// Time that the slave has to fetch a key, unless configured otherwise.
pub const RESERVED_LIFE: Duration = Duration::from_secs(600);
/// Most octets drawn from the random source at a time.
pub const BLOCK_OCTETS_MAX: usize = 1 << 20;

/// Most SAEs of one KME.
pub const SAES_MAX: usize = 64;
/// Most characters of a KME ID or SAE ID.
pub const ID_CHARS_MAX: usize = 256;
/// Most octets of a request body.
pub const BODY_OCTETS_MAX: usize = 64 << 10;
/// Most characters of the client's text in our error messages.
pub const QUOTE_CHARS_MAX: usize = 200;
/// Most octets of the head of an HTTP/1.1 request or of an HTTP/2 header list.
pub const HEAD_OCTETS_MAX: usize = 16 << 10;
/// Most HTTP/2 streams of one connection.
pub const STREAMS_MAX: u32 = 32;
/// Interval of the probes of HTTP/2 connections.
pub const PING_EVERY: Duration = Duration::from_secs(30);
/// Time limit for the answer to a probe. A connection without an answer is closed.
pub const PING_TIME_MAX: Duration = Duration::from_secs(10);
/// Limit for authenticated connections at one address of a KME.
pub const CONNECTIONS_MAX: usize = 256;
/// Limit for one SAE. A further connection closes its oldest one that has no request in service.
pub const CONNECTIONS_PER_SAE_MAX: usize = 32;
/// Limit for connections without a certificate yet. A silent one costs a descriptor and about a
/// kilobyte. The limit is high: an honest client that shares an address with silent clients can
/// then finish its handshake before its connection is the oldest.
pub const HANDSHAKES_MAX: usize = 640;
/// Limit for one IPv4 address or one /64 of IPv6. A further connection closes the oldest.
pub const HANDSHAKES_PER_ADDRESS_MAX: usize = 512;
/// Time limit from the TCP connection to the end of the TLS handshake.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(3);
/// Time limit for the head of a request, from its first octet.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// Time limit between two requests of a connection. It exceeds the idle time of clients (120 s for
/// ours), so that no client sends into a closing connection.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(150);
/// Limit for the headers of a request; it is the limit of the HTTP library.
pub const HEADERS_MAX: usize = 100;
/// Time limit for the body of a request.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(5);
/// Time limit for open requests after the start of a shutdown.
pub const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(2);
/// Limit for log lines of one kind that peers can cause in a minute. Further lines are counted.
pub const LOG_LINES_PER_MINUTE: u64 = 20;
/// The period that the limit of log lines applies to.
pub const LOG_MINUTE: Duration = Duration::from_secs(60);
/// Longest sleep of the fill timer, so that unfetched keys expire close to their time.
pub const FILL_SLEEP_MAX: Duration = Duration::from_secs(1);

/// Most octets of a request of the neighbour KME (ETSI GS QKD 020): the most keys of the largest
/// size, or the acknowledgements of thousands of keys.
pub const NEIGHBOUR_BODY_OCTETS_MAX: usize = 2 << 20;
/// Limit for connections of the neighbour KME. Each has at most one request in service.
pub const NEIGHBOUR_CONNECTIONS_MAX: usize = 64;
/// Most octets of the journal of keys between domains.
pub const JOURNAL_OCTETS_MAX: usize = 1 << 30;
/// The journal is shortened when it has this many lines more than keys.
pub const JOURNAL_SPARE_LINES: usize = 100_000;

const _: () = {
    assert!(KEY_BITS_MIN <= KEY_BITS && KEY_BITS <= KEY_BITS_MAX);
    assert!(KEY_BITS_MIN.is_multiple_of(8) && KEY_BITS_MAX.is_multiple_of(8));
    // A full request fits into the default pool and into the reserved keys.
    assert!((KEYS_PER_REQUEST_MAX * KEY_BITS_MAX) as u64 <= POOL_BITS_MAX);
    assert!(KEYS_PER_REQUEST_MAX as usize <= RESERVED_KEYS_MAX);
    assert!(POOL_BITS_MAX <= POOL_BITS_CEILING);
    assert!(CONNECTIONS_PER_SAE_MAX < CONNECTIONS_MAX);
    assert!(HANDSHAKES_PER_ADDRESS_MAX < HANDSHAKES_MAX);
    assert!(KEPT_KEYS_MAX * KEY_BITS as u64 <= POOL_BITS_MAX / 2);
    // A dec_keys body with the maximum number of key_IDs (36 characters and some JSON each) fits.
    assert!(KEYS_PER_REQUEST_MAX as usize * 256 <= BODY_OCTETS_MAX);
};
