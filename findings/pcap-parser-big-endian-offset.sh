#!/usr/bin/env bash
# pcap-parser reads the time offset of a big-endian pcapng interface in the wrong byte order.
#
# A capture written on a big-endian machine has all fields of an interface description block in that
# order, the option if_tsoffset too. The parser's big-endian entry swaps the fixed fields, and takes the
# octets of if_tsoffset as little-endian: an offset of 1000 s becomes -1728537831980138496 s, and each
# frame of the interface gets a time that is far off. No error is returned. A classic pcap in the
# "modified" form of old libpcaps (magic a1b2cd34) is read in little-endian order only.
#
# Crate: pcap-parser 0.17.0.
# Exit code: 0 as described, 1 if it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
pcap-parser = "=0.17.0"
TOML
cat >src/main.rs <<'RUST'
use pcap_parser::{parse_interfacedescriptionblock_be, parse_pcap_header};

fn main() {
    // Type, length, Ethernet, snap length, option 14 (if_tsoffset) of 8 octets: 1000; end, length.
    let mut block = Vec::new();
    for word in [1u32, 36, 1 << 16, 65535, 14 << 16 | 8] {
        block.extend(word.to_be_bytes());
    }
    block.extend(1000u64.to_be_bytes());
    for word in [0u32, 36] {
        block.extend(word.to_be_bytes());
    }
    let (_, interface) = parse_interfacedescriptionblock_be(&block).expect("a valid block");
    println!("if_tsoffset 1000 is read as {}", interface.if_tsoffset);

    // Magic, version 2.4, zone, accuracy, snap length, Ethernet.
    let head = |u16_of: fn(u16) -> [u8; 2], u32_of: fn(u32) -> [u8; 4]| {
        let mut head = u32_of(0xa1b2cd34).to_vec();
        [2, 4].iter().for_each(|&field| head.extend(u16_of(field)));
        [0, 0, 65535, 1].iter().for_each(|&field| head.extend(u32_of(field)));
        head
    };
    for (order, head) in [
        ("little", head(u16::to_le_bytes, u32::to_le_bytes)),
        ("big", head(u16::to_be_bytes, u32::to_be_bytes)),
    ] {
        let read = parse_pcap_header(&head).is_ok();
        println!("modified pcap, {order}-endian: {}", if read { "read" } else { "not recognised" });
    }
}
RUST
out=$(cargo run -q)
echo "$out"
diff <(echo "$out") - <<'SEEN'
if_tsoffset 1000 is read as -1728537831980138496
modified pcap, little-endian: read
modified pcap, big-endian: not recognised
SEEN
