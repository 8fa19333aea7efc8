//! Several sockets share an interface, and each frame goes to one of them (PACKET_FANOUT). Workers
//! share an interface this way.
//!
//! The kernel chooses the socket of a frame, and the choice is only a hint: after an interface was
//! gone, the order of the sockets may differ. A worker hands a frame of another worker over to it.

use std::{
    io,
    os::fd::BorrowedFd,
    sync::{Arc, Mutex, PoisonError},
};

use super::SOL_PACKET;
use crate::{sole::SharedSole, sys};

/// The rule for the choice of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spread {
    /// All frames of a flow (addresses, ports) go to one socket. For the site's side.
    Flow,
    /// All MACsec frames of an SC go to one socket: its index is (port number of the SCI - 1)
    /// modulo the number of sockets. All other frames go to the first. For the line.
    Sci,
}

/// A group of sockets, which the configs of all workers share. Sockets are indexed in the order of
/// joining.
#[derive(Clone, Debug)]
pub struct Fanout {
    spread: Spread,
    /// The kernel's number of the group, once the group exists.
    group: Arc<Mutex<Option<u16>>>,
    /// The ports of the group share the interface.
    pub(super) sole: SharedSole,
}

/// The group does not receive the frames that this machine sends.
const IGNORE_OUTGOING: u16 = 0x4000;
/// The kernel chooses a number that no other program uses.
const UNIQUE_ID: u16 = 0x2000;

impl Fanout {
    /// A group without sockets.
    #[must_use]
    pub fn new(spread: Spread) -> Self {
        Self {
            spread,
            group: Arc::default(),
            sole: SharedSole::default(),
        }
    }

    /// Adds a bound socket to the group.
    pub(super) fn join(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        // The number stays valid if another thread panicked.
        let mut group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        let mode = match self.spread {
            Spread::Flow => libc::PACKET_FANOUT_HASH,
            Spread::Sci => libc::PACKET_FANOUT_CBPF,
        };
        let join = |id: u16, flags: u16| {
            let argument = u32::from(id) | u32::from(mode as u16 | flags) << 16;
            sys::set_option(socket, SOL_PACKET, libc::PACKET_FANOUT, &argument)
        };
        // A group whose interface is gone accepts no socket, so a new group is made.
        if let Some(id) = *group
            && join(id, IGNORE_OUTGOING).is_ok()
        {
            return self.program(socket);
        }
        join(0, UNIQUE_ID | IGNORE_OUTGOING)?;
        let [fanout] = sys::option::<1>(socket, SOL_PACKET, libc::PACKET_FANOUT)?;
        *group = Some(fanout as u16);
        self.program(socket)
    }

    /// Sets the program of the group. Setting it again is harmless.
    fn program(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        match self.spread {
            Spread::Flow => Ok(()),
            Spread::Sci => {
                set_program(socket, SOL_PACKET, libc::PACKET_FANOUT_DATA, &sci_program())
            }
        }
    }
}

/// Blocks all frames to this socket until [`hear`]. Between `bind` and joining the group, a socket
/// gets copies of frames that belong to others.
pub(super) fn mute(socket: BorrowedFd<'_>) -> io::Result<()> {
    let nothing = [instruction(RETURN, 0, 0, 0)];
    set_program(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &nothing)
}

/// See [`mute`].
pub(super) fn hear(socket: BorrowedFd<'_>) -> io::Result<()> {
    sys::set_option(socket, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0i32)
}

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const SUBTRACT: u16 = (libc::BPF_ALU | libc::BPF_SUB | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const RETURN_A: u16 = (libc::BPF_RET | BPF_A) as u16;
const BPF_A: u32 = 0x10;
/// Offset at which programs find the EtherType (SKF_AD_OFF + SKF_AD_PROTOCOL).
const ETHERTYPE: u32 = (-0x1000_i32).cast_unsigned();
const MACSEC: u32 = 0x88E5;
/// In a SecTAG with SCI, after the EtherType: TCI (1), SL (1), PN (4), address (6), port number.
const SCI_PORT: u32 = 12;

/// The program sees the frame after its EtherType; tags before it were taken out. The kernel takes
/// the return value modulo the number of sockets. A frame that is too short gives 0.
fn sci_program() -> [libc::sock_filter; 6] {
    [
        instruction(LOAD_WORD, 0, 0, ETHERTYPE),
        instruction(JUMP_IF_EQUAL, 0, 3, MACSEC),
        instruction(LOAD_HALF, 0, 0, SCI_PORT),
        instruction(SUBTRACT, 0, 0, 1),
        instruction(RETURN_A, 0, 0, 0),
        instruction(RETURN, 0, 0, 0),
    ]
}

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

fn set_program(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    program: &[libc::sock_filter],
) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: program.len() as u16,
        // The kernel reads it during the call, and writes nothing.
        filter: program.as_ptr().cast_mut(),
    };
    sys::set_option(socket, level, option, &program)
}
