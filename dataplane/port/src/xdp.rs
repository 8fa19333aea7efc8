//! An interface of the machine by AF_XDP sockets: frames bypass the kernel's stack.
//!
//! A program on the interface (`program`) sends each frame to the socket of its receive queue
//! (`socket`), through rings (`ring`) that hold numbers of chunks of a memory (`umem`). Red and
//! black of one thread share a memory by [`Share`]; a frame then crosses without a copy. Frames of
//! other ports are copied into a chunk.
//!
//! | mode       | program     | chunks are written by                                     |
//! |------------|-------------|-----------------------------------------------------------|
//! | `zerocopy` | in the driver | the device; drivers of physical NICs only              |
//! | `native`   | in the driver | the kernel                                              |
//! | `skb`      | in the kernel's general path | the kernel; any interface                |
//! | `auto`     | the first of these that works |                                         |
//!
//! All queues of the interface are bound, by one worker or by several ([`Queues`]), because frames
//! of a queue without a socket would be lost. An interface has one program, so one process has all
//! queues.
//!
//! Two restrictions: the device discards a frame longer than the MTU silently, so this port drops
//! and counts it. A host behind a veth must not leave checksums to its device, but XDP does not
//! report that they are unfinished, so this port finds and finishes them (`checksum`).

mod bound;
mod bpf;
mod btf;
mod code;
mod idle;
mod mode;
mod pieces;
mod program;
mod queues;
mod ring;
mod socket;
mod tally;
mod umem;

use std::{cell::Cell, os::fd::BorrowedFd, rc::Rc, sync::Arc};

use crate::{
    Burst, Frame, LinkState, Pool, Port, PortCounters, PortError, Watch, checksum, hearing::Needs,
    iface::Interface, limits, offload, revival::Revival,
};
use bound::Bound;
use pieces::Loss;
use program::AttachPoint;
use queues::BindSettings;
use socket::{Kick, Options, Socket};
use tally::Drop;
use umem::Umem;

pub(crate) use idle::Idle;
pub use mode::XdpMode;
pub use queues::Queues;
pub use umem::Share;

/// The interface of a port, and its settings.
#[derive(Clone, Debug)]
pub struct XdpConfig {
    /// An Ethernet interface of this thread's network namespace.
    pub ifname: String,
    /// The port raises the MTU to this value or refuses to open. 0: the MTU stays.
    pub mtu_min: usize,
    /// How frames get from the device to the socket.
    pub mode: XdpMode,
    /// The memory, if another port shares it. Otherwise the port makes its own.
    pub share: Option<Share>,
    /// Finishes checksums that a host behind a veth left to its device.
    pub finish_checksums: bool,
    /// All queues of the interface, or this worker's share of them.
    pub queues: Queues,
    /// The driver polls the device when the worker calls, for up to this number of frames at once,
    /// instead of waiting for interrupts. For busy workers on physical NICs.
    pub busy_poll: Option<u32>,
    /// The other end of a veth puts VLAN tags into its frames (`ethtool -K … txvlan off`). Without
    /// this promise the port is refused if it cannot see tags beside a frame (`skb`, older
    /// kernels).
    pub tags_in_frames: bool,
}

impl Default for XdpConfig {
    fn default() -> Self {
        Self {
            ifname: String::new(),
            mtu_min: 0,
            mode: XdpMode::Auto,
            share: None,
            finish_checksums: true,
            queues: Queues::default(),
            busy_poll: None,
            tags_in_frames: false,
        }
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
    /// Drops of the sockets and programs on earlier interfaces.
    dropped_before: Dropped,
    watch: Option<Watch>,
    /// See [`Hearing::asked`](crate::hearing::Hearing::asked).
    asked: u32,
    /// Frames arrived at a queue that no worker reads, and the ports were asked to look for it.
    unread: Cell<bool>,
    /// The interface was taken down and is not up again.
    lost: bool,
    empties: u32,
}

impl Xdp {
    /// Opens the port: MTU, offloads, sockets on all queues, program, interface up.
    ///
    /// # Errors
    /// The reason and the fix.
    pub fn open(config: XdpConfig) -> Result<Self, PortError> {
        let interface = Interface::named(&config.ifname)?;
        let index = interface.index()?;
        let sole = config.queues.sole.take_patiently(&interface, index)?;
        let mtu = offload::prepare(&interface, config.mtu_min, true)?;
        let mac = interface.mac()?;
        let share = match config.share {
            Some(share) => share,
            None => Share::new(limits::CHUNKS, mtu)?,
        };
        let umem = share
            .umem()
            .map_err(|source| interface.failed("memory of frames", source))?;
        let options = options(&config, &umem, mtu)?;
        let way = way(&config, &umem, mtu, &options);
        let patience = limits::XDP_BUSY_TRIES;
        let bound = Bound::new(&interface, (index, sole), &umem, &way, patience)?;
        let hearing = &config.queues.hearing;
        // Without the kernel's routing socket the port works, but is not watched.
        let watch = Watch::new(&interface, Arc::clone(hearing), Needs::AddressesAndQueues).ok();
        Ok(Self {
            asked: hearing.asked(),
            config,
            interface,
            umem,
            bound: Some(bound),
            revival: Revival::default(),
            mac,
            mtu,
            counters: PortCounters::default(),
            dropped_before: Dropped::default(),
            watch,
            unread: Cell::new(false),
            lost: false,
            empties: 0,
        })
    }

    /// The mode in use: never `auto`. `None` while the interface is gone.
    #[must_use]
    pub fn mode(&self) -> Option<XdpMode> {
        let bound = self.bound.as_ref()?;
        Some(match bound.place() {
            AttachPoint::General => XdpMode::Skb,
            AttachPoint::Driver if bound.sockets[0].zero_copy() => XdpMode::Zerocopy,
            AttachPoint::Driver => XdpMode::Native,
        })
    }

    /// Number of bound queues.
    #[must_use]
    pub fn queues(&self) -> usize {
        self.bound.as_ref().map_or(0, |bound| bound.sockets.len())
    }

    /// Numbers of free chunks and of all chunks, for leak tests. The fill rings hold some.
    #[must_use]
    pub fn chunks(&self) -> (usize, usize) {
        (self.umem.free(), self.umem.count())
    }

    /// Checks the state of the interface, at intervals while nothing is received.
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
        let Ok(index) = self.interface.index() else {
            return;
        };
        // Another encryptor may have taken the interface first.
        let Ok(sole) = self.config.queues.sole.take(&self.interface, index) else {
            return;
        };
        let Ok(mtu) = offload::prepare(&self.interface, need, true) else {
            return;
        };
        let Ok(options) = options(&self.config, &self.umem, mtu) else {
            return;
        };
        let way = way(&self.config, &self.umem, mtu, &options);
        if let Ok(bound) = Bound::new(&self.interface, (index, sole), &self.umem, &way, 0) {
            self.mtu = mtu;
            self.mac = self.interface.mac().unwrap_or(self.mac);
            self.bound = Some(bound);
        }
    }

    /// Binds queues that the driver has opened since the port was bound.
    #[cold]
    fn look_for_queues(&mut self) {
        self.asked = self.config.queues.hearing.asked();
        let Some(bound) = &mut self.bound else { return };
        let Ok(options) = options(&self.config, &self.umem, self.mtu) else {
            return;
        };
        let queues = &self.config.queues;
        // Frames of a queue that stays unread are counted, and the watch reports it.
        if bound
            .bind_new_queues(&self.interface, &self.umem, queues, &options)
            .is_ok()
        {
            self.unread.set(false);
        }
    }

    fn dropped(&self) -> Dropped {
        let mut dropped = self.dropped_before;
        let Some(bound) = &self.bound else {
            return dropped;
        };
        for (no_chunk, no_place) in bound.sockets.iter().map(Socket::dropped) {
            dropped.no_chunk += no_chunk;
            dropped.no_place += no_place;
        }
        if self.config.queues.tells() {
            dropped.too_long += bound.dropped(Drop::TooLong);
            dropped.unread += bound.dropped(Drop::Unread);
            dropped.tag += bound.dropped(Drop::Tag);
        }
        dropped
    }

    fn kick(&mut self) {
        let Some(bound) = &mut self.bound else { return };
        if bound.sockets[0].kick() == Kick::LinkDown && !self.lost {
            self.lost = true;
            self.counters.link_losses += 1;
        }
    }
}

/// Drops of the sockets and the program.
#[derive(Clone, Copy, Default)]
struct Dropped {
    no_chunk: u64,
    no_place: u64,
    too_long: u64,
    unread: u64,
    tag: u64,
}

fn way<'a>(
    config: &'a XdpConfig,
    umem: &Umem,
    mtu: usize,
    options: &'a Options,
) -> BindSettings<'a> {
    BindSettings {
        mode: config.mode,
        queues: &config.queues,
        frame_len_max: umem.frame_len_max().max(limits::frame_len_max(mtu)),
        tags_in_frames: config.tags_in_frames,
        options,
    }
}

/// Socket options for a port of this MTU with chunks of this length.
fn options(config: &XdpConfig, umem: &Umem, mtu: usize) -> Result<Options, PortError> {
    let fits = limits::frame_len_max(mtu) <= umem.frame_len_max();
    let pool = if fits {
        None
    } else {
        Some(Pool::new(limits::POOL_FRAMES, mtu)?)
    };
    Ok(Options {
        flags: config.mode.socket_flags(),
        pool,
        busy_poll: config.busy_poll,
    })
}

/// Counts a received frame and finishes its checksum.
fn accept(
    received: Result<Frame, Loss>,
    finish_checksums: bool,
    counters: &mut PortCounters,
) -> Option<Frame> {
    match received {
        Ok(mut frame) => {
            if finish_checksums && checksum::finish_if_open(frame.bytes_mut()) {
                counters.rx_checksum_finished += 1;
            }
            counters.count_rx(frame.len());
            // Prefetching while the rest of the burst is read gains 4 % of the rate of long frames.
            frame.prefetch();
            return Some(frame);
        }
        Err(Loss::Malformed) => counters.rx_malformed += 1,
        Err(Loss::TooLong) => counters.rx_too_long += 1,
        Err(Loss::NoBuffer) => counters.rx_no_buffer += 1,
    }
    None
}

/// The socket that sends, ready for a burst; `None` while the link is down.
fn sender(bound: &mut Option<Bound>, lost: bool) -> Option<&mut Socket> {
    let socket = &mut bound.as_mut().filter(|_| !lost)?.sockets[0];
    socket.complete();
    Some(socket)
}

/// Puts a frame into the ring, or drops and counts it. The device discards a frame longer than the
/// MTU silently.
fn put(
    len: usize,
    tag_len: usize,
    mtu: usize,
    counters: &mut PortCounters,
    send: impl FnOnce() -> bool,
) {
    if len > limits::ETHERNET_HEADER + tag_len + mtu {
        counters.tx_too_long += 1;
    } else if len >= limits::ETHERNET_HEADER && send() {
        counters.count_tx(len);
    } else {
        counters.tx_refused += 1;
    }
}

impl Port for Xdp {
    fn rx_burst(&mut self, into: &mut Burst) {
        let before = into.len();
        let finish = self.config.finish_checksums;
        if self.asked != self.config.queues.hearing.asked() {
            self.look_for_queues();
        }
        if let Some(bound) = &mut self.bound {
            for _ in 0..bound.sockets.len() {
                let socket = bound.next_socket();
                while !into.is_full()
                    && let Some(received) = socket.receive()
                {
                    into.extend(accept(received, finish, &mut self.counters));
                }
                socket.end_of_burst();
            }
        }
        if into.len() == before {
            self.empties += 1;
            if self.bound.is_none() || self.lost || self.empties >= limits::EMPTIES_BEFORE_LOOK {
                self.look_after();
            }
        }
        if self
            .bound
            .as_ref()
            .is_some_and(|bound| bound.sockets[0].is_pending())
        {
            self.kick();
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        let (mtu, counters) = (self.mtu, &mut self.counters);
        if let Some(socket) = sender(&mut self.bound, self.lost) {
            for frame in from.drain(..) {
                let (len, tag_len) = (frame.len(), limits::vlan_tag_len(frame.bytes()));
                put(len, tag_len, mtu, counters, || socket.send(frame));
            }
            self.kick();
        } else {
            counters.tx_link_down += from.len() as u64;
            from.clear();
            self.look_after();
        }
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        let (mtu, counters) = (self.mtu, &mut self.counters);
        if let Some(socket) = sender(&mut self.bound, self.lost) {
            put(
                frame.len(),
                limits::vlan_tag_len(frame),
                mtu,
                counters,
                || socket.send_copy(frame),
            );
            self.kick();
        } else {
            counters.tx_link_down += 1;
            self.look_after();
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
        let dropped = self.dropped();
        if dropped.unread > self.dropped_before.unread && !self.unread.replace(true) {
            self.config.queues.hearing.ask_for_queues();
        }
        PortCounters {
            rx_no_buffer: self.counters.rx_no_buffer + dropped.no_chunk,
            rx_ring_full: dropped.no_place,
            rx_too_long: self.counters.rx_too_long + dropped.too_long,
            rx_queue_unread: dropped.unread,
            rx_malformed: self.counters.rx_malformed + dropped.tag,
            buffers_held: self.umem.held(),
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

    fn set_link(&mut self, up: bool) -> bool {
        let done = if up {
            self.interface.take_up()
        } else {
            self.interface.hold_down()
        };
        done.is_ok()
    }

    fn kind(&self) -> &'static str {
        "xdp"
    }

    fn name(&self) -> &str {
        self.interface.name()
    }

    fn take_watch(&mut self) -> Option<Watch> {
        self.watch.take()
    }
}

#[cfg(test)]
mod tests;
