//! Program and sockets on an interface: made together, and gone together with it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    thread,
};

use super::{
    XdpMode,
    program::{Attachment, Place, SocketMap},
    socket::{Options, Socket},
    umem::Umem,
};
use crate::{PortError, iface::Interface, limits, sys};

/// Program and sockets on an interface that exists.
pub(super) struct Bound {
    /// Where the program runs.
    pub(super) place: Place,
    /// Dropped before the sockets: no frame goes to a socket that is being closed.
    _program: Attachment,
    _map: SocketMap,
    /// One per queue. Never empty; the first one also sends.
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
        mode: XdpMode,
        options: &Options,
    ) -> Result<Self, PortError> {
        for _ in 0..limits::BUSY_TRIES {
            match Self::new(interface, umem, mode, options) {
                Err(PortError::Busy { .. }) => thread::sleep(limits::BUSY_PAUSE),
                other => return other,
            }
        }
        Self::new(interface, umem, mode, options)
    }

    /// Sockets first, program last: from then on frames come in.
    pub(super) fn new(
        interface: &Interface,
        umem: &Rc<Umem>,
        mode: XdpMode,
        options: &Options,
    ) -> Result<Self, PortError> {
        let index = interface.index()?;
        let places = mode.places();
        let map = SocketMap::new().map_err(|source| lacking(interface, "BPF map", source))?;
        let mut sockets: Vec<Socket> = Vec::new();
        for queue in 0..limits::QUEUES_MAX as u32 {
            match Socket::open(umem, index, queue, options) {
                Ok(socket) => {
                    map.insert(queue, socket.fd())
                        .map_err(|source| interface.failed("BPF map", source))?;
                    sockets.push(socket);
                }
                // There is no such queue.
                Err(error) if queue > 0 && error.raw_os_error() == Some(libc::EINVAL) => break,
                Err(source) => return Err(lacking(interface, "AF_XDP socket", source)),
            }
        }
        let fill = limits::fill_most(umem.count(), sockets.len());
        sockets.iter_mut().for_each(|socket| socket.set_fill(fill));
        let all = if sockets.len() > 1 {
            let fds = sockets.iter().map(Socket::fd);
            Some(sys::epoll_of(fds).map_err(|source| interface.failed("epoll", source))?)
        } else {
            None
        };
        let mut failed = None;
        for &place in places {
            match map.attach(index, place) {
                Ok(program) => {
                    let (_program, _map) = (program, map);
                    return Ok(Self {
                        place,
                        _program,
                        _map,
                        sockets,
                        all,
                        index,
                        turn: 0,
                    });
                }
                Err(source) => failed = Some(source),
            }
        }
        let source = failed.unwrap_or_else(|| io::ErrorKind::Unsupported.into());
        Err(lacking(interface, "XDP program", source))
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

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.all
            .as_ref()
            .map_or_else(|| self.sockets[0].fd(), AsFd::as_fd)
    }
}

/// What the kernel's errors mean here.
fn lacking(interface: &Interface, what: &str, source: io::Error) -> PortError {
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
