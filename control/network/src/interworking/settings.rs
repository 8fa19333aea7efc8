//! Limits of the machine.

use core::time::Duration;

use kme_api::etsi020::{ACKS_MAX, CallbackUrl, KEYS_MAX};

/// Limits and times. The default fits two KMEs in one building.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the neighbour sends its acknowledgements.
    pub callback: CallbackUrl,
    /// Send without `callback`, and take what became of the keys from the answer. Only if the
    /// neighbour has this capability.
    pub synchronous: bool,
    /// Most keys whose end is not known.
    pub held_max: usize,
    /// Most keys that are known, the ended ones included.
    pub known_max: usize,
    /// Most of our requests that wait for their answer.
    pub calls_max: usize,
    /// Most requests of the neighbour that wait for theirs (synchronous mode).
    pub waits_max: usize,
    /// Most keys in one request.
    pub keys_per_call: usize,
    /// Attempts to hand over a key, or to acknowledge it, before it is voided.
    pub attempts_max: u32,
    /// Time in which keys and acknowledgements are gathered for one request.
    pub linger: Duration,
    /// First pause before a repetition. It doubles each time.
    pub retry_first: Duration,
    /// Longest pause before a repetition.
    pub retry_max: Duration,
    /// Time for the neighbour to say what became of keys.
    pub ack_time: Duration,
    /// Time for our network to relay a key.
    pub relay_time: Duration,
    /// Time for an answer in the synchronous mode.
    pub wait_time: Duration,
    /// Time after which a key that was not ended is given up.
    pub life: Duration,
    /// Time for which the name and the end of a key are remembered. Longer than any request that
    /// names the key can be repeated: several times [`Self::life`].
    pub remember: Duration,
}

impl Settings {
    /// The default, with the address for acknowledgements.
    #[must_use]
    pub fn new(callback: CallbackUrl) -> Self {
        Self {
            callback,
            synchronous: false,
            held_max: 16_384,
            known_max: 500_000,
            calls_max: 8,
            waits_max: 64,
            keys_per_call: KEYS_MAX,
            attempts_max: 5,
            linger: Duration::from_millis(10),
            retry_first: Duration::from_millis(200),
            retry_max: Duration::from_secs(5),
            ack_time: Duration::from_secs(5),
            relay_time: Duration::from_secs(4),
            wait_time: Duration::from_secs(5),
            life: Duration::from_secs(60),
            remember: Duration::from_secs(300),
        }
    }

    /// The pause before attempt number `attempts + 1`.
    pub(super) fn pause(&self, attempts: u32) -> Duration {
        let factor = 1 << attempts.saturating_sub(1).min(16);
        (self.retry_first * factor).min(self.retry_max)
    }

    pub(super) fn keys_per_call(&self) -> usize {
        self.keys_per_call.clamp(1, KEYS_MAX)
    }
}

const _: () = assert!(KEYS_MAX <= ACKS_MAX);
