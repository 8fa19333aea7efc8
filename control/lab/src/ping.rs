//! ICMP echo between the two hosts. The kernel of the other host answers.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::netns::Netns;

/// Interval between the echo requests of one host.
const EVERY: Duration = Duration::from_millis(20);
/// Time to wait for answers after the last request.
const DRAIN: Duration = Duration::from_secs(1);
/// Text in each request. If the sniffer sees it on the line, that proves a leak.
pub const MARKER: &[u8] = b"qmacsec-lab: this text must never be seen on the line";

const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
const ICMP_HEADER: usize = 8;

/// Sends echo requests from one host to the other until stopped.
pub(crate) struct Ping {
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    answered: AtomicU64,
    repeated: AtomicU64,
}

/// The counts of requests and answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PingReport {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) repeated: u64,
}

/// Sends one echo request and waits for its answer, to check that the line carries frames.
pub(crate) fn once(from: &Netns, to: Ipv4Addr, wait: Duration) -> io::Result<bool> {
    from.run(move || {
        let mut echo = Echo::open(to)?;
        echo.request(0)?;
        let deadline = Instant::now() + wait;
        while Instant::now() < deadline {
            if echo.answer()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    })?
}

impl Ping {
    /// Starts pinging `to` from a host.
    pub(crate) fn start(from: &Netns, to: Ipv4Addr) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let counts = Arc::new(Counts::default());
        let (their_stop, their_counts) = (Arc::clone(&stop), Arc::clone(&counts));
        let thread = from.run(move || {
            std::thread::Builder::new()
                .name("ping".to_owned())
                .spawn(move || run(&mut Echo::open(to)?, &their_stop, &their_counts))
        })??;
        Ok(Self {
            stop,
            counts,
            thread: Some(thread),
        })
    }

    pub(crate) fn report(&self) -> PingReport {
        PingReport {
            sent: self.counts.sent.load(Ordering::Relaxed),
            answered: self.counts.answered.load(Ordering::Relaxed),
            repeated: self.counts.repeated.load(Ordering::Relaxed),
        }
    }

    /// Stops the requests and waits for the last answers.
    pub(crate) fn finish(mut self) -> io::Result<PingReport> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread
                .join()
                .map_err(|_| io::Error::other("the ping thread died"))??;
        }
        Ok(self.report())
    }
}

fn run(echo: &mut Echo, stop: &AtomicBool, counts: &Counts) -> io::Result<()> {
    let mut answered = vec![false; 1 << 16];
    let mut sequence = 0_u16;
    let mut due = Instant::now();
    let mut drained = None;
    loop {
        let now = Instant::now();
        if stop.load(Ordering::Relaxed) {
            let until = *drained.get_or_insert(now + DRAIN);
            let all =
                counts.answered.load(Ordering::Relaxed) == counts.sent.load(Ordering::Relaxed);
            if all || now >= until {
                return Ok(());
            }
        } else if now >= due {
            due += EVERY;
            sequence = sequence.wrapping_add(1);
            answered[usize::from(sequence)] = false;
            echo.request(sequence)?;
            counts.sent.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(sequence) = echo.answer()? {
            let seen = &mut answered[usize::from(sequence)];
            let count = if *seen {
                &counts.repeated
            } else {
                &counts.answered
            };
            count.fetch_add(1, Ordering::Relaxed);
            *seen = true;
        }
    }
}

/// A raw ICMP socket of one host.
struct Echo {
    socket: Socket,
    to: Ipv4Addr,
    identifier: u16,
}

impl Echo {
    fn open(to: Ipv4Addr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        socket.set_read_timeout(Some(EVERY / 4))?;
        let mut random = [0; 2];
        getrandom::fill(&mut random)?;
        Ok(Self {
            socket,
            to,
            identifier: u16::from_be_bytes(random),
        })
    }

    fn request(&self, sequence: u16) -> io::Result<()> {
        let mut message = vec![ECHO_REQUEST, 0, 0, 0];
        message.extend(self.identifier.to_be_bytes());
        message.extend(sequence.to_be_bytes());
        message.extend(MARKER);
        let sum = internet_checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        match self
            .socket
            .send_to(&message, &SocketAddrV4::new(self.to, 0).into())
        {
            // There is no neighbour yet, or its queue is full: this loses an echo request, but is
            // not a failure of the lab.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
                ) =>
            {
                Ok(())
            }
            sent => sent.map(drop),
        }
    }

    /// Returns the sequence number of an answer that arrives within a few milliseconds.
    fn answer(&mut self) -> io::Result<Option<u16>> {
        let mut datagram = [0; 2048];
        let len = match self.socket.read(&mut datagram) {
            Ok(len) => len,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::TimedOut
                        | io::ErrorKind::Interrupted
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(self.parse(&datagram[..len]))
    }

    fn parse(&self, datagram: &[u8]) -> Option<u16> {
        let header = usize::from(datagram.first()? & 0x0f) * 4;
        let message = datagram.get(header..)?;
        let (icmp, body) = message.split_at_checked(ICMP_HEADER)?;
        let ours =
            icmp[0] == ECHO_REPLY && icmp[4..6] == self.identifier.to_be_bytes() && body == MARKER;
        ours.then(|| u16::from_be_bytes([icmp[6], icmp[7]]))
    }
}

/// Returns the checksum of RFC 1071.
fn internet_checksum(message: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in message.chunks(2) {
        sum += u32::from(u16::from_be_bytes([
            pair[0],
            pair.get(1).copied().unwrap_or(0),
        ]));
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum & 0xffff).unwrap_or(0)
}
