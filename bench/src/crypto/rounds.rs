//! Rounds: all contenders, one after the other, seal and open the same frames of one size.

use core::convert::Infallible;

use gcm::{BurstKey, Job};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::rows::Row;
use super::{Error, Op, Plan, check};
use crate::contender::{Contender, Name};
use crate::cpu::Clock;
use crate::quiet::{self, Disturbance, Sign, Watch};
use crate::size::{Size, shuffle};
use crate::stats::Spread;
use crate::sweeps::Until;
use crate::window::Window;

/// Timed passes of one contender in a round, for payloads below `LONG`; else one.
const PASSES: usize = 3;
/// A pass over longer payloads takes long enough by itself.
const LONG: usize = 2048;

/// After so many sweeps keys and frames move: how they lie to each other in the caches is luck, and
/// one place would give everybody the same luck for the whole run.
const SWEEPS_OF_A_PLACE: u32 = 16;
/// What a key moves by, at most; more than a way of any first-level cache.
const PADDING_MAX: usize = 32 * 1024;

/// Everybody measures under this key.
const KEY: [u8; 32] = *b"one key for all, expanded once..";

/// The measurements, growing.
pub(super) struct Rounds {
    clock: Clock,
    watch: Watch,
    rng: ChaCha8Rng,
    contenders: Vec<(Contender, Box<dyn BurstKey>)>,
    /// Takes up memory, so that what comes behind it lies elsewhere.
    padding: Vec<u8>,
    cells: Vec<Cell>,
    rounds: Vec<Round>,
}

/// One size and burst.
struct Cell {
    size: Size,
    burst: usize,
    window: Window,
}

/// What one round measured.
struct Round {
    cell: usize,
    sign: Sign,
    /// Contender, op, ns a frame.
    samples: Vec<(usize, Op, f64)>,
}

impl Rounds {
    /// Expands the keys, makes the frames, and checks that all compute the same.
    pub(super) fn new(
        plan: &Plan,
        contenders: &[Contender],
        clock: Clock,
        seed: u64,
    ) -> Result<Self, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut cells = Vec::new();
        for &size in &plan.sizes {
            for &burst in &plan.bursts {
                let lens = size.payload_lens(size.frames(burst), &mut rng);
                cells.push(Cell {
                    size,
                    burst,
                    window: Window::new(lens, &mut rng),
                });
            }
        }
        let mut contenders: Vec<_> = contenders
            .iter()
            .map(|one| (one.clone(), one.expand(&KEY)))
            .collect();
        let mut reference = reference();
        for cell in &mut cells {
            for (one, key) in &mut contenders {
                let (window, reference) = (&mut cell.window, &mut *reference);
                check::equal(
                    window,
                    cell.burst,
                    cell.size,
                    one.name(),
                    &mut **key,
                    reference,
                )?;
            }
        }
        Ok(Self {
            clock,
            watch: Watch::new(clock),
            rng,
            contenders,
            padding: Vec::new(),
            cells,
            rounds: Vec::new(),
        })
    }

    /// Measures until the end, with a bar on a terminal.
    pub(super) fn run(&mut self, until: Until) {
        let Ok(()) = until.sweeps(|sweep| {
            if sweep % SWEEPS_OF_A_PLACE == 0 {
                self.move_elsewhere();
            }
            let mut order: Vec<usize> = (0..self.cells.len()).collect();
            shuffle(&mut order, &mut self.rng);
            for cell in order {
                self.round(cell);
            }
            Ok::<_, Infallible>(())
        });
    }

    /// Keys and frames to other places in memory.
    fn move_elsewhere(&mut self) {
        for cell in &mut self.cells {
            let lens = cell.size.payload_lens(cell.window.frames(), &mut self.rng);
            cell.window = Window::new(lens, &mut self.rng);
        }
        for (one, key) in &mut self.contenders {
            self.padding = vec![1; self.rng.next_u32() as usize % PADDING_MAX];
            *key = one.expand(&KEY);
        }
    }

    fn round(&mut self, cell_index: usize) {
        let Self {
            clock,
            watch,
            rng,
            contenders,
            cells,
            rounds,
            ..
        } = self;
        let cell = &mut cells[cell_index];
        if cell.size == Size::Imix {
            cell.window.reorder(|lens| shuffle(lens, rng));
        }
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        shuffle(&mut order, rng);
        let passes = if cell.size.longest() < LONG {
            PASSES
        } else {
            1
        };

        let (samples, sign) = watch.over(|| {
            let mut samples = Vec::with_capacity(order.len() * passes * 2);
            for contender in order {
                let (one, key) = &mut contenders[contender];
                let frames = cell.window.frames() as f64;
                let mut jobs = cell.window.jobs();
                // The first pass brings the tables and the code of this one back into the caches.
                pass(clock, &mut **key, &mut jobs, cell.burst);
                for _ in 0..passes {
                    let [seal, open] = pass(clock, &mut **key, &mut jobs, cell.burst);
                    samples.push((contender, Op::Seal, seal / frames));
                    samples.push((contender, Op::Open, open / frames));
                }
                assert!(
                    jobs.iter().all(|job| job.authentic),
                    "{} passed the check and now refuses what it sealed",
                    one.name()
                );
            }
            samples
        });
        rounds.push(Round {
            cell: cell_index,
            sign,
            samples,
        });
    }

    /// Throws the disturbed rounds away. Rows in the order of the plan, how quiet it was, and the
    /// clock of the core in GHz.
    pub(super) fn finish(self) -> (Vec<Row>, Disturbance, f64) {
        let calibrators = self.rounds.iter().map(|round| round.sign.calibrator_ns);
        let bound = quiet::bound(calibrators.collect());
        let is_quiet = |round: &Round| round.sign.is_quiet(bound);
        let mut rows = Vec::new();
        let mut cells_without_quiet = 0;
        for (index, cell) in self.cells.iter().enumerate() {
            let of_cell = || self.rounds.iter().filter(|round| round.cell == index);
            let mut chosen: Vec<&Round> = of_cell().filter(|round| is_quiet(round)).collect();
            if chosen.is_empty() {
                // There is nothing better than the disturbed ones.
                cells_without_quiet += 1;
                chosen = of_cell().collect();
            }
            for (contender, (one, _)) in self.contenders.iter().enumerate() {
                for op in Op::ALL {
                    let samples = chosen.iter().flat_map(|round| &round.samples);
                    let samples = samples.filter(|&&(who, what, _)| (who, what) == (contender, op));
                    let ns: Vec<f64> = samples.map(|&(_, _, ns)| ns).collect();
                    rows.extend(Spread::of(&ns).map(|ns| Row {
                        name: one.name(),
                        op,
                        size: cell.size,
                        burst: cell.burst,
                        ns,
                    }));
                }
            }
        }
        let disturbance = Disturbance {
            rounds: self.rounds.len(),
            disturbed: self.rounds.iter().filter(|round| !is_quiet(round)).count(),
            preempted: self
                .rounds
                .iter()
                .filter(|round| round.sign.preempted)
                .count(),
            cells_without_quiet,
        };
        // Of the rounds that the rows are from: the quiet ones are those with the faster clock.
        let quiet = self
            .rounds
            .iter()
            .filter(|round| is_quiet(round) || cells_without_quiet > 0);
        let cycles: Vec<f64> = quiet.map(|round| round.sign.cycle_ns).collect();
        let core_ghz = Spread::of(&cycles).map_or(f64::NAN, |cycle_ns| 1.0 / cycle_ns.median);
        (rows, disturbance, core_ghz)
    }
}

/// Who everybody is compared with.
fn reference() -> Box<dyn BurstKey> {
    Contender::find(Name::AesGcm)
        .expect("a crate that runs everywhere")
        .expand(&KEY)
}

/// Seals and opens all frames, burst by burst; ns of each.
#[inline(never)]
fn pass(clock: &Clock, key: &mut dyn BurstKey, jobs: &mut [Job<'_>], burst: usize) -> [f64; 2] {
    let seal = clock.ns(|| jobs.chunks_mut(burst).for_each(|burst| key.seal(burst)));
    let open = clock.ns(|| jobs.chunks_mut(burst).for_each(|burst| key.open(burst)));
    [seal, open]
}

#[cfg(test)]
mod tests;
