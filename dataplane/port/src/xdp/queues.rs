//! Several workers on one interface: one program, and each worker has some of the queues.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{
    XdpMode,
    program::{Attachment, Place, SocketMap},
};
use crate::{PortError, iface::Interface};

/// Which queues of an interface a port has: all of them, or every n-th.
#[derive(Clone, Debug)]
pub struct Queues {
    first: u32,
    step: u32,
    program: Arc<Mutex<Weak<Program>>>,
}

/// The program on an interface, with the map of its sockets.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) map: SocketMap,
    pub(super) place: Place,
    index: u32,
    _attached: Attachment,
}

impl Default for Queues {
    fn default() -> Self {
        Self {
            first: 0,
            step: 1,
            program: Arc::default(),
        }
    }
}

impl Queues {
    /// One share for each of so many workers on one interface.
    #[must_use]
    pub fn split(workers: u32) -> Vec<Self> {
        let program = Arc::default();
        let share = |first| Self {
            first,
            step: workers,
            program: Arc::clone(&program),
        };
        (0..workers).map(share).collect()
    }

    /// The numbers of this share, of queues that may be there.
    pub(super) fn numbers(&self, most: u32) -> impl Iterator<Item = u32> {
        (self.first..most).step_by(self.step.max(1) as usize)
    }

    /// What there must be at least.
    pub(super) fn least(&self) -> u32 {
        self.step
    }

    /// The program of the interface of this index: the one that another worker has attached, or a new
    /// one. It goes with the last worker that holds it.
    pub(super) fn program(
        &self,
        interface: &Interface,
        index: u32,
        mode: XdpMode,
    ) -> Result<Arc<Program>, PortError> {
        // Whoever panicked beside us left a program or none.
        let mut shared = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = shared.upgrade().filter(|program| program.index == index) {
            return Ok(program);
        }
        let program = Arc::new(Program::attach(interface, index, mode)?);
        *shared = Arc::downgrade(&program);
        Ok(program)
    }
}

impl Program {
    /// In the first place of the mode where the interface runs it.
    fn attach(interface: &Interface, index: u32, mode: XdpMode) -> Result<Self, PortError> {
        let map = SocketMap::new()
            .map_err(|source| super::bound::lacking(interface, "BPF map", source))?;
        let mut failed = None;
        for &place in mode.places() {
            match map.attach(index, place) {
                Ok(attached) => {
                    return Ok(Self {
                        map,
                        place,
                        index,
                        _attached: attached,
                    });
                }
                Err(source) => failed = Some(source),
            }
        }
        let source = failed.unwrap_or_else(|| std::io::ErrorKind::Unsupported.into());
        Err(super::bound::lacking(interface, "XDP program", source))
    }
}
