//! pcapng: sections of blocks. Each section has its byte order and its list of interfaces. Each
//! interface has its link type, and the unit and offset of its clock.

use super::{CaptureError, FRAME_MAX, Frame, Got, Input, Link, Order};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];

/// Type and length before a block, length after it.
const BLOCK_HEAD_LEN: usize = 8;
const BLOCK_LEN_MIN: u32 = 12;
/// Limit for a block of the kinds that we read: a frame and its comments. A longer block is broken.
const BLOCK_LEN_MAX: u32 = FRAME_MAX + (16 << 20);
/// Limit of interfaces in one section.
const INTERFACES_MAX: usize = 65_536;

const OPTION_TSRESOL: u16 = 9;
const OPTION_FCSLEN: u16 = 13;
const OPTION_TSOFFSET: u16 = 14;
const OPTION_FLAGS: u16 = 2;

pub(super) fn begins_with(magic: [u8; 4]) -> bool {
    u32::from_be_bytes(magic) == SECTION
}

/// State of the reader: the current section.
#[derive(Default)]
pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
}

/// An interface of a section.
#[derive(Clone, Copy)]
struct Interface {
    link: Link,
    snap_len: u32,
    clock: Clock,
    fcs_len: u8,
}

/// The time unit and offset of an interface.
#[derive(Clone, Copy)]
struct Clock {
    /// `if_tsresol`: the unit is 10^-n seconds, or 2^-n if the top bit is set.
    resolution: u8,
    offset_s: i64,
}

impl Clock {
    /// Converts to milliseconds since 1970, clamped to the range of u64.
    fn ms(self, units: u64) -> u64 {
        let thousand = u128::from(units) * 1000;
        let exponent = u32::from(self.resolution & 0x7f);
        let ms = match self.resolution & 0x80 {
            0 => 10_u128
                .checked_pow(exponent)
                .map_or(0, |per_second| thousand / per_second),
            _ => thousand.checked_shr(exponent).unwrap_or(0),
        };
        let ms = i128::try_from(ms).unwrap_or(i128::MAX);
        let ms = ms.saturating_add(i128::from(self.offset_s) * 1000);
        u64::try_from(ms.max(0)).unwrap_or(u64::MAX)
    }
}

/// The place of a frame in a block.
struct FramePosition {
    interface: usize,
    units: Option<u64>,
    at: usize,
    captured: u32,
    len: u32,
}

impl Pcapng {
    pub(super) fn next<'a>(
        &mut self,
        input: &'a mut Input,
    ) -> Result<Option<Frame<'a>>, CaptureError> {
        loop {
            let begins = input.at;
            let broken = |what: &str| CaptureError::Broken {
                at: begins,
                what: what.to_owned(),
            };
            if input.read(0, BLOCK_HEAD_LEN, begins)? == Got::End {
                return Ok(None);
            }
            let kind = self.order.u32(&input.record, 0);
            if kind == SECTION && !self.begin_section(input, begins)? {
                return Ok(None);
            }
            let head = input.record.len();
            let len = self.order.u32(&input.record, 4);
            if len < BLOCK_LEN_MIN || !len.is_multiple_of(4) || (len as usize) < head {
                return Err(broken("the length of a block"));
            }
            let rest = len as usize - head;
            let read = match kind {
                SECTION | INTERFACE | ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET => {
                    if len > BLOCK_LEN_MAX {
                        return Err(broken("a block that is too long"));
                    }
                    input.read(head, rest, begins)?
                }
                _ => {
                    if input.skip(rest as u64, begins)? == Got::End {
                        return Ok(None);
                    }
                    continue;
                }
            };
            if read == Got::End {
                return Ok(None);
            }
            let body_end = len as usize - 4;
            if self.order.u32(&input.record, body_end) != len {
                return Err(broken("the two lengths of a block differ"));
            }
            let place = match kind {
                INTERFACE => {
                    if self.interfaces.len() == INTERFACES_MAX {
                        return Err(broken("too many interfaces"));
                    }
                    let interface = self.interface(&input.record[..body_end]);
                    self.interfaces.push(interface);
                    continue;
                }
                ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET => {
                    self.place(kind, &input.record[..body_end])
                }
                _ => continue,
            };
            let Some(interface) = self.interfaces.get(place.interface).copied() else {
                return Err(broken(
                    "a frame of an interface that the section does not name",
                ));
            };
            let captured = match place.units {
                Some(_) => place.captured,
                None => place.captured.min(snap(interface.snap_len)),
            };
            let Some(octets) = (captured <= FRAME_MAX)
                .then(|| place.at..place.at + captured as usize)
                .filter(|range| range.end <= body_end)
            else {
                return Err(broken("a frame that is longer than its block"));
            };
            let options = octets.end.next_multiple_of(4).min(body_end);
            let fcs_len = match kind {
                ENHANCED_PACKET => self.fcs_len(&input.record[options..body_end]),
                _ => None,
            };
            return Ok(Some(Frame::new(
                place.units.map(|units| interface.clock.ms(units)),
                interface.link,
                &input.record[octets],
                place.len,
                fcs_len.unwrap_or(interface.fcs_len),
            )));
        }
    }

    /// Reads the byte order of a section, which applies to all its blocks. Returns false if the
    /// file ends.
    fn begin_section(&mut self, input: &mut Input, begins: u64) -> Result<bool, CaptureError> {
        if input.read(BLOCK_HEAD_LEN, BYTE_ORDER.len(), begins)? == Got::End {
            return Ok(false);
        }
        let mut mark = [0; 4];
        mark.copy_from_slice(&input.record[BLOCK_HEAD_LEN..]);
        self.order = if mark == BYTE_ORDER {
            Order::Big
        } else {
            mark.reverse();
            if mark != BYTE_ORDER {
                return Err(CaptureError::Broken {
                    at: begins,
                    what: "a section without byte order".to_owned(),
                });
            }
            Order::Little
        };
        self.interfaces.clear();
        Ok(true)
    }

    fn interface(&self, block: &[u8]) -> Interface {
        let mut interface = Interface {
            link: Link::of(self.order.u16(block, 8)),
            snap_len: self.order.u32(block, 12),
            clock: Clock {
                resolution: 6,
                offset_s: 0,
            },
            fcs_len: 0,
        };
        self.options(block.get(16..).unwrap_or_default(), |code, value| {
            match (code, value) {
                (OPTION_TSRESOL, [resolution, ..]) => interface.clock.resolution = *resolution,
                (OPTION_TSOFFSET, [_, _, _, _, _, _, _, _, ..]) => {
                    interface.clock.offset_s = self.order.i64(value, 0);
                }
                (OPTION_FCSLEN, [len, ..]) => interface.fcs_len = *len,
                _ => {}
            }
        });
        interface
    }

    fn place(&self, kind: u32, block: &[u8]) -> FramePosition {
        let number = |at| self.order.u32(block, at);
        let units = |at| Some(u64::from(number(at)) << 32 | u64::from(number(at + 4)));
        match kind {
            SIMPLE_PACKET => FramePosition {
                interface: 0,
                units: None,
                at: 12,
                captured: number(8).min(block.len().saturating_sub(12) as u32),
                len: number(8),
            },
            OBSOLETE_PACKET => FramePosition {
                interface: self.order.u16(block, 8).into(),
                units: units(12),
                at: 28,
                captured: number(20),
                len: number(24),
            },
            _ => FramePosition {
                interface: number(8) as usize,
                units: units(12),
                at: 28,
                captured: number(20),
                len: number(24),
            },
        }
    }

    /// Returns the length of the FCS, from the flags of one frame.
    fn fcs_len(&self, options: &[u8]) -> Option<u8> {
        let mut found = None;
        self.options(options, |code, value| {
            if code == OPTION_FLAGS && value.len() >= 4 {
                let len = (self.order.u32(value, 0) >> 5 & 0xf) as u8;
                found = (len > 0).then_some(len);
            }
        });
        found
    }

    fn options<'a>(&self, mut octets: &'a [u8], mut see: impl FnMut(u16, &'a [u8])) {
        while octets.len() >= 4 {
            let (code, len) = (self.order.u16(octets, 0), self.order.u16(octets, 2));
            let end = 4 + usize::from(len);
            let Some(value) = octets.get(4..end).filter(|_| code != 0) else {
                return;
            };
            see(code, value);
            octets = octets.get(end.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// Returns the snap length; 0 in the file means no limit.
fn snap(len: u32) -> u32 {
    if len == 0 { u32::MAX } else { len }
}
