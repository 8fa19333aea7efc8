//! Times each engine on bursts of frames of one size: `quick [burst] [sizes…]`. Prints ns per
//! frame, minimum and median.

use std::time::Instant;

use gcm::{BURST_MAX, Engine, ICV_LEN, Job, RawKey};

const AAD_LEN: usize = 28;
const ROUNDS: usize = 400;

fn main() {
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let burst = arguments
        .first()
        .map_or(32, |&burst| burst.clamp(1, BURST_MAX));
    let sizes = match arguments.get(1..) {
        Some(sizes) if !sizes.is_empty() => sizes,
        _ => &[64, 256, 512, 1024, 1500, 9000],
    };
    for engine in Engine::available() {
        for &size in sizes {
            let mut key = if std::env::var("K128").is_ok() {
                engine.expand(RawKey::Aes128(&[7; 16]))
            } else {
                engine.expand(RawKey::Aes256(&[7; 32]))
            };
            let stride = (AAD_LEN + size + ICV_LEN).next_multiple_of(64) + 128;
            let mut memory = vec![0; burst * stride];
            let mut times: [Vec<f64>; 2] = Default::default();
            for round in 0..ROUNDS {
                let mut jobs: Vec<Job<'_>> = memory
                    .chunks_exact_mut(stride)
                    .map(|room| {
                        Job::new(
                            &mut room[..AAD_LEN + size + ICV_LEN],
                            AAD_LEN,
                            [round as u8; 12],
                        )
                    })
                    .collect();
                let begin = Instant::now();
                key.seal(&mut jobs);
                let sealed = Instant::now();
                key.open(&mut jobs);
                times[1].push(sealed.elapsed().as_nanos() as f64 / burst as f64);
                times[0].push((sealed - begin).as_nanos() as f64 / burst as f64);
            }
            for (name, times) in ["seal", "open"].into_iter().zip(&mut times) {
                times.sort_by(f64::total_cmp);
                #[expect(clippy::print_stdout, reason = "this is what the tool is for")]
                {
                    println!(
                        "{engine:10} {name} {size:5} x {burst:2}: {:7.1} ns/frame, median {:7.1}",
                        times[0],
                        times[times.len() / 2],
                    );
                }
            }
        }
    }
}
