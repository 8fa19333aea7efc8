//! Program and sockets of an interface. They are made together and end together.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    sync::Arc,
    thread,
};

use super::{
    program::{AttachPoint, lacking},
    queues::{BindSettings, Program, Queues},
    socket::{Options, Socket},
    tally::{Drop, TallyView},
    umem::Umem,
};
use crate::{
    PortError, hearing::Hearing, iface::Interface, limits, promiscuous::Promiscuous, sole::Sole,
    sys,
};

/// Program and sockets on an interface that exists.
pub(super) struct Bound {
    /// Dropped before the sockets, by the last worker that holds it, so that no frame goes to a
    /// socket that is being closed.
    program: Arc<Program>,
    /// Drop counters of the program.
    drops: TallyView,
    /// One per queue of this port. Never empty; the first one also sends.
    pub(super) sockets: Vec<Socket>,
    /// The queue numbers of the sockets, one bit each.
    numbers: u64,
    hearing: Arc<Hearing>,
    /// One descriptor for all sockets, if there are several.
    all: Option<OwnedFd>,
    /// Index of the interface.
    pub(super) index: u32,
    /// The socket that the next burst starts with, so that no queue starves.
    turn: usize,
    _promiscuous: Promiscuous,
    _sole: Arc<Sole>,
}

/// The kernel frees the program and the queues of a port a moment after it is closed. A port that
/// opens right after that has to wait.
fn patiently<T>(
    patience: u32,
    mut open: impl FnMut() -> Result<T, PortError>,
) -> Result<T, PortError> {
    for _ in 0..patience {
        match open() {
            Err(PortError::Busy { .. }) => thread::sleep(limits::BUSY_PAUSE),
            other => return other,
        }
    }
    open()
}

impl Bound {
    /// Attaches the program first, unless another worker has done so, because a driver may open
    /// more receive queues for it. Then opens a socket for each queue of this share, and then fills
    /// the socket map; frames arrive from then on. `patience`: the number of retries while
    /// something is busy.
    pub(super) fn new(
        interface: &Interface,
        (index, sole): (u32, Arc<Sole>),
        umem: &Rc<Umem>,
        way: &BindSettings<'_>,
        patience: u32,
    ) -> Result<Self, PortError> {
        let BindSettings {
            queues, options, ..
        } = *way;
        let program = patiently(patience, || queues.program(interface, index, way))?;
        let promiscuous = Promiscuous::hold(interface, index)?;
        let opened = patiently(patience, || {
            open_sockets(interface, index, umem, queues, 0, options)
        })?;
        if opened.is_empty() {
            return Err(PortError::TooFewQueues {
                ifname: interface.name().to_owned(),
                need: queues.least(),
            });
        }
        let drops = program.tally.view();
        let mut bound = Self {
            drops: drops.map_err(|source| lacking(interface, "BPF map", source))?,
            program,
            sockets: Vec::new(),
            numbers: 0,
            hearing: Arc::clone(&queues.hearing),
            all: None,
            index,
            turn: 0,
            _promiscuous: promiscuous,
            _sole: sole,
        };
        bound.hear(interface, umem, opened)?;
        Ok(bound)
    }

    /// Binds queues of this share that the driver has opened since. A queue that cannot be bound
    /// stays unread, and the program counts its frames.
    pub(super) fn bind_new_queues(
        &mut self,
        interface: &Interface,
        umem: &Rc<Umem>,
        queues: &Queues,
        options: &Options,
    ) -> Result<(), PortError> {
        let opened = open_sockets(interface, self.index, umem, queues, self.numbers, options)?;
        if opened.is_empty() {
            return Ok(());
        }
        self.hear(interface, umem, opened)?;
        self.program
            .attach_again()
            .map_err(|source| lacking(interface, "XDP program", source))
    }

    /// Puts sockets of these queues into the map. Their frames arrive from here on.
    fn hear(
        &mut self,
        interface: &Interface,
        umem: &Rc<Umem>,
        opened: Vec<(u32, Socket)>,
    ) -> Result<(), PortError> {
        let fill = limits::fill_most(umem.count(), self.sockets.len() + opened.len());
        for (queue, mut socket) in opened {
            socket.set_fill(fill);
            let inserted = self.program.map.insert(queue, socket.fd());
            inserted.map_err(|source| interface.failed("BPF map", source))?;
            self.numbers |= 1 << queue;
            self.sockets.push(socket);
        }
        if self.sockets.len() > 1 {
            let fds = self.sockets.iter().map(Socket::fd);
            let all = sys::epoll_of(fds).map_err(|source| interface.failed("epoll", source))?;
            self.all = Some(all);
        }
        self.hearing.bound(self.index, self.numbers);
        Ok(())
    }

    /// Frames that the program has dropped since this value was created.
    pub(super) fn dropped(&self, drop: Drop) -> u64 {
        self.drops.since(drop)
    }

    /// The sockets in turn, so that no queue starves.
    pub(super) fn next_socket(&mut self) -> &mut Socket {
        self.turn = if self.turn + 1 < self.sockets.len() {
            self.turn + 1
        } else {
            0
        };
        &mut self.sockets[self.turn]
    }

    /// The place where the program runs.
    pub(super) fn place(&self) -> AttachPoint {
        self.program.place
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.all
            .as_ref()
            .map_or_else(|| self.sockets[0].fd(), AsFd::as_fd)
    }
}

impl std::ops::Drop for Bound {
    fn drop(&mut self) {
        self.hearing.unbound(self.numbers);
    }
}

/// A socket for each existing queue of this share that has none yet.
fn open_sockets(
    interface: &Interface,
    index: u32,
    umem: &Rc<Umem>,
    queues: &Queues,
    have: u64,
    options: &Options,
) -> Result<Vec<(u32, Socket)>, PortError> {
    let mut opened = Vec::new();
    let numbers = queues.numbers(limits::QUEUES_MAX as u32);
    for queue in numbers.filter(|queue| have >> queue & 1 == 0) {
        match Socket::open(umem, index, queue, options) {
            Ok(socket) => opened.push((queue, socket)),
            // The queue does not exist.
            Err(error) if queue > 0 && error.raw_os_error() == Some(libc::EINVAL) => break,
            Err(source) => return Err(lacking(interface, "AF_XDP socket", source)),
        }
    }
    Ok(opened)
}
