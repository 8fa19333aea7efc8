//! Classic pcap: a header, then records. There are six magic numbers: microseconds, nanoseconds,
//! and the modified format with longer record headers, each in two byte orders.

use super::{CaptureError, FRAME_MAX, Frame, Got, Input, Link, Order};

const HEADER_LEN: usize = 24;
const RECORD_HEAD_LEN: usize = 16;
/// The modified format adds interface, protocol and packet type.
const MODIFIED_HEAD_LEN: usize = 24;
/// Bit of the link-type field: the field also holds the length of the FCS.
const FCS_PRESENT: u32 = 0x0400_0000;

/// A file whose header was read.
pub(super) struct Pcap {
    order: Order,
    head_len: usize,
    units_per_ms: u32,
    link: Link,
    fcs_len: u8,
}

impl Pcap {
    pub(super) fn read(magic: [u8; 4], input: &mut Input) -> Result<Self, CaptureError> {
        let big = u32::from_be_bytes(magic);
        let little = u32::from_le_bytes(magic);
        let known = |number| {
            Some(match number {
                0xa1b2_c3d4 => (RECORD_HEAD_LEN, 1000),
                0xa1b2_3c4d => (RECORD_HEAD_LEN, 1_000_000),
                0xa1b2_cd34 => (MODIFIED_HEAD_LEN, 1000),
                _ => return None,
            })
        };
        let found = known(big)
            .map(|format| (Order::Big, format))
            .or_else(|| known(little).map(|format| (Order::Little, format)));
        let Some((order, (head_len, units_per_ms))) = found else {
            return Err(CaptureError::NoCapture(other_kind(magic)));
        };
        if input.read(0, HEADER_LEN, 0)? == Got::End {
            return Err(CaptureError::NoCapture(
                "a pcap that ends inside its header",
            ));
        }
        let header = &input.record;
        if order.u16(header, 4) != 2 {
            return Err(CaptureError::NoCapture("a pcap of an unknown version"));
        }
        let network = order.u32(header, 20);
        let fcs_len = match network & FCS_PRESENT {
            0 => 0,
            _ => (network >> 28) as u8 * 2,
        };
        Ok(Self {
            order,
            head_len,
            units_per_ms,
            link: Link::of(network as u16),
            fcs_len,
        })
    }

    pub(super) fn next<'a>(&self, input: &'a mut Input) -> Result<Option<Frame<'a>>, CaptureError> {
        let begins = input.at;
        if input.read(0, self.head_len, begins)? == Got::End {
            return Ok(None);
        }
        let [seconds, units, captured, len] =
            [0, 4, 8, 12].map(|at| self.order.u32(&input.record, at));
        if captured > FRAME_MAX {
            return Err(CaptureError::Broken {
                at: begins,
                what: format!("a record of {captured} octets"),
            });
        }
        if input.read(0, captured as usize, begins)? == Got::End {
            return Ok(None);
        }
        let at_ms = u64::from(seconds) * 1000 + u64::from(units / self.units_per_ms);
        Ok(Some(Frame::new(
            Some(at_ms),
            self.link,
            &input.record,
            len,
            self.fcs_len,
        )))
    }
}

/// Names the actual format of a file by its first octets.
fn other_kind(magic: [u8; 4]) -> &'static str {
    match magic {
        [0x1f, 0x8b, ..] => "packed with gzip: unpack it first",
        [0x28, 0xb5, 0x2f, 0xfd] => "packed with zstd: unpack it first",
        [0x04, 0x22, 0x4d, 0x18] => "packed with lz4: unpack it first",
        [0xfd, b'7', b'z', b'X'] => "packed with xz: unpack it first",
        [b'B', b'Z', b'h', _] => "packed with bzip2: unpack it first",
        [b'P', b'K', 3, 4] => "packed with zip: unpack it first",
        [b'7', b'z', 0xbc, 0xaf] => "packed with 7z: unpack it first",
        [b's', b'n', b'o', b'o'] => "a snoop capture, which cannot be read",
        [0xac, 0x01, 0x00, 0x1c] | [0xab, 0x01, 0x00, 0x1c] => {
            "an IXIA capture, which cannot be read"
        }
        [b'X', b'C', b'P', 0] | [b'T', b'R', b'S', b'N'] => {
            "a Sniffer capture, which cannot be read"
        }
        [b'R', b'T', b'S', b'S'] | [b'G', b'M', b'B', b'U'] => {
            "a Network Monitor capture, which cannot be read"
        }
        _ => "not a capture that can be read",
    }
}
