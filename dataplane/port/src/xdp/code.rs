//! The instructions of the program, assembled here, so that no compiler and no loader is needed.
//!
//! ```text
//! length of the frame > limit: count it as too long, drop it
//! redirect to the socket of its receive queue; no socket: count it as unread, drop it
//! ```
//! So every frame is in a ring, or in a counter of the socket, or in one of these two.

use super::tally::Drop;

/// What the program works with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    /// Descriptor of the map of sockets.
    pub(super) sockets: i32,
    /// Descriptor of the map of counters.
    pub(super) tally: i32,
    /// Octets of the longest frame that a port takes.
    pub(super) frame_len_max: i32,
}

const LOAD_WORD: u8 = 0x61;
const LOAD_IMMEDIATE_64: u8 = 0x18;
const MOVE: u8 = 0xbf;
const MOVE_IMMEDIATE: u8 = 0xb7;
const JUMP_IF_GREATER: u8 = 0x25;
const JUMP_IF_OTHER: u8 = 0x55;
const ATOMIC_64: u8 = 0xdb;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// Source register that says: the immediate value is a map's descriptor.
const MAP_DESCRIPTOR: u8 = 1;
/// The same, and the address of the map's only value is wanted.
const MAP_VALUE: u8 = 2;
/// Of an atomic instruction: add.
const ADD: i32 = 0;

/// Where `struct xdp_md` has the receive queue.
const RX_QUEUE_INDEX: i16 = 16;
const XDP_DROP: i32 = 1;
const REDIRECT_MAP: i32 = 51;
const FRAME_LEN: i32 = 188;

/// Instructions of [`drop`].
const DROP_LEN: i16 = 6;

/// The program.
pub(super) fn program(parts: Parts) -> Vec<u64> {
    let Parts {
        sockets,
        tally,
        frame_len_max,
    } = parts;
    let mut code = vec![
        // r6 = context, which calls leave as it is; r0 = length, in all pieces.
        instruction(MOVE, 6, 1, 0, 0),
        instruction(CALL, 0, 0, 0, FRAME_LEN),
        // Too long: over the rest to the second end.
        instruction(JUMP_IF_GREATER, 0, 0, 7 + DROP_LEN, frame_len_max),
        // r0 = bpf_redirect_map(sockets, queue, what to return if there is none)
        instruction(LOAD_WORD, 2, 6, RX_QUEUE_INDEX, 0),
        instruction(LOAD_IMMEDIATE_64, 1, MAP_DESCRIPTOR, 0, sockets),
        instruction(0, 0, 0, 0, 0),
        instruction(MOVE_IMMEDIATE, 3, 0, 0, XDP_DROP),
        instruction(CALL, 0, 0, 0, REDIRECT_MAP),
        // There is a socket: over the first end, r0 is what to return.
        instruction(JUMP_IF_OTHER, 0, 0, DROP_LEN, XDP_DROP),
    ];
    code.extend(drop(tally, Drop::Unread));
    code.push(instruction(EXIT, 0, 0, 0, 0));
    code.extend(drop(tally, Drop::TooLong));
    code
}

/// `lock *(tally + offset) += 1; return XDP_DROP`.
fn drop(tally: i32, drop: Drop) -> [u64; DROP_LEN as usize] {
    [
        instruction(LOAD_IMMEDIATE_64, 1, MAP_VALUE, 0, tally),
        instruction(0, 0, 0, 0, drop.offset()),
        instruction(MOVE_IMMEDIATE, 2, 0, 0, 1),
        instruction(ATOMIC_64, 1, 2, 0, ADD),
        instruction(MOVE_IMMEDIATE, 0, 0, 0, XDP_DROP),
        instruction(EXIT, 0, 0, 0, 0),
    ]
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
