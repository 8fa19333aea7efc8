//! Times of two classes of inputs that differ in one secret and in nothing else.
//!
//! Both classes draw the same random octets, write to the same buffers and expand their keys into
//! memory given back just before; masks, no branches, choose between the classes. What differs
//! when the clock starts is the value of the secret.

use gcm::{BurstKey, ICV_LEN, Job};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::contender::{Contender, Op};
use crate::cpu::Clock;
use crate::stats::{Moments, percentile, welch_t};
use crate::window::{AAD_LEN, nonce};

/// Frames of a measurement, and octets of their payloads: short, so that little noise comes along.
const FRAMES: usize = 4;
const PAYLOAD_LEN: usize = 128;
const BUFFER_LEN: usize = 256;

/// In what the classes differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Secret {
    None,
    /// A fixed key, or a random one.
    Key,
    /// A fixed payload, or a random one.
    Payload,
    /// All tags wrong in their first octet, or in their last.
    Tag,
}

impl Secret {
    pub(super) const ALL: [Self; 4] = [Self::None, Self::Key, Self::Payload, Self::Tag];
}

/// Which secrets an op could give away.
pub(super) const TESTS: [(Op, &[Secret]); 2] = [
    (Op::Seal, &[Secret::None, Secret::Key, Secret::Payload]),
    (
        Op::Open,
        &[Secret::None, Secret::Key, Secret::Payload, Secret::Tag],
    ),
];

/// A contender under test.
pub(super) struct Subject {
    pub(super) contender: Contender,
    /// A tag comparison after its open stops early: the test must find it.
    pub(super) stops_early: bool,
}

/// Measures `measurements` times, in random order of the classes.
pub(super) fn times(
    clock: &Clock,
    subject: &Subject,
    op: Op,
    secret: Secret,
    measurements: u32,
    seed: u64,
) -> Times {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bench = Bench::new(subject, op, secret, &mut rng);
    // Unmeasured ones first: caches, branch history, clock of the core.
    for _ in 0..WARM_UP {
        bench.once(clock, &mut rng);
    }
    Times(
        (0..measurements)
            .map(|_| bench.once(clock, &mut rng))
            .collect(),
    )
}

const WARM_UP: usize = 1_000;
const FRAME_LEN: usize = AAD_LEN + PAYLOAD_LEN + ICV_LEN;

/// Everything that the measurements of one test share.
struct Bench<'a> {
    subject: &'a Subject,
    op: Op,
    secret: Secret,
    fixed_key: [u8; 32],
    fixed_payload: [u8; PAYLOAD_LEN],
    /// Where the key is not the secret it is expanded once.
    key: Option<Box<dyn BurstKey>>,
    buffers: Vec<[u8; BUFFER_LEN]>,
    pn: u64,
}

impl<'a> Bench<'a> {
    fn new(subject: &'a Subject, op: Op, secret: Secret, rng: &mut ChaCha8Rng) -> Self {
        let mut fixed_key = [0; 32];
        rng.fill_bytes(&mut fixed_key);
        let mut fixed_payload = [0; PAYLOAD_LEN];
        rng.fill_bytes(&mut fixed_payload);
        let key = (secret != Secret::Key).then(|| subject.contender.expand(&fixed_key));
        let buffers = vec![[0; BUFFER_LEN]; FRAMES];
        Self {
            subject,
            op,
            secret,
            fixed_key,
            fixed_payload,
            key,
            buffers,
            pn: 1,
        }
    }

    fn once(&mut self, clock: &Clock, rng: &mut ChaCha8Rng) -> (bool, f64) {
        let class = rng.next_u32() & 1 == 1;
        let of = |secret| class & (self.secret == secret);
        let mut random_key = [0; 32];
        rng.fill_bytes(&mut random_key);
        choose(&mut random_key, &self.fixed_key, !of(Secret::Key));
        // The one before is dropped first, so that both classes get the same memory.
        if self.secret == Secret::Key {
            self.key = None;
        }
        let contender = &self.subject.contender;
        let key = self
            .key
            .get_or_insert_with(|| contender.expand(&random_key));

        let mut jobs = Vec::with_capacity(FRAMES);
        for buffer in &mut self.buffers {
            let frame = &mut buffer[..FRAME_LEN];
            let (aad, rest) = frame.split_at_mut(AAD_LEN);
            aad.fill(0x88);
            let payload = &mut rest[..PAYLOAD_LEN];
            rng.fill_bytes(payload);
            choose(payload, &self.fixed_payload, !of(Secret::Payload));
            jobs.push(Job::new(frame, AAD_LEN, nonce(0, self.pn)));
            self.pn += 1;
        }
        let mut right = [[0; ICV_LEN]; FRAMES];
        if self.op == Op::Open {
            key.seal(&mut jobs);
            for (job, right) in jobs.iter_mut().zip(&mut right) {
                let (_, icv) = job
                    .frame
                    .split_last_chunk_mut::<ICV_LEN>()
                    .expect("it is longer");
                *right = *icv;
                let wrong = u8::from(self.secret == Secret::Tag);
                icv[0] ^= wrong & u8::from(!class);
                icv[ICV_LEN - 1] ^= wrong & u8::from(class);
            }
        }
        let ns = match self.op {
            Op::Seal => clock.ns(|| key.seal(&mut jobs)),
            Op::Open => clock.ns(|| {
                key.open(&mut jobs);
                if self.subject.stops_early {
                    for (job, right) in jobs.iter_mut().zip(&right) {
                        job.authentic = equal_so_far(&job.frame[FRAME_LEN - ICV_LEN..], right);
                    }
                }
            }),
        };
        let authentic = jobs.iter().all(|job| job.authentic);
        assert_eq!(
            authentic,
            self.op == Op::Open && self.secret != Secret::Tag,
            "wrong answer"
        );
        (class, ns)
    }
}

/// Puts `fixed` in the place of `random` if `take_fixed`, without a branch.
fn choose(random: &mut [u8], fixed: &[u8], take_fixed: bool) {
    let mask = core::hint::black_box(0_u8.wrapping_sub(u8::from(take_fixed)));
    for (random, fixed) in random.iter_mut().zip(fixed) {
        *random ^= (*random ^ fixed) & mask;
    }
}

/// A bad tag comparison: it stops at the first difference.
fn equal_so_far(a: &[u8], b: &[u8]) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| core::hint::black_box(*a) == core::hint::black_box(*b))
}

/// Crops at the percentiles 1 - 2^(-k/2): 29 %, 50 %, 65 %, 75 %, … , and none at all.
const CROPS: i32 = 20;
/// Samples of each class below which a crop says nothing.
const SAMPLES_MIN: f64 = 200.0;

/// Times of the two classes, ns, in the order measured.
pub(super) struct Times(pub(super) Vec<(bool, f64)>);

/// The greatest |t| of all crops; 0 where no crop has enough samples.
pub(super) fn greatest_t(times: &Times) -> f64 {
    let mut sorted: Vec<f64> = times.0.iter().map(|&(_, ns)| ns).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.is_empty() {
        return 0.0;
    }
    let crops = (1..=CROPS).map(|k| percentile(&sorted, 1.0 - 0.5_f64.powf(f64::from(k) / 2.0)));
    let bounds = crops.chain([f64::INFINITY]);
    bounds
        .filter_map(|bound| t_below(times, bound))
        .fold(0.0, f64::max)
}

/// |t| of the times up to `bound`.
fn t_below(times: &Times, bound: f64) -> Option<f64> {
    let mut classes = [Moments::default(); 2];
    for &(class, ns) in &times.0 {
        if ns <= bound {
            classes[usize::from(class)].push(ns);
        }
    }
    if classes.iter().any(|class| class.count() < SAMPLES_MIN) {
        return None;
    }
    welch_t(&classes[0], &classes[1]).map(f64::abs)
}
