//! A TAP interface: its other end is the kernel's own stack, a bridge, or a virtual machine.
//!
//! Each frame costs one system call per direction. IFF_VNET_HDR is not set, so the kernel cuts
//! frames and finishes checksums itself, and every received frame can go on a line.
//!
//! The interface may be moved to another namespace while the port is open. If it is deleted, the
//! port checks a few times a second: it creates an interface of its own again, and waits for one
//! that existed before.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
    sync::Arc,
};

use crate::{
    Burst, LinkState, Pool, Port, PortCounters, PortError, Watch,
    hearing::Needs,
    iface::Interface,
    limits,
    revival::Revival,
    sole::{SharedSole, Sole},
    sys,
};

const DEVICE: &str = "/dev/net/tun";

/// The TAP interface of a port, and its settings.
#[derive(Clone, Debug)]
pub struct TapConfig {
    /// Created if it does not exist; then it is removed with the port.
    pub name: String,
    /// The MTU to set on the interface.
    pub mtu: usize,
    /// One of several queues: each worker opens the same interface, and the kernel spreads flows
    /// over the queues.
    pub multi_queue: bool,
    /// The state that the queues of one interface share. The configs of all workers hold the same
    /// value.
    pub queues: TapQueues,
    /// Number of buffers.
    pub pool_frames: usize,
}

/// The reservation that the workers share. Without it the kernel lets another program open more
/// queues.
#[derive(Clone, Debug, Default)]
pub struct TapQueues(SharedSole);

impl Default for TapConfig {
    fn default() -> Self {
        Self {
            name: "tap0".into(),
            mtu: 1500,
            multi_queue: false,
            queues: TapQueues::default(),
            pool_frames: limits::POOL_FRAMES,
        }
    }
}

/// A TAP interface as a port.
pub struct Tap {
    interface: Interface,
    /// Created by someone else (`ip tuntap add`): the port waits for it and does not create it.
    foreign: bool,
    /// `None` while the interface is gone.
    file: Option<File>,
    /// The host sees a carrier.
    carrier: bool,
    mac: [u8; 6],
    mtu: usize,
    multi_queue: bool,
    queues: TapQueues,
    sole: Option<Arc<Sole>>,
    watch: Option<Watch>,
    pool: Pool,
    counters: PortCounters,
    revival: Revival,
}

impl Tap {
    /// Creates the interface or attaches to it, sets its MTU, takes it up.
    ///
    /// # Errors
    /// The reason and the fix: the device node is missing, no permission, the name is in use.
    pub fn open(config: TapConfig) -> Result<Self, PortError> {
        let interface = Interface::named(&config.name)?;
        let pool = Pool::new(config.pool_frames, config.mtu)?;
        let foreign = interface.index().is_ok();
        let (file, sole) = attach(
            &interface,
            config.mtu,
            config.multi_queue,
            &config.queues,
            true,
        )?;
        // Without the kernel's routing socket the port works, but is not watched.
        let watch = Watch::new(&interface, Arc::default(), Needs::Nothing).ok();
        Ok(Self {
            mac: interface.mac()?,
            interface,
            foreign,
            file: Some(file),
            queues: config.queues,
            sole: Some(sole),
            watch,
            carrier: true,
            mtu: config.mtu,
            multi_queue: config.multi_queue,
            pool,
            counters: PortCounters::default(),
            revival: Revival::default(),
        })
    }

    /// The pool of buffers, for leak tests.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Reads one frame. `None`: there is none, or the interface is gone.
    fn receive(&mut self) -> Option<crate::Frame> {
        let mut file = self.file.as_ref()?;
        let longest = self.pool.frame_len_max();
        loop {
            let Some(mut frame) = self.pool.frame() else {
                // Reads and discards the frame, so that the queue does not fill up with old frames.
                let _ = file.read(&mut [0; limits::ETHERNET_HEADER]).ok()?;
                self.counters.rx_no_buffer += 1;
                continue;
            };
            // The kernel truncates a longer frame silently. So the read has one octet more than the
            // longest frame, from the tailroom, to detect a truncated frame.
            let place = limits::HEADROOM..limits::HEADROOM + longest + 1;
            match file.read(&mut frame.room_mut().0[place]) {
                Ok(len) if len > longest => self.counters.rx_too_long += 1,
                Ok(len) if len < limits::ETHERNET_HEADER => self.counters.rx_malformed += 1,
                Ok(len) => {
                    frame.set_range(limits::HEADROOM, limits::HEADROOM + len);
                    self.counters.count_rx(len);
                    return Some(frame);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.lose();
                    return None;
                }
            }
        }
    }

    fn send(&mut self, octets: &[u8]) {
        let Some(mut file) = self.file.as_ref() else {
            self.counters.tx_link_down += 1;
            return;
        };
        if octets.len() > limits::frame_len_max(self.mtu) {
            self.counters.tx_too_long += 1;
            return;
        }
        match file.write(octets) {
            Ok(_) => self.counters.count_tx(octets.len()),
            // EIO: the interface is down. EBADFD: it is deleted; the next read detects that too.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EIO | libc::EBADFD)) => {
                self.counters.tx_link_down += 1;
            }
            Err(_) => self.counters.tx_refused += 1,
        }
    }

    /// The interface is gone. Its descriptor would only report that again.
    fn lose(&mut self) {
        self.file = None;
        self.sole = None;
        self.counters.link_losses += 1;
    }

    fn revive(&mut self) {
        if !self.revival.is_due() || (self.foreign && self.interface.index().is_err()) {
            return;
        }
        let attached = attach(
            &self.interface,
            self.mtu,
            self.multi_queue,
            &self.queues,
            false,
        );
        if let Ok((file, sole)) = attached {
            self.sole = Some(sole);
            self.mac = self.interface.mac().unwrap_or(self.mac);
            self.file = Some(file);
            self.set_link(self.carrier);
        }
    }
}

impl Port for Tap {
    fn rx_burst(&mut self, into: &mut Burst) {
        if self.file.is_none() {
            self.revive();
        }
        while !into.is_full() {
            let Some(frame) = self.receive() else { return };
            into.push(frame);
        }
    }

    fn tx_burst(&mut self, from: &mut Burst) {
        for frame in from.drain(..) {
            self.send(frame.bytes());
        }
    }

    fn copy_tx(&mut self, frame: &[u8]) {
        self.send(frame);
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn counters(&self) -> PortCounters {
        PortCounters {
            buffers_held: self.pool.held(),
            ..self.counters
        }
    }

    fn link_up(&self) -> bool {
        self.link_state() == LinkState::Up
    }

    fn link_state(&self) -> LinkState {
        let Some(file) = &self.file else {
            return LinkState::Gone;
        };
        match self.interface.link_state() {
            // The interface is not visible here, but attached: it was moved to another namespace,
            // for example to that of the host behind the port.
            LinkState::Gone if is_attached(file, &self.interface) => LinkState::Up,
            state => state,
        }
    }

    fn set_link(&mut self, up: bool) -> bool {
        self.carrier = up;
        let file = self.file.as_ref();
        file.is_some_and(|file| sys::tap_carrier(file.as_fd(), up).is_ok())
    }

    fn kind(&self) -> &'static str {
        "tap"
    }

    fn name(&self) -> &str {
        self.interface.name()
    }

    fn take_watch(&mut self) -> Option<Watch> {
        self.watch.take()
    }
}

/// Opens the device, names the interface, sets its MTU, takes it up, and reserves it for this
/// process.
fn attach(
    interface: &Interface,
    mtu: usize,
    multi_queue: bool,
    queues: &TapQueues,
    patient: bool,
) -> Result<(File, Arc<Sole>), PortError> {
    let take = |index| match patient {
        true => queues.0.take_patiently(interface, index),
        false => queues.0.take(interface, index),
    };
    // Reserves an existing interface first: a queue of a refused port would swallow frames.
    let there = interface.index().ok().map(take).transpose()?;
    let file = open_device()?;
    let single = libc::IFF_TAP | libc::IFF_NO_PI;
    let several = single | libc::IFF_MULTI_QUEUE;
    set_interface(&file, interface, if multi_queue { several } else { single })
        .or_else(|error| match error.raw_os_error() {
            // An interface with several queues refuses to be attached as one with a single queue.
            Some(libc::EINVAL) if !multi_queue => set_interface(&file, interface, several),
            _ => Err(error),
        })
        .map_err(|source| refused(interface, source))?;
    let sole = match there {
        Some(sole) => sole,
        None => take(interface.index()?)?,
    };
    if interface.mtu()? != mtu {
        interface.set_mtu(mtu)?;
    }
    interface.take_up()?;
    Ok((file, sole))
}

fn open_device() -> Result<File, PortError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(DEVICE)
        .map_err(|source| match source.raw_os_error() {
            Some(libc::ENOENT) => PortError::NoDevice {
                path: DEVICE,
                fix: "`modprobe tun`; a container needs the device passed in",
            },
            Some(libc::ENODEV | libc::ENXIO) => PortError::NoDevice {
                path: DEVICE,
                fix: "the kernel has no TUN/TAP: `modprobe tun`",
            },
            Some(libc::EACCES | libc::EPERM) => PortError::NotPermitted {
                what: format!("opening {DEVICE}"),
                fix: "`chmod 666 /dev/net/tun` (making interfaces still takes CAP_NET_ADMIN)",
            },
            _ => PortError::System {
                what: format!("opening {DEVICE}"),
                source,
            },
        })
}

fn set_interface(file: &File, interface: &Interface, flags: libc::c_int) -> io::Result<()> {
    let mut request = interface.request();
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    sys::interface_ioctl(file.as_fd(), libc::TUNSETIFF as _, &mut request)
}

fn is_attached(file: &File, interface: &Interface) -> bool {
    sys::interface_ioctl(file.as_fd(), libc::TUNGETIFF as _, &mut interface.request()).is_ok()
}

fn refused(interface: &Interface, source: io::Error) -> PortError {
    let ifname = interface.name().to_owned();
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => PortError::NotPermitted {
            what: format!("TAP interface {ifname}"),
            fix: "grant CAP_NET_ADMIN, or make it beforehand: `ip tuntap add NAME mode tap user USER`",
        },
        Some(libc::EBUSY) => PortError::Busy {
            ifname,
            fix: "another program has this TAP interface open",
        },
        Some(libc::EINVAL) => PortError::Busy {
            ifname,
            fix: "it is there, but it is no TAP interface, or (several workers) not one with `multi_queue`",
        },
        _ => PortError::System {
            what: format!("TAP interface {ifname}"),
            source,
        },
    }
}
