//! The instructions of the program, assembled here: no compiler and no loader is needed.
//!
//! ```text
//! a VLAN tag that the kernel holds beside the frame (if the program checks it): put it back
//! length of the frame > limit: count it as too long, drop it
//! redirect to the socket of its receive queue; no socket: count it as unread, drop it
//! ```
//! Every frame is therefore in a ring, in a counter of the socket, or in one of these counters.

use super::tally::Drop;

/// The parameters of the program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    /// Descriptor of the socket map.
    pub(super) sockets: i32,
    /// Descriptor of the counter map.
    pub(super) tally: i32,
    /// Octets of the longest frame that a port accepts.
    pub(super) frame_len_max: i32,
    /// Number of the kernel function that reports a tag beside the frame.
    pub(super) rx_vlan_tag: Option<i32>,
}

const LOAD_HALF: u8 = 0x69;
const LOAD_WORD: u8 = 0x61;
const LOAD_IMMEDIATE_64: u8 = 0x18;
const STORE_HALF: u8 = 0x6b;
const STORE_WORD: u8 = 0x63;
const STORE_IMMEDIATE_WORD: u8 = 0x62;
const MOVE: u8 = 0xbf;
const MOVE_IMMEDIATE: u8 = 0xb7;
const ADD_IMMEDIATE: u8 = 0x07;
const TO_BIG_ENDIAN: u8 = 0xdc;
const JUMP_IF_GREATER: u8 = 0x2d;
const JUMP_IF_GREATER_IMMEDIATE: u8 = 0x25;
const JUMP_IF_OTHER: u8 = 0x55;
const ATOMIC_64: u8 = 0xdb;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// Source register value: the immediate value is a map's descriptor.
const MAP_DESCRIPTOR: u8 = 1;
/// Source register value: the same, and the address of the map's only value is loaded.
const MAP_VALUE: u8 = 2;
/// Source register value of a call: a kernel function by its number.
const KERNEL_FUNCTION: u8 = 2;
/// The operation of an atomic instruction: add.
const ADD: i32 = 0;
/// The register that points to the end of the stack.
const STACK: u8 = 10;

/// Offsets in `struct xdp_md` of the frame's begin and end, and of the receive queue.
const DATA: i16 = 0;
const DATA_END: i16 = 4;
const RX_QUEUE_INDEX: i16 = 16;
const XDP_DROP: i32 = 1;
const XDP_PASS: i32 = 2;
const ADJUST_HEAD: i32 = 44;
const REDIRECT_MAP: i32 = 51;
const FRAME_LEN: i32 = 188;

/// The number of instructions of [`drop`].
const DROP_LEN: i16 = 6;

/// The program of a port.
pub(super) fn program(parts: Parts) -> Vec<u64> {
    let Parts {
        sockets,
        tally,
        frame_len_max,
        rx_vlan_tag,
    } = parts;
    // r6 = context; calls preserve it.
    let mut code = vec![instruction(MOVE, 6, 1, 0, 0)];
    if let Some(function) = rx_vlan_tag {
        code.extend(put_tag_back(function, tally));
    }
    code.extend([
        // r0 = length of all fragments.
        instruction(MOVE, 1, 6, 0, 0),
        instruction(CALL, 0, 0, 0, FRAME_LEN),
        // Too long: jump to the second end.
        instruction(JUMP_IF_GREATER_IMMEDIATE, 0, 0, 7 + DROP_LEN, frame_len_max),
        // r0 = bpf_redirect_map(sockets, queue, value to return if there is no socket)
        instruction(LOAD_WORD, 2, 6, RX_QUEUE_INDEX, 0),
        instruction(LOAD_IMMEDIATE_64, 1, MAP_DESCRIPTOR, 0, sockets),
        instruction(0, 0, 0, 0, 0),
        instruction(MOVE_IMMEDIATE, 3, 0, 0, XDP_DROP),
        instruction(CALL, 0, 0, 0, REDIRECT_MAP),
        // There is a socket: skip the first end and return r0.
        instruction(JUMP_IF_OTHER, 0, 0, DROP_LEN, XDP_DROP),
    ]);
    code.extend(drop(tally, Drop::Unread));
    code.push(instruction(EXIT, 0, 0, 0, 0));
    code.extend(drop(tally, Drop::TooLong));
    code
}

/// A program that passes every frame to the kernel.
pub(super) fn pass() -> Vec<u64> {
    vec![
        instruction(MOVE_IMMEDIATE, 0, 0, 0, XDP_PASS),
        instruction(EXIT, 0, 0, 0, 0),
    ]
}

/// Puts a tag that the kernel holds beside the frame back behind the addresses. A frame without
/// room for it is dropped and counted.
fn put_tag_back(function: i32, tally: i32) -> Vec<u64> {
    // EtherType of the tag (network order) and its control information (a number).
    const ETHERTYPE: i16 = -8;
    const CONTROL: i16 = -4;
    let load_word = |from: i16| instruction(LOAD_WORD, 1, 7, from, 0);
    let store_word = |to: i16| instruction(STORE_WORD, 7, 1, to, 0);
    let mut move_in = vec![
        // Move the addresses to the front.
        load_word(4),
        store_word(0),
        load_word(8),
        store_word(4),
        load_word(12),
        store_word(8),
        instruction(LOAD_HALF, 1, STACK, ETHERTYPE, 0),
        instruction(STORE_HALF, 7, 1, 12, 0),
        instruction(LOAD_HALF, 1, STACK, CONTROL, 0),
        instruction(TO_BIG_ENDIAN, 1, 0, 0, 16),
        instruction(STORE_HALF, 7, 1, 14, 0),
    ];
    let moves = move_in.len() as i16;
    let mut code = vec![
        instruction(STORE_IMMEDIATE_WORD, STACK, 0, ETHERTYPE, 0),
        instruction(STORE_IMMEDIATE_WORD, STACK, 0, CONTROL, 0),
        instruction(MOVE, 1, 6, 0, 0),
        instruction(MOVE, 2, STACK, 0, 0),
        instruction(ADD_IMMEDIATE, 2, 0, 0, ETHERTYPE.into()),
        instruction(MOVE, 3, STACK, 0, 0),
        instruction(ADD_IMMEDIATE, 3, 0, 0, CONTROL.into()),
        instruction(CALL, 0, KERNEL_FUNCTION, 0, function),
        // No tag, or the driver cannot report it: skip the rest.
        instruction(JUMP_IF_OTHER, 0, 0, 9 + moves + 1 + DROP_LEN, 0),
        instruction(MOVE, 1, 6, 0, 0),
        instruction(MOVE_IMMEDIATE, 2, 0, 0, -4),
        instruction(CALL, 0, 0, 0, ADJUST_HEAD),
        // No headroom.
        instruction(JUMP_IF_OTHER, 0, 0, 5 + moves + 1, 0),
        instruction(LOAD_WORD, 7, 6, DATA, 0),
        instruction(LOAD_WORD, 8, 6, DATA_END, 0),
        instruction(MOVE, 1, 7, 0, 0),
        instruction(ADD_IMMEDIATE, 1, 0, 0, 16),
        // The frame is shorter than its addresses.
        instruction(JUMP_IF_GREATER, 1, 8, moves + 1, 0),
    ];
    code.append(&mut move_in);
    // Skip the end that drops.
    code.push(instruction(JUMP, 0, 0, DROP_LEN, 0));
    code.extend(drop(tally, Drop::Tag));
    code
}

const JUMP: u8 = 0x05;

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
