//! The modelled quantum channel of a link. It stands for the two QKD devices at its ends.
//!
//! The end that leads draws each block of key from the random source of the system, at the rate of
//! the link model, and hands it to the other end over a connection of its own. The other end
//! confirms the block and uses it from then on; the end that leads uses it when the confirmation
//! has come. The bits are as safe as that connection, hence their label `modelled`. Real devices
//! would hand each block to both ends by themselves.
//!
//! A large block of the model comes in parts, each of which is a block of its own to the node.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use network::supply::Supply;
use network::{Block, Label, LinkId};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep_until, timeout};
use zeroize::Zeroizing;

use crate::core::Core;
use crate::frame;
use crate::limits::{BLOCK_LEN_MAX, CONFIRMATION, QUANTUM_PING, QUANTUM_SILENCE};

/// Octets of number, epsilon and excess noise, which stand before the bits.
const HEAD_LEN: usize = 24;

/// The devices of the links that this node leads.
pub(crate) struct Devices(BTreeMap<LinkId, Mutex<Device>>);

/// The modelled devices of one link.
struct Device {
    supply: Supply,
    /// Blocks that the link delivers at once, as if it had run before.
    at_once: u32,
    /// Time of the next block after these.
    next_at: Instant,
    /// Octets of the present block that are still to be handed over.
    left: usize,
    /// Number of the last part.
    number: u64,
}

impl Devices {
    /// Creates the devices of these links.
    pub(crate) fn new(links: impl Iterator<Item = (LinkId, Supply)>, blocks_at_start: u32) -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // Numbers rise over restarts, too: 2^20 blocks fit into each second of the clock.
        let number = since_1970.map_or(0, |time| time.as_secs() << 20);
        let device = |supply: Supply| Device {
            next_at: Instant::now() + supply.block_period,
            at_once: blocks_at_start,
            left: 0,
            supply,
            number,
        };
        let devices = links.map(|(link, supply)| (link, Mutex::new(device(supply))));
        Self(devices.collect())
    }
}

impl Device {
    /// Leaves out the blocks that were due while there was no line.
    fn resume(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.next_at);
        if !late.is_zero() {
            let period = self.supply.block_period.as_nanos().max(1);
            let missed = u64::try_from(late.as_nanos() / period + 1).unwrap_or(u64::MAX);
            let missed = u32::try_from(missed).unwrap_or(u32::MAX);
            self.next_at += self.supply.block_period.saturating_mul(missed);
        }
    }

    /// Time of the next part of a block.
    fn due(&self, now: Instant) -> Instant {
        match (self.at_once, self.left) {
            (0, 0) => self.next_at,
            _ => now,
        }
    }

    /// Takes the part that is due: its description, and the content of its frame. `None` if its
    /// block has failed.
    fn take(&mut self) -> io::Result<Option<(Block, Zeroizing<Vec<u8>>)>> {
        self.number += 1;
        if self.left == 0 && !self.begin_block()? {
            return Ok(None);
        }
        // Of about equal parts none is too short for a pool.
        let len = self.left / self.left.div_ceil(BLOCK_LEN_MAX);
        self.left -= len;
        let block = Block {
            number: self.number,
            label: Label::Modelled,
            epsilon: self.supply.epsilon,
            excess_noise: self.supply.excess_noise_snu,
        };
        Ok(Some((block, draw_bits(&block, len)?)))
    }

    /// Begins the block that is due. False if it has failed.
    fn begin_block(&mut self) -> io::Result<bool> {
        let fails = match self.at_once.checked_sub(1) {
            Some(left) => {
                self.at_once = left;
                false
            }
            None => {
                self.next_at += self.supply.block_period;
                chance()? < self.supply.block_loss
            }
        };
        if !fails {
            self.left = self.supply.block_octets();
        }
        Ok(self.left > 0)
    }
}

/// The end that leads: draws blocks until the connection ends.
pub(crate) async fn draw(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    core: &Core,
    devices: &Devices,
    link: LinkId,
) -> io::Result<()> {
    let device = devices.0.get(&link).ok_or(io::ErrorKind::NotFound)?;
    let device = || device.lock().unwrap_or_else(PoisonError::into_inner);
    device().resume(Instant::now());
    loop {
        let now = Instant::now();
        let due = device().due(now);
        sleep_until(due.min(now + QUANTUM_PING).into()).await;
        let block = match due <= Instant::now() {
            true => device().take()?,
            false => None,
        };
        // An empty frame shows that this end lives.
        let content = block.as_ref().map_or(&[][..], |(_, content)| content);
        let exchange = async {
            frame::send_whole(&mut stream, content).await?;
            frame::receive(&mut stream, size_of::<u64>()).await
        };
        let confirmed = timeout(CONFIRMATION, exchange)
            .await
            .map_err(|_| late())??;
        let number = block.as_ref().map(|(block, _)| block.number.to_be_bytes());
        if confirmed.as_slice() != number.as_ref().map_or(&[][..], |number| &number[..]) {
            return Err(malformed());
        }
        if let Some((block, content)) = block {
            let bits = content.get(HEAD_LEN..).unwrap_or_default();
            core.with(|node, now| node.on_block(now, link, block, bits));
        }
    }
}

/// The other end: takes blocks until the connection ends.
pub(crate) async fn follow(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    core: &Core,
    link: LinkId,
) -> io::Result<()> {
    loop {
        let receiving = frame::receive(&mut stream, HEAD_LEN + BLOCK_LEN_MAX);
        let frame = timeout(QUANTUM_SILENCE, receiving)
            .await
            .map_err(|_| late())??;
        if frame.is_empty() {
            frame::send(&mut stream, &[]).await?;
            continue;
        }
        let (block, bits) = decode(&frame).ok_or_else(malformed)?;
        frame::send(&mut stream, &block.number.to_be_bytes()).await?;
        core.with(|node, now| node.on_block(now, link, block, bits));
    }
}

/// Draws the bits of a block, right into the content of its frame: blocks are large, and each copy
/// would have to be wiped.
fn draw_bits(block: &Block, len: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(HEAD_LEN + len));
    content.extend_from_slice(&block.number.to_be_bytes());
    content.extend_from_slice(&block.epsilon.to_be_bytes());
    content.extend_from_slice(&block.excess_noise.to_be_bytes());
    content.resize(HEAD_LEN + len, 0);
    random(content.get_mut(HEAD_LEN..).unwrap_or_default())?;
    Ok(content)
}

fn decode(frame: &[u8]) -> Option<(Block, &[u8])> {
    let (number, rest) = frame.split_first_chunk()?;
    let (epsilon, rest) = rest.split_first_chunk()?;
    let (excess_noise, bits) = rest.split_first_chunk()?;
    let block = Block {
        number: u64::from_be_bytes(*number),
        label: Label::Modelled,
        epsilon: f64::from_be_bytes(*epsilon),
        excess_noise: f64::from_be_bytes(*excess_noise),
    };
    Some((block, bits))
}

/// Returns a random number from 0 to 1.
fn chance() -> io::Result<f64> {
    let mut octets = [0; 4];
    random(&mut octets)?;
    Ok(f64::from(u32::from_be_bytes(octets)) / f64::from(u32::MAX))
}

fn random(out: &mut [u8]) -> io::Result<()> {
    getrandom::fill(out).map_err(io::Error::other)
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the neighbour is silent")
}

fn malformed() -> io::Error {
    let text = "malformed frame on a quantum channel; fix: install one release on both nodes";
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests;
