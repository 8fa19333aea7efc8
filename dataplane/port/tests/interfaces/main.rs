//! Ports on real interfaces: veth and TAP in network namespaces that the tests create. If something
//! is missing, a test reports it and passes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy knows functions with #[test] only, not the rest of a test"
)]

#[cfg(feature = "dpdk")]
mod dpdk;
mod jumbo;
mod namespace;
mod offload;
mod packet;
mod tags;
mod tap;
mod tcp;
mod watch;
mod workers;
mod xdp;

use std::time::{Duration, Instant};

use port::{Burst, Frame, Port};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Receives until `enough` frames have arrived, or two seconds have passed.
fn receive(port: &mut dyn Port, enough: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut burst = Burst::new();
    wait_until("frames", || {
        port.rx_burst(&mut burst);
        frames.extend(burst.drain(..));
        frames.len() >= enough
    });
    frames
}

/// Receives until a wanted frame arrives, and returns it.
fn receive_one(port: &mut dyn Port, wanted: impl Fn(&[u8]) -> bool) -> Frame {
    let mut found = None;
    let mut burst = Burst::new();
    wait_until("the frame", || {
        port.rx_burst(&mut burst);
        for frame in burst.drain(..) {
            if found.is_none() && wanted(frame.bytes()) {
                found = Some(frame);
            }
        }
        found.is_some()
    });
    found.unwrap()
}

/// Long enough for a busy machine; a test that passes does not use it up.
const PATIENCE: Duration = Duration::from_secs(20);

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// An Ethernet frame of an experimental EtherType, with `len` octets of increasing value.
fn frame(len: usize, tags: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 0x0b, 0x02, 0, 0, 0, 0, 0x0a];
    frame.extend(tags);
    frame.extend([0x88, 0xb5]);
    while frame.len() < len {
        frame.push(frame.len() as u8);
    }
    frame
}

fn is_udp(octets: &[u8]) -> bool {
    octets[12..14] == [0x08, 0x00] && octets[23] == 17
}

/// The sum of pseudo header, header and payload of an untagged IPv4 frame without options.
fn ones_complement_sum_of_udp(frame: &[u8]) -> u32 {
    let total = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    let datagram = &frame[34..14 + total];
    let mut octets = frame[26..34].to_vec();
    octets.extend([0, 17]);
    octets.extend((datagram.len() as u16).to_be_bytes());
    octets.extend(datagram);
    octets.push(0);
    let words = octets
        .chunks_exact(2)
        .map(|w| u32::from(w[0]) << 8 | u32::from(w[1]));
    let sum: u32 = words.sum();
    (sum & 0xffff) + (sum >> 16)
}

fn readable(fd: impl std::os::fd::AsFd) -> bool {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll(&mut fds, Some(&now)).unwrap() > 0
}
