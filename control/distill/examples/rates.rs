//! Rates of single steps on one core, in CPU time: `cargo run --release -p distill --example rates`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement, run by hand"
)]

use distill::confirmation::{Point, Tag};
use distill::estimate::Sums;
use distill::source::Simulation;
use distill::toeplitz::{Matrix, SecretBits, Shape};
use distill::wiped::Wiped;
use qkd::preset::Preset;

const SYMBOLS: usize = 10_000_000;

fn main() {
    for (input, output) in [(1 << 20, 1 << 18), (1 << 23, 1 << 20), (1 << 24, 1 << 21)] {
        let shape = Shape::new(input, output).unwrap();
        let matrix = Matrix::new(shape, pattern(shape.seed_words()).into()).unwrap();
        let bits = SecretBits::new(Wiped::new(pattern(input / 64)), input).unwrap();
        let rate = per_s(input, || matrix.hash(&bits).unwrap().len());
        println!(
            "hash of {input} bits to {output}: {:.0} Mbit/s of input",
            rate / 1e6
        );
        let rate = per_s(input, || Tag::of(&bits, &Point([1; 16])));
        println!("tag of {input} bits: {:.0} Mbit/s", rate / 1e6);
    }
    let link = Preset::default().link();
    let mut simulation = Simulation::new(&link.source, &link.channel(), &link.receiver, [1; 32]);
    let rate = per_s(SYMBOLS, || simulation.transmit(SYMBOLS).sent.len());
    println!("simulation: {:.0} Msym/s", rate / 1e6);
    let signals = simulation.transmit(SYMBOLS);
    let rate = per_s(SYMBOLS, || Sums::of(&signals.sent, &signals.measured));
    println!("estimate: {:.0} Msym/s", rate / 1e6);
}

/// Words without a structure that could make the work easier.
fn pattern(words: usize) -> Box<[u64]> {
    (1..=words as u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect()
}

/// Median of five measurements, in units per second of CPU time. Each takes 0.2 s or more: the
/// kernel counts CPU time in steps of a few milliseconds.
fn per_s<T>(units: usize, mut run: impl FnMut() -> T) -> f64 {
    let mut rates: Vec<f64> = (0..5)
        .map(|_| {
            let start = cpu_s();
            for runs in 1.. {
                std::hint::black_box(run());
                let elapsed = cpu_s() - start;
                if elapsed >= 0.2 {
                    return (runs * units) as f64 / elapsed;
                }
            }
            unreachable!("some run is the last")
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[2]
}

/// CPU time of this thread.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
