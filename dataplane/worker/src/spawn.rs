//! Starts a worker on its own thread, and gives control a handle on it.
//!
//! The ports are opened on the worker's thread, since frames never leave it. Errors from opening
//! are returned to the caller of [`spawn`]. The thread ends on [`Command::Shutdown`], or when the
//! handle is dropped. If the thread panics, its keys are wiped as the stack unwinds, and the handle
//! reports the worker as dead.
//!
//! Not here: memory locking, privileges, real-time priority. The program does those.

use crate::command::{Command, Outcome};
use crate::control_link::ControlLink;
use crate::handover::Seat;
use crate::idle::{Idle, TooFewCores};
use crate::mailbox::{Full, Mailbox, Ticket, channel};
use crate::policy::Policy;
use crate::stats::Stats;
use crate::worker::{Parts, Worker};
use core::fmt;
use port::limits::ETHERNET_HEADER;
use port::{Port, PortError, Watch};
use secy::{RxConfig, RxScs, TxSc, TxScConfig};
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use wire::MacAddr;

/// The configuration of a worker.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Name of the thread, as in `top -H`. The kernel keeps the first 15 octets.
    pub name: String,
    /// The tx SC.
    pub tx: TxScConfig,
    /// The receive side.
    pub rx: RxConfig,
    /// Selects the red frames that are protected.
    pub policy: Policy,
    /// The number of VLAN tags that the line may add in front of a frame, at most
    /// [`crate::limits::LINE_VLAN_TAGS_MAX`]. They are removed.
    pub line_vlan_tags: u8,
    /// EtherType of rekey frames.
    pub rekey_ethertype: u16,
    /// The idle policy.
    pub idle: Idle,
    /// Workers on this machine, including this one. Busy workers need one core more than this.
    pub pollers: usize,
    /// The core to run on, numbered as in /proc/cpuinfo. `None`: the kernel chooses.
    pub core: Option<usize>,
}

/// Opens a port, on the thread that will use it.
pub struct Opener(Box<dyn FnOnce() -> Result<Box<dyn Port>, PortError> + Send>);

/// Openers for the two ports.
pub struct Openers {
    /// Plaintext, towards the site.
    pub red: Opener,
    /// Ciphertext, towards the line.
    pub black: Opener,
}

/// Properties of an opened port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortFacts {
    /// Interface name; empty if the port has no interface.
    pub kind: &'static str,
    /// MAC address.
    pub name: String,
    /// Its address.
    pub mac: MacAddr,
    /// MTU: octets of payload.
    pub mtu: usize,
}

/// The reasons why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// Config: idle is busy, and no core is left for the rest of the system.
    #[error(transparent)]
    Idle(#[from] TooFewCores),
    /// Config: this process may not run on the configured core.
    #[error("core {core}: this process may run on cores {have:?}; choose one of them, or none")]
    NoSuchCore {
        /// The core in the config.
        core: usize,
        /// The cores that this process may use.
        have: Vec<usize>,
    },
    /// Config: the black MTU is too small for the frames that the red side may send.
    #[error(
        "black port carries frames of {have} octets, protected ones have up to {need}: raise its \
         MTU by {}, or lower the red MTU", need - have
    )]
    LineTooNarrow {
        /// Octets of the longest frame that the black port carries.
        have: usize,
        /// Octets of the longest protected frame.
        need: usize,
    },
    /// The red port could not be opened.
    #[error("red port: {0}")]
    Red(#[source] PortError),
    /// The black port could not be opened.
    #[error("black port: {0}")]
    Black(#[source] PortError),
    /// Machine: no memory for the lines to other workers.
    #[error("lines between workers: {0}")]
    Handover(#[source] PortError),
    /// Machine: no file descriptor or no thread is left.
    #[error("{what}: {source}")]
    System {
        /// The operation that failed.
        what: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// Bug: the worker died before it was ready.
    #[error("the worker died while opening its ports: {0}")]
    Died(Death),
}

/// The worker's thread panicked, which is a bug. Its keys are wiped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("panic: {message}")]
pub struct Death {
    /// The panic message.
    pub message: String,
}

/// Control's handle on a running worker. Dropping it ends the worker.
pub struct Handle {
    // Drop order: the mailbox is abandoned, then the link rings the worker.
    mailbox: Mailbox,
    /// The rekey frames from and to the line.
    pub control: ControlLink,
    /// The worker's counters.
    pub stats: Arc<Stats>,
    /// The red port.
    pub red: PortFacts,
    /// The black port.
    pub black: PortFacts,
    /// The watches of red and black, if the port has one: each checks that the port receives all
    /// frames of its interface. Run them once a second.
    pub watches: [Option<Watch>; 2],
    thread: JoinHandle<()>,
}

/// Starts a worker that does not share its ports, and waits until they are open.
///
/// # Errors
/// The errors of [`spawn_among`].
pub fn spawn(config: WorkerConfig, openers: Openers) -> Result<Handle, SpawnError> {
    spawn_among(config, openers, None)
}

/// Starts one of several workers, at its seat, and waits until its ports are open.
///
/// # Errors
/// [`SpawnError`] names the cause. No thread is left running.
pub fn spawn_among(
    config: WorkerConfig,
    openers: Openers,
    seat: Option<Seat>,
) -> Result<Handle, SpawnError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    config.idle.check(config.pollers, cores)?;
    let (mailbox, inbox) = channel();
    let (control, worker_end) = ControlLink::pair().map_err(|source| SpawnError::System {
        what: "eventfd of the control link",
        source,
    })?;
    let stats = Arc::new(Stats::new());
    let (ready, opened) = mpsc::sync_channel(1);

    let shared = Arc::clone(&stats);
    let name = config.name.clone();
    let body = move || {
        let ports = config
            .core
            .map_or(Ok(()), pin)
            .and_then(|()| open(&config, openers));
        let Ports { mut red, mut black } = match ports {
            Ok(ports) => ports,
            Err(error) => {
                // The spawner waits for this. If it has died, nobody needs the error.
                let _ = ready.send(Err(error));
                return;
            }
        };
        let facts = (PortFacts::of(&*red), PortFacts::of(&*black));
        let watches = [red.take_watch(), black.take_watch()];
        let worker = Worker::new(Parts {
            red,
            black,
            tx: TxSc::new(config.tx),
            rx: RxScs::new(config.rx),
            policy: config.policy,
            line_vlan_tags: config.line_vlan_tags,
            rekey_ethertype: config.rekey_ethertype,
            idle: config.idle,
            inbox,
            link: worker_end,
            stats: shared,
        });
        let worker = match seat {
            None => Ok(worker),
            Some(seat) => worker.among(seat, config.rx.clear_vlan_tags),
        };
        match worker {
            Ok(worker) if ready.send(Ok((facts, watches))).is_ok() => worker.run(),
            Ok(_) => {}
            Err(error) => drop(ready.send(Err(SpawnError::Handover(error)))),
        }
    };
    let thread = thread::Builder::new()
        .name(name)
        .spawn(body)
        .map_err(|source| SpawnError::System {
            what: "thread of the worker",
            source,
        })?;
    match opened.recv() {
        Ok(Ok(((red, black), watches))) => Ok(Handle {
            mailbox,
            control,
            stats,
            red,
            black,
            watches,
            thread,
        }),
        Ok(Err(error)) => {
            // The thread ends by itself. Wait for it, so that everything it opened is closed again.
            let _ = thread.join();
            Err(error)
        }
        Err(mpsc::RecvError) => Err(SpawnError::Died(match thread.join() {
            Ok(()) => Death {
                message: "ended without a word".to_owned(),
            },
            Err(panic) => Death::of(&*panic),
        })),
    }
}

/// Both open ports.
struct Ports {
    red: Box<dyn Port>,
    black: Box<dyn Port>,
}

/// Opens both ports and checks that the black MTU is large enough.
fn open(config: &WorkerConfig, openers: Openers) -> Result<Ports, SpawnError> {
    let red = (openers.red.0)().map_err(SpawnError::Red)?;
    let black = (openers.black.0)().map_err(SpawnError::Black)?;
    let have = black.mtu() + ETHERNET_HEADER;
    let need = config.tx.frame_len_max;
    if have < need {
        return Err(SpawnError::LineTooNarrow { have, need });
    }
    Ok(Ports { red, black })
}

/// Binds this thread to a core.
fn pin(core: usize) -> Result<(), SpawnError> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let pinned = cores
        .iter()
        .find(|id| id.id == core)
        .is_some_and(|id| core_affinity::set_for_current(*id));
    if pinned {
        Ok(())
    } else {
        Err(SpawnError::NoSuchCore {
            core,
            have: cores.iter().map(|id| id.id).collect(),
        })
    }
}

impl Opener {
    /// Wraps a function that opens the port.
    pub fn new<P: Port + 'static>(
        open: impl FnOnce() -> Result<P, PortError> + Send + 'static,
    ) -> Self {
        Self(Box::new(|| Ok(Box::new(open()?))))
    }
}

impl PortFacts {
    fn of(port: &dyn Port) -> Self {
        Self {
            kind: port.kind(),
            name: port.name().to_owned(),
            mac: MacAddr(port.mac()),
            mtu: port.mtu(),
        }
    }
}

impl Death {
    fn of(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self {
            message: message.unwrap_or_else(|| "without a text".to_owned()),
        }
    }
}

impl Handle {
    /// Posts a command and wakes the worker if it sleeps. See [`Mailbox::post`].
    ///
    /// # Errors
    /// [`Full`] returns the command: no slot is free, or the worker is dead.
    pub fn post(&mut self, command: Command) -> Result<Ticket, Full> {
        let ticket = self.mailbox.post(command)?;
        self.control.ring_worker();
        Ok(ticket)
    }

    /// The epoch: all commands up to this ticket are applied, and everything they replaced is
    /// wiped.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.mailbox.acknowledged()
    }

    /// True once the command of this ticket is applied.
    #[must_use]
    pub fn is_done(&self, ticket: Ticket) -> bool {
        self.mailbox.is_done(ticket)
    }

    /// The outcome of a command. See [`Mailbox::outcome`].
    #[must_use]
    pub fn outcome(&self, ticket: Ticket) -> Option<Outcome> {
        self.mailbox.outcome(ticket)
    }

    /// True while the worker runs. If false, it has shut down or panicked, and [`Handle::join`]
    /// says which. After that no posted command is acknowledged.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.mailbox.is_closed()
    }

    /// Ends the worker if it still runs, and waits for it.
    ///
    /// # Errors
    /// [`Death`] if it panicked.
    pub fn join(self) -> Result<(), Death> {
        let Self {
            mailbox,
            control,
            thread,
            ..
        } = self;
        drop(mailbox); // abandons the mailbox ...
        drop(control); // ... and rings the worker, which sees that at once
        thread.join().map_err(|panic| Death::of(&*panic))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("red", &self.red)
            .field("black", &self.black)
            .field("alive", &self.is_alive())
            .finish_non_exhaustive()
    }
}
