//! Compares the engines on bursts of every shape, also with forged frames among the others.

use core::ops::RangeInclusive;

use gcm::{BURST_MAX, BurstKey, Engine, FRAME_LEN_MAX, ICV_LEN, Job, RawKey};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

/// One frame of a burst: its lengths, and the start of its octets in memory, modulo 64.
#[derive(Clone, Debug)]
struct Shape {
    aad_len: usize,
    payload_len: usize,
    start: usize,
    nonce: [u8; 12],
}

#[derive(Clone)]
enum Secret {
    Aes128([u8; 16]),
    Aes256([u8; 32]),
}

impl Secret {
    fn expand(&self, engine: Engine) -> Box<dyn BurstKey> {
        engine.expand(match self {
            Self::Aes128(octets) => RawKey::Aes128(octets),
            Self::Aes256(octets) => RawKey::Aes256(octets),
        })
    }
}

/// Fills `memory` with pseudo-random octets.
fn fill(memory: &mut [u8], seed: u64) {
    let mut state = seed | 1;
    for octet in memory {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        *octet = (state >> 56) as u8;
    }
}

fn secret(wide: bool, seed: u64) -> Secret {
    let mut octets = [0; 32];
    fill(&mut octets, seed);
    if wide {
        Secret::Aes256(octets)
    } else {
        Secret::Aes128(*octets.first_chunk().expect("16 of 32 octets"))
    }
}

/// Memory for a burst: each frame at its start, with 64 guard octets between frames.
struct Room {
    memory: Vec<u8>,
    frames: Vec<core::ops::Range<usize>>,
}

impl Room {
    fn new(shapes: &[Shape], seed: u64) -> Self {
        let mut frames = Vec::new();
        let mut end = 0_usize;
        for shape in shapes {
            let start = (end + 64).next_multiple_of(64) + shape.start;
            end = start + shape.aad_len + shape.payload_len + ICV_LEN;
            frames.push(start..end);
        }
        let mut memory = vec![0; end + 128];
        fill(&mut memory, seed);
        Self { memory, frames }
    }

    fn burst<'a>(&'a mut self, shapes: &[Shape]) -> Vec<Job<'a>> {
        let mut rest = &mut self.memory[..];
        let mut at = 0;
        let mut burst = Vec::new();
        for (range, shape) in self.frames.iter().zip(shapes) {
            let (frame, behind) = rest[range.start - at..].split_at_mut(range.len());
            (rest, at) = (behind, range.end);
            burst.push(Job::new(frame, shape.aad_len, shape.nonce));
        }
        burst
    }
}

/// Seals and opens with every engine, and compares all memory, including the guards.
fn agree(secret: &Secret, shapes: &[Shape], seed: u64) {
    let mut sealed: Option<Vec<u8>> = None;
    for engine in Engine::available() {
        let mut room = Room::new(shapes, seed);
        secret.expand(engine).seal(&mut room.burst(shapes));
        let expected = sealed.get_or_insert_with(|| room.memory.clone());
        assert!(
            room.memory == *expected,
            "{engine} seals otherwise: {shapes:?}"
        );
    }
    let (Some(sealed), plain) = (sealed, Room::new(shapes, seed)) else {
        return;
    };
    for engine in Engine::available() {
        let mut room = Room::new(shapes, seed);
        room.memory.clone_from(&sealed);
        let mut burst = room.burst(shapes);
        secret.expand(engine).open(&mut burst);
        assert!(
            burst.iter().all(|job| job.authentic),
            "{engine} refuses: {shapes:?}"
        );
        for range in &room.frames {
            let icv = range.end - ICV_LEN..range.end;
            assert_eq!(
                room.memory[icv.clone()],
                sealed[icv],
                "{engine} changes an ICV"
            );
            let text = range.start..range.end - ICV_LEN;
            assert!(
                room.memory[text.clone()] == plain.memory[text],
                "{engine} opens otherwise"
            );
        }
        for gap in guards(&room) {
            assert!(
                room.memory[gap.clone()] == sealed[gap],
                "{engine} writes beside a frame"
            );
        }
    }
}

fn guards(room: &Room) -> Vec<core::ops::Range<usize>> {
    let starts = room
        .frames
        .iter()
        .map(|range| range.start)
        .chain([room.memory.len()]);
    let ends = [0]
        .into_iter()
        .chain(room.frames.iter().map(|range| range.end));
    ends.zip(starts).map(|(end, start)| end..start).collect()
}

fn shape() -> impl Strategy<Value = Shape> {
    let payload_len = prop_oneof![
        4 => 0..=80_usize,
        4 => 0..=600_usize,
        2 => 600..=2000_usize,
        1 => 2000..=9216_usize,
        1 => prop_oneof![Just(0), Just(512), Just(1024), Just(1500), Just(4096), Just(9216)],
    ];
    let aad_len = prop_oneof![6 => 12..=32_usize, 2 => 0..=64_usize];
    (aad_len, payload_len, 0..64_usize, any::<[u8; 12]>()).prop_map(
        |(aad_len, payload_len, start, nonce)| Shape {
            aad_len,
            payload_len,
            start,
            nonce,
        },
    )
}

/// A frame with integrity only: all octets are AAD, of any length.
fn bare() -> impl Strategy<Value = Shape> {
    let aad_len = prop_oneof![
        4 => 0..=130_usize,
        4 => 0..=1600_usize,
        1 => 0..=FRAME_LEN_MAX,
    ];
    (aad_len, 0..64_usize, any::<[u8; 12]>()).prop_map(|(aad_len, start, nonce)| Shape {
        aad_len,
        payload_len: 0,
        start,
        nonce,
    })
}

/// Bursts of frames with a payload, without one, and of both kinds.
fn shapes(frames: RangeInclusive<usize>) -> impl Strategy<Value = Vec<Shape>> {
    let both = prop_oneof![3 => bare(), 1 => shape()];
    prop_oneof![
        2 => vec(shape(), frames.clone()),
        1 => vec(bare(), frames.clone()),
        1 => vec(both, frames),
    ]
}

proptest! {
    #[test]
    fn engines_agree_on_mixed_bursts(
        shapes in shapes(0..=BURST_MAX), wide: bool, seed: u64,
    ) {
        agree(&secret(wide, seed), &shapes, seed);
    }

    #[test]
    fn one_flipped_bit_wipes_that_frame_and_no_other(
        shapes in shapes(1..=BURST_MAX), wide: bool, seed: u64, which: usize, bit: usize,
    ) {
        let secret = secret(wide, seed);
        for engine in Engine::available() {
            let mut room = Room::new(&shapes, seed);
            let plain = room.memory.clone();
            secret.expand(engine).seal(&mut room.burst(&shapes));
            let forged = which % shapes.len();
            let range = room.frames[forged].clone();
            let bit = bit % (range.len() * 8);
            room.memory[range.start + bit / 8] ^= 1 << (bit % 8);

            let mut burst = room.burst(&shapes);
            secret.expand(engine).open(&mut burst);
            for (at, (job, shape)) in burst.iter().zip(&shapes).enumerate() {
                assert_eq!(job.authentic, at != forged, "{engine}, frame {at}");
                let payload = &job.frame[shape.aad_len..][..shape.payload_len];
                if at == forged {
                    assert!(payload.iter().all(|&octet| octet == 0), "{engine} releases {shape:?}");
                }
            }
            drop(burst);
            for (at, range) in room.frames.iter().enumerate().filter(|&(at, _)| at != forged) {
                let text = range.start..range.end - ICV_LEN;
                assert!(room.memory[text.clone()] == plain[text], "{engine}, frame {at}");
            }
        }
    }
}

#[test]
fn engines_agree_at_every_payload_length() {
    for wide in [false, true] {
        let lens: Vec<usize> = (0..=1100)
            .chain((1100..=9216).step_by(119))
            .chain([9216])
            .collect();
        for (turn, lens) in lens.chunks(BURST_MAX).enumerate() {
            let shapes: Vec<_> = lens.iter().map(|&len| like(20 + len % 13, len)).collect();
            agree(&secret(wide, turn as u64), &shapes, 7);
        }
    }
}

/// Integrity only, with different lengths in a burst.
#[test]
fn engines_agree_at_every_length_without_payload() {
    for wide in [false, true] {
        let lens: Vec<usize> = (0..=1600)
            .chain((1600..FRAME_LEN_MAX).step_by(119))
            .chain([FRAME_LEN_MAX])
            .collect();
        for stride in 1..=3 {
            for (turn, lens) in lens.chunks(BURST_MAX * stride).enumerate() {
                for from in 0..stride {
                    let lens = lens.iter().skip(from).step_by(stride);
                    let shapes: Vec<_> = lens.map(|&len| like(len, 0)).collect();
                    agree(&secret(wide, turn as u64), &shapes, 7);
                }
            }
        }
    }
}

#[test]
fn engines_agree_at_every_aad_length_and_burst_size() {
    for frames in 0..=BURST_MAX {
        let shapes: Vec<_> = (0..frames)
            .map(|at| like((at * 7 + frames) % 65, at * 5))
            .collect();
        agree(&secret(true, 3), &shapes, 11);
        // Frames of equal length, as a test generator sends them.
        let shapes = vec![like(28, 64); frames];
        agree(&secret(true, 3), &shapes, 13);
        let shapes = vec![like(frames, 65 + frames * 8); frames];
        agree(&secret(false, 3), &shapes, 17);
        // The same with integrity only, and with one frame that has a payload.
        let mut shapes = vec![like(76, 0); frames];
        agree(&secret(true, 3), &shapes, 19);
        shapes.push(like(28, 48));
        agree(
            &secret(true, 3),
            &shapes[frames.saturating_sub(BURST_MAX - 1)..],
            23,
        );
    }
}

fn like(aad_len: usize, payload_len: usize) -> Shape {
    let mut nonce = [0; 12];
    fill(&mut nonce, (aad_len << 16 | payload_len) as u64);
    Shape {
        aad_len,
        payload_len,
        start: payload_len * 3 % 64,
        nonce,
    }
}

#[test]
fn every_flipped_bit_of_a_short_frame_is_found() {
    for shape in [like(20, 70), like(90, 0)] {
        every_flipped_bit_is_found(&shape);
    }
}

fn every_flipped_bit_is_found(shape: &Shape) {
    let secret = secret(true, 1);
    let mut room = Room::new(core::slice::from_ref(shape), 1);
    secret
        .expand(Engine::RustCrypto)
        .seal(&mut room.burst(core::slice::from_ref(shape)));
    let sealed = room.burst(core::slice::from_ref(shape))[0].frame.to_vec();
    for engine in Engine::available() {
        let mut key = secret.expand(engine);
        for bit in 0..sealed.len() * 8 {
            let mut frame = sealed.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            let mut burst = [Job::new(&mut frame, shape.aad_len, shape.nonce)];
            key.open(&mut burst);
            assert!(!burst[0].authentic, "{engine}, bit {bit}");
            assert!(
                frame[shape.aad_len..90].iter().all(|&octet| octet == 0),
                "{engine}, bit {bit}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "a burst holds at most")]
fn a_burst_too_long_is_a_programming_error() {
    let mut memory = [0; 65 * 16];
    let mut burst: Vec<_> = memory
        .chunks_exact_mut(16)
        .map(|f| Job::new(f, 0, [0; 12]))
        .collect();
    secret(true, 1).expand(Engine::best()).seal(&mut burst);
}

#[test]
#[should_panic(expected = "does not hold its AAD and ICV")]
fn a_frame_too_short_for_its_icv_is_a_programming_error() {
    let mut frame = [0; 30];
    secret(true, 1)
        .expand(Engine::best())
        .open(&mut [Job::new(&mut frame, 15, [0; 12])]);
}
