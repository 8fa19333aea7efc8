//! What control tells a worker: which SAs to hold, which policy to follow,
//! which link to take down. Applied between bursts only.

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
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Red, Self::Black];

    /// The port across.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Red => Self::Black,
            Self::Black => Self::Red,
        }
    }

    /// `red`, `black`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Black => "black",
        }
    }
}

/// What commands are applied to.
pub(crate) struct Owned<'a> {
    pub(crate) tx: &'a mut TxSc,
    pub(crate) rx: &'a mut RxScs,
    pub(crate) policy: &'a mut Policy,
    /// Red, black.
    pub(crate) ports: [&'a mut Box<dyn Port>; 2],
}

/// A command to one worker. It owns the key it carries, expanded before it is posted.
pub enum Command {
    /// Hold this SA for frames from `sci`, beside the others.
    InstallRx {
        /// The peer's SC.
        sci: Sci,
        /// The SA.
        sa: Box<RxSa>,
    },
    /// The switch: protect every frame from now on under this SA; the one before is wiped.
    InstallTx {
        /// The SA.
        sa: Box<TxSa>,
    },
    /// Wipe exactly this rx SA.
    RetireRx {
        /// The peer's SC.
        sci: Sci,
        /// The SA's name.
        id: SaId,
    },
    /// Wipe the tx SA: no frame leaves until the next is installed.
    RetireTx,
    /// Follow this policy from now on. Its hits begin at zero.
    SetPolicy(Box<Policy>),
    /// Take the link of this port down, or let it come up again.
    SetLink {
        /// Which port.
        side: Side,
        /// Up, or down.
        up: bool,
    },
    /// Wipe all SAs of both directions.
    RetireAll,
    /// Wipe all SAs and end.
    Shutdown,
}

/// What came of a command. In every case what it replaced, or what was refused, is wiped by the time
/// the command is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Done; no key ended by it.
    Applied,
    /// Done, and it ended the life of one SA.
    Ended {
        /// Frames protected, or let through, under that SA.
        frames: u64,
    },
    /// There was no SA of that name to retire; the port has no link that could be set.
    Absent,
    /// The rx SA was not installed.
    Refused(InstallError),
}

impl Command {
    /// Applies it to what a worker owns. SAs that are replaced are dropped, and so wiped, before this
    /// returns.
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
    /// Takes the SA, so that it is wiped when this returns.
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
    /// Which command, about which SA; never a key.
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
