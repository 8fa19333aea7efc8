//! What one exchange with a KME may cost at most, and how the limits fit together.

use core::time::Duration;

/// Keys asked for in one call. Every key fetched ahead is a key at risk, so few suffice.
pub const KEYS_PER_CALL_MAX: usize = 64;
/// Bits of the longest key taken: four times what the longest SAK, salt and key check value need.
pub const KEY_BITS_MAX: u32 = 4096;
/// Octets of the longest key taken.
pub const KEY_OCTETS_MAX: usize = KEY_BITS_MAX as usize / 8;
/// Characters of the longest key text (base64, padded).
pub const KEY_TEXT_MAX: usize = KEY_OCTETS_MAX.div_ceil(3) * 4;
/// Octets of a reply's body; a longer one is refused while it is being read.
pub const BODY_OCTETS_MAX: usize = 256 * 1024;
/// Octets of a PEM file.
pub const PEM_OCTETS_MAX: usize = 1024 * 1024;
/// Characters of an SAE ID or KME ID in the configuration.
pub const ID_LEN_MAX: usize = 255;
/// Characters kept of a KME's own words.
pub const MESSAGE_CHARS_MAX: usize = 200;
/// Longest time-out that can be configured for one call.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Time to connect and shake hands, unless the call's time-out is shorter.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time limit for the close_notify exchange when a connection closes.
pub const CLOSING_TIME: Duration = Duration::from_secs(1);
/// Limit for the addresses of a host that are tried.
pub const ADDRESSES_MAX: usize = 4;

/// Limit for the pause that a KME asks for by `Retry-After`.
pub const LEFT_ALONE_MAX: Duration = Duration::from_secs(30);

/// A KME gets so long before the other one is asked as well, unless told otherwise: with an answer
/// of the other in the same time, a tenth of a rekey interval of 3 s.
pub const PATIENCE: Duration = Duration::from_millis(150);
/// Failures in a row, each made good by the other KME, after which the other is asked first.
pub const FAILURES_TO_LEAVE: u32 = 2;
/// Good probes in a row after which the first KME is asked first again.
pub const PROBES_TO_RETURN: u32 = 3;
/// How often the first KME is probed while it is not asked first.
pub const PROBE_EVERY: Duration = Duration::from_secs(2);
/// How long a KME that was left is left alone, the first time.
pub const QUARANTINE: Duration = Duration::from_secs(10);
/// The quarantine of a KME that falls ill again and again grows up to so many times that.
pub const QUARANTINE_GROWTH_MAX: u32 = 16;
/// How often certificate files are looked at; a change takes effect at the second look.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Changed files that cannot be used are tried again so often even if they stay as they are: a
/// certificate may not be valid yet.
pub const RELOAD_AGAIN: Duration = Duration::from_secs(60);
/// Names of delivered keys that are remembered, for each kind of call.
pub const KEYS_REMEMBERED: usize = 256;

/// What JSON, identifiers and a KME's own fields may add to each key.
const OCTETS_AROUND_KEY: usize = 2048;

const _: () = {
    assert!(KEYS_PER_CALL_MAX * (KEY_TEXT_MAX + OCTETS_AROUND_KEY) <= BODY_OCTETS_MAX);
    assert!(KEY_BITS_MAX.is_multiple_of(8));
    // Back is slower than away.
    assert!(QUARANTINE.as_millis() >= PROBE_EVERY.as_millis() * PROBES_TO_RETURN as u128);
    assert!(PROBES_TO_RETURN > FAILURES_TO_LEAVE);
    assert!(CONNECT_TIMEOUT.as_millis() < TIMEOUT_MAX.as_millis());
};
