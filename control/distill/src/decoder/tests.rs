use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::code::{Edge, Rate};
use crate::rotation::{DIMENSIONS, Reverse, Rotation};
use crate::wiped::Wiped;

/// A word as Bob drew it, and the ratios that Alice has of it.
struct Frame {
    word: Bits,
    ratios: Vec<f32>,
}

/// A frame over a Gaussian channel whose capacity is the rate by `beta`.
fn frame(code: &Code, rate: Rate, beta: f64, rng: &mut ChaCha8Rng) -> Frame {
    let snr = 2.0_f64.powf(2.0 * rate.value() / beta) - 1.0;
    let reverse = Reverse::new(snr / (1.0 + snr), snr / (1.0 + snr)).unwrap();
    let mut words = Wiped::zeroed(code.word_len() / LANES);
    let mut ratios = Vec::with_capacity(code.word_len());
    for word in words.iter_mut() {
        for group in 0..LANES / DIMENSIONS {
            let bits = rng.next_u32() as u8;
            *word |= u32::from(bits) << (group * DIMENSIONS);
            let alice: [f64; DIMENSIONS] = core::array::from_fn(|_| gauss(rng) * snr.sqrt());
            let bob = alice.map(|x| x + gauss(rng));
            let rotation = Rotation::to_bits(&bob, bits).unwrap();
            ratios.extend(rotation.ratios(&alice, &reverse));
        }
    }
    let word = code.word(words).unwrap();
    Frame { word, ratios }
}

/// Box and Muller.
fn gauss(rng: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
    radius * (core::f64::consts::TAU * uniform()).cos()
}

/// The end of an attempt, with all questions answered: the word, iterations, and bits disclosed.
fn finish(attempt: &mut Attempt<'_>, truth: &Bits) -> (Option<Bits>, u32, usize) {
    let mut disclosed = 0;
    loop {
        match attempt.run() {
            Outcome::Decoded(word) => return (Some(word), attempt.iterations(), disclosed),
            Outcome::Failed => return (None, attempt.iterations(), disclosed),
            Outcome::Stuck(positions) => {
                disclosed += positions.len();
                let bits: Vec<_> = positions.iter().map(|&at| truth.bit(at)).collect();
                attempt.disclose(&bits).unwrap();
            }
        }
    }
}

/// Sum-product as in the textbook: `f64`, true tanh, all checks at once. Returns hard decisions.
fn oracle(code: &Code, ratios: &[f32], syndrome: &Syndrome, iterations: usize) -> Vec<bool> {
    let mut checks: Vec<Vec<usize>> = Vec::new();
    let leaf = |at: usize| (code.core() + at) * LANES;
    let rows = |edges: &[Edge], leaf: Option<usize>, checks: &mut Vec<Vec<usize>>| {
        for row in 0..LANES {
            let bit = |edge: &Edge| edge.variable() * LANES + (row + LANES - edge.shift()) % LANES;
            checks.push(
                edges
                    .iter()
                    .map(bit)
                    .chain(leaf.map(|leaf| leaf + row))
                    .collect(),
            );
        }
    };
    code.checks()
        .iter()
        .for_each(|edges| rows(edges, None, &mut checks));
    for (at, edges) in code.pairs().iter().enumerate() {
        rows(edges, Some(leaf(at)), &mut checks);
    }
    for (at, edges) in code.triples().iter().enumerate() {
        rows(edges, Some(leaf(code.pairs().len() + at)), &mut checks);
    }
    let mut beliefs: Vec<f64> = ratios.iter().map(|&ratio| ratio.into()).collect();
    let mut messages: Vec<Vec<f64>> = checks.iter().map(|bits| vec![0.0; bits.len()]).collect();
    for _ in 0..iterations {
        let mut next: Vec<f64> = ratios.iter().map(|&ratio| ratio.into()).collect();
        for (row, (bits, messages)) in checks.iter().zip(&mut messages).enumerate() {
            let wrong = syndrome.words()[row / LANES] >> (row % LANES) & 1 == 1;
            let tanh: Vec<f64> = bits
                .iter()
                .zip(&*messages)
                .map(|(&bit, message)| ((beliefs[bit] - message) / 2.0).tanh())
                .collect();
            for (at, message) in messages.iter_mut().enumerate() {
                let others = tanh.iter().enumerate().filter(|&(other, _)| other != at);
                let product: f64 = others.map(|(_, tanh)| tanh).product();
                let product = if wrong { -product } else { product };
                *message = 2.0 * product.clamp(-1.0 + 1e-12, 1.0 - 1e-12).atanh();
                next[bits[at]] += *message;
            }
        }
        beliefs = next;
    }
    beliefs.iter().map(|&belief| belief < 0.0).collect()
}

#[test]
fn the_decoder_agrees_with_a_sum_product_of_the_textbook() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (rate, beta) in [
        (Rate::Fifth, 0.75),
        (Rate::Tenth, 0.75),
        (Rate::Twentieth, 0.75),
    ] {
        let code = Code::build(rate, 512, 1);
        let mut decoder = Decoder::new(&code, Engine::detect());
        for _ in 0..3 {
            let frame = frame(&code, rate, beta, &mut rng);
            let syndrome = code.syndrome(&frame.word);
            let mut attempt = decoder.begin(&frame.ratios, &syndrome).unwrap();
            let (word, _, disclosed) = finish(&mut attempt, &frame.word);
            let word = word.expect("far below capacity");
            let expected = oracle(&code, &frame.ratios, &syndrome, 120);
            let wrong = (0..code.word_len())
                .filter(|&at| word.bit(at) != expected[at])
                .count();
            assert_eq!((wrong, disclosed), (0, 0), "{rate:?}");
            assert!(word.words() == frame.word.words());
        }
    }
}

#[test]
fn every_engine_gives_the_same_beliefs() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (rate, beta) in [
        (Rate::Fifth, 0.8),
        (Rate::Tenth, 0.85),
        (Rate::Twentieth, 1.2),
    ] {
        let code = Code::build(rate, 512, 2);
        let frame = frame(&code, rate, beta, &mut rng);
        let syndrome = code.syndrome(&frame.word);
        let runs = [Engine::PORTABLE, Engine::detect()].map(|engine| {
            let mut decoder = Decoder::new(&code, engine);
            let mut attempt = decoder.begin(&frame.ratios, &syndrome).unwrap();
            let (word, iterations, disclosed) = finish(&mut attempt, &frame.word);
            let beliefs = decoder.state.beliefs.iter().map(|belief| *belief.read(0));
            let word = word.map(|word| word.words().to_vec());
            (word, iterations, disclosed, beliefs.collect::<Vec<_>>())
        });
        assert!(runs[0] == runs[1], "{rate:?}");
    }
}

#[test]
fn noise_above_the_threshold_is_a_failure() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for rate in Rate::ALL {
        let code = Code::build(rate, 512, 1);
        let mut decoder = Decoder::new(&code, Engine::detect());
        let frame = frame(&code, rate, 1.1, &mut rng);
        let syndrome = code.syndrome(&frame.word);
        let mut attempt = decoder.begin(&frame.ratios, &syndrome).unwrap();
        let (word, iterations, _) = finish(&mut attempt, &frame.word);
        assert!(word.is_none() && iterations == ITERATIONS, "{rate:?}");
    }
}

/// A wrong syndrome never gives the right word. A word that comes has the syndrome asked for, so
/// that only the confirmation can tell.
#[test]
fn a_flipped_bit_of_the_syndrome_gives_no_word_or_another() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let code = Code::build(Rate::Tenth, 512, 1);
    let mut decoder = Decoder::new(&code, Engine::detect());
    let (mut lost, mut others) = (0, 0);
    for turn in 0..8 {
        let frame = frame(&code, Rate::Tenth, 0.75, &mut rng);
        let mut words = code.syndrome(&frame.word).words().to_vec();
        let at = match turn % 2 {
            0 => turn,
            _ => words.len() - 1 - turn,
        };
        words[at] ^= 1 << turn;
        let syndrome = code.parse_syndrome(words).unwrap();
        let mut attempt = decoder.begin(&frame.ratios, &syndrome).unwrap();
        match finish(&mut attempt, &frame.word).0 {
            None => lost += 1,
            Some(word) => {
                others += 1;
                assert_eq!(code.syndrome(&word), syndrome);
                assert!(word.words() != frame.word.words());
            }
        }
    }
    assert_eq!(
        (lost, others),
        (4, 4),
        "core checks notice, a leaf check cannot"
    );
}

#[test]
fn a_stuck_word_goes_on_with_the_bits_it_asks_for() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let code = Code::build(Rate::Tenth, 512, 1);
    let mut decoder = Decoder::new(&code, Engine::detect());
    let rescued = (0..40).any(|_| {
        let frame = frame(&code, Rate::Tenth, 0.85, &mut rng);
        let syndrome = code.syndrome(&frame.word);
        let mut attempt = decoder.begin(&frame.ratios, &syndrome).unwrap();
        let (word, _, disclosed) = finish(&mut attempt, &frame.word);
        disclosed > 0 && word.is_some_and(|word| word.words() == frame.word.words())
    });
    assert!(rescued);
}

#[test]
fn input_of_another_size_is_refused() {
    let code = Code::build(Rate::Tenth, 512, 1);
    let other = Code::build(Rate::Fifth, 512, 1);
    let [syndrome, others] =
        [&code, &other].map(|code| code.syndrome(&code.word(Wiped::zeroed(512)).unwrap()));
    let mut decoder = Decoder::new(&code, Engine::PORTABLE);
    assert!(decoder.begin(&[1.0; 512], &syndrome).is_err());
    assert!(decoder.begin(&[1.0; 512 * LANES], &others).is_err());
    let mut attempt = decoder.begin(&[f32::NAN; 512 * LANES], &syndrome).unwrap();
    assert!(attempt.disclose(&[true]).is_err());
}

#[test]
fn beliefs_are_wiped() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let code = Code::build(Rate::Tenth, 512, 1);
    let mut decoder = Decoder::new(&code, Engine::detect());
    let frame = frame(&code, Rate::Tenth, 0.75, &mut rng);
    let syndrome = code.syndrome(&frame.word);
    decoder.begin(&frame.ratios, &syndrome).unwrap().run();
    let belief = &mut decoder.state.beliefs[0];
    assert_ne!(*belief.read(0), [0; LANES]);
    belief.zeroize();
    assert_eq!(
        (*belief.read(0), *belief.read(31)),
        ([0; LANES], [0; LANES])
    );
    decoder.state.zeroize();
    assert!(decoder.state.beliefs.is_empty() && decoder.state.triples.is_empty());
}

/// Processor time of this thread; the machine may be busy. 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let time = text
        .split(' ')
        .next()
        .and_then(|time| time.parse::<f64>().ok());
    time.unwrap_or(0.0) / 1e9
}

/// The codes in use decode. `RATE=0.1 BETA=0.91 FRAMES=200` shows how well (with `--release`).
#[test]
fn survey() {
    let read = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<f64>().ok())
    };
    let (frames, beta) = (read("FRAMES").unwrap_or(1.0), read("BETA").unwrap_or(0.8));
    let seed = read("SEED").map(|seed| seed as u64);
    for rate in Rate::ALL {
        if read("RATE").is_some_and(|wanted| wanted != rate.value()) {
            continue;
        }
        let code = seed.map_or_else(
            || Code::of(rate),
            |seed| Code::build(rate, Code::SIZE, seed),
        );
        let engine = Engine::detect();
        let mut decoder = Decoder::new(&code, engine);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut lost, mut wrong, mut leaked, mut iterations) = (0, 0, 0, 0);
        let mut time = 0.0;
        for _ in 0..frames as usize {
            let frame = frame(&code, rate, beta, &mut rng);
            let syndrome = code.syndrome(&frame.word);
            let start = cpu_seconds();
            let mut attempt = decoder.begin(&frame.ratios, &syndrome).unwrap();
            let (word, spent, disclosed) = finish(&mut attempt, &frame.word);
            time += cpu_seconds() - start;
            (iterations, leaked) = (iterations + spent, leaked + disclosed);
            match word {
                Some(word) => wrong += u32::from(word.words() != frame.word.words()),
                None => lost += 1,
            }
        }
        let bits = frames * code.word_len() as f64;
        println!(
            "{rate:?} beta {beta} after leak {:.4}: {lost} lost and {wrong} wrong of {frames}, \
             {:.1} iterations, \
             {:.2} Msym/s ({})",
            beta * (1.0 - leaked as f64 / bits / rate.value()),
            f64::from(iterations) / frames,
            bits / time / 1e6,
            engine.name()
        );
        assert!(beta > 0.8 || (lost, wrong) == (0, 0));
    }
}
