//! The table of the manual: blocks of 10 million symbols under each attack.

use rand_chacha::rand_core::Rng;

use super::*;
use crate::code::{Code, LANES, Rate};
use crate::decoder::{Decoder, Engine, Outcome};
use crate::rotation::{DIMENSIONS, Reverse, Rotation};
use crate::wiped::Wiped;

const MANUAL: &str = include_str!("../../../../../docs/manual/distill.md");

const ATTACKS: [&str; 8] = [
    "intercept-resend=0.05",
    "intercept-resend=0.1",
    "entangling-cloner=0.8:1.5",
    "loss-tap=0.2",
    "lo-calibration=1.05",
    "saturation=0.91",
    "raman=0",
    "raman=10",
];

/// Blocks in which an alarm must come.
const BLOCKS: usize = 20;

/// Frames that are really decoded.
const DECODED: u64 = 8;

/// Frames that do not decode, with what Alice knows of a clean link.
fn lost_frames(line: &mut Line, code: &Code) -> u64 {
    let source = line.source.modulation_variance_snu();
    let arriving = line.receiver.efficiency() * line.channel.transmittance();
    let noise =
        1.0 + line.receiver.electronic_noise_snu() + arriving * line.channel.excess_noise_snu();
    let measured = arriving * source + noise;
    let reverse = Reverse::new(
        arriving.sqrt() * source / measured,
        source * noise / measured,
    )
    .expect("a channel");
    let mut decoder = Decoder::new(code, Engine::detect());
    let lost = (0..DECODED).filter(|_| {
        let signals = line.simulation.transmit(FRAME);
        let mut words = vec![0; FRAME / LANES];
        let mut ratios = Vec::with_capacity(FRAME);
        let (sent, _) = signals.sent.as_chunks::<DIMENSIONS>();
        let (measured, _) = signals.measured.as_chunks::<DIMENSIONS>();
        for (at, (x, y)) in sent.iter().zip(measured).enumerate() {
            let bits = line.frame_errors.next_u32() as u8;
            words[at * DIMENSIONS / LANES] |= u32::from(bits) << (at * DIMENSIONS % LANES);
            let rotation = Rotation::to_bits(&y.map(f64::from), bits).expect("not zero");
            ratios.extend(rotation.ratios(&x.map(f64::from), &reverse));
        }
        let word = code.word(Wiped::new(words.into())).expect("whole words");
        let syndrome = code.syndrome(&word);
        let mut attempt = decoder.begin(&ratios, &syndrome).expect("equal lengths");
        loop {
            match attempt.run() {
                Outcome::Decoded(found) => return found.words() != word.words(),
                Outcome::Failed => return true,
                Outcome::Stuck(positions) => {
                    let bits: Vec<_> = positions.iter().map(|&at| word.bit(at)).collect();
                    attempt.disclose(&bits).expect("as many bits");
                }
            }
        }
    });
    lost.count() as u64
}

/// The figures of the second block under an attack, and the first alarm. The seed is that of all
/// rows, so that they differ by the attack alone.
fn row(attack: Option<&str>, code: &Code) -> String {
    let mut line = Line::new(10_000_000, 10);
    let mut blocks = BLOCKS;
    match attack {
        Some(attack) => line.attack(attack),
        None => blocks = 2,
    }
    let (mut second, mut alarm) = (None, None);
    for at in 1..=blocks {
        let block = line.block();
        if let (Some(raised), None) = (block.alarms.first(), &alarm) {
            alarm = Some(format!("{} ({}), block {at}", raised.cause, raised.blame));
        }
        if at == 2 {
            second = Some((block, line.watch.refuses_key()));
        }
        if at >= 2 && alarm.is_some() {
            break;
        }
    }
    let (block, is_refused) = second.expect("two blocks");
    let key = if is_refused {
        "refused".into()
    } else {
        format!("{:.0}", block.secret_bits as f64 / 1e3)
    };
    let figures = &block.figures;
    format!(
        "| {} | {:.3} | {:.3} | {:.3} | {:.2} | {:.3} | {:.3} | {} of {DECODED} | {:.0} | {key} \
         | {} |",
        attack.map_or("none".into(), |attack| format!("`{attack}`")),
        figures.transmittance.value,
        figures.excess_noise_snu.expect("a signal").value,
        figures.shot_noise.expect("blocked slots").value,
        // No minus zero.
        figures.mean.value.abs(),
        figures.kurtosis.value,
        figures.at_rails.share(),
        lost_frames(&mut line, code),
        figures.classical_mw.expect("a reading"),
        alarm.unwrap_or("none".into()),
    )
}

#[test]
fn the_manual_shows_what_the_simulation_gives() {
    let code = Code::of(Rate::Fifth);
    let attacks = std::iter::once(None).chain(ATTACKS.map(Some));
    let rows = attacks.map(|attack| row(attack, &code));
    let missing: Vec<_> = rows.filter(|row| !MANUAL.contains(row.as_str())).collect();
    assert!(
        missing.is_empty(),
        "write into the manual:\n{}",
        missing.join("\n")
    );
}
