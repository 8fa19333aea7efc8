//! The program that an interface runs for each frame. It sends the frame to the socket of its
//! queue.
//!
//! A BPF link attaches it: when the link's descriptor is closed, also by a crash, the interface
//! returns to its former state.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
};

use super::{
    bpf,
    code::{self, Parts},
};
use crate::{PortError, iface::Interface, limits};

/// Queue number → socket (BPF_MAP_TYPE_XSKMAP).
#[derive(Debug)]
pub(super) struct SocketMap(OwnedFd);

/// A loaded program.
#[derive(Debug)]
pub(super) struct Loaded(OwnedFd);

/// The program on an interface; detached on drop.
#[derive(Debug)]
pub(super) struct Attachment {
    _link: OwnedFd,
}

const MAP_TYPE_XSKMAP: u32 = 17;
const PROGRAM_TYPE_XDP: u32 = 6;
const ATTACH_TYPE_XDP: u32 = 37;
/// The program accepts frames of several buffers.
const PROGRAM_HAS_FRAGMENTS: u32 = 1 << 5;
/// The program calls the driver of one device.
const PROGRAM_DEVICE_BOUND: u32 = 1 << 6;
/// The licence of these instructions, which is that of the project (MIT among others). The kernel
/// lets a program call its functions only with a licence name that it knows (ADR 13).
const LICENCE: &std::ffi::CStr = c"Dual MIT/GPL";

/// The place where the interface runs the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AttachPoint {
    /// In the driver, before the kernel allocates its own buffer for the frame.
    Driver,
    /// In the kernel's general receive path. Works on any interface.
    General,
}

impl AttachPoint {
    /// XDP_FLAGS_*.
    fn flag(self) -> u32 {
        match self {
            Self::General => 1 << 1,
            Self::Driver => 1 << 2,
        }
    }
}

impl SocketMap {
    /// An empty map for [`limits::QUEUES_MAX`] queues.
    pub(super) fn new() -> io::Result<Self> {
        // map_type, key_size, value_size, max_entries.
        let attributes = [MAP_TYPE_XSKMAP, 4, 4, limits::QUEUES_MAX as u32];
        bpf::descriptor(bpf::MAP_CREATE, &attributes).map(Self)
    }

    /// Sends the frames of `queue` to `socket`.
    pub(super) fn insert(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let value = socket.as_raw_fd();
        // map_fd, padding, key, value (both by pointer), flags.
        let attributes = MapUpdate {
            map: self.0.as_raw_fd(),
            padding: 0,
            key: (&raw const queue) as u64,
            value: (&raw const value) as u64,
            flags: 0,
        };
        bpf::call(bpf::MAP_UPDATE, &attributes).map(drop)
    }

    /// The descriptor, for the program's instructions.
    pub(super) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

impl Loaded {
    /// Makes the kernel verify and compile the program for the interface with this index.
    pub(super) fn new(parts: Parts, index: u32) -> io::Result<Self> {
        // A program that calls the driver is bound to the device.
        let device = parts.rx_vlan_tag.map(|_| index);
        Self::load(&code::program(parts), device)
    }

    /// A program that passes every frame to the kernel.
    pub(super) fn pass() -> io::Result<Self> {
        Self::load(&code::pass(), None)
    }

    fn load(program: &[u64], device: Option<u32>) -> io::Result<Self> {
        let attributes = ProgramLoad {
            program_type: PROGRAM_TYPE_XDP,
            instructions: program.len() as u32,
            program: program.as_ptr() as u64,
            licence: LICENCE.as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel_version: 0,
            flags: PROGRAM_HAS_FRAGMENTS | device.map_or(0, |_| PROGRAM_DEVICE_BOUND),
            name: *b"qmacsec_redirec\0",
            interface: device.unwrap_or(0),
            attach_type: ATTACH_TYPE_XDP,
        };
        bpf::descriptor(bpf::PROGRAM_LOAD, &attributes).map(Self)
    }

    /// Attaches the program to an interface.
    pub(super) fn attach(&self, index: u32, place: AttachPoint) -> io::Result<Attachment> {
        // prog_fd, target_ifindex, attach_type, flags.
        let program = self.0.as_raw_fd().cast_unsigned();
        let attributes = [program, index, ATTACH_TYPE_XDP, place.flag()];
        Ok(Attachment {
            _link: bpf::descriptor(bpf::LINK_CREATE, &attributes)?,
        })
    }
}

/// Translates the kernel's errors about programs, maps and sockets.
pub(super) fn lacking(interface: &Interface, what: &str, source: io::Error) -> PortError {
    let ifname = interface.name().to_owned();
    let fix = match source.raw_os_error() {
        Some(libc::EBUSY) => {
            let fix = "another program has its queues or its XDP: `ip link show`, `bpftool net`";
            return PortError::Busy { ifname, fix };
        }
        Some(libc::EPERM | libc::EACCES) => {
            let fix = "run as root, or grant CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_IPC_LOCK";
            return PortError::NotPermitted {
                what: format!("interface {ifname}: {what}"),
                fix,
            };
        }
        Some(libc::EAFNOSUPPORT | libc::ENOSYS) => "the kernel has no AF_XDP: use `packet`",
        Some(libc::EOPNOTSUPP) => "the driver cannot do this mode: use `xdp_mode = \"auto\"`",
        Some(libc::ERANGE) => "the MTU is too large for the driver's XDP: lower it, or use `skb`",
        Some(libc::ENOSPC) => "a veth needs as many rx queues as its peer has tx queues",
        // Such frames come in pieces, which an older kernel refuses without a reason.
        Some(libc::EINVAL) => {
            "frames above 3 KiB take Linux 6.6 or later: lower `red.mtu`, or use `packet`"
        }
        Some(libc::ENOBUFS) => "not enough memory may be locked: raise `ulimit -l`",
        _ => return interface.failed(what, source),
    };
    PortError::System {
        what: format!("interface {ifname}: {what}: {fix}"),
        source,
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
struct MapUpdate {
    map: i32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct ProgramLoad {
    program_type: u32,
    instructions: u32,
    program: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}
