//! The frames of a lab without namespaces: two hosts and a line in memory.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use port::mem::{Mem, MemPort};
use port::{Burst, Port};
use sha2::{Digest, Sha256};

use super::last_reports::DRAIN;
use super::line_watch::{LineReport, LineWatch};
use super::ping::{MARKER, PingReport};
use super::site::Site;
use super::sniff::{Recorder, Sniffed};
use super::transfer::TransferReport;

/// Pause between two checks of empty cables.
const NAP: Duration = Duration::from_micros(200);
/// EtherType of the hosts' frames: IPv4, as in most frames of a site. The content is ours.
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const HEADER: usize = 14;
const SEQUENCE: usize = 8;
/// Frames that a host sends before it checks for arrivals.
const AT_ONCE: usize = 16;

/// The line: passes frames from one end to the other, and examines each.
pub(super) struct Wire {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<[LineReport; 2]>>,
    thread: JoinHandle<[Sniffed; 2]>,
}

impl Wire {
    pub(super) fn start(
        a: Mem,
        b: Mem,
        rekey_ethertype: u16,
        recorder: Option<Recorder>,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new([LineReport::default(); 2]));
        let (their_stop, their_seen) = (Arc::clone(&stop), Arc::clone(&seen));
        let thread = thread::Builder::new()
            .name("line".to_owned())
            .spawn(move || {
                let (Ok(mut a), Ok(mut b)) = (a.open(), b.open()) else {
                    return [Sniffed::default(); 2];
                };
                let mut watches = [
                    LineWatch::new(rekey_ethertype),
                    LineWatch::new(rekey_ethertype),
                ];
                let keep = |site, frame: &[u8]| {
                    if let Some(recorder) = &recorder {
                        recorder.keep(site, frame);
                    }
                };
                loop {
                    let last_look = their_stop.load(Ordering::Relaxed);
                    let passed = pass(&mut b, &mut a, &mut watches[0], |frame| {
                        keep(Site::A, frame);
                    }) + pass(&mut a, &mut b, &mut watches[1], |frame| {
                        keep(Site::B, frame);
                    });
                    if passed == 0 {
                        let reports = [watches[0].report(), watches[1].report()];
                        if let Ok(mut seen) = their_seen.lock() {
                            *seen = reports;
                        }
                        if last_look {
                            return [(reports[0], &a), (reports[1], &b)].map(|(line, end)| {
                                Sniffed {
                                    line,
                                    missed: end.counters().rx_ring_full,
                                }
                            });
                        }
                        thread::sleep(NAP);
                    }
                }
            })?;
        Ok(Self { stop, seen, thread })
    }

    /// Returns the frames that arrived at A's and at B's end until now.
    pub(super) fn reports(&self) -> [LineReport; 2] {
        self.seen.lock().map(|seen| *seen).unwrap_or_default()
    }

    pub(super) fn finish(self) -> [Sniffed; 2] {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn pass(
    from: &mut MemPort,
    to: &mut MemPort,
    watch: &mut LineWatch,
    keep: impl Fn(&[u8]),
) -> usize {
    let mut burst = Burst::new();
    from.rx_burst(&mut burst);
    let frames = burst.len();
    for frame in &burst {
        watch.observe(frame.bytes());
        keep(frame.bytes());
    }
    to.tx_burst(&mut burst);
    frames
}

/// Two hosts that send each other numbered frames, and check number and content of each arrival.
pub(super) struct Hosts {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<[Flow; 2]>>,
}

/// The frames of one direction.
#[derive(Default)]
struct Flow {
    sent: u64,
    octets_sent: u64,
    received: u64,
    disordered: u64,
    octets: u64,
    sent_digest: Sha256,
    received_digest: Sha256,
}

impl Hosts {
    /// Starts sending at `mbit_s` in each direction (0: without a limit).
    pub(super) fn start(a: Mem, b: Mem, mbit_s: u32, mtu: u16) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let their_stop = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("hosts".to_owned())
            .spawn(move || {
                let (mut a, mut b) = (
                    a.open().map_err(io::Error::other)?,
                    b.open().map_err(io::Error::other)?,
                );
                run(&mut a, &mut b, mbit_s, mtu, &their_stop)
            })?;
        Ok(Self { stop, thread })
    }

    /// Stops sending, waits for frames in flight, and reports the arrivals.
    pub(super) fn finish(self) -> (Vec<PingReport>, Vec<TransferReport>) {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(Ok(flows)) => flows.into_iter().map(Flow::conclude).unzip(),
            Ok(Err(error)) => (
                Vec::new(),
                vec![TransferReport {
                    octets: 0,
                    intact: false,
                    failure: Some(error.to_string()),
                }],
            ),
            Err(_) => (
                Vec::new(),
                vec![TransferReport {
                    octets: 0,
                    intact: false,
                    failure: Some("the hosts' thread died".to_owned()),
                }],
            ),
        }
    }
}

fn run(
    a: &mut MemPort,
    b: &mut MemPort,
    mbit_s: u32,
    mtu: u16,
    stop: &AtomicBool,
) -> io::Result<[Flow; 2]> {
    let mut flows = [Flow::default(), Flow::default()];
    let mut frame = vec![0; HEADER + usize::from(mtu)];
    getrandom::fill(&mut frame)?;
    let started = Instant::now();
    let mut quiet_since = None;
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        let due = match mbit_s {
            0 => u64::MAX,
            rate => {
                u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX) * u64::from(rate)
                    / 8
            }
        };
        let mut moved = 0;
        if !stopping {
            moved += flows[0].send(a, &mut frame, due);
            moved += flows[1].send(b, &mut frame, due);
        }
        moved += flows[0].receive(b);
        moved += flows[1].receive(a);
        if stopping {
            let since = *quiet_since.get_or_insert_with(Instant::now);
            if flows.iter().all(|flow| flow.received >= flow.sent) || since.elapsed() > DRAIN {
                return Ok(flows);
            }
        }
        if moved == 0 {
            thread::sleep(NAP);
        }
    }
}

impl Flow {
    /// Sends a few frames if this total number of octets is due.
    fn send(&mut self, port: &mut MemPort, frame: &mut [u8], due: u64) -> usize {
        let mut count = 0;
        while self.octets_sent < due && count < AT_ONCE {
            let len = frame.len();
            frame[..HEADER - 2].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
            frame[HEADER - 2..HEADER].copy_from_slice(&ETHERTYPE_IPV4);
            frame[HEADER..HEADER + SEQUENCE].copy_from_slice(&self.sent.to_be_bytes());
            frame[HEADER + SEQUENCE..HEADER + SEQUENCE + MARKER.len()].copy_from_slice(MARKER);
            // The frames cover every length from the shortest to the longest.
            let shortest = HEADER + SEQUENCE + MARKER.len();
            let this_len = shortest + (self.sent as usize).wrapping_mul(97) % (len - shortest + 1);
            port.copy_tx(&frame[..this_len]);
            self.sent_digest.update(&frame[..this_len]);
            self.sent += 1;
            self.octets_sent += this_len as u64;
            count += 1;
        }
        count
    }

    fn receive(&mut self, port: &mut MemPort) -> usize {
        let mut burst = Burst::new();
        port.rx_burst(&mut burst);
        for frame in &burst {
            let bytes = frame.bytes();
            let number = bytes
                .get(HEADER..HEADER + SEQUENCE)
                .and_then(|number| number.try_into().ok())
                .map(u64::from_be_bytes);
            self.disordered += u64::from(number != Some(self.received));
            self.received += 1;
            self.octets += bytes.len() as u64;
            self.received_digest.update(bytes);
        }
        burst.len()
    }

    fn conclude(self) -> (PingReport, TransferReport) {
        let equal = self.sent_digest.finalize() == self.received_digest.finalize();
        let failure = (!equal || self.sent == 0).then(|| {
            format!(
                "{} frames sent, {} received, {} out of order",
                self.sent, self.received, self.disordered
            )
        });
        let ping = PingReport {
            sent: self.sent,
            answered: self.received.min(self.sent),
            repeated: self.received.saturating_sub(self.sent),
        };
        (
            ping,
            TransferReport {
                octets: self.octets,
                intact: failure.is_none(),
                failure,
            },
        )
    }
}
