//! The commands from control to a worker: install and retire SAs, set the policy, set a link. The
//! worker applies them between bursts only.

use crate::policy::Policy;
use core::fmt;
use port::Port;
use secy::{InstallError, RxSa, RxScs, SaId, TxSa, TxSc};
use wire::Sci;

/// One of a worker's two ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Plaintext, towards the site.
    Red,
    /// Ciphertext, towards the line.
    Black,
}

impl Side {
    /// Both sides.
    pub const BOTH: [Self; 2] = [Self::Red, Self::Black];

    /// The opposite port.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Red => Self::Black,
            Self::Black => Self::Red,
        }
    }

    /// The name: `red` or `black`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Black => "black",
        }
    }
}

/// The parts of a worker that commands change.
pub(crate) struct Owned<'a> {
    pub(crate) tx: &'a mut TxSc,
    pub(crate) rx: &'a mut RxScs,
    pub(crate) policy: &'a mut Policy,
    /// Red, black.
    pub(crate) ports: [&'a mut Box<dyn Port>; 2],
}

/// A command to one worker. It owns the key it carries, which is expanded before the command is
/// posted.
pub enum Command {
    /// Add this rx SA for frames from `sci`; the other SAs stay.
    InstallRx {
        /// The peer's SC.
        sci: Sci,
        /// The SA.
        sa: Box<RxSa>,
    },
    /// Switch: protect every frame from now on under this SA, and wipe the previous one.
    InstallTx {
        /// The SA.
        sa: Box<TxSa>,
    },
    /// Wipe this rx SA and no other.
    RetireRx {
        /// The peer's SC.
        sci: Sci,
        /// AN and epoch of the SA.
        id: SaId,
    },
    /// Wipe the tx SA. No frame leaves until the next one is installed.
    RetireTx,
    /// Use this policy from now on. Its hits start at zero.
    SetPolicy(Box<Policy>),
    /// Take the link of this port down, or allow it to come up again.
    SetLink {
        /// The port.
        side: Side,
        /// True for up.
        up: bool,
    },
    /// Wipe all SAs in both directions.
    RetireAll,
    /// Wipe all SAs and end the worker.
    Shutdown,
}

/// The result of a command. By the time the command is acknowledged, every SA that it replaced and
/// every SA that was refused is wiped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Done. No SA ended.
    Applied,
    /// Done, and one SA ended.
    Ended {
        /// Frames that were protected or accepted under that SA.
        frames: u64,
    },
    /// There is no such SA to retire, or the link of the port cannot be set.
    Absent,
    /// The rx SA was not installed.
    Refused(InstallError),
}

impl Command {
    /// Applies the command to the parts of a worker. Replaced SAs are dropped, and so wiped, before
    /// this returns.
    pub(crate) fn apply(self, worker: Owned<'_>) -> Outcome {
        let Owned {
            tx,
            rx,
            policy,
            ports,
        } = worker;
        match self {
            Self::InstallRx { sci, sa } => match rx.install(sci, *sa) {
                Ok(()) => Outcome::Applied,
                Err(error) => Outcome::Refused(error),
            },
            Self::InstallTx { sa } => {
                let before = tx.install(*sa);
                before.map_or(Outcome::Applied, Outcome::ended_tx)
            }
            Self::RetireRx { sci, id } => {
                rx.retire(sci, id)
                    .map_or(Outcome::Absent, |sa| Outcome::Ended {
                        frames: sa.in_pkts_ok(),
                    })
            }
            Self::RetireTx => tx.retire().map_or(Outcome::Absent, Outcome::ended_tx),
            Self::SetLink { side, up } => {
                let [red, black] = ports;
                let port = match side {
                    Side::Red => red,
                    Side::Black => black,
                };
                if port.set_link(up) {
                    Outcome::Applied
                } else {
                    Outcome::Absent
                }
            }
            Self::SetPolicy(new) => {
                *policy = *new;
                Outcome::Applied
            }
            Self::RetireAll | Self::Shutdown => {
                drop(tx.retire());
                rx.retire_all();
                Outcome::Applied
            }
        }
    }
}

impl Outcome {
    /// Takes the SA by value, so that it is wiped on return.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "dropped here, which wipes it"
    )]
    fn ended_tx(sa: TxSa) -> Self {
        Self::Ended {
            frames: sa.frames(),
        }
    }
}

impl fmt::Debug for Command {
    /// Shows the command and its SA, never a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstallRx { sci, sa } => write!(f, "InstallRx {sci} {}", sa.id()),
            Self::InstallTx { sa } => write!(f, "InstallTx {}", sa.id()),
            Self::RetireRx { sci, id } => write!(f, "RetireRx {sci} {id}"),
            Self::RetireTx => f.write_str("RetireTx"),
            Self::SetPolicy(policy) => write!(f, "SetPolicy {}", policy.serial()),
            Self::SetLink { side, up } => write!(f, "SetLink {side:?} up: {up}"),
            Self::RetireAll => f.write_str("RetireAll"),
            Self::Shutdown => f.write_str("Shutdown"),
        }
    }
}
