//! The statistics of one worker: a block that the worker writes and control reads.
//!
//! The worker publishes all its numbers together, every [`PUBLISH_EVERY`] rounds at most and before
//! it sleeps: a few hundred plain stores. Control takes a snapshot at any time and never holds the
//! worker up. A sequence number is odd while the worker writes, and makes a reader try again. So
//! all numbers of a snapshot belong to one moment, and frames in equal frames out plus drops.
//!
//! Not here: rates, totals over several workers, names of the policy's lines.
//!
//! [`PUBLISH_EVERY`]: crate::limits::PUBLISH_EVERY

use crate::counters::WorkerCounters;
use crate::limits::{POLICY_LINES_MAX, RX_SAS_MAX};
use crate::line_tag::LineTag;
use crate::policy::PolicyHits;
use arrayvec::ArrayVec;
use crossbeam_utils::CachePadded;
use port::{LinkState, PortCounters};
use secy::{RxCounters, RxSaStatus, SaId, TxCounters};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::thread;
use std::time::Duration;
use wire::{An, Pn, Sci};

/// The counters and the state of a worker at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatsSnapshot {
    /// Red port.
    pub red: PortCounters,
    /// Black port, control frames included.
    pub black: PortCounters,
    /// Link of the red port, when last checked.
    pub red_link: LinkState,
    /// Link of the black port, when last checked.
    pub black_link: LinkState,
    /// SecY, transmit side.
    pub tx: TxCounters,
    /// SecY, receive side.
    pub rx: RxCounters,
    /// The poll loop.
    pub worker: WorkerCounters,
    /// Hits of each line of the policy, as in [`crate::Policy::lines`].
    pub policy: PolicyHits,
    /// VLAN tags that the line last put in front of a frame of the pair.
    pub line_tag: Option<LineTag>,
    /// The tx SA in use.
    pub tx_sa: Option<SaId>,
    /// PN of the next frame. `None` without an SA, or when its PNs are used up.
    pub next_pn: Option<Pn>,
    /// All rx SAs.
    pub rx_sas: ArrayVec<RxSaStatus, RX_SAS_MAX>,
}

impl Default for StatsSnapshot {
    fn default() -> Self {
        Self {
            red: PortCounters::default(),
            black: PortCounters::default(),
            red_link: LinkState::Down,
            black_link: LinkState::Down,
            tx: TxCounters::default(),
            rx: RxCounters::default(),
            worker: WorkerCounters::default(),
            policy: PolicyHits::default(),
            line_tag: None,
            tx_sa: None,
            next_pn: None,
            rx_sas: ArrayVec::new(),
        }
    }
}

const WORDS_OF_RX_SA: usize = 5;
/// Words in front of those of the rx SAs. The last one is the number of rx SAs.
const WORDS_FIXED: usize = 2 * PortCounters::NAMES.len()
    + TxCounters::NAMES.len()
    + RxCounters::NAMES.len()
    + WorkerCounters::NAMES.len()
    + 1
    + 2 * POLICY_LINES_MAX
    + 7;
const WORDS: usize = WORDS_FIXED + RX_SAS_MAX * WORDS_OF_RX_SA;
/// Reads without a pause in between. The worker writes for less than a microsecond.
const READS_AT_ONCE: u32 = 64;
/// Reads in total, over about half a second. The later ones have a pause in between: by then the
/// kernel must have preempted the worker in the middle of a write.
const READS_MAX: u32 = 5_000;
/// The pause between later reads.
const READ_PAUSE: Duration = Duration::from_micros(100);
/// Encodes "no SA". No pair of epoch and AN has this value.
const NO_SA: u64 = u64::MAX;

/// The shared block.
pub struct Stats {
    block: CachePadded<Block>,
}

struct Block {
    /// Odd while the worker writes.
    sequence: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Stats {
    /// A block with all counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let stats = Self {
            block: CachePadded::new(Block {
                sequence: AtomicU64::new(0),
                words: [const { AtomicU64::new(0) }; WORDS],
            }),
        };
        stats.publish(&StatsSnapshot::default());
        stats
    }

    /// Publishes a snapshot. Only the worker calls this.
    pub(crate) fn publish(&self, snapshot: &StatsSnapshot) {
        let Block { sequence, words } = &*self.block;
        let before = sequence.load(Ordering::Relaxed);
        sequence.store(before.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release); // a new word implies an odd or later sequence
        let mut words = words.iter();
        // The block has exactly one word for each value written, which a test checks.
        snapshot.write(|value| {
            if let Some(word) = words.next() {
                word.store(value, Ordering::Relaxed);
            }
        });
        sequence.store(before.wrapping_add(2), Ordering::Release);
    }

    /// All numbers that the worker last published, from one moment.
    ///
    /// If the worker is preempted while it publishes, this waits for about half a second. After
    /// that the numbers of two publications may be mixed.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        let Block { sequence, words } = &*self.block;
        let mut copy = [0; WORDS];
        for read in 0..READS_MAX {
            let before = sequence.load(Ordering::Acquire);
            let load = |(copy, word): (&mut u64, &AtomicU64)| *copy = word.load(Ordering::Relaxed);
            let (fixed, of_rx_sas) = copy.split_at_mut(WORDS_FIXED);
            fixed.iter_mut().zip(words).for_each(load);
            let rx_sas = fixed[WORDS_FIXED - 1].min(RX_SAS_MAX as u64) as usize;
            let in_use = &mut of_rx_sas[..rx_sas * WORDS_OF_RX_SA];
            in_use.iter_mut().zip(&words[WORDS_FIXED..]).for_each(load);
            fence(Ordering::Acquire); // if a word was new, the load below sees the new sequence
            if before.is_multiple_of(2) && sequence.load(Ordering::Relaxed) == before {
                break;
            }
            if read < READS_AT_ONCE {
                core::hint::spin_loop();
            } else {
                thread::sleep(READ_PAUSE);
            }
        }
        StatsSnapshot::read(&copy)
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self::new()
    }
}

impl StatsSnapshot {
    fn write(&self, mut word: impl FnMut(u64)) {
        self.red.values().into_iter().for_each(&mut word);
        self.black.values().into_iter().for_each(&mut word);
        self.tx.values().into_iter().for_each(&mut word);
        self.rx.values().into_iter().for_each(&mut word);
        self.worker.values().into_iter().for_each(&mut word);
        word(self.policy.serial);
        self.policy.red.into_iter().for_each(&mut word);
        self.policy.black.into_iter().for_each(&mut word);
        word(self.policy.red_rekey);
        word(link_to_word(self.red_link));
        word(link_to_word(self.black_link));
        word(self.line_tag.map_or(0, LineTag::to_word));
        word(self.tx_sa.map_or(NO_SA, sa_to_word));
        word(self.next_pn.map_or(0, Pn::value));
        word(self.rx_sas.len() as u64);
        for sa in &self.rx_sas {
            word(u64::from_be_bytes(sa.sci.to_bytes()));
            word(sa_to_word(sa.id));
            word(sa.in_pkts_ok);
            word(sa.lowest_pn.value());
            word(sa.next_pn.value());
        }
    }

    fn read(words: &[u64; WORDS]) -> Self {
        let mut words = words.iter().copied();
        Self {
            red: PortCounters::from_values(take(&mut words)),
            black: PortCounters::from_values(take(&mut words)),
            tx: TxCounters::from_values(take(&mut words)),
            rx: RxCounters::from_values(take(&mut words)),
            worker: WorkerCounters::from_values(take(&mut words)),
            policy: PolicyHits {
                serial: next(&mut words),
                red: take(&mut words),
                black: take(&mut words),
                red_rekey: next(&mut words),
            },
            red_link: link_from_word(next(&mut words)),
            black_link: link_from_word(next(&mut words)),
            line_tag: LineTag::from_word(next(&mut words)),
            tx_sa: Some(next(&mut words))
                .filter(|&word| word != NO_SA)
                .map(sa_from_word),
            next_pn: Pn::new(next(&mut words)),
            rx_sas: (0..next(&mut words).min(RX_SAS_MAX as u64))
                .map(|_| RxSaStatus {
                    sci: Sci::from_bytes(next(&mut words).to_be_bytes()),
                    id: sa_from_word(next(&mut words)),
                    in_pkts_ok: next(&mut words),
                    lowest_pn: Pn::new(next(&mut words)).unwrap_or(Pn::FIRST),
                    next_pn: Pn::new(next(&mut words)).unwrap_or(Pn::FIRST),
                })
                .collect(),
        }
    }

    /// Names and values of all drops between the ports, zeroes included. The ports count their own
    /// drops separately. [`Self::policy`] has the hits of each line of the policy.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let (mut tx, mut rx) = (self.tx, self.rx);
        let secy = secy::Discard::ALL.into_iter().filter_map(move |discard| {
            let counter = tx.of(discard).or_else(|| rx.of(discard))?;
            Some((discard.name(), *counter))
        });
        let worker = &self.worker;
        secy.chain([
            ("PolicyDiscarded", worker.policy_discarded),
            ("InControlTooLong", worker.in_control_too_long),
            ("InControlOverrun", worker.in_control_overrun),
            ("HandoverOverrun", worker.handover_overrun),
            ("TakeoverNoBuffer", worker.takeover_no_buffer),
        ])
    }
}

fn next(words: &mut impl Iterator<Item = u64>) -> u64 {
    words.next().unwrap_or(0) // `WORDS` covers every value
}

fn take<const N: usize>(words: &mut impl Iterator<Item = u64>) -> [u64; N] {
    core::array::from_fn(|_| next(words))
}

fn sa_to_word(id: SaId) -> u64 {
    u64::from(id.an.value()) << 32 | u64::from(id.epoch)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "takes apart what sa_to_word joined"
)]
fn sa_from_word(word: u64) -> SaId {
    SaId {
        an: An::from_tci((word >> 32) as u8),
        epoch: word as u32,
    }
}

fn link_to_word(link: LinkState) -> u64 {
    match link {
        LinkState::Up => 0,
        LinkState::Down => 1,
        LinkState::Gone => 2,
    }
}

fn link_from_word(word: u64) -> LinkState {
    match word {
        0 => LinkState::Up,
        1 => LinkState::Down,
        _ => LinkState::Gone,
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
