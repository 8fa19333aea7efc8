//! Several workers on one interface: one program, and each worker has some of the queues.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use super::{
    XdpMode,
    bound::lacking,
    code::Parts,
    program::{Attachment, Loaded, Place, SocketMap},
    tally::Tally,
};
use crate::{PortError, hearing::Hearing, iface::Interface, sole::SharedSole};

/// Which queues of an interface a port has: all of them, or every n-th.
#[derive(Clone, Debug)]
pub struct Queues {
    first: u32,
    step: u32,
    program: Arc<Mutex<Weak<Program>>>,
    /// The interface is the workers' together.
    pub(super) sole: SharedSole,
    /// What they hear of it.
    pub(super) hearing: Arc<Hearing>,
}

/// The program on an interface, with the map of its sockets.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) map: SocketMap,
    pub(super) tally: Tally,
    pub(super) place: Place,
    index: u32,
    loaded: Loaded,
    /// `None`: it could not be attached again.
    attached: Mutex<Option<Attachment>>,
}

impl Default for Queues {
    fn default() -> Self {
        Self {
            first: 0,
            step: 1,
            program: Arc::default(),
            sole: SharedSole::default(),
            hearing: Arc::default(),
        }
    }
}

impl Queues {
    /// One share for each worker on one interface.
    #[must_use]
    pub fn split(workers: u32) -> Vec<Self> {
        let whole = Self::default();
        let share = |first| Self {
            first,
            step: workers,
            ..whole.clone()
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

    /// This share tells what the program has dropped, for all of them.
    pub(super) fn tells(&self) -> bool {
        self.first == 0
    }

    /// The program of the interface of this index: the one that another worker has attached, or a new
    /// one. It goes with the last worker that holds it.
    pub(super) fn program(
        &self,
        interface: &Interface,
        index: u32,
        mode: XdpMode,
        frame_len_max: usize,
    ) -> Result<Arc<Program>, PortError> {
        // A worker that panicked left a program or none.
        let mut shared = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = shared.upgrade().filter(|program| program.index == index) {
            return Ok(program);
        }
        let program = Arc::new(Program::attach(interface, index, mode, frame_len_max)?);
        *shared = Arc::downgrade(&program);
        Ok(program)
    }
}

impl Program {
    /// In the first place of the mode where the interface runs it.
    fn attach(
        interface: &Interface,
        index: u32,
        mode: XdpMode,
        frame_len_max: usize,
    ) -> Result<Self, PortError> {
        let map = SocketMap::new().map_err(|source| lacking(interface, "BPF map", source))?;
        let tally = Tally::new().map_err(|source| lacking(interface, "BPF map", source))?;
        let loaded = Loaded::new(Parts {
            sockets: map.number(),
            tally: tally.number(),
            frame_len_max: frame_len_max as i32,
        })
        .map_err(|source| lacking(interface, "XDP program", source))?;
        let mut failed = None;
        for &place in mode.places() {
            match loaded.attach(index, place) {
                Ok(attached) => {
                    return Ok(Self {
                        map,
                        tally,
                        place,
                        index,
                        loaded,
                        attached: Mutex::new(Some(attached)),
                    });
                }
                Err(source) => failed = Some(source),
            }
        }
        let source = failed.unwrap_or_else(|| std::io::ErrorKind::Unsupported.into());
        Err(lacking(interface, "XDP program", source))
    }

    /// Attaches it again, after the driver has opened queues: a veth (Linux 6.18) runs it on those
    /// only that it had before.
    pub(super) fn attach_again(&self) -> io::Result<()> {
        let mut attached = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
        // One program at a time.
        *attached = None;
        *attached = Some(self.loaded.attach(self.index, self.place)?);
        Ok(())
    }
}
