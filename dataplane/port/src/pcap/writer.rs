//! The pcapng format: section header, interfaces, frames (draft-ietf-opsawg-pcapng, §4).

use std::{
    io::{self, Write},
    time::Duration,
};

/// Writes pcapng: one section, in the byte order of this machine, times in nanoseconds.
pub struct PcapngWriter<W> {
    out: W,
    interfaces: u32,
    /// The block under construction; kept to reuse its memory.
    block: Vec<u8>,
}

/// An interface of one writer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InterfaceId(u32);

/// The direction of a frame, seen from the port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketDirection {
    /// Received.
    Inbound,
    /// Sent.
    Outbound,
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const LINKTYPE_ETHERNET: u16 = 1;
const OPTION_END: u16 = 0;
const OPTION_USER_APPLICATION: u16 = 4;
const OPTION_INTERFACE_NAME: u16 = 2;
const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_FRAME_FLAGS: u16 = 2;
/// The resolution of times: 10^-9 s.
const NANOSECONDS: u8 = 9;

impl<W: Write> PcapngWriter<W> {
    /// Starts the section. `application` is the name of the writing program.
    ///
    /// # Errors
    /// The errors of `out`.
    pub fn new(out: W, application: &str) -> io::Result<Self> {
        let mut writer = Self {
            out,
            interfaces: 0,
            block: Vec::new(),
        };
        writer.begin(SECTION_HEADER);
        writer.put(&BYTE_ORDER_MAGIC.to_ne_bytes());
        // Version 1.0; the length of the section is unknown.
        writer.put(&1u16.to_ne_bytes());
        writer.put(&0u16.to_ne_bytes());
        writer.put(&(-1i64).to_ne_bytes());
        writer.option(OPTION_USER_APPLICATION, application.as_bytes());
        writer.option(OPTION_END, &[]);
        writer.end()?;
        Ok(writer)
    }

    /// Adds an Ethernet interface.
    ///
    /// # Errors
    /// The errors of the output.
    pub fn interface(&mut self, name: &str) -> io::Result<InterfaceId> {
        let id = InterfaceId(self.interfaces);
        self.interfaces += 1;
        self.begin(INTERFACE_DESCRIPTION);
        self.put(&LINKTYPE_ETHERNET.to_ne_bytes());
        self.put(&[0; 2]);
        // No limit on the captured length.
        self.put(&0u32.to_ne_bytes());
        self.option(OPTION_INTERFACE_NAME, name.as_bytes());
        self.option(OPTION_TIME_RESOLUTION, &[NANOSECONDS]);
        self.option(OPTION_END, &[]);
        self.end()?;
        Ok(id)
    }

    /// Adds a frame. `time` is since the Unix epoch; `direction` may be unknown.
    ///
    /// # Errors
    /// The errors of the output.
    pub fn frame(
        &mut self,
        interface: InterfaceId,
        time: Duration,
        direction: Option<PacketDirection>,
        octets: &[u8],
    ) -> io::Result<()> {
        // 64 bits of nanoseconds last until the year 2554.
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let len = u32::try_from(octets.len())
            .map_err(io::Error::other)?
            .to_ne_bytes();
        self.begin(ENHANCED_PACKET);
        self.put(&interface.0.to_ne_bytes());
        self.put(&((time >> 32) as u32).to_ne_bytes());
        self.put(&(time as u32).to_ne_bytes());
        self.put(&len);
        self.put(&len);
        self.put(octets);
        self.pad();
        if let Some(direction) = direction {
            let flags: u32 = match direction {
                PacketDirection::Inbound => 0b01,
                PacketDirection::Outbound => 0b10,
            };
            self.option(OPTION_FRAME_FLAGS, &flags.to_ne_bytes());
            self.option(OPTION_END, &[]);
        }
        self.end()
    }

    /// Flushes the output.
    ///
    /// # Errors
    /// The errors of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The output.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Starts a block: its type, and the place of its length.
    fn begin(&mut self, block_type: u32) {
        self.block.clear();
        self.put(&block_type.to_ne_bytes());
        self.put(&[0; 4]);
    }

    /// Ends a block. The length stands at both ends of it.
    fn end(&mut self) -> io::Result<()> {
        let len = u32::try_from(self.block.len() + 4)
            .map_err(io::Error::other)?
            .to_ne_bytes();
        self.block[4..8].copy_from_slice(&len);
        self.put(&len);
        self.out.write_all(&self.block)
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = &value[..value.len().min(u16::MAX.into())];
        self.put(&code.to_ne_bytes());
        self.put(&(value.len() as u16).to_ne_bytes());
        self.put(value);
        self.pad();
    }

    fn put(&mut self, octets: &[u8]) {
        self.block.extend_from_slice(octets);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }
}
