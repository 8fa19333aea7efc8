//! WireGuard in user space, the crate boringtun, between a red and a black port.
//!
//! It carries the IPv4 packets of the hosts' frames and restores their Ethernet header at the other
//! end. Packets go in bursts. boringtun cannot work in place: it copies each packet once. On the
//! line a datagram follows the Ethernet header; its IP and UDP headers are left out, in its favour.
//! One end starts a handshake at each interval, while data flows under the last session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use lab::patience::waited;
use port::limits::ETHERNET_HEADER;
use port::{BURST_MAX, Burst, Frame, Pool, Port};
use qmacsec::ports::Opener;
use wire::OVERHEAD_MAX;

use super::{Devices, Forward, Switches};
use crate::drops::Drops;
use crate::frames::ETHERNET;
use crate::harness::error::Error;
use crate::rekey::rig::cabling::MTU;

/// EtherType of its datagrams: for local experiments (IEEE 802).
const ETHERTYPE: [u8; 2] = [0x88, 0xb5];
const IPV4: [u8; 2] = [0x08, 0x00];
const TYPE_AT: usize = ETHERNET_HEADER - 2;
/// First octet of a datagram with data, and the place of the session under which it is sealed.
const DATA: u8 = 4;
const SESSION_AT: usize = 4;
/// Period of boringtun's timers. Its own program has 250 ms, but of two sessions made in one tick
/// it uses either, and here sessions follow each other faster.
const TICK: Duration = Duration::from_millis(10);
/// Polls between two readings of the clock.
const POLLS: u32 = 16;
/// Handshakes a second that it accepts: its default of ten would be reached at an interval of 0.1
/// s.
const HANDSHAKES: u64 = 1000;
const FIRST_SESSION: Duration = Duration::from_secs(10);
/// Header and tag of its datagrams are no longer than SecTAG and ICV: the same line carries both.
const _: () = assert!(OVERHEAD_MAX >= 16 + 16);

/// Starts two devices with a session between them.
pub(super) fn start(ports: [[Opener; 2]; 2], interval: Option<Duration>) -> Result<Devices, Error> {
    let secrets = || [[1; 32], [2; 32]].map(StaticSecret::from);
    let publics = secrets().map(|secret| PublicKey::from(&secret));
    let sessions = Arc::new(AtomicU8::new(0));
    let maker = |index: usize, switches| {
        let [a, b] = secrets();
        let own = if index == 0 { a } else { b };
        let (mine, peer) = (publics[index], publics[1 - index]);
        let limiter = Arc::new(RateLimiter::new(&mine, HANDSHAKES));
        let number = index as u32 + 1;
        let tunnel = Tunn::new(own, peer, None, None, number, Some(Arc::clone(&limiter)));
        let sessions = Arc::clone(&sessions);
        let every = interval.filter(|_| index == 0);
        move |[red, black]: [Box<dyn Port>; 2]| {
            let now = Instant::now();
            Ok(WireGuard {
                red,
                black,
                tunnel,
                limiter,
                initiates: index == 0,
                every,
                next_handshake: now,
                next_tick: now,
                polls: 0,
                pool: Pool::new(4 * BURST_MAX, MTU + OVERHEAD_MAX)?,
                came: Burst::new(),
                goes: Burst::new(),
                answers: Burst::new(),
                session: None,
                switches,
                established: false,
                sessions,
                refused: 0,
            })
        }
    };
    let devices = Devices::threads(ports, maker)?;
    match waited(FIRST_SESSION, || sessions.load(Ordering::Relaxed) == 2) {
        Some(_) => Ok(devices),
        None => Err(Error::Ended("wireguard: no session".to_owned())),
    }
}

struct WireGuard {
    red: Box<dyn Port>,
    black: Box<dyn Port>,
    tunnel: Tunn,
    limiter: Arc<RateLimiter>,
    initiates: bool,
    /// Time between two handshakes that it starts.
    every: Option<Duration>,
    next_handshake: Instant,
    next_tick: Instant,
    polls: u32,
    pool: Pool,
    came: Burst,
    goes: Burst,
    answers: Burst,
    /// The session under which it sends.
    session: Option<[u8; 4]>,
    switches: Switches,
    established: bool,
    /// The number of ends that have a session.
    sessions: Arc<AtomicU8>,
    refused: u64,
}

impl Forward for WireGuard {
    fn poll_once(&mut self) -> usize {
        self.polls += 1;
        if self.polls >= POLLS {
            self.polls = 0;
            self.keep_time();
        }
        self.red_to_black() + self.black_to_red()
    }

    fn ports(&self) -> [&dyn Port; 2] {
        [&*self.red, &*self.black]
    }

    fn drops(&self) -> Drops {
        Drops::from([("wireguard refused".to_owned(), self.refused)])
    }
}

impl WireGuard {
    fn red_to_black(&mut self) -> usize {
        self.red.rx_burst(&mut self.came);
        let count = self.came.len();
        for frame in self.came.drain(..) {
            // Frames of the hosts' kernels are not carried.
            let Some(packet) = payload(&frame, IPV4) else {
                continue;
            };
            let Some(mut room) = self.pool.frame() else {
                self.refused += 1;
                continue;
            };
            let result = self.tunnel.encapsulate(packet, behind_header(&mut room));
            match sent(&result) {
                Some(len) => self.goes.push(framed(room, len, ETHERTYPE)),
                None => self.refused += 1,
            }
        }
        self.send();
        count
    }

    fn black_to_red(&mut self) -> usize {
        self.black.rx_burst(&mut self.came);
        let count = self.came.len();
        let mut session = false;
        for frame in self.came.drain(..) {
            let Some(datagram) = payload(&frame, ETHERTYPE) else {
                continue;
            };
            let Some(mut room) = self.pool.frame() else {
                self.refused += 1;
                continue;
            };
            let tunnel = &mut self.tunnel;
            match tunnel.decapsulate(None, datagram, behind_header(&mut room)) {
                TunnResult::WriteToTunnelV4(packet, _) => {
                    let len = packet.len();
                    self.goes.push(framed(room, len, IPV4));
                    session = true;
                }
                TunnResult::WriteToNetwork(answer) => {
                    // The initiator has its session now, and answers with a data message.
                    let (len, data) = (answer.len(), answer.first() == Some(&DATA));
                    self.answers.push(framed(room, len, ETHERTYPE));
                    session |= data;
                }
                // Empty data: the first message of the other end under a new session.
                TunnResult::Done => session = true,
                TunnResult::Err(_) | TunnResult::WriteToTunnelV6(..) => self.refused += 1,
            }
        }
        if session {
            self.has_session();
        }
        self.red.tx_burst(&mut self.goes);
        core::mem::swap(&mut self.goes, &mut self.answers);
        self.send();
        count
    }

    /// Sends to the line, and notes the moment at which the session changes.
    fn send(&mut self) {
        for frame in &self.goes {
            let datagram = &frame.bytes()[ETHERNET_HEADER..];
            let session = datagram
                .get(SESSION_AT..)
                .and_then(|rest| rest.first_chunk());
            if datagram.first() != Some(&DATA) || session == self.session.as_ref() {
                continue;
            }
            if self.session.is_some()
                && let Ok(mut switches) = self.switches.lock()
            {
                switches.push(Instant::now());
            }
            self.session = session.copied();
        }
        if !self.goes.is_empty() {
            self.black.tx_burst(&mut self.goes);
        }
    }

    fn has_session(&mut self) {
        if !core::mem::replace(&mut self.established, true) {
            self.sessions.fetch_add(1, Ordering::Relaxed);
            if let Some(every) = self.every {
                self.next_handshake = Instant::now() + every;
            }
        }
    }

    /// Runs the timers, and starts the handshakes of the bench.
    fn keep_time(&mut self) {
        let now = Instant::now();
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.limiter.reset_count();
            self.ask(Tunn::update_timers);
            // No answer comes until the ports of the other end are open.
            if self.initiates && !self.established {
                self.ask(|tunnel, room| tunnel.format_handshake_initiation(room, true));
            }
        }
        if let Some(every) = self.every
            && self.established
            && now >= self.next_handshake
        {
            self.next_handshake += every;
            self.ask(|tunnel, room| tunnel.format_handshake_initiation(room, false));
        }
    }

    fn ask(&mut self, what: impl for<'a> FnOnce(&mut Tunn, &'a mut [u8]) -> TunnResult<'a>) {
        if let Some(mut room) = self.pool.frame() {
            let result = what(&mut self.tunnel, behind_header(&mut room));
            if let Some(len) = sent(&result) {
                self.goes.push(framed(room, len, ETHERTYPE));
                self.send();
            }
        }
    }
}

fn sent(result: &TunnResult<'_>) -> Option<usize> {
    match result {
        TunnResult::WriteToNetwork(datagram) => Some(datagram.len()),
        _ => None,
    }
}

fn payload(frame: &Frame, ethertype: [u8; 2]) -> Option<&[u8]> {
    let (header, payload) = frame.bytes().split_at_checked(ETHERNET_HEADER)?;
    (header[TYPE_AT..] == ethertype).then_some(payload)
}

/// The room of an empty frame behind its header.
fn behind_header(frame: &mut Frame) -> &mut [u8] {
    let (room, start, _) = frame.room_mut();
    &mut room[start + ETHERNET_HEADER..]
}

/// Makes a frame of `len` octets written there.
fn framed(mut frame: Frame, len: usize, ethertype: [u8; 2]) -> Frame {
    let (room, start, _) = frame.room_mut();
    let header = &mut room[start..start + ETHERNET_HEADER];
    header.copy_from_slice(&ETHERNET);
    header[TYPE_AT..].copy_from_slice(&ethertype);
    frame.set_range(start, start + ETHERNET_HEADER + len);
    frame
}
