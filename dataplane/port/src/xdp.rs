//! An interface of the machine by AF_XDP sockets: frames pass by the kernel's stack.
//!
//! A program on the interface (`program`) sends each frame to the socket of its receive queue
//! (`socket`), through rings (`ring`) that hold numbers of chunks of a memory (`umem`). Red and
//! black of one thread share a memory by [`Share`]: then a frame crosses without a copy. Frames of
//! other ports are copied into a chunk.
//!
//! | mode       | program     | chunks are written by                                     |
//! |------------|-------------|-----------------------------------------------------------|
//! | `zerocopy` | in the driver | the device; drivers of physical NICs only              |
//! | `native`   | in the driver | the kernel                                              |
//! | `skb`      | in the kernel's general path | the kernel; any interface                |
//! | `auto`     | the first of these that works |                                         |
//!
//! All queues of the interface are bound: frames of a queue without a socket would be lost to the
//! worker. One program per interface, so one process has all of them.
//!
//! The traps: a frame longer than the MTU vanishes in the device without a word, so it is dropped
//! and named here; a host behind a veth must not leave checksums to its device, for XDP does not
//! say that they are unfinished, so they are looked for and finished here (`checksum`).

mod program;
mod ring;
mod socket;
mod umem;

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    rc::Rc,
    str::FromStr,
    thread,
};

use crate::{
    Burst, Frame, LinkState, Port, PortCounters, PortError, checksum, iface::Interface, limits,
    revival::Revival, sys,
};
use program::{Attachment, Place, SocketMap};
use socket::{Kick, Received, Socket};
use umem::Umem;

pub use umem::Share;

/// Which interface, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct XdpConfig {
    /// An Ethernet interface of this thread's network namespace.
    pub ifname: String,
    /// The MTU is raised to this, or the port is refused. 0: as it is.
    pub mtu_min: usize,
    /// How frames get from the device to the socket.
    pub mode: XdpMode,
    /// The memory, if it is shared with another port. Otherwise the port has one of its own.
    pub share: Option<Share>,
    /// Finishes checksums that a host behind a veth left to its device.
    pub finish_checksums: bool,
}

impl Default for XdpConfig {
    fn default() -> Self {
        Self {
            ifname: String::new(),
            mtu_min: 0,
            mode: XdpMode::Auto,
            share: None,
            finish_checksums: true,
        }
    }
}

/// How frames get from the device to the socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum XdpMode {
    /// The best that the interface can.
    Auto,
    /// Program in the driver, frames copied.
    Native,
    /// Program in the driver, frames written by the device.
    Zerocopy,
    /// Program in the kernel's general receive path.
    Skb,
}

impl XdpMode {
    const ALL: [Self; 4] = [Self::Auto, Self::Native, Self::Zerocopy, Self::Skb];

    /// As in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Native => "native",
            Self::Zerocopy => "zerocopy",
            Self::Skb => "skb",
        }
    }

    /// Where the program may be put, best first, and the sockets' flags.
    fn ways(self) -> (&'static [Place], u16) {
        match self {
            Self::Auto => (&[Place::Driver, Place::General], 0),
            Self::Native => (&[Place::Driver], libc::XDP_COPY),
            Self::Zerocopy => (&[Place::Driver], libc::XDP_ZEROCOPY),
            Self::Skb => (&[Place::General], libc::XDP_COPY),
        }
    }
}

impl FromStr for XdpMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| format!("{text:?}: must be auto, native, zerocopy or skb"))
    }
}

/// An interface as a port.
pub struct Xdp {
    config: XdpConfig,
    interface: Interface,
    umem: Rc<Umem>,
    /// `None` while the interface is gone.
    bound: Option<Bound>,
    revival: Revival,
    mac: [u8; 6],
    mtu: usize,
    counters: PortCounters,
    /// What the sockets of former interfaces dropped: no chunk, no place.
    dropped_before: (u64, u64),
    /// It was taken down, and is not up again.
    lost: bool,
    empties: u32,
}

/// Program and sockets on an interface that exists.
struct Bound {
    /// Before the sockets: no frame is sent to a socket that is being closed.
    place: Place,
    _program: Attachment,
    _map: SocketMap,
    /// One per queue. Never empty; the first one also sends.
    sockets: Vec<Socket>,
    /// All of them in one descriptor, if there are several.
    all: Option<OwnedFd>,
    index: u32,
    /// Where the next burst starts, so that no queue starves.
    turn: usize,
}

impl Xdp {
    /// Opens the port: MTU, offloads, sockets on all queues, program, interface up.
    ///
    /// # Errors
    /// What is missing, and the mend.
    pub fn open(config: XdpConfig) -> Result<Self, PortError> {
        let interface = Interface::named(&config.ifname)?;
        let mtu = interface.prepare(config.mtu_min, true)?;
        let mac = interface.mac()?;
        let share = match config.share {
            Some(share) => share,
            None => Share::new(limits::CHUNKS, mtu)?,
        };
        let umem = share
            .umem()
            .map_err(|source| interface.failed("memory of frames", source))?;
        let longest = umem
            .frame_len_max()
            .min(limits::frame_len_max(limits::MTU_MAX));
        if limits::frame_len_max(mtu) > longest {
            let (what, max) = ("mtu", longest - limits::HEADERS_MAX);
            return Err(PortError::Range {
                what,
                have: mtu,
                min: limits::MTU_MIN,
                max,
            });
        }
        let bound = Bound::new_after_another(&interface, &umem, config.mode)?;
        Ok(Self {
            config,
            interface,
            umem,
            bound: Some(bound),
            revival: Revival::default(),
            mac,
            mtu,
            counters: PortCounters::default(),
            dropped_before: (0, 0),
            lost: false,
            empties: 0,
        })
    }

    /// The mode in use: never `auto`. `None` while the interface is gone.
    #[must_use]
    pub fn mode(&self) -> Option<XdpMode> {
        let bound = self.bound.as_ref()?;
        Some(match bound.place {
            Place::General => XdpMode::Skb,
            Place::Driver if bound.sockets[0].zero_copy() => XdpMode::Zerocopy,
            Place::Driver => XdpMode::Native,
        })
    }

    /// Queues that are bound.
    #[must_use]
    pub fn queues(&self) -> usize {
        self.bound.as_ref().map_or(0, |bound| bound.sockets.len())
    }

    /// Chunks that nobody has, and chunks in all: for leak tests. The fill rings have their share.
    #[must_use]
    pub fn chunks(&self) -> (usize, usize) {
        (self.umem.free(), self.umem.count())
    }

    fn accept(&mut self, received: Received) -> Option<Frame> {
        let Received::Frame(mut frame) = received else {
            self.counters.rx_malformed += 1;
            return None;
        };
        if self.config.finish_checksums && checksum::finish_if_open(frame.bytes_mut()) {
            self.counters.rx_checksum_finished += 1;
        }
        self.counters.count_rx(frame.len());
        Some(frame)
    }

    /// Now and then, when there is nothing to receive: what happened to the interface?
    fn look_after(&mut self) {
        self.empties = 0;
        let Some(bound) = &self.bound else {
            if self.revival.is_due() {
                self.revive();
            }
            return;
        };
        let failed = bound.sockets.iter().any(|socket| socket.failed());
        if !failed && !self.lost {
            return;
        }
        if self
            .interface
            .index()
            .is_ok_and(|index| index == bound.index)
        {
            self.lost = self.interface.link_state() != LinkState::Up;
            return;
        }
        if !self.lost {
            self.counters.link_losses += 1;
        }
        self.dropped_before = self.dropped();
        self.bound = None;
        self.lost = false;
    }

    fn revive(&mut self) {
        let need = self.config.mtu_min.max(self.mtu);
        let Ok(mtu) = self.interface.prepare(need, true) else {
            return;
        };
        if limits::frame_len_max(mtu) > self.umem.frame_len_max() {
            return;
        }
        if let Ok(bound) = Bound::new(&self.interface, &self.umem, self.config.mode) {
            self.mtu = mtu;
            self.mac = self.interface.mac().unwrap_or(self.mac);
            self.bound = Some(bound);
        }
    }

    fn dropped(&self) -> (u64, u64) {
        let sockets = self.bound.iter().flat_map(|bound| &bound.sockets);
        sockets
            .map(Socket::dropped)
            .fold(self.dropped_before, |a, b| (a.0 + b.0, a.1 + b.1))
    }

    fn kick(&mut self) {
        let Some(bound) = &mut self.bound else { return };
        if bound.sockets[0].kick() == Kick::LinkDown && !self.lost {
            self.lost = true;
            self.counters.link_losses += 1;
        }
    }
}

/// Sends one frame, or drops and counts it.
fn send(socket: &mut Socket, frame: Frame, mtu: usize, counters: &mut PortCounters) {
    let len = frame.len();
    if len > limits::frame_len_max(mtu) - limits::VLAN_TAGS + vlan_tags(frame.bytes()) {
        counters.tx_too_long += 1;
    } else if len < limits::ETHERNET_HEADER || socket.send(frame).is_err() {
        counters.tx_refused += 1;
    } else {
        counters.count_tx(len);
    }
}

/// Octets that the device allows beyond header and MTU: those of a tag.
fn vlan_tags(octets: &[u8]) -> usize {
    match octets.get(12..14) {
        Some([0x81, 0x00] | [0x88, 0xa8]) => 4,
        _ => 0,
    }
}

impl Port for Xdp {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        if let Some(mut bound) = self.bound.take() {
            let queues = bound.sockets.len();
            for _ in 0..queues {
                bound.turn = if bound.turn + 1 < queues {
                    bound.turn + 1
                } else {
                    0
                };
                let socket = &mut bound.sockets[bound.turn];
                let mut any = false;
                while !into.is_full()
                    && let Some(received) = socket.receive()
                {
                    any = true;
                    into.extend(self.accept(received));
                }
                if any {
                    socket.end_of_receive();
                }
            }
            self.bound = Some(bound);
        }
        if into.len() == before {
            self.empties += 1;
            if self.bound.is_none() || self.lost || self.empties >= limits::EMPTIES_BEFORE_LOOK {
                self.look_after();
            }
            // A fill ring that found no chunk before may find one now.
            for socket in self.bound.iter_mut().flat_map(|bound| &mut bound.sockets) {
                socket.end_of_receive();
            }
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        match &mut self.bound {
            Some(bound) if !self.lost => {
                let socket = &mut bound.sockets[0];
                socket.complete();
                for frame in from.drain(..) {
                    send(socket, frame, self.mtu, &mut self.counters);
                }
                self.kick();
            }
            _ => {
                self.counters.tx_link_down += from.len() as u64;
                from.clear();
            }
        }
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        let mut burst = Burst::new();
        match self.bound.as_ref().filter(|_| !self.lost) {
            None => self.counters.tx_link_down += 1,
            Some(_) if frame.len() > self.umem.frame_len_max() => self.counters.tx_too_long += 1,
            Some(bound) => match bound.sockets[0].copy(frame) {
                Some(copy) => burst.push(copy),
                None => self.counters.tx_refused += 1,
            },
        }
        if !burst.is_empty() {
            self.tx_burst(&mut burst);
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.bound.as_ref().map(Bound::fd)
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn counters(&self) -> PortCounters {
        let (no_chunk, no_place) = self.dropped();
        PortCounters {
            rx_no_buffer: no_chunk,
            rx_ring_full: no_place,
            ..self.counters
        }
    }

    fn link_up(&self) -> bool {
        self.link_state() == LinkState::Up
    }

    fn link_state(&self) -> LinkState {
        if self.bound.is_none() {
            LinkState::Gone
        } else {
            self.interface.link_state()
        }
    }

    fn kind(&self) -> &'static str {
        "xdp"
    }

    fn name(&self) -> &str {
        self.interface.name()
    }
}

impl Bound {
    /// The kernel frees the queues of a closed socket a moment after it was closed: a port that is
    /// opened right after another was closed has to wait.
    fn new_after_another(
        interface: &Interface,
        umem: &Rc<Umem>,
        mode: XdpMode,
    ) -> Result<Self, PortError> {
        for _ in 0..limits::BUSY_TRIES {
            match Self::new(interface, umem, mode) {
                Err(PortError::Busy { .. }) => thread::sleep(limits::BUSY_PAUSE),
                other => return other,
            }
        }
        Self::new(interface, umem, mode)
    }

    /// Sockets first, program last: from then on frames come in.
    fn new(interface: &Interface, umem: &Rc<Umem>, mode: XdpMode) -> Result<Self, PortError> {
        let index = interface.index()?;
        let (places, flags) = mode.ways();
        let map = SocketMap::new().map_err(|source| lacking(interface, "BPF map", source))?;
        let mut sockets = Vec::new();
        for queue in 0..limits::QUEUES_MAX as u32 {
            match Socket::open(umem, index, queue, flags) {
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

    fn fd(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
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

#[cfg(test)]
mod tests;
