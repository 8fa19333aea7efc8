//! The program that an interface runs for each frame: send it to the socket of its queue.
//!
//! Six instructions, assembled here, so that no compiler and no loader library is needed. Attached
//! by a BPF link: when its descriptor is closed, also by a crash, the interface is as before.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use crate::{limits, sys};

/// Queue number → socket (BPF_MAP_TYPE_XSKMAP).
#[derive(Debug)]
pub(super) struct SocketMap(OwnedFd);

/// The program on an interface, for as long as this lives.
#[derive(Debug)]
pub(super) struct Attachment {
    _link: OwnedFd,
}

const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE: libc::c_int = 2;
const PROGRAM_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
const MAP_TYPE_XSKMAP: u32 = 17;
const PROGRAM_TYPE_XDP: u32 = 6;
const ATTACH_TYPE_XDP: u32 = 37;
/// The program takes frames of several buffers.
const PROGRAM_HAS_FRAGMENTS: u32 = 1 << 5;

/// Where the interface runs the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In the driver, before the kernel makes anything of the frame.
    Driver,
    /// In the kernel's general receive path: works on any interface.
    General,
}

impl Place {
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
        bpf_descriptor(MAP_CREATE, &attributes).map(Self)
    }

    /// Frames of `queue` go to `socket`.
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
        bpf(MAP_UPDATE, &attributes).map(drop)
    }

    /// Runs the program with this map on an interface.
    pub(super) fn attach(&self, index: u32, place: Place) -> io::Result<Attachment> {
        let program = self.load()?;
        // prog_fd, target_ifindex, attach_type, flags.
        let program = program.as_raw_fd().cast_unsigned();
        let attributes = [program, index, ATTACH_TYPE_XDP, place.flag()];
        Ok(Attachment {
            _link: bpf_descriptor(LINK_CREATE, &attributes)?,
        })
    }

    fn load(&self) -> io::Result<OwnedFd> {
        let program = self.program();
        let attributes = ProgramLoad {
            program_type: PROGRAM_TYPE_XDP,
            instructions: program.len() as u32,
            program: program.as_ptr() as u64,
            licence: c"Apache-2.0".as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel_version: 0,
            flags: PROGRAM_HAS_FRAGMENTS,
            name: *b"qmacsec_redirect",
            interface: 0,
            attach_type: ATTACH_TYPE_XDP,
        };
        let attributes = ProgramLoad {
            name: with_end(attributes.name),
            ..attributes
        };
        bpf_descriptor(PROGRAM_LOAD, &attributes)
    }

    /// `return bpf_redirect_map(map, context->rx_queue_index, XDP_PASS)`: a queue without a socket
    /// leaves its frames to the kernel.
    fn program(&self) -> [u64; 6] {
        const LOAD_WORD: u8 = 0x61;
        const LOAD_IMMEDIATE_64: u8 = 0x18;
        const MOVE_IMMEDIATE: u8 = 0xb7;
        const CALL: u8 = 0x85;
        const EXIT: u8 = 0x95;
        /// Source register that says: the immediate value is a map's descriptor.
        const MAP_DESCRIPTOR: u8 = 1;
        const RX_QUEUE_INDEX: i16 = 16;
        const XDP_PASS: i32 = 2;
        const REDIRECT_MAP: i32 = 51;
        [
            instruction(LOAD_WORD, 2, 1, RX_QUEUE_INDEX, 0),
            instruction(LOAD_IMMEDIATE_64, 1, MAP_DESCRIPTOR, 0, self.0.as_raw_fd()),
            instruction(0, 0, 0, 0, 0),
            instruction(MOVE_IMMEDIATE, 3, 0, 0, XDP_PASS),
            instruction(CALL, 0, 0, 0, REDIRECT_MAP),
            instruction(EXIT, 0, 0, 0, 0),
        ]
    }
}

/// `struct bpf_insn`: code, registers, offset, immediate value.
fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> u64 {
    let registers = if cfg!(target_endian = "little") {
        source << 4 | destination
    } else {
        destination << 4 | source
    };
    let ([c, d], [e, f, g, h]) = (offset.to_ne_bytes(), immediate.to_ne_bytes());
    u64::from_ne_bytes([code, registers, c, d, e, f, g, h])
}

/// Names in the kernel end with a zero.
fn with_end(mut name: [u8; 16]) -> [u8; 16] {
    name[15] = 0;
    name
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

/// A command that makes something and gives its descriptor.
#[allow(unsafe_code, reason = "bpf(2)")]
fn bpf_descriptor<A: Copy>(command: libc::c_int, attributes: &A) -> io::Result<OwnedFd> {
    let fd = bpf(command, attributes)?;
    // SAFETY: fresh from the kernel, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[allow(unsafe_code, reason = "bpf(2)")]
fn bpf<A: Copy>(command: libc::c_int, attributes: &A) -> io::Result<libc::c_int> {
    let (attributes, len) = (&raw const *attributes, size_of::<A>());
    // SAFETY: the kernel reads `len` octets of attributes; the pointers in them are to values that
    // live in the caller until the call is over, and the kernel only reads those.
    let returned = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, len) };
    // Descriptors and error codes fit.
    sys::checked(returned as libc::c_int)
}
