//! Measures the cost of protect and validate without the crypto, in ns per frame.
//!
//! `cargo run --release -p secy --example cost [engine]`. For each engine, or the given one, and
//! each length of user data, it measures a burst of 64 frames through `protect` and `validate`, the
//! same frames through the engine alone, and the difference. Results are medians over many bursts.
//! The stages alternate, so that a slow phase of the machine affects all of them.
#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::hint::black_box;
use std::time::Instant;

use gcm::{BurstKey, Engine, Job, RawKey};
use secy::limits::BURST_MAX;
use secy::{
    Protection, RxConfig, RxSa, RxScs, SaId, Sak, Salt, Slot, Suite, TxSa, TxSc, TxScConfig,
    ValidateFrames,
};
use wire::{An, MacAddr, Sci, Ssci};

const ROUNDS: usize = 4_000;
const HEADROOM: usize = 64;
const SUITE: Suite = Suite::GcmAesXpn256;
const KEY: [u8; 32] = [7; 32];

fn main() {
    println!("engine      octets | protect   seal   diff | validate   open   diff   (ns a frame)");
    let named = std::env::args().nth(1);
    for engine in Engine::available() {
        if named.as_deref().is_some_and(|name| name != engine.name()) {
            continue;
        }
        for user_data_len in [48, 500, 1502] {
            let mut stages = Stages::new(engine, user_data_len);
            let mut ns: [Vec<f64>; 4] = Default::default();
            for _ in 0..ROUNDS {
                for (stage, all) in stages.round().into_iter().zip(&mut ns) {
                    all.push(stage);
                }
            }
            let [protect, seal, validate, open] = ns.map(median);
            println!(
                "{:11} {user_data_len:6} | {protect:7.1} {seal:6.1} {:6.1} | {validate:8.1} {open:6.1} {:6.1}",
                engine.name(),
                protect - seal,
                validate - open,
            );
        }
    }
}

struct Stages {
    tx: TxSc,
    rx: RxScs,
    key: Box<dyn BurstKey>,
    rooms: Vec<Vec<u8>>,
    plain_len: usize,
}

impl Stages {
    fn new(engine: Engine, user_data_len: usize) -> Self {
        let sci = Sci::new(MacAddr([2, 0, 0, 0, 0, 0x0a]), 1);
        let id = SaId {
            an: An::ZERO,
            epoch: 1,
        };
        let sak = Sak::from_slice(SUITE, &KEY).expect("32 octets");
        let mut tx = TxSc::new(TxScConfig {
            sci,
            explicit_sci: true,
            protection: Protection::Confidentiality,
            clear_vlan_tags: 0,
            frame_len_max: 1546,
        });
        tx.install(TxSa::new(id, SUITE, &sak, Salt([7; 12]), Ssci(1), engine));
        let mut rx = RxScs::new(RxConfig {
            replay_window: 1024,
            validate: ValidateFrames::Strict,
            clear_vlan_tags: 0,
        });
        rx.install(
            sci,
            RxSa::new(id, SUITE, &sak, Salt([7; 12]), Ssci(1), engine),
        )
        .expect("the first SA");
        let key = engine.expand(RawKey::Aes256(&KEY));
        let rooms = vec![vec![8; 2048]; BURST_MAX];
        Self {
            tx,
            rx,
            key,
            rooms,
            plain_len: 12 + user_data_len,
        }
    }

    /// Times of protect, seal, validate, open.
    fn round(&mut self) -> [f64; 4] {
        let plain_len = self.plain_len;
        let mut slots: Vec<Slot<'_>> = self
            .rooms
            .iter_mut()
            .map(|room| Slot::new(room, HEADROOM, HEADROOM + plain_len))
            .collect();
        let (tx, rx, key) = (&mut self.tx, &mut self.rx, &mut self.key);
        let protect = ns_a_frame(|| {
            tx.protect(black_box(&mut slots));
        });
        let validate = ns_a_frame(|| {
            rx.validate(black_box(&mut slots));
        });
        assert!(slots.iter().all(|slot| slot.discard.is_none()));
        drop(slots);

        let start = HEADROOM - 16;
        let mut jobs: Vec<Job<'_>> = (0_u8..)
            .zip(&mut self.rooms)
            .map(|(n, room)| Job::new(&mut room[start..start + plain_len + 32], 28, [n; 12]))
            .collect();
        let seal = ns_a_frame(|| key.seal(black_box(&mut jobs)));
        let open = ns_a_frame(|| key.open(black_box(&mut jobs)));
        assert!(jobs.iter().all(|job| job.authentic));
        [protect, seal, validate, open]
    }
}

fn ns_a_frame(burst: impl FnOnce()) -> f64 {
    let start = Instant::now();
    burst();
    start.elapsed().as_nanos() as f64 / BURST_MAX as f64
}

fn median(mut ns: Vec<f64>) -> f64 {
    ns.sort_by(f64::total_cmp);
    ns[ns.len() / 2]
}
