//! The kernel's own description of its functions (BTF). A program calls a function by its number
//! there.
//!
//! This reads only what is needed to find a function by name.

use std::{fs, sync::OnceLock};

/// The number of the kernel function that reports the VLAN tag held beside a frame; Linux 6.8 and
/// later.
pub(super) fn rx_vlan_tag() -> Option<i32> {
    // The file has some megabytes, so it is read once.
    static NUMBER: OnceLock<Option<i32>> = OnceLock::new();
    *NUMBER.get_or_init(|| {
        let octets = fs::read("/sys/kernel/btf/vmlinux").ok()?;
        function(&octets, "bpf_xdp_metadata_rx_vlan_tag")
    })
}

const MAGIC: u16 = 0xeb9f;
const KIND_FUNCTION: u32 = 12;
/// `struct btf_type`: name, info, size or type.
const TYPE_LEN: usize = 12;

/// The number of a function. Types are numbered from 1.
fn function(octets: &[u8], name: &str) -> Option<i32> {
    let half = octets.get(..2)?.try_into().ok()?;
    if u16::from_ne_bytes(half) != MAGIC {
        return None;
    }
    // struct btf_header: magic, version, flags, hdr_len, type_off, type_len, str_off, str_len.
    let header_len = word(octets, 4)? as usize;
    let section = |at: usize| -> Option<&[u8]> {
        let start = header_len.checked_add(word(octets, at)? as usize)?;
        octets.get(start..start.checked_add(word(octets, at + 4)? as usize)?)
    };
    let (types, strings) = (section(8)?, section(16)?);
    let name_at = place_of(strings, name)?;
    let mut at = 0;
    for number in 1.. {
        let (name, info) = (word(types, at)?, word(types, at + 4)?);
        let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
        if kind == KIND_FUNCTION && name as usize == name_at {
            return Some(number);
        }
        at += TYPE_LEN + tail_len(kind, count)?;
    }
    None
}

/// Octets that follow a type of this kind. `None`: the kind is unknown.
fn tail_len(kind: u32, count: usize) -> Option<usize> {
    Some(match kind {
        // Pointer, forward, typedef, volatile, const, restrict, function, float, type tag.
        2 | 7 | 8 | 9 | 10 | 11 | 12 | 16 | 18 => 0,
        // Integer, variable, declaration tag.
        1 | 14 | 17 => 4,
        // Array.
        3 => 12,
        // Structure, union, section, enumeration of 64 bits.
        4 | 5 | 15 | 19 => 12 * count,
        // Enumeration, prototype.
        6 | 13 => 8 * count,
        _ => return None,
    })
}

/// The start of a string in the string table. Each string ends with a zero.
fn place_of(strings: &[u8], name: &str) -> Option<usize> {
    let mut at = 0;
    for string in strings.split(|&octet| octet == 0) {
        if string == name.as_bytes() {
            return Some(at);
        }
        at += string.len() + 1;
    }
    None
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    let octets = octets.get(at..at + 4)?;
    Some(u32::from_ne_bytes(octets.try_into().ok()?))
}

#[cfg(test)]
mod tests;
