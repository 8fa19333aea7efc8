//! Two hosts that send each other numbered frames without a pause and check each frame that
//! arrives.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::site::Site;
use port::mem::Mem;
use port::{Burst, Port};

use crate::patience::waited;

/// Default time between two frames of one host.
const EVERY: Duration = Duration::from_millis(5);
/// Text inside each frame, by which the watch of the line finds it.
pub const MARKER: &[u8] = lab::ping::MARKER;
/// Offset of the marker in the frame.
pub const MARKER_AT: usize = HEADER + SEQUENCE;
const SEQUENCE: usize = 8;
/// Ethernet, IPv4 and UDP: the fields that a device uses to spread flows over workers.
const HEADER: usize = 14 + 20 + 8;
/// Number of flows of each host, used in turn.
const FLOWS: usize = 8;

/// The frames that one host sent, and their fate at the other host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Frames sent.
    pub sent: u64,
    /// Frames that arrived.
    pub received: u64,
    /// Frames that arrived out of order in their flow, or a second time.
    pub disordered: u64,
    /// Frames that arrived and that none of our hosts had sent.
    pub foreign: u64,
    /// For each flow, the lowest number that may come next.
    next: [u64; FLOWS],
}

/// The thread of both hosts.
pub struct Hosts {
    flows: Arc<Mutex<[Flow; 2]>>,
    stop: Arc<AtomicBool>,
    quiet: Arc<AtomicBool>,
    pause: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Hosts {
    /// Starts two hosts over any two ports, without traffic. The ports are opened on the hosts'
    /// thread.
    pub(crate) fn start<P: Port>(open: impl FnOnce() -> [P; 2] + Send + 'static) -> Self {
        let flows: Arc<Mutex<[Flow; 2]>> = Arc::default();
        let (stop, quiet) = (
            Arc::<AtomicBool>::default(),
            Arc::new(AtomicBool::new(true)),
        );
        let pause = Arc::new(AtomicU64::new(u64::try_from(EVERY.as_micros()).unwrap()));
        let theirs = (
            Arc::clone(&flows),
            Arc::clone(&stop),
            Arc::clone(&quiet),
            Arc::clone(&pause),
        );
        let run = move || {
            let mut ports = open();
            let (flows, stop, quiet, pause) = theirs;
            let mut due = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                let now = Instant::now();
                let speak = now >= due && !quiet.load(Ordering::Relaxed);
                if speak {
                    due = now + Duration::from_micros(pause.load(Ordering::Relaxed));
                }
                let mut flows = flows.lock().unwrap();
                for from in Site::BOTH {
                    let flow = &mut flows[from.index()];
                    if speak {
                        ports[from.index()].copy_tx(&frame(from, flow.sent));
                        flow.sent += 1;
                    }
                    flow.receive(&mut ports[from.other().index()], from);
                }
                drop(flows);
                thread::sleep(Duration::from_micros(900));
            }
        };
        let thread = thread::Builder::new()
            .name("hosts".into())
            .spawn(run)
            .unwrap();
        Self {
            flows,
            stop,
            quiet,
            pause,
            thread: Some(thread),
        }
    }

    pub(crate) fn in_memory(a: Mem, b: Mem) -> Self {
        Self::start(move || [a.open().unwrap(), b.open().unwrap()])
    }

    /// Starts the traffic.
    pub fn speak(&self) {
        self.quiet.store(false, Ordering::Relaxed);
    }

    /// Returns the counts of frames from this side's host.
    ///
    /// # Panics
    /// If the hosts' thread has died.
    #[must_use]
    pub fn flow(&self, from: Site) -> Flow {
        self.flows.lock().unwrap()[from.index()]
    }

    /// Sets the time between two frames.
    ///
    /// # Panics
    /// Never: the pauses of tests are short.
    pub fn set_pause(&self, pause: Duration) {
        self.pause
            .store(u64::try_from(pause.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Stops the traffic and waits, within a limit, until all frames have arrived.
    #[must_use]
    pub fn settle(&self) -> [Flow; 2] {
        self.quiet.store(true, Ordering::Relaxed);
        let _or_frames_are_lost = waited(Duration::from_secs(3), || {
            Site::BOTH
                .iter()
                .all(|&site| self.flow(site).received >= self.flow(site).sent)
        });
        Site::BOTH.map(|site| self.flow(site))
    }

    /// Stops the traffic and checks that no frame was lost, duplicated, disordered or foreign.
    ///
    /// # Panics
    /// If the check fails.
    pub fn all_went_well(&self) {
        for flow in self.settle() {
            assert!(flow.sent > 0, "nothing was sent: {flow:?}");
            assert_eq!(flow.received, flow.sent, "frames lost or doubled: {flow:?}");
            assert_eq!((flow.disordered, flow.foreign), (0, 0), "{flow:?}");
        }
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _said_already = thread.join();
        }
    }
}

impl Flow {
    fn receive(&mut self, port: &mut impl Port, from: Site) {
        let mut burst = Burst::new();
        port.rx_burst(&mut burst);
        for arrived in burst.drain(..) {
            let octets = arrived.bytes();
            let number = octets
                .get(HEADER..HEADER + SEQUENCE)
                .and_then(|octets| octets.try_into().ok());
            let number = number.map(u64::from_be_bytes);
            match number.filter(|&number| number < self.sent && octets == frame(from, number)) {
                None => self.foreign += 1,
                Some(number) => {
                    let next = &mut self.next[flow_of(number)];
                    self.disordered += u64::from(number < *next);
                    *next = number + 1;
                    self.received += 1;
                }
            }
        }
    }
}

/// Builds a host's frame with this number. The frames cover every length from the shortest to the
/// longest.
fn frame(from: Site, number: u64) -> Vec<u8> {
    let mut frame = Vec::with_capacity(1514);
    frame.extend([
        2,
        0,
        0,
        0,
        0x10,
        u8::from(from == Site::A),
        2,
        0,
        0,
        0,
        0x10,
        u8::from(from == Site::B),
    ]);
    frame.extend([0x08, 0x00]);
    let len = 128 + usize::try_from(number * 97 % 1386).unwrap();
    let packet = u16::try_from(len - 14).unwrap().to_be_bytes();
    let datagram = u16::try_from(len - 34).unwrap().to_be_bytes();
    frame.extend([0x45, 0, packet[0], packet[1], 0, 0, 0x40, 0, 64, 17, 0, 0]);
    frame.extend([10, 9, 0, 1, 10, 9, 0, 2]);
    let port = u8::try_from(flow_of(number)).unwrap();
    frame.extend([0x13, port, 0x13, 0x88, datagram[0], datagram[1], 0, 0]);
    frame.extend(number.to_be_bytes());
    frame.extend(MARKER);
    frame.resize(len, number.to_le_bytes()[0]);
    frame
}

/// Returns the flow of the frame with this number.
fn flow_of(number: u64) -> usize {
    usize::try_from(number).unwrap() % FLOWS
}

/// True if the text of the hosts' frames is in clear in this frame.
#[must_use]
pub fn in_clear(frame: &[u8]) -> bool {
    frame.windows(MARKER.len()).any(|window| window == MARKER)
}
