//! Numbered frames. Number and direction determine every octet of a frame, so the receiver can
//! check that it is unchanged.

/// Marks a test frame; direction and number follow.
const MAGIC: [u8; 8] = *b"qm-nics\x01";
/// Magic, direction, number.
const LABEL_LEN: usize = MAGIC.len() + 1 + 4;
/// The label begins within this many octets: at most two tags, IPv4 and UDP are in front of it.
const LABEL_SEARCH: usize = 80;
/// Minimum Ethernet frame length, without FCS.
const LEN_MIN: usize = 60;
const ETHERNET_HEADER: usize = 14;
const TAG: usize = 4;
const IPV4_AND_UDP: usize = 28;
/// Stations times UDP ports: enough flows to reach every queue of a NIC.
pub const FLOWS: u32 = 64;

/// The direction of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From site A to site B.
    AToB,
    /// From site B to site A.
    BToA,
}

/// The special property of a frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// IPv4 and UDP, of the minimum Ethernet length.
    Short,
    /// IPv4 and UDP, of any length up to the MTU.
    Any,
    /// IPv4 and UDP, as long as the MTU.
    Full,
    /// With a VLAN tag; some are as long as the MTU plus the tag, some have VID 0 (priority only).
    Vlan,
    /// With an 802.1ad and an 802.1Q tag.
    TwoTags,
    /// Broadcast, with an EtherType of no protocol.
    Broadcast,
    /// Multicast, IPv4.
    Multicast,
    /// Unicast, with an EtherType of no protocol.
    NotIp,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Short,
        Self::Any,
        Self::Full,
        Self::Vlan,
        Self::TwoTags,
        Self::Broadcast,
        Self::Multicast,
        Self::NotIp,
    ];

    /// The kind of the frame with this number.
    #[must_use]
    pub fn of(number: u32) -> Self {
        Self::ALL[number as usize % Self::ALL.len()]
    }

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Any => "any length",
            Self::Full => "full length",
            Self::Vlan => "VLAN",
            Self::TwoTags => "two tags",
            Self::Broadcast => "broadcast",
            Self::Multicast => "multicast",
            Self::NotIp => "not IP",
        }
    }
}

/// Station and UDP port of the frame with this number.
#[must_use]
pub fn flow(number: u32) -> u32 {
    number / Kind::ALL.len() as u32 % FLOWS
}

/// The frame with this number on a LAN of this MTU.
#[must_use]
pub fn frame(direction: Direction, number: u32, mtu: usize) -> Vec<u8> {
    let way = match direction {
        Direction::AToB => 0xa,
        Direction::BToA => 0xb,
    };
    let (kind, flow) = (Kind::of(number), flow(number) as u8);
    let mut dice = u64::from(number) << 8 | u64::from(way);
    let mut frame = match kind {
        Kind::Broadcast => vec![0xff; 6],
        Kind::Multicast => vec![0x01, 0x00, 0x5e, 0x01, 0x01, flow],
        // A station behind the other site's LAN, never the box's own address.
        _ => vec![0x02, 0xbb, 0, 0, way, flow],
    };
    frame.extend([0x02, 0xaa, 0, 0, way, flow]);
    let longest = ETHERNET_HEADER + mtu;
    let len = match kind {
        Kind::Short | Kind::Broadcast => LEN_MIN,
        Kind::Full => longest,
        Kind::Vlan | Kind::TwoTags if flow.is_multiple_of(3) => longest + TAG,
        Kind::Vlan | Kind::TwoTags | Kind::Any | Kind::Multicast | Kind::NotIp => {
            LEN_MIN + roll(&mut dice) as usize % (longest - LEN_MIN)
        }
    };
    let vid = if flow.is_multiple_of(4) {
        0
    } else {
        100 + flow
    };
    match kind {
        Kind::Vlan => frame.extend([0x81, 0, 0x60, vid]),
        Kind::TwoTags => frame.extend([0x88, 0xa8, 0, 7, 0x81, 0, 0, 100 + flow]),
        _ => {}
    }
    if matches!(kind, Kind::Broadcast | Kind::NotIp) {
        frame.extend([0x88, 0xb6]);
    } else {
        frame.extend([0x08, 0x00]);
        let ip_len = len.max(LEN_MIN) - frame.len();
        frame.extend(ipv4_and_udp(
            ip_len as u16,
            way,
            flow,
            kind == Kind::Multicast,
        ));
    }
    frame.extend(MAGIC);
    frame.push(way);
    frame.extend(number.to_be_bytes());
    while frame.len() < len {
        frame.push(roll(&mut dice) as u8);
    }
    frame
}

/// Direction and number of a test frame. It does not check that the frame is unchanged.
#[must_use]
pub fn label(octets: &[u8]) -> Option<(Direction, u32)> {
    let head = &octets[..octets.len().min(LABEL_SEARCH + LABEL_LEN)];
    let at = head
        .windows(MAGIC.len())
        .position(|window| window == MAGIC)?;
    let label = head.get(at + MAGIC.len()..at + LABEL_LEN)?;
    let direction = match label[0] {
        0xa => Direction::AToB,
        0xb => Direction::BToA,
        _ => return None,
    };
    Some((direction, u32::from_be_bytes(label[1..].try_into().ok()?)))
}

/// Both headers, with the IPv4 checksum. The UDP checksum is omitted, as IPv4 permits.
fn ipv4_and_udp(len: u16, way: u8, flow: u8, multicast: bool) -> [u8; IPV4_AND_UDP] {
    let mut ip = [0; IPV4_AND_UDP];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&len.to_be_bytes());
    (ip[8], ip[9]) = (64, 17);
    ip[12..16].copy_from_slice(&[10, way, 0, flow]);
    ip[16..20].copy_from_slice(&if multicast {
        [239, 1, 1, flow]
    } else {
        [10, way, 1, flow]
    });
    let words = ip[..20].chunks(2);
    let mut sum: u32 = words
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    ip[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    let port = 10_000 + u16::from(flow) * 7;
    ip[20..22].copy_from_slice(&port.to_be_bytes());
    ip[22..24].copy_from_slice(&5000u16.to_be_bytes());
    ip[24..26].copy_from_slice(&(len - 20).to_be_bytes());
    ip
}

/// The next number of a sequence (splitmix64).
fn roll(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
