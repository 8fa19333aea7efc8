//! The kernel's message about one interface (RTM_NEWLINK): a header, then attributes, each with a
//! length and a type.

use std::io;

use super::{Figures, OperState};

/// The message; its header is checked.
pub(super) struct LinkMessage<'a> {
    index: u32,
    flags: u32,
    attributes: &'a [u8],
}

/// `struct nlmsghdr`: length, type, flags, sequence, port.
const MESSAGE_HEADER: usize = 16;
/// `struct ifinfomsg`: family, type, index, flags, change.
const LINK_HEADER: usize = 16;
/// Length and type of an attribute.
const ATTRIBUTE_HEADER: usize = 4;

const ERROR: u16 = 2;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const REQUEST: u16 = 1;

const IFNAME: u16 = 3;
const MTU: u16 = 4;
const OPERSTATE: u16 = 16;
const STATS_64: u16 = 23;
const PROMISCUITY: u16 = 30;
const CARRIER: u16 = 33;

/// The request for an interface by its name.
pub(super) fn request(sequence: u32, name: &str) -> Vec<u8> {
    // Attributes are padded to four octets. The name ends with a zero.
    let attribute_len = ATTRIBUTE_HEADER + name.len() + 1;
    let len = MESSAGE_HEADER + LINK_HEADER + attribute_len.next_multiple_of(4);
    let mut octets = Vec::with_capacity(len);
    octets.extend((len as u32).to_ne_bytes());
    octets.extend(GET_LINK.to_ne_bytes());
    octets.extend(REQUEST.to_ne_bytes());
    octets.extend(sequence.to_ne_bytes());
    octets.resize(MESSAGE_HEADER + LINK_HEADER, 0);
    octets.extend((attribute_len as u16).to_ne_bytes());
    octets.extend(IFNAME.to_ne_bytes());
    octets.extend(name.bytes());
    octets.resize(len, 0);
    octets
}

/// The sequence number of the request that a message answers.
pub(super) fn sequence(message: &[u8]) -> Option<u32> {
    word(message, 8)
}

impl<'a> LinkMessage<'a> {
    /// The first message in the octets read, or the error that it reports.
    pub(super) fn parse(octets: &'a [u8]) -> io::Result<Self> {
        let cut = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the kernel's message is cut short",
            )
        };
        let len = word(octets, 0).ok_or_else(cut)? as usize;
        let message = octets.get(..len).ok_or_else(cut)?;
        match half(message, 4).ok_or_else(cut)? {
            ERROR => {
                let code = word(message, MESSAGE_HEADER).ok_or_else(cut)?;
                Err(io::Error::from_raw_os_error(-code.cast_signed()))
            }
            NEW_LINK => Ok(Self {
                index: word(message, MESSAGE_HEADER + 4).ok_or_else(cut)?,
                flags: word(message, MESSAGE_HEADER + 8).ok_or_else(cut)?,
                attributes: message
                    .get(MESSAGE_HEADER + LINK_HEADER..)
                    .ok_or_else(cut)?,
            }),
            other => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the kernel's message is of type {other}"),
            )),
        }
    }

    /// The figures. A figure that the kernel does not report is 0.
    pub(super) fn figures(&self) -> Figures {
        let mut figures = Figures {
            index: self.index,
            is_up: self.flags & libc::IFF_UP as u32 != 0,
            is_running: self.flags & libc::IFF_RUNNING as u32 != 0,
            ..Figures::default()
        };
        for (kind, value) in self.attributes() {
            let number = || word(value, 0).unwrap_or(0);
            match kind {
                MTU => figures.mtu = number() as usize,
                PROMISCUITY => figures.promiscuity = number(),
                CARRIER => figures.has_carrier = value.first() == Some(&1),
                OPERSTATE => {
                    let state = value.first().copied().unwrap_or(0);
                    figures.operstate = OperState::from_number(state);
                }
                STATS_64 => {
                    // struct rtnl_link_stats64.
                    let count = |at: usize| count(value, at);
                    figures.rx_frames = count(0);
                    figures.rx_errors = count(4);
                    figures.rx_dropped = count(6);
                    figures.rx_missed = count(15);
                    figures.rx_nohandler = count(23);
                }
                _ => {}
            }
        }
        figures
    }

    /// Type and value of each attribute. A truncated attribute ends the iteration.
    fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let len = usize::from(half(rest, 0)?);
            let kind = half(rest, 2)?;
            let value = rest.get(ATTRIBUTE_HEADER..len)?;
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
            Some((kind, value))
        })
    }
}

fn half(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..at + 2)?;
    Some(u16::from_ne_bytes(octets.try_into().ok()?))
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    let octets = octets.get(at..at + 4)?;
    Some(u32::from_ne_bytes(octets.try_into().ok()?))
}

/// The counter with this index; 0 if the kernel does not have it.
fn count(octets: &[u8], number: usize) -> u64 {
    let counter = octets.get(8 * number..8 * number + 8);
    let counter = counter.and_then(|octets| octets.try_into().ok());
    counter.map_or(0, u64::from_ne_bytes)
}
