//! The right host where it looks at every frame: to be sure that what is fast is also right.

use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use port::limits::RING_OCTETS;
use port::packet::{Packet, PacketConfig};
use port::{Burst, Port, PortError};

use super::generator::{NUMBER_AT, templates};
use super::topology::LAN;
use crate::frame_size::FrameSize;

/// How long the first frame may take: on a busy machine a host needs its time to get ready.
const PATIENCE_FIRST: Duration = Duration::from_secs(10);
/// How long the next frame may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// What came, of so many numbered frames.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Came {
    pub(super) frames: u64,
    /// Not as they were sent.
    pub(super) changed: u64,
    /// After a frame with a greater number, or with the same.
    pub(super) disordered: u64,
}

/// Receives until all have come or none has for a while; on a thread of the namespace. Says when it
/// listens.
pub(super) fn receive(
    size: FrameSize,
    count: u64,
    listens: &SyncSender<()>,
) -> Result<Came, PortError> {
    let mut port = Packet::open(PacketConfig {
        ifname: LAN.to_owned(),
        ring_octets: RING_OCTETS,
        ..PacketConfig::default()
    })?;
    let expected = templates(size);
    let _nobody_waits = listens.send(());
    let mut came = Came::default();
    let mut next = 0;
    let mut burst = Burst::new();
    let mut last = Instant::now();
    let patience = |came: &Came| match came.frames {
        0 => PATIENCE_FIRST,
        _ => PATIENCE,
    };
    while came.frames < count && last.elapsed() < patience(&came) {
        port.rx_burst(&mut burst);
        for frame in burst.drain(..) {
            let octets = frame.bytes();
            // The kernel's own frames are others'.
            if octets.get(12..14) != Some(&[0x88, 0xb6]) {
                continue;
            }
            last = Instant::now();
            came.frames += 1;
            let number = octets.get(NUMBER_AT..NUMBER_AT + 8);
            let number = number
                .and_then(|octets| octets.try_into().ok())
                .map(u64::from_be_bytes);
            let Some(number) = number else {
                came.changed += 1;
                continue;
            };
            let template = &expected[number as usize % expected.len()];
            let same = octets.len() == template.len()
                && octets[NUMBER_AT + 8..] == template[NUMBER_AT + 8..];
            came.changed += u64::from(!same);
            came.disordered += u64::from(number < next);
            next = next.max(number + 1);
        }
    }
    Ok(came)
}
