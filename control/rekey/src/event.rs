//! Events, for the log, the status and the ledger. No event carries key material.

use core::fmt;
use core::time::Duration;

use secy::{SaId, Suite};
use wire::{KeyId, MacAddr};

use crate::announced::LineSettings;
use crate::key_policy::KeyPolicy;
use crate::secret::Origin;
use crate::shortage_stage::ShortageStage;

/// Transmit or receive, seen from this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// We send, we drive the rekeying.
    Tx,
    /// The peer sends and drives the rekeying.
    Rx,
}

/// Why the KME gave no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFailure {
    /// The KME has no key for us now.
    NoKeys,
    /// `dec_keys`: the KME does not know this `key_ID`, perhaps not yet.
    NotFound,
    /// The KME is down, slow, or timed out.
    Unreachable,
    /// The KME answers that it cannot serve now.
    Unavailable,
    /// The KME refuses to serve us: SAE identity, configuration.
    Refused,
    /// The KME, or a proxy in front of it, refuses our certificate.
    CertificateRefused,
    /// We refuse the certificate of the KME.
    Untrusted,
    /// The answer of the KME is invalid.
    Nonsense,
    /// It answered with a key that cannot be used: wrong size, wrong or repeated `key_ID`.
    Unusable,
}

/// Why a receiver does not take an offer: the reason octet of a READY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its KME did not have the key in time.
    KeyNotFound,
    /// Its KME could not be asked.
    KmeFailed,
    /// Its KME answered, and the key in the answer cannot be used: the KME may have spent it.
    KeyUnusable,
    /// The AN belongs to an SA in use.
    AnInUse,
    /// The `key_ID` was used before.
    KeyIdUsed,
    /// It is set to another cipher suite.
    Suite,
    /// Its KME labels the key with another origin.
    Origin,
    /// It does not hold the root that the offer names.
    Root,
    /// It is set to another policy.
    Policy,
}

/// Why a direction gets no fresh key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Our KME gives no key.
    Key(KeyFailure),
    /// Our KME has not answered yet.
    KmeSlow,
    /// The peer is not heard.
    PeerSilent,
    /// The peer is heard but does not answer offers.
    NoReady,
    /// The peer refuses the offers.
    Refused(Refusal),
    /// The key check value differs: the two KMEs gave different keys under one `key_ID`.
    KcvMismatch,
    /// Our workers have not acknowledged a command.
    WorkerSlow,
    /// The packet numbers of the SA are used up.
    PnExhausted,
    /// The peer ended the session.
    PeerBye,
    /// The peer has dropped the key it was ready for.
    PeerDropped,
}

/// Why a KEM exchange came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatchetFailure {
    /// It was not over in time.
    Late,
    /// ML-KEM rejects the keys or cannot work here.
    Kem,
    /// The two ends derived different roots.
    Tag,
}

/// The reason for the end of a session with the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The peer said BYE.
    Bye,
    /// The peer has a new session: it restarted, or it ended the old one.
    Renewed,
    /// A replaced session of the peer is back: two encryptors use its address.
    Returned,
    /// The peer names a session that is not ours: it has wiped the keys and roots of ours.
    Forgotten,
    /// The two ends hold different roots.
    Roots,
}

/// An event of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session with the peer is agreed: it proved the root secret, freshly.
    PeerFound {
        /// Its address.
        peer: MacAddr,
        /// Its transmit SCs.
        scis: u16,
        /// False: the session of before is heard again; its keys were kept.
        fresh: bool,
    },
    /// The peer is not heard any more. Keys are kept until their hard limit.
    PeerLost {
        /// Its address.
        peer: MacAddr,
        /// When it was heard last.
        heard: Duration,
    },
    /// The session with the peer is over: all its keys and roots are wiped.
    SessionEnded {
        /// Its address.
        peer: MacAddr,
        /// The reason.
        why: Ended,
    },
    /// The peer is set to another cipher suite: no key can be agreed until one end is changed.
    SuiteMismatch {
        /// Our setting.
        ours: Suite,
        /// Its setting.
        theirs: Suite,
    },
    /// The peer is set to another policy: no key can be agreed until one end is changed.
    PolicyMismatch {
        /// Our setting.
        ours: KeyPolicy,
        /// Its setting.
        theirs: KeyPolicy,
    },
    /// The data planes are set differently: some frames will not pass (REKEY-60).
    SettingsMismatch {
        /// Our settings.
        ours: LineSettings,
        /// Its settings.
        theirs: LineSettings,
    },
    /// Both ends hold the next root; keys are made with it from now on.
    Ratcheted {
        /// Its epoch.
        root: u32,
        /// How long the exchange took.
        took: Duration,
    },
    /// A KEM exchange came to nothing. The root in force stays, another exchange follows.
    RatchetFailed {
        /// Epoch of the root that will not be.
        root: u32,
        /// Why.
        failure: RatchetFailure,
    },
    /// An SA is installed in all workers (rx: before the switch; tx: with it).
    Installed {
        /// Which way.
        direction: Direction,
        /// Its name.
        id: SaId,
        /// Its key.
        key_id: KeyId,
        /// Where the key comes from.
        origin: Origin,
        /// Epoch of the root it was made with, as in [`Event::Switched`].
        root: u32,
    },
    /// Frames flow under a new SA.
    Switched {
        /// Which way.
        direction: Direction,
        /// The new SA.
        id: SaId,
        /// Its key.
        key_id: KeyId,
        /// Where the key comes from.
        origin: Origin,
        /// Epoch of the root it was made with: 0 is the pre-shared secret, above that KEM exchanges
        /// of this session went into it.
        root: u32,
        /// The SA of before.
        previous: Option<SaId>,
        /// How long that one was in use.
        previous_age: Option<Duration>,
    },
    /// All workers have wiped this SA.
    Retired {
        /// Which way.
        direction: Direction,
        /// Its name.
        id: SaId,
    },
    /// The KME gave no key; first failure in a row, and each time the cause changes.
    KeyFailed {
        /// Tx: `enc_keys`. Rx: `dec_keys`.
        direction: Direction,
        /// The failure that the KME reported.
        failure: KeyFailure,
        /// The key asked for, if one was named.
        key_id: Option<KeyId>,
    },
    /// The transmit direction enters another stage of a key shortage, or leaves it.
    Shortage {
        /// The stage before.
        from: ShortageStage,
        /// The stage now.
        to: ShortageStage,
        /// Age of the key in use, or of the one that was.
        age: Option<Duration>,
        /// Time until the key in use comes to its hard limit.
        left: Option<Duration>,
        /// Why the next key does not come; `None` when it did.
        cause: Option<Cause>,
    },
    /// An offer was given up; another key follows under the same AN.
    OfferAbandoned {
        /// The SA that will not be.
        id: SaId,
        /// Its key.
        key_id: KeyId,
        /// Why.
        cause: Cause,
        /// The key is kept for another offer: nobody has used it (REKEY-59).
        kept: bool,
    },
    /// We refused an offer of the peer.
    OfferRefused {
        /// The SA offered.
        id: SaId,
        /// Its key.
        key_id: KeyId,
        /// Why.
        refusal: Refusal,
    },
    /// The two ends hold different keys under one `key_ID`: the KMEs disagree.
    KcvMismatch {
        /// The SA offered.
        id: SaId,
        /// Its key.
        key_id: KeyId,
    },
    /// An rx SA came to its hard limit of age and is retired.
    RxExpired {
        /// Its name.
        id: SaId,
        /// Its age.
        age: Duration,
    },
    /// Frames that do not verify arrive; at most once a minute.
    ForgedFrames {
        /// Since the last such event.
        count: u64,
    },
    /// Frames of the right shape arrive, none verifies, and there is no session: the pre-shared
    /// secrets of the two ends differ.
    WrongSecret {
        /// The sender.
        peer: MacAddr,
        /// How many.
        count: u64,
    },
    /// Frames with our own address arrive: a loop, or both ends have the same address.
    OwnAddress,
    /// Workers have not acknowledged a command for a second.
    WorkerSlow {
        /// Which way.
        direction: Direction,
        /// The SA of the command.
        id: SaId,
    },
}

impl Cause {
    /// It is QKD keys that are short, here or at the peer.
    pub(crate) const fn is_supply(self) -> bool {
        match self {
            Self::Key(_) | Self::KmeSlow | Self::KcvMismatch => true,
            Self::Refused(refusal) => {
                matches!(
                    refusal,
                    Refusal::KeyNotFound | Refusal::KmeFailed | Refusal::KeyUnusable
                )
            }
            Self::PeerSilent
            | Self::NoReady
            | Self::WorkerSlow
            | Self::PnExhausted
            | Self::PeerBye
            | Self::PeerDropped => false,
        }
    }
}

impl KeyFailure {
    /// True if a retry for the same key is pointless.
    pub(crate) const fn is_final(self) -> bool {
        match self {
            Self::Refused | Self::CertificateRefused | Self::Untrusted | Self::Unusable => true,
            Self::NoKeys
            | Self::NotFound
            | Self::Unreachable
            | Self::Unavailable
            | Self::Nonsense => false,
        }
    }

    /// In words, for logs and status.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoKeys => "the KME has no keys",
            Self::NotFound => "the KME does not know the key_ID",
            Self::Unreachable => "the KME does not answer",
            Self::Unavailable => "the KME cannot serve now",
            Self::Refused => "the KME refuses us",
            Self::CertificateRefused => "the KME refuses our certificate",
            Self::Untrusted => "the KME's certificate is not acceptable",
            Self::Nonsense => "the KME's answer makes no sense",
            Self::Unusable => "the KME gave an unusable key",
        }
    }
}

impl Refusal {
    pub(crate) const ALL: [Self; 9] = [
        Self::KeyNotFound,
        Self::KmeFailed,
        Self::AnInUse,
        Self::KeyIdUsed,
        Self::Suite,
        Self::Origin,
        Self::Root,
        Self::Policy,
        Self::KeyUnusable,
    ];

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::KeyNotFound => 1,
            Self::KmeFailed => 2,
            Self::AnInUse => 3,
            Self::KeyIdUsed => 4,
            Self::Suite => 5,
            Self::Origin => 6,
            Self::Root => 7,
            Self::Policy => 8,
            Self::KeyUnusable => 9,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }

    /// In words, for logs and status.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::KeyNotFound => "its KME does not know the key_ID",
            Self::KmeFailed => "its KME fails",
            Self::KeyUnusable => "its KME gave an unusable key",
            Self::AnInUse => "the AN is in use there",
            Self::KeyIdUsed => "the key_ID was used before",
            Self::Suite => "it is set to another cipher suite",
            Self::Origin => "its KME labels the key with another origin",
            Self::Root => "it does not hold the root named",
            Self::Policy => "it is set to another policy",
        }
    }
}

impl RatchetFailure {
    /// In words, for logs.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Late => "the peer did not answer in time",
            Self::Kem => "ML-KEM rejects the keys of the peer",
            Self::Tag => "the two ends derived different roots",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(failure) => f.write_str(failure.text()),
            Self::KmeSlow => f.write_str("the KME has not answered yet"),
            Self::PeerSilent => f.write_str("the peer is not heard"),
            Self::NoReady => f.write_str("the peer does not answer offers"),
            Self::Refused(refusal) => write!(f, "the peer refuses: {}", refusal.text()),
            Self::KcvMismatch => f.write_str("the KMEs gave different keys under one key_ID"),
            Self::WorkerSlow => f.write_str("the workers do not acknowledge"),
            Self::PnExhausted => f.write_str("the packet numbers are used up"),
            Self::PeerDropped => f.write_str(
                "the peer has dropped the key: its clock jumped, or its hold limit is shorter",
            ),
            Self::PeerBye => f.write_str("the peer ended the session"),
        }
    }
}
