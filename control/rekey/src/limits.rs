//! Every bound of the protocol in one place, and how they relate.

use core::time::Duration;

/// Shortest rekey interval.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Longest rekey interval.
pub const INTERVAL_MAX: Duration = Duration::from_hours(24);
/// Most transmit SCs (workers) of one end: as many rx SCs as the peer's SecY has.
pub const TX_SCS_MAX: u16 = secy::limits::RX_SCS_MAX as u16;
/// Receive SAs of one direction at any time: retiring, active, and one to come.
pub const RX_SAS_MAX: usize = 3;
/// SAs of one direction whose wiping the workers have not acknowledged yet. An install waits until
/// there is none, so a reset finds at most [`RX_SAS_MAX`] more.
pub const WIPING_MAX: usize = 2 * RX_SAS_MAX;

/// Octets of the shortest and longest pre-shared secret.
pub const ROOT_SECRET_LEN_MIN: usize = 32;
/// See [`ROOT_SECRET_LEN_MIN`].
pub const ROOT_SECRET_LEN_MAX: usize = 64;

/// HELLO period (REKEY-T1).
pub const HELLO: Duration = Duration::from_millis(250);
/// Silence after which the peer is reported lost (REKEY-T2).
pub const DEAD: Duration = Duration::from_millis(1500);
/// HELLOs sent in answer to HELLOs of sessions that are not adopted: at most this many at once,
pub const ANSWERS_BURST: u32 = 32;
/// and one more per this time.
pub const ANSWER_EVERY: Duration = Duration::from_millis(10);

/// Burst limit for sessions adopted instead of another.
pub const CHANGES_BURST: u32 = 4;
/// Interval after which one more may be adopted. Two encryptors with one address alternate no
/// faster (REKEY-57).
pub const CHANGE_EVERY: Duration = HELLO;
/// Limit for the left peer sessions that one of our sessions remembers. One more ends ours too
/// (REKEY-54).
pub const SESSIONS_LEFT_MAX: usize = 64;

/// OFFER repetition, first and last step (REKEY-T3).
pub const OFFER_REPEAT: Duration = Duration::from_millis(100);
/// Floor of the first step for short intervals.
pub const OFFER_REPEAT_MIN: Duration = Duration::from_millis(10);
/// See [`OFFER_REPEAT`].
pub const OFFER_REPEAT_LAST: Duration = Duration::from_secs(1);
/// No READY for so long: the offer is given up (REKEY-T4).
pub const PATIENCE: Duration = Duration::from_millis(1500);
/// Floor of the patience for short intervals.
pub const PATIENCE_MIN: Duration = Duration::from_millis(250);
/// Patience doubles after each offer given up, up to this.
pub const PATIENCE_MAX: Duration = Duration::from_secs(8);
/// An offer starts at most so long before its switch is due (REKEY-T5).
pub const LEAD_MAX: Duration = Duration::from_secs(1);
/// A key is fetched at most so long before its offer starts.
pub const FETCH_LEAD_MAX: Duration = Duration::from_secs(10);

/// Keys held that are not offered yet.
pub const KEYS_HELD_MAX: usize = 2;
/// Keys that were offered in vain are kept so long, from their fetch on (REKEY-59).
pub const KEY_KEPT: Duration = Duration::from_secs(300);
/// Keys that wait for the KME of the peer: at this number, no further one is fetched.
pub const KEYS_WAITING_MAX: usize = 2;
/// The same for keys that the KME of the peer may never give.
pub const KEYS_DOUBTFUL_MAX: usize = 12;
/// A key is given up after this number of refusals that seem to be about this key.
pub const STRIKES_MAX: u32 = 2;
/// All keys, offered or not.
pub const KEYS_KEPT_MAX: usize = KEYS_HELD_MAX + KEYS_WAITING_MAX + KEYS_DOUBTFUL_MAX;
/// First and last pause between two failed `FetchKey` (REKEY-T6).
pub const FETCH_RETRY: Duration = Duration::from_millis(100);
/// Floor of the first pause for short intervals.
pub const FETCH_RETRY_MIN: Duration = Duration::from_millis(10);
/// The longest pause is half the interval, but not below this,
pub const FETCH_RETRY_LAST_MIN: Duration = Duration::from_millis(250);
/// and not above this.
pub const FETCH_RETRY_LAST_MAX: Duration = Duration::from_secs(30);
/// A `FetchKey` or `FetchKeyById` that nobody answers is given up: no state waits for ever.
pub const FETCH_ANSWER: Duration = Duration::from_secs(15);
/// `FetchKeyById` without an answer at one time.
pub const LOOKUPS_MAX: usize = 4;
/// "Not there yet" is retried for a fifth of the sender's interval, at most so long (REKEY-T7).
pub const LOOKUP_BUDGET: Duration = Duration::from_millis(600);
/// Floor of that budget.
pub const LOOKUP_BUDGET_MIN: Duration = Duration::from_millis(100);
/// The pauses of the retries double from this part of the budget: 1 + 2 + 4 + 8 sixteenths.
pub const LOOKUP_STEPS: u32 = 16;

/// When keys run short the interval stretches to ten thirds of itself, then to the twentyfold
/// (3 s, 10 s, 60 s), if the settings name no others.
pub const STRETCH_TIMES: [(u32, u32); 2] = [(10, 3), (20, 1)];
/// A stretched interval is at most this part of the hard limit, so that a key is late before it
/// ends.
pub const STRETCH_OF_HOLD: u32 = 3;
/// A key is late when its interval has passed by half, and by at least this time: a short delay
/// is no shortage.
pub const LATE_MIN: Duration = Duration::from_millis(500);
/// A sender that runs short again within this many of the longest intervals must prove twice as
/// much,
pub const RELAPSE_INTERVALS: u32 = 10;
/// up to this number of keys in a row that come in time.
pub const PROOFS_MAX: u32 = 32;

/// Keys from the root alone are made ready so long before the hard limit, at most a quarter of it.
pub const ALONE_LEAD: Duration = PATIENCE_MAX;

/// Switches of each direction whose times are in the status.
pub const SWITCHES_TOLD: usize = 16;

/// `key_IDs` remembered as used.
pub const USED_KEY_IDS: usize = 4096;

/// An rx SA outlives the hard limit of its sender by the time an offer can take, and this.
pub const RX_HOLD_SLACK: Duration = Duration::from_secs(2);
/// A command that the workers have not acknowledged after this is reported.
pub const WORKER_SLOW: Duration = Duration::from_secs(1);
/// Frames that do not verify and no session for this long: the secrets differ (REKEY-T8).
pub const WRONG_SECRET: Duration = Duration::from_secs(3);
/// Fewer such frames say nothing.
pub const WRONG_SECRET_FRAMES: u64 = 4;
/// The same complaint about forged frames or the secret is not repeated before this.
pub const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// Roots of before that are held for offers under way: as many as come into force in that time.
pub const PREVIOUS_ROOTS_MAX: usize = 12;
/// A KEM exchange begins so long after the one before has ended, ±10 %: the default.
pub const RATCHET: Duration = Duration::from_secs(60);
/// Shortest and longest setting of it.
pub const RATCHET_MIN: Duration = Duration::from_secs(1);
/// See [`RATCHET_MIN`].
pub const RATCHET_MAX: Duration = Duration::from_hours(24);
/// Missing pieces of a transfer are repeated, first and last pause (REKEY-T9).
pub const PIECES_REPEAT: Duration = Duration::from_millis(100);
/// See [`PIECES_REPEAT`].
pub const PIECES_REPEAT_LAST: Duration = Duration::from_secs(1);
/// The receiver of pieces says what it has so long after the first of a burst (REKEY-T10).
pub const PIECES_REPORT: Duration = Duration::from_millis(30);
/// An exchange that has come to nothing by then is given up, and another one begins (REKEY-T11).
pub const EXCHANGE_MAX: Duration = Duration::from_secs(30);
/// Pause before the next one, ±20 %.
pub const EXCHANGE_PAUSE: Duration = Duration::from_secs(1);
/// Time in which offers under the previous root are accepted, unless the new root is used before
/// (REKEY-T12).
pub const PREVIOUS_ROOT: Duration = Duration::from_secs(10);

/// Actions waiting to be polled. One call makes far fewer.
pub const ACTIONS_MAX: usize = 64;
/// Places of the queue kept for commands: frames and events beyond the rest are dropped, counted.
pub const ACTIONS_RESERVED: usize = 24;
/// Frames one call can ask for.
pub const BODIES_MAX: usize = 16;

const _: () = {
    assert!(
        DEAD.as_millis() >= 4 * HELLO.as_millis(),
        "a few lost HELLOs are no dead peer"
    );
    assert!(
        WRONG_SECRET.as_millis() + HELLO.as_millis() < 5000,
        "a wrong secret shows within 5 s"
    );
    assert!(OFFER_REPEAT_MIN.as_millis() * 10 <= INTERVAL_MIN.as_millis());
    assert!(
        LOOKUP_BUDGET_MIN.as_millis() < PATIENCE_MIN.as_millis(),
        "a NACK beats the time-out"
    );
    assert!(
        LOOKUP_BUDGET.as_millis() < PATIENCE.as_millis(),
        "a NACK beats the time-out"
    );
    // Commands one call can make: RetireTx, RX_SAS_MAX RetireRx, InstallRx, InstallTx, FetchKey,
    // LOOKUPS_MAX FetchKeyById; twice that when the driver drains late.
    assert!(2 * (4 + RX_SAS_MAX + LOOKUPS_MAX) <= ACTIONS_RESERVED);
    assert!(ACTIONS_RESERVED < ACTIONS_MAX);
    assert!(
        PREVIOUS_ROOT.as_millis() > PATIENCE_MAX.as_millis(),
        "an offer under way does not lose its root"
    );
    assert!(PREVIOUS_ROOT.as_secs() / RATCHET_MIN.as_secs() + 2 <= PREVIOUS_ROOTS_MAX as u64);
    // An AN comes back after four switches; three rx SAs at a time leave one AN free.
    assert!(RX_SAS_MAX < 4);
};
