//! One session of the two ends: a quantum and a classical connection, from their opening to the
//! loss of either. Alice makes both connections; Bob listens. Neither is encrypted: the quantum
//! channel stands for a fibre, and the protocol authenticates every message of the classical one.
//!
//! Alice draws a number for the session and sends it first on both connections, so that Bob knows
//! which belong together. Bob takes one session at a time.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::frame;
use crate::limits::{LASTING, MESSAGE_LEN_MAX, OPENING, RETRY, SILENCE};

/// Begins every connection: the protocol and its version.
const MAGIC: [u8; 8] = *b"qmdstl\x00\x01";
/// Octets of an opening.
const OPENING_LEN: usize = MAGIC.len() + 1 + 16;

/// The addresses of Bob's two channels: those that he listens on, or that Alice connects to.
#[derive(Clone, Copy, Debug)]
pub struct Channels {
    /// Carries the signals.
    pub quantum: SocketAddr,
    /// Carries the messages.
    pub classical: SocketAddr,
}

/// The use of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Classical,
    Quantum,
}

/// Both connections of a session.
pub(crate) struct Connections {
    pub(crate) quantum: TcpStream,
    pub(crate) classical: TcpStream,
}

/// The random number of a session.
type Number = [u8; 16];

/// Alice: opens both connections.
pub(crate) async fn connect(channels: &Channels) -> io::Result<Connections> {
    let mut number = Number::default();
    getrandom::fill(&mut number)?;
    let classical = open(channels.classical, Purpose::Classical, number).await?;
    let quantum = open(channels.quantum, Purpose::Quantum, number).await?;
    Ok(Connections { quantum, classical })
}

async fn open(address: SocketAddr, purpose: Purpose, number: Number) -> io::Result<TcpStream> {
    let opening = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        frame::send(&mut stream, &encode(purpose, number)).await?;
        Ok(stream)
    };
    let opened = timeout(OPENING, opening).await;
    let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    opened.map_err(|error: io::Error| {
        io::Error::new(error.kind(), format!("{purpose:?}, {address}: {error}"))
    })
}

/// Bob: the listeners of both channels.
pub(crate) struct Listeners {
    pub(crate) quantum: TcpListener,
    pub(crate) classical: TcpListener,
}

impl Listeners {
    /// Binds both.
    ///
    /// # Errors
    /// The address that cannot be bound, with the error of the system.
    pub(crate) async fn bind(channels: &Channels) -> Result<Self, (SocketAddr, io::Error)> {
        let bind = async |address| {
            let bound = TcpListener::bind(address).await;
            bound.map_err(|error| (address, error))
        };
        Ok(Self {
            quantum: bind(channels.quantum).await?,
            classical: bind(channels.classical).await?,
        })
    }

    /// The addresses, as bound.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn channels(&self) -> io::Result<Channels> {
        Ok(Channels {
            quantum: self.quantum.local_addr()?,
            classical: self.classical.local_addr()?,
        })
    }

    /// Waits for a session. A connection that opens nothing of it is closed.
    pub(crate) async fn accept(&self) -> io::Result<Connections> {
        let (classical, number) = accept(&self.classical, Purpose::Classical).await?;
        let quantum = async {
            loop {
                let (quantum, its) = accept(&self.quantum, Purpose::Quantum).await?;
                if its == number {
                    return io::Result::Ok(quantum);
                }
            }
        };
        let quantum = timeout(OPENING, quantum).await;
        let quantum = quantum.map_err(|_| io::Error::other("no quantum connection followed"))??;
        Ok(Connections { quantum, classical })
    }
}

async fn accept(listener: &TcpListener, purpose: Purpose) -> io::Result<(TcpStream, Number)> {
    loop {
        let (mut stream, peer) = listener.accept().await?;
        let opening = frame::receive(&mut stream, OPENING_LEN, OPENING).await;
        match opening.map(|octets| decode(&octets)) {
            Ok(Some((its, number))) if its == purpose => {
                stream.set_nodelay(true)?;
                return Ok((stream, number));
            }
            Ok(Some(_)) => warn!("{peer} takes the {purpose:?} channel for the other one"),
            Ok(None) => warn!("{peer} runs another release or program"),
            Err(error) => warn!("connection from {peer}: {error}"),
        }
    }
}

fn encode(purpose: Purpose, number: Number) -> Vec<u8> {
    let mut octets = Vec::with_capacity(OPENING_LEN);
    octets.extend_from_slice(&MAGIC);
    octets.push(match purpose {
        Purpose::Classical => 1,
        Purpose::Quantum => 2,
    });
    octets.extend_from_slice(&number);
    octets
}

fn decode(octets: &[u8]) -> Option<(Purpose, Number)> {
    let (purpose, number) = octets.strip_prefix(&MAGIC)?.split_first()?;
    let purpose = match purpose {
        1 => Purpose::Classical,
        2 => Purpose::Quantum,
        _ => return None,
    };
    Some((purpose, number.try_into().ok()?))
}

/// Waits between two attempts, longer and longer while sessions do not last.
pub(crate) struct Backoff {
    wait: std::time::Duration,
    begun: Instant,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self {
            wait: RETRY[0],
            begun: Instant::now(),
        }
    }

    /// Waits after a session or an attempt has ended.
    pub(crate) async fn pause(&mut self) {
        if self.begun.elapsed() > LASTING {
            self.wait = RETRY[0];
        }
        let mut octet = [0];
        // Without a random source the wait is half of it.
        let _ = getrandom::fill(&mut octet);
        sleep(self.wait.mul_f64(0.5 + f64::from(octet[0]) / 510.0)).await;
        self.wait = (self.wait * 2).min(RETRY[1]);
        self.begun = Instant::now();
    }
}

/// Sends the messages of the protocol until the connection ends.
pub(crate) async fn send_messages(
    mut to: OwnedWriteHalf,
    mut messages: mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    while let Some(message) = messages.recv().await {
        frame::send(&mut to, &message).await?;
    }
    Ok(())
}

/// Receives a message of the other end.
pub(crate) async fn receive_message(from: &mut OwnedReadHalf) -> io::Result<Zeroizing<Vec<u8>>> {
    frame::receive(from, MESSAGE_LEN_MAX, SILENCE).await
}

/// Logs the end of a session once for each reason.
#[derive(Default)]
pub(crate) struct Said(Option<String>);

impl Said {
    pub(crate) fn ended(&mut self, reason: &io::Error) {
        let reason = reason.to_string();
        if self.0.as_ref() != Some(&reason) {
            warn!("no connection to the other end: {reason}");
            self.0 = Some(reason);
        }
    }

    pub(crate) fn begun(&mut self) {
        info!("connected to the other end");
        self.0 = None;
    }
}

#[cfg(test)]
mod tests;
