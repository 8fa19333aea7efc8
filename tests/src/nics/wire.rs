//! The line between two boxes: carries frames both ways, and looks whether one is in clear.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY};
use port::packet::{Packet, PacketConfig};
use port::{Burst, Port, PortError};
use serde_json::{Value, json};

use super::frames;

const NAP: Duration = Duration::from_micros(300);

/// Carries frames between the ends until told to stop, and tells what came by.
///
/// # Errors
/// An interface cannot be had.
pub fn between(interfaces: [&str; 2], stop: &AtomicBool) -> Result<Value, PortError> {
    let open = |ifname: &str| {
        Packet::open(PacketConfig {
            ifname: ifname.to_owned(),
            ..PacketConfig::default()
        })
    };
    let mut ends = [open(interfaces[0])?, open(interfaces[1])?];
    let (mut protected, mut rekey, mut clear) = (0u64, 0u64, 0u64);
    let mut burst = Burst::new();
    while !stop.load(Ordering::Relaxed) {
        let mut moved = false;
        for from in [0, 1] {
            ends[from].rx_burst(&mut burst);
            moved |= !burst.is_empty();
            for frame in &burst {
                let octets = frame.bytes();
                match ::wire::ethertype(octets) {
                    _ if frames::label(octets).is_some() => clear += 1,
                    Some(ETHERTYPE_MACSEC) => protected += 1,
                    Some(ETHERTYPE_REKEY) => rekey += 1,
                    _ => {}
                }
            }
            ends[1 - from].tx_burst(&mut burst);
        }
        if !moved {
            std::thread::sleep(NAP);
        }
    }
    let drops = ends.map(|end| end.counters().rx_dropped() + end.counters().tx_dropped());
    Ok(json!({
        "protected": protected,
        "rekey": rekey,
        "in_clear": clear,
        "lost_by_the_line": drops[0] + drops[1],
    }))
}
