//! The driver's end of one worker: commands in order, counters out.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use port::{LinkState, PortCounters};
use tokio::net::unix::pipe;
use tracing::warn;
use worker::{Command, Handle, PortFacts};

use crate::limits;
use crate::run_error::RunError;
use crate::status::{PortReport, WorkerReport};

/// One worker.
pub(super) struct Member {
    pub(super) handle: Handle,
    pub(super) bell: pipe::Receiver,
    /// Commands that did not fit into its mailbox, in order.
    pub(super) waiting: VecDeque<Command>,
    /// Commands posted and queued since the start: the ticket of the last one in `waiting`.
    pub(super) ordered: u64,
}

impl Member {
    pub(super) fn new(handle: Handle) -> Result<Self, RunError> {
        use std::os::fd::AsFd;
        let system = |cause| RunError::System {
            what: "cannot wait for a worker".to_owned(),
            cause,
        };
        let bell = handle
            .control
            .as_fd()
            .try_clone_to_owned()
            .map_err(system)?;
        // The bell is an eventfd. tokio only waits until it is readable.
        let bell = pipe::Receiver::from_owned_fd_unchecked(bell).map_err(system)?;
        Ok(Self {
            bell,
            handle,
            waiting: VecDeque::new(),
            ordered: 0,
        })
    }

    /// Waits until the worker rings the bell.
    pub(super) async fn rung(&self) -> io::Result<()> {
        self.bell.readable().await?;
        // Silence the bell before the queues are read, so that later events ring again.
        loop {
            match self.bell.try_read(&mut [0; 8]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn order(&mut self, command: Command) {
        self.ordered += 1;
        self.waiting.push_back(command);
        self.post_waiting();
        if self.waiting.len() > limits::COMMANDS_WAITING_MAX {
            // Commands are never dropped: a running worker takes them, and a dead one needs none.
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
        let port = |facts: &PortFacts, counters: &PortCounters, link: LinkState| PortReport {
            kind: facts.kind.to_owned(),
            interface: facts.name.clone(),
            mtu: facts.mtu,
            counters: named(&mut counters.iter()),
            link: link.name().to_owned(),
            ..PortReport::default()
        };
        WorkerReport {
            red: port(&self.handle.red, &stats.red, stats.red_link),
            black: port(&self.handle.black, &stats.black, stats.black_link),
            tx: named(&mut stats.tx.iter()),
            rx: named(&mut stats.rx.iter()),
            worker: named(&mut stats.worker.iter()),
            alive: self.handle.is_alive(),
        }
    }
}
