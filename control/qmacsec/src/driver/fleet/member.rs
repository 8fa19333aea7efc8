//! One worker, as the driver holds it: commands in order, counters out.

use std::collections::{BTreeMap, VecDeque};

use tokio::net::unix::pipe;
use tracing::warn;
use worker::{Command, Handle};

use crate::encryptor::RunError;
use crate::limits;
use crate::status::{PortReport, WorkerReport};

/// One worker.
pub(super) struct Member {
    pub(super) handle: Handle,
    pub(super) bell: pipe::Receiver,
    /// Commands that its mailbox had no room for, in order.
    pub(super) waiting: VecDeque<Command>,
    /// Commands posted and queued since the start: the ticket of the last one in `waiting`.
    pub(super) ordered: u64,
}

impl Member {
    pub(super) fn new(handle: Handle) -> Result<Self, RunError> {
        use std::os::fd::AsFd;
        let system = |cause| RunError::System {
            what: "listening to a worker".to_owned(),
            cause,
        };
        let bell = handle
            .control
            .as_fd()
            .try_clone_to_owned()
            .map_err(system)?;
        // The bell is an eventfd; all that is wanted of tokio is to wait until it can be read.
        let bell = pipe::Receiver::from_owned_fd_unchecked(bell).map_err(system)?;
        Ok(Self {
            bell,
            handle,
            waiting: VecDeque::new(),
            ordered: 0,
        })
    }

    pub(super) fn order(&mut self, command: Command) {
        self.ordered += 1;
        self.waiting.push_back(command);
        self.post_waiting();
        if self.waiting.len() > limits::COMMANDS_WAITING_MAX {
            // Commands are never dropped: a worker that lives takes them, one that died needs none.
            warn!(
                waiting = self.waiting.len(),
                "a frame worker does not take its commands"
            );
        }
    }

    pub(super) fn post_waiting(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            if let Err(worker::Full(command)) = self.handle.post(command) {
                self.waiting.push_front(command);
                return;
            }
        }
    }

    pub(super) fn report(&self) -> WorkerReport {
        let stats = self.handle.stats.snapshot();
        let named =
            |counters: &mut dyn Iterator<Item = (&'static str, u64)>| -> BTreeMap<String, u64> {
                counters
                    .map(|(name, count)| (name.to_owned(), count))
                    .collect()
            };
        WorkerReport {
            red: PortReport {
                kind: self.handle.red.kind.to_owned(),
                counters: named(&mut stats.red.iter()),
                link: stats.red_link.name().to_owned(),
            },
            black: PortReport {
                kind: self.handle.black.kind.to_owned(),
                counters: named(&mut stats.black.iter()),
                link: stats.black_link.name().to_owned(),
            },
            tx: named(&mut stats.tx.iter()),
            rx: named(&mut stats.rx.iter()),
            worker: named(&mut stats.worker.iter()),
            alive: self.handle.is_alive(),
        }
    }
}
