//! The start of a captured frame: all octets before its EtherType.

use std::fmt;

use wire::{ETHERTYPE_C_TAG, ETHERTYPE_S_TAG, MACS_LEN, MacAddr, VLAN_TAG_LEN};

/// EtherTypes of VLAN tags: the standard ones, and those that older switches use for stacked tags.
const VLAN_TAGS: [u16; 4] = [ETHERTYPE_C_TAG, ETHERTYPE_S_TAG, 0x9100, 0x9200];
/// Limit of VLAN tags before the SecTAG: ours, and some that the line adds.
const VLAN_TAGS_MAX: usize = 8;
const SLL_LEN: usize = 16;
const SLL2_LEN: usize = 20;

/// The link type of a capture or of one of its interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// `LINKTYPE_ETHERNET`.
    Ethernet,
    /// `LINKTYPE_LINUX_SLL`: `tcpdump -i any`, before libpcap 1.10.
    Cooked,
    /// `LINKTYPE_LINUX_SLL2`: `tcpdump -i any`, since libpcap 1.10.
    Cooked2,
    /// Another link type; it is not read.
    Other(u16),
}

/// The part of a frame after its addresses and VLAN tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload<'a> {
    pub(crate) ethertype: u16,
    /// The octets after the EtherType.
    pub(crate) octets: &'a [u8],
    /// Number of octets of the frame before these.
    pub(crate) before: usize,
    /// The source address, if it was captured.
    pub(crate) source: Option<MacAddr>,
}

impl Link {
    pub(super) const fn of(number: u16) -> Self {
        match number {
            1 => Self::Ethernet,
            113 => Self::Cooked,
            276 => Self::Cooked2,
            other => Self::Other(other),
        }
    }

    /// Skips all octets before the payload. `None` if too little of the frame was captured, or its
    /// link type is not read.
    pub(crate) fn payload(self, frame: &[u8]) -> Option<Payload<'_>> {
        let (type_at, after, source_at) = match self {
            Self::Ethernet => (MACS_LEN, MACS_LEN + 2, Some(6)),
            Self::Cooked => (14, SLL_LEN, is_mac(frame.get(4..6)?).then_some(6)),
            Self::Cooked2 => (0, SLL2_LEN, is_mac(&[0, *frame.get(11)?]).then_some(12)),
            Self::Other(_) => return None,
        };
        let mut payload = Payload {
            ethertype: be16(frame, type_at)?,
            octets: frame.get(after..)?,
            before: after,
            source: source_at
                .and_then(|at| frame.get(at..)?.first_chunk())
                .map(|mac| MacAddr(*mac)),
        };
        for _ in 0..VLAN_TAGS_MAX {
            if !VLAN_TAGS.contains(&payload.ethertype) {
                break;
            }
            payload.ethertype = be16(payload.octets, 2)?;
            payload.octets = payload.octets.get(VLAN_TAG_LEN..)?;
            payload.before += VLAN_TAG_LEN;
        }
        Some(payload)
    }
}

fn is_mac(len: &[u8]) -> bool {
    len == [0, 6]
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*octets))
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::Ethernet => 1,
            Self::Cooked => 113,
            Self::Cooked2 => 276,
            Self::Other(number) => *number,
        };
        let name = match number {
            0 => "NULL",
            1 => "ETHERNET",
            101 => "RAW",
            105 => "IEEE802_11",
            108 => "LOOP",
            113 => "LINUX_SLL",
            127 => "IEEE802_11_RADIOTAP",
            192 => "PPI",
            228 => "IPV4",
            229 => "IPV6",
            239 => "NFLOG",
            240 => "NETANALYZER",
            252 => "WIRESHARK_UPPER_PDU",
            253 => "NETLINK",
            274 => "ETHERNET_MPACKET",
            276 => "LINUX_SLL2",
            280 => "DSA_TAG_DSA",
            283 => "ETW",
            _ => return write!(f, "link type {number}"),
        };
        write!(f, "link type {number} ({name})")
    }
}
