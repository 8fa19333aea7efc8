//! Program and sockets on an interface: made together, and gone together with it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    sync::Arc,
    thread,
};

use super::{
    XdpMode,
    program::Place,
    queues::{Program, Queues},
    socket::{Options, Socket},
    umem::Umem,
};
use crate::{PortError, iface::Interface, limits, sys};

/// Program and sockets on an interface that exists.
pub(super) struct Bound {
    /// Dropped before the sockets, by the last worker that has it: no frame goes to a socket that is
    /// being closed.
    program: Arc<Program>,
    /// One per queue of ours. Never empty; the first one also sends.
    pub(super) sockets: Vec<Socket>,
    /// All of them in one descriptor, if there are several.
    all: Option<OwnedFd>,
    /// Of the interface.
    pub(super) index: u32,
    /// Where the next burst starts, so that no queue starves.
    turn: usize,
}

impl Bound {
    /// The kernel frees the queues of a closed socket a moment after it was closed: a port that is
    /// opened right after another was closed has to wait.
    pub(super) fn new_after_another(
        interface: &Interface,
        umem: &Rc<Umem>,
        (mode, queues): (XdpMode, &Queues),
        options: &Options,
    ) -> Result<Self, PortError> {
        for _ in 0..limits::BUSY_TRIES {
            match Self::new(interface, umem, (mode, queues), options) {
                Err(PortError::Busy { .. }) => thread::sleep(limits::BUSY_PAUSE),
                other => return other,
            }
        }
        Self::new(interface, umem, (mode, queues), options)
    }

    /// Sockets first, then the program, unless another worker has attached it, and then its map:
    /// from there on frames come in.
    pub(super) fn new(
        interface: &Interface,
        umem: &Rc<Umem>,
        (mode, queues): (XdpMode, &Queues),
        options: &Options,
    ) -> Result<Self, PortError> {
        let index = interface.index()?;
        let mut sockets: Vec<Socket> = Vec::new();
        let mut numbers = Vec::new();
        for queue in queues.numbers(limits::QUEUES_MAX as u32) {
            match Socket::open(umem, index, queue, options) {
                Ok(socket) => {
                    sockets.push(socket);
                    numbers.push(queue);
                }
                // There is no such queue.
                Err(error) if queue > 0 && error.raw_os_error() == Some(libc::EINVAL) => break,
                Err(source) => return Err(lacking(interface, "AF_XDP socket", source)),
            }
        }
        if sockets.is_empty() {
            return Err(PortError::TooFewQueues {
                ifname: interface.name().to_owned(),
                need: queues.least(),
            });
        }
        let fill = limits::fill_most(umem.count(), sockets.len());
        sockets.iter_mut().for_each(|socket| socket.set_fill(fill));
        let all = if sockets.len() > 1 {
            let fds = sockets.iter().map(Socket::fd);
            Some(sys::epoll_of(fds).map_err(|source| interface.failed("epoll", source))?)
        } else {
            None
        };
        let program = queues.program(interface, index, mode)?;
        for (&queue, socket) in numbers.iter().zip(&sockets) {
            let inserted = program.map.insert(queue, socket.fd());
            inserted.map_err(|source| interface.failed("BPF map", source))?;
        }
        Ok(Self {
            program,
            sockets,
            all,
            index,
            turn: 0,
        })
    }

    /// One after the other, so that no queue starves.
    pub(super) fn next_socket(&mut self) -> &mut Socket {
        self.turn = if self.turn + 1 < self.sockets.len() {
            self.turn + 1
        } else {
            0
        };
        &mut self.sockets[self.turn]
    }

    /// Where the program runs.
    pub(super) fn place(&self) -> Place {
        self.program.place
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.all
            .as_ref()
            .map_or_else(|| self.sockets[0].fd(), AsFd::as_fd)
    }
}

/// What the kernel's errors mean here.
pub(super) fn lacking(interface: &Interface, what: &str, source: io::Error) -> PortError {
    let ifname = interface.name().to_owned();
    let mend = match source.raw_os_error() {
        Some(libc::EBUSY) => {
            let mend = "another program has its queues or its XDP: `ip link show`, `bpftool net`";
            return PortError::Busy { ifname, mend };
        }
        Some(libc::EPERM | libc::EACCES) => {
            let mend = "run as root, or grant CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_IPC_LOCK";
            return PortError::NotPermitted {
                what: format!("interface {ifname}: {what}"),
                mend,
            };
        }
        Some(libc::EAFNOSUPPORT | libc::ENOSYS) => "the kernel has no AF_XDP: use `packet`",
        Some(libc::EOPNOTSUPP) => "the driver cannot do this mode: use `xdp_mode = \"auto\"`",
        Some(libc::ERANGE) => "the MTU is too large for the driver's XDP: lower it, or use `skb`",
        Some(libc::ENOSPC) => "a veth needs as many rx queues as its peer has tx queues",
        Some(libc::ENOBUFS) => "not enough memory may be locked: raise `ulimit -l`",
        _ => return interface.failed(what, source),
    };
    PortError::System {
        what: format!("interface {ifname}: {what}: {mend}"),
        source,
    }
}
