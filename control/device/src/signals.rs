//! The simulated quantum signals, each end on a thread of its own: Alice's source at its pace, and
//! the fibre with Bob's receiver at its end.
//!
//! A real source never waits. This one does, when the other end or the protocol is slower than the
//! symbol rate: no frame is stored beyond short queues, and none is lost. The time that it waited
//! is counted, so that a rate of keys is never shown as better than it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use distill::eve::Schedule;
use distill::source::{Fibre, Modulator, Received};
use distill::wiped::Wiped;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::limits::CATCH_UP;
use crate::link::{FRAME_SYMBOLS, Link};

/// Octets of a quadrature on the quantum channel.
const OCTETS: usize = size_of::<f32>();
/// Octets of a frame on the quantum channel.
pub(crate) const QUANTUM_LEN: usize = NUMBER_LEN + FRAME_SYMBOLS * OCTETS;
/// Octets of the number of a frame.
const NUMBER_LEN: usize = size_of::<u64>();

/// A frame with its number. Numbers count up over all sessions of Alice's process.
pub(crate) struct Numbered<F> {
    pub(crate) number: u64,
    pub(crate) values: F,
}

/// Settings of the simulation.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// The pace of the source.
    pub pace: Pace,
    /// The signals follow from this number; random if it is `None`. Keys of a known seed are known.
    pub seed: Option<u64>,
    /// Attacks on the fibre, by time of transmission.
    pub eve: Schedule,
}

/// The time that signals take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// The symbol rate of the link.
    #[default]
    RealTime,
    /// As fast as both ends can.
    Unlimited,
}

impl Signals {
    /// The seed of the generators of one end.
    ///
    /// # Errors
    /// The random source of the system fails.
    pub(crate) fn seed(&self) -> Result<[u8; 32], getrandom::Error> {
        let mut seed = [0; 32];
        match self.seed {
            Some(number) => {
                warn!(
                    "the signals follow from the seed {number}: the keys are known, for tests only"
                );
                seed[..8].copy_from_slice(&number.to_be_bytes());
            }
            None => getrandom::fill(&mut seed)?,
        }
        Ok(seed)
    }
}

/// Counts of the signals of one end.
#[derive(Default)]
pub(crate) struct Counts {
    symbols: AtomicU64,
    held_back_us: AtomicU64,
}

impl Counts {
    /// Symbols sent or measured.
    pub(crate) fn symbols(&self) -> u64 {
        self.symbols.load(Ordering::Relaxed)
    }

    fn add_frame(&self) {
        self.symbols
            .fetch_add(FRAME_SYMBOLS as u64, Ordering::Relaxed);
    }

    /// Time that the source waited.
    pub(crate) fn held_back(&self) -> Duration {
        Duration::from_micros(self.held_back_us.load(Ordering::Relaxed))
    }
}

/// Alice's source. Its lock is held by the thread of one session.
pub(crate) struct Source {
    modulator: Mutex<Modulator>,
    pace: Pace,
    baud: f64,
    pub(crate) counts: Arc<Counts>,
}

impl Source {
    pub(crate) fn new(link: &Link, pace: Pace, seed: [u8; 32]) -> Self {
        Self {
            modulator: Mutex::new(Modulator::new(&link.source, &link.receiver, seed)),
            pace,
            baud: link.symbol_rate_baud(),
            counts: Arc::default(),
        }
    }

    /// Sends frames from the time that both ends agree, until the session ends.
    pub(crate) fn run(
        &self,
        agreed: oneshot::Receiver<()>,
        channel: &mpsc::Sender<Zeroizing<Vec<u8>>>,
        protocol: impl Fn(Numbered<Wiped<f32>>) -> bool,
    ) {
        if agreed.blocking_recv().is_err() {
            return;
        }
        let mut modulator = self
            .modulator
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut begun = Instant::now();
        for frame in 1.. {
            let number = self.counts.symbols() / FRAME_SYMBOLS as u64;
            let values = modulator.transmit(FRAME_SYMBOLS);
            self.counts.add_frame();
            let octets = encode(number, &values);
            if self.pace == Pace::RealTime {
                let due =
                    Duration::from_secs_f64(f64::from(frame) * FRAME_SYMBOLS as f64 / self.baud);
                let lag = begun.elapsed().saturating_sub(due);
                sleep(due.saturating_sub(begun.elapsed()));
                if lag > CATCH_UP {
                    begun += lag;
                    let lag = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
                    self.counts.held_back_us.fetch_add(lag, Ordering::Relaxed);
                }
            }
            // The protocol has Alice's values before Bob can answer.
            if !protocol(Numbered { number, values }) || channel.blocking_send(octets).is_err() {
                return;
            }
        }
    }
}

/// The fibre with Bob's receiver. Its lock is held by the thread of one session.
pub(crate) struct Detector {
    fibre: Mutex<Fibre>,
    eve: Schedule,
    baud: f64,
    pub(crate) counts: Arc<Counts>,
}

impl Detector {
    pub(crate) fn new(link: &Link, eve: Schedule, seed: [u8; 32]) -> Self {
        Self {
            fibre: Mutex::new(Fibre::new(
                &link.source,
                &link.channel,
                &link.receiver,
                seed,
            )),
            eve,
            baud: link.symbol_rate_baud(),
            counts: Arc::default(),
        }
    }

    /// Measures frames until the session ends.
    pub(crate) fn run(
        &self,
        channel: &mut mpsc::Receiver<Zeroizing<Vec<u8>>>,
        protocol: impl Fn(Numbered<Received>) -> bool,
    ) {
        let mut fibre = self.fibre.lock().unwrap_or_else(PoisonError::into_inner);
        let mut attack = None;
        while let Some(octets) = channel.blocking_recv() {
            let Some(sent) = decode(&octets) else {
                warn!("a signal on the quantum channel is no number: the session ends");
                return;
            };
            let symbols = self.counts.symbols();
            let now = self
                .eve
                .at(Duration::from_secs_f64(symbols as f64 / self.baud));
            if now != attack {
                match now {
                    Some(now) => info!("Eve on the simulated fibre: {now}"),
                    None => info!("Eve has left the simulated fibre"),
                }
                attack = now;
                fibre.attack(now);
            }
            let received = Numbered {
                number: sent.number,
                values: fibre.receive(&sent.values),
            };
            self.counts.add_frame();
            if !protocol(received) {
                return;
            }
        }
    }
}

fn encode(number: u64, sent: &[f32]) -> Zeroizing<Vec<u8>> {
    let mut octets = Zeroizing::new(vec![0; NUMBER_LEN + sent.len() * OCTETS]);
    let (head, values) = octets.split_at_mut(NUMBER_LEN);
    head.copy_from_slice(&number.to_be_bytes());
    let (values, _) = values.as_chunks_mut::<OCTETS>();
    for (octets, value) in values.iter_mut().zip(sent) {
        *octets = value.to_le_bytes();
    }
    octets
}

/// The values of a frame; `None` if it is not whole, or one of them is not finite.
fn decode(octets: &[u8]) -> Option<Numbered<Wiped<f32>>> {
    if octets.len() != QUANTUM_LEN {
        return None;
    }
    let (number, values) = octets.split_first_chunk()?;
    let number = u64::from_be_bytes(*number);
    let (values, _) = values.as_chunks::<OCTETS>();
    let mut sent = Wiped::zeroed(FRAME_SYMBOLS);
    for (value, octets) in sent.iter_mut().zip(values) {
        *value = f32::from_le_bytes(*octets);
    }
    let finite = sent.iter().all(|value| value.is_finite());
    finite.then_some(Numbered {
        number,
        values: sent,
    })
}

#[cfg(test)]
mod tests;
