//! Rounds: all contenders, one after the other, seal and open the same frames of one size.

use gcm::{BurstKey, Job};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::Options;
use super::report::Row;
use crate::contender::{Contender, Name, Op};
use crate::cpu::{Clock, Limits};
use crate::harness::error::Error;
use crate::harness::quiet::{Quiet, Round, Watch};
use crate::harness::rounds::{Rig, order};
use crate::size::{PayloadSize, shuffle};
use crate::window::{AAD_LEN, Window};

/// Timed passes of one contender in a round, for payloads below `LONG`; else one.
const PASSES: usize = 3;
/// A pass over longer payloads takes long enough by itself.
const LONG: usize = 2048;
/// The most that a key moves; more than a way of any first-level cache.
const PADDING_MAX: usize = 32 * 1024;

/// All contenders measure under this key.
const KEY: [u8; 32] = *b"one key for all, expanded once..";

pub(super) type Series = (usize, Op);

pub(super) struct CryptoRig {
    clock: Clock,
    watch: Watch,
    contenders: Vec<(Contender, Box<dyn BurstKey>)>,
    /// Takes up memory, so that what comes behind it lies elsewhere.
    padding: Vec<u8>,
    pub(super) cells: Vec<Cell>,
}

pub(super) struct Cell {
    size: PayloadSize,
    burst: usize,
    window: Window,
}

impl CryptoRig {
    /// Expands the keys, makes the frames, and checks that all compute the same.
    pub(super) fn new(
        options: &Options,
        contenders: Vec<Contender>,
        clock: Clock,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, Error> {
        let mut cells = Vec::new();
        for &size in &options.sizes {
            for &burst in &options.bursts {
                let lens = size.lens(size.frames(burst), rng);
                let window = Window::new(lens, rng);
                cells.push(Cell {
                    size,
                    burst,
                    window,
                });
            }
        }
        let expanded = contenders.into_iter().map(|one| {
            let key = one.expand(&KEY);
            (one, key)
        });
        let mut contenders: Vec<_> = expanded.collect();
        let mut reference = Contender::find(Name::AesGcm)
            .expect("a crate that runs everywhere")
            .expand(&KEY);
        for Cell {
            size,
            burst,
            window,
        } in &mut cells
        {
            for (one, key) in &mut contenders {
                check(window, *burst, &mut **key, &mut *reference).map_err(|what| {
                    let name = one.name();
                    Error::Wrong(format!("{name} {what} at size {size}, burst {burst}"))
                })?;
            }
        }
        Ok(Self {
            clock,
            watch: Watch::new(clock),
            contenders,
            padding: Vec::new(),
            cells,
        })
    }

    pub(super) fn rows(&self, quiet: &Quiet<'_, Series>, ops: &[Op], limits: &Limits) -> Vec<Row> {
        let mut rows = Vec::new();
        for (index, cell) in self.cells.iter().enumerate() {
            for (contender, (one, _)) in self.contenders.iter().enumerate() {
                for op in [Op::Seal, Op::Open]
                    .into_iter()
                    .filter(|op| ops.contains(op))
                {
                    let ns = quiet.spread(index, (contender, op));
                    let (name, size, burst) = (one.name(), cell.size, cell.burst);
                    rows.extend(ns.map(|ns| Row::new(name, op, size, burst, ns, limits)));
                }
            }
        }
        rows
    }
}

impl Rig for CryptoRig {
    type Round = Round<Series>;

    fn cells(&self) -> usize {
        self.cells.len()
    }

    fn relocate(&mut self, rng: &mut ChaCha8Rng) -> Result<(), Error> {
        for cell in &mut self.cells {
            let lens = cell.size.lens(cell.window.frames(), rng);
            cell.window = Window::new(lens, rng);
        }
        for (one, key) in &mut self.contenders {
            self.padding = vec![1; rng.next_u32() as usize % PADDING_MAX];
            *key = one.expand(&KEY);
        }
        Ok(())
    }

    fn round(&mut self, index: usize, rng: &mut ChaCha8Rng) -> Result<Round<Series>, Error> {
        let Self {
            clock,
            watch,
            contenders,
            cells,
            ..
        } = self;
        let cell = &mut cells[index];
        if cell.size == PayloadSize::Imix {
            cell.window.reorder(|lens| shuffle(lens, rng));
        }
        let order = order(contenders.len(), rng);
        let is_long = cell.size.longest() >= LONG;
        let passes = if is_long { 1 } else { PASSES };

        let (samples, sign) = watch.over(|| {
            let mut samples = Vec::with_capacity(order.len() * passes * 2);
            for contender in order {
                let (one, key) = &mut contenders[contender];
                let frames = cell.window.frames() as f64;
                let mut jobs = cell.window.jobs();
                // The first pass brings tables and code of this contender back into the caches.
                pass(clock, &mut **key, &mut jobs, cell.burst);
                for _ in 0..passes {
                    let [seal, open] = pass(clock, &mut **key, &mut jobs, cell.burst);
                    samples.push(((contender, Op::Seal), seal / frames));
                    samples.push(((contender, Op::Open), open / frames));
                }
                assert!(
                    jobs.iter().all(|job| job.authentic),
                    "{} passed the check and now refuses what it sealed",
                    one.name()
                );
            }
            samples
        });
        Ok(Round {
            cell: index,
            signs: vec![sign],
            samples,
            lost: Vec::new(),
        })
    }
}

/// The check before timing: `key` must seal what the reference seals, open it again, and reject a
/// forged frame.
pub(super) fn check(
    window: &mut Window,
    burst: usize,
    key: &mut dyn BurstKey,
    reference: &mut dyn BurstKey,
) -> Result<(), &'static str> {
    let mut jobs = window.jobs();
    let plain: Vec<Vec<u8>> = jobs.iter().map(|job| job.frame.to_vec()).collect();
    for job in &mut jobs {
        reference.seal(core::slice::from_mut(job));
    }
    let sealed: Vec<Vec<u8>> = jobs.iter().map(|job| job.frame.to_vec()).collect();
    for (job, plain) in jobs.iter_mut().zip(&plain) {
        job.frame.copy_from_slice(plain);
    }
    jobs.chunks_mut(burst).for_each(|burst| key.seal(burst));
    let mut both = jobs.iter().zip(&sealed);
    if both.any(|(job, sealed)| *job.frame != sealed[..]) {
        return Err("does not seal what the crate aes-gcm seals");
    }
    jobs.chunks_mut(burst).for_each(|burst| key.open(burst));
    if !jobs.iter().all(|job| job.authentic) {
        return Err("refuses a frame that it sealed");
    }
    let text = |frame: &[u8]| frame[..frame.len() - gcm::ICV_LEN].to_vec();
    let mut both = jobs.iter().zip(&plain);
    if both.any(|(job, plain)| text(job.frame) != text(plain)) {
        return Err("does not open to what was sealed");
    }

    jobs.chunks_mut(burst).for_each(|burst| key.seal(burst));
    let forged = jobs.len() / 2;
    jobs[forged].frame[AAD_LEN] ^= 0x40;
    jobs.chunks_mut(burst).for_each(|burst| key.open(burst));
    let mut all = jobs.iter().enumerate();
    if all.any(|(n, job)| job.authentic == (n == forged)) {
        return Err("does not reject a forged frame, or rejects others with it");
    }
    Ok(())
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
