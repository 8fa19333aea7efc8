//! A TCP transfer of random data between the two hosts; SHA-256 at both ends must agree.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::netns::Netns;

/// Octets handed to the kernel in one write.
const CHUNK: usize = 64 * 1024;
/// Time that the receiver waits for the next octet. After that, the line counts as broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longest lag behind the rate that a transfer catches up.
const LAG_MAX: Duration = Duration::from_millis(50);

type Digest256 = [u8; 32];

/// A transfer from one host to the other, until stopped.
pub(crate) struct Transfer {
    stop: Arc<AtomicBool>,
    octets: Arc<AtomicU64>,
    sender: JoinHandle<io::Result<Digest256>>,
    receiver: JoinHandle<io::Result<Digest256>>,
}

/// The result of a transfer.
#[derive(Clone, Debug)]
pub(crate) struct TransferReport {
    pub(crate) octets: u64,
    /// The receiver got exactly the octets that the sender sent.
    pub(crate) intact: bool,
    /// The reason if not.
    pub(crate) failure: Option<String>,
}

impl Transfer {
    /// Starts sending from one host to the other at `address`, at most `mbit_s` (0: without a
    /// limit).
    pub(crate) fn start(
        from: &Netns,
        to: &Netns,
        address: Ipv4Addr,
        mbit_s: u32,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let octets = Arc::new(AtomicU64::new(0));
        let (port, receiver) = to.run({
            let octets = Arc::clone(&octets);
            move || {
                let listener = TcpListener::bind((address, 0))?;
                let port = listener.local_addr()?.port();
                let receiver = thread::Builder::new()
                    .name("receiver".to_owned())
                    .spawn(move || receive(&listener, &octets))?;
                io::Result::Ok((port, receiver))
            }
        })??;
        let sender = from.run({
            let stop = Arc::clone(&stop);
            move || {
                thread::Builder::new()
                    .name("sender".to_owned())
                    .spawn(move || send(address, port, mbit_s, &stop))
            }
        })??;
        Ok(Self {
            stop,
            octets,
            sender,
            receiver,
        })
    }

    /// Ends the stream, waits until its end has arrived, and compares the digests.
    pub(crate) fn finish(self) -> TransferReport {
        self.stop.store(true, Ordering::Relaxed);
        let ended = |end: JoinHandle<io::Result<Digest256>>| {
            end.join()
                .unwrap_or_else(|_| Err(io::Error::other("its thread died")))
        };
        let (sent, received) = (ended(self.sender), ended(self.receiver));
        let octets = self.octets.load(Ordering::Relaxed);
        let failure = match (&sent, &received) {
            (Ok(sent), Ok(received)) if sent == received && octets > 0 => None,
            (Ok(_), Ok(_)) if octets == 0 => Some("nothing was transferred".to_owned()),
            (Ok(_), Ok(_)) => Some("the SHA-256 of what arrived differs".to_owned()),
            (Err(error), _) => Some(format!("the sender failed: {error}")),
            (_, Err(error)) => Some(format!("the receiver failed: {error}")),
        };
        TransferReport {
            octets,
            intact: failure.is_none(),
            failure,
        }
    }
}

fn send(address: Ipv4Addr, port: u16, mbit_s: u32, stop: &AtomicBool) -> io::Result<Digest256> {
    let mut stream = TcpStream::connect((address, port))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    getrandom::fill(&mut chunk)?;
    let mut due = Instant::now();
    let mut sent = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        // Fresh random octets for each chunk would cost more than the line. The counter at the
        // front makes each chunk different, and the random rest makes it incompressible.
        chunk[..8].copy_from_slice(&sent.to_be_bytes());
        digest.update(&chunk);
        stream.write_all(&chunk)?;
        sent += CHUNK as u64;
        if mbit_s > 0 {
            // Data that was not sent while the line was dead is not sent in a burst afterwards.
            due = due.max(Instant::now() - LAG_MAX)
                + Duration::from_micros(CHUNK as u64 * 8 / u64::from(mbit_s));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    Ok(digest.finalize().into())
}

fn receive(listener: &TcpListener, octets: &AtomicU64) -> io::Result<Digest256> {
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match stream.read(&mut chunk)? {
            0 => return Ok(digest.finalize().into()),
            len => {
                digest.update(&chunk[..len]);
                octets.fetch_add(len as u64, Ordering::Relaxed);
            }
        }
    }
}
