use qkd::block::Block;
use qkd::channel::ExcessNoise;
use qkd::finite::Finite;
use qkd::link::{Link, Reconciliation};
use qkd::preset::Preset;
use qkd::rate::mutual_information_bit;
use qkd::receiver::Detection;

use super::*;
use crate::source::{Signals, Simulation};

/// A link of 10 km with the modulation that suits a code of rate 0.2.
const TRANSMITTANCE: f64 = 0.63;
const EXCESS: f64 = 0.02;

fn source() -> Source {
    Source::new(1.1, 1e6).expect("in range")
}

fn receiver(detection: Detection) -> Receiver {
    Receiver::trusted(detection, 0.6, 0.1).expect("in range")
}

fn simulation(detection: Detection, excess: f64, seed: u8) -> Simulation {
    let noise = ExcessNoise::at_input_snu(excess).expect("in range");
    let channel = Channel::new(TRANSMITTANCE, noise).expect("in range");
    Simulation::new(&source(), &channel, &receiver(detection), [seed; 32])
}

fn estimate(detection: Detection, mut simulation: Simulation, symbols: usize) -> Estimate {
    let mut sums = Sums::default();
    for _ in 0..10 {
        let Signals { sent, measured, .. } = simulation.transmit(symbols / 10);
        sums.add(&Sums::of(&sent, &measured).expect("equal lengths"));
    }
    Estimate::of(&sums, &source(), &receiver(detection)).expect("the values correlate")
}

/// Sums that give exactly the expected values of a homodyne link.
fn expected(pairs: u64, excess: f64) -> Sums {
    let (samples, arriving) = (pairs as f64, 0.6 * TRANSMITTANCE);
    Sums {
        pairs,
        sent_squared: 1.1 * samples,
        measured_squared: (arriving * (1.1 + excess) + 1.1) * samples,
        product: arriving.sqrt() * 1.1 * samples,
    }
}

fn exact(pairs: u64, excess: f64) -> Estimate {
    let receiver = receiver(Detection::Homodyne);
    Estimate::of(&expected(pairs, excess), &source(), &receiver).expect("the values correlate")
}

/// All frames decoded with a code of rate 0.2.
fn corrected(symbols: u64) -> Corrected {
    Corrected {
        kept_symbols: symbols,
        lost_symbols: 0,
        undisclosed_bits: symbols / 5,
        further_disclosed_bits: 0,
    }
}

fn lengths(estimate: &Estimate) -> [u64; 2] {
    let secret = SecretLength::of(estimate, &corrected(estimate.pairs()));
    [secret.lgg_bits, secret.composable_bits]
}

/// Over many blocks, the errors in units of the stated deviation have mean 0 and variance 1.
fn assert_calibrated(errors: &[f64]) {
    let n = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / n;
    let variance = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0);
    assert!(mean.abs() < 4.0 / n.sqrt(), "mean {mean}");
    assert!(
        (variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(),
        "variance {variance}"
    );
    assert!(errors.iter().all(|e| e.abs() < 5.0));
}

#[test]
fn estimates_agree_with_the_simulation_within_their_deviations() {
    for detection in [Detection::Homodyne, Detection::Heterodyne] {
        let (mut transmittances, mut excesses) = (vec![], vec![]);
        let mut negative = false;
        for seed in 0..200 {
            let estimate = estimate(detection, simulation(detection, EXCESS, seed), 10_000);
            let Measured { value, deviation } = estimate.transmittance();
            transmittances.push((value - TRANSMITTANCE) / deviation);
            let Measured { value, deviation } = estimate.excess_noise_snu();
            excesses.push((value - EXCESS) / deviation);
            negative |= value < 0.0;
        }
        assert_calibrated(&transmittances);
        assert_calibrated(&excesses);
        assert!(negative, "an estimate below zero is not cut");
    }
}

#[test]
fn the_worst_channel_is_that_of_the_model() {
    let estimate = exact(10_000_000, EXCESS);
    let channel = Channel::new(
        TRANSMITTANCE,
        ExcessNoise::at_input_snu(EXCESS).expect("in range"),
    );
    let model = finite::worst_channel(
        &source(),
        &channel.expect("in range"),
        &receiver(Detection::Homodyne),
        1e7,
        Proof::LGG_2010.epsilon(),
    )
    .expect("a large block");
    let worst = estimate
        .worst_channel(&Proof::LGG_2010)
        .expect("a large block");
    assert!((worst.transmittance() - model.transmittance()).abs() < 1e-12);
    assert!((worst.excess_noise_snu() - model.excess_noise_snu()).abs() < 1e-12);
}

#[test]
fn lengths_are_those_of_the_model() {
    let (symbols, rate) = (100_000_000, 0.2);
    let noise = ExcessNoise::at_input_snu(EXCESS).expect("in range");
    let channel = Channel::new(TRANSMITTANCE, noise).expect("in range");
    let receiver = receiver(Detection::Homodyne);
    let efficiency = rate / mutual_information_bit(&source(), &channel, &receiver);
    let block = Block::new(symbols).expect("in range");
    let model = |proof| {
        let link = Link {
            source: source(),
            receiver,
            reconciliation: Reconciliation::new(efficiency, 0.0).expect("in range"),
            block: block.with_proof(proof),
            ..Preset::default().link()
        };
        Finite::over(&link, &channel).key_bit_per_symbol * symbols as f64
    };
    let found = lengths(&exact(symbols, EXCESS)).map(|bits| bits as f64);
    let expected = [Proof::LGG_2010, Proof::COMPOSABLE].map(model);
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 2.0, "{found} is not {expected}");
    }
}

#[test]
fn an_estimate_below_zero_lowers_the_worst_noise_as_any_other() {
    let worst = |excess| {
        let channel = exact(1_000_000, excess).worst_channel(&Proof::LGG_2010);
        channel.expect("a large block").excess_noise_snu()
    };
    let [below, none, above] = [-0.01, 0.0, 0.01].map(worst);
    assert!(below > 0.0);
    // The bound of the gain depends on the noise, too, but weakly.
    let (up, down) = (above - none, none - below);
    assert!((up / down - 1.0).abs() < 0.001, "{up} {down}");
}

#[test]
fn key_falls_with_noise_to_zero() {
    let at = |excess| lengths(&exact(100_000_000, excess));
    let [[lgg, composable], [lgg_more, composable_more]] = [at(0.005), at(0.02)];
    assert!(composable_more > 0 && composable > composable_more && lgg > lgg_more);
    assert!(lgg > composable);
    assert_eq!(at(0.2), [0, 0]);
}

#[test]
fn intercept_resend_costs_key_and_ends_it() {
    let lgg = |share| {
        let mut simulation = simulation(Detection::Homodyne, 0.005, 9);
        let attack = format!("intercept-resend={share}").parse();
        simulation.attack(Some(attack.expect("an attack")));
        lengths(&estimate(Detection::Homodyne, simulation, 2_000_000))[0]
    };
    let [none, some, much] = [0.0, 0.01, 0.15].map(lgg);
    assert!(none > some && some > 0, "{none} {some}");
    assert_eq!(much, 0);
}

#[test]
fn lost_frames_and_disclosed_bits_cost_key() {
    let estimate = exact(100_000_000, 0.005);
    let lgg = |corrected| SecretLength::of(&estimate, &corrected).lgg_bits;
    let all = corrected(100_000_000);
    let further_disclosed_bits = 6400;
    let tags = Corrected {
        further_disclosed_bits,
        ..all
    };
    assert_eq!(lgg(all) - lgg(tags), further_disclosed_bits);
    let half = Corrected {
        lost_symbols: 50_000_000,
        ..corrected(50_000_000)
    };
    assert!(2 * lgg(half) < lgg(all));
    assert_eq!(
        lgg(Corrected {
            lost_symbols: 1,
            ..corrected(0)
        }),
        0
    );
}

#[test]
fn small_blocks_and_wrong_calibration_give_no_key() {
    assert_eq!(lengths(&exact(1000, 0.005)), [0, 0]);
    assert_eq!(lengths(&exact(100_000_000, -0.1)), [0, 0]);
    let bright = Sums {
        product: 1.1e8,
        measured_squared: 2.2e8,
        ..expected(100_000_000, 0.0)
    };
    let estimate = Estimate::of(&bright, &source(), &receiver(Detection::Homodyne));
    assert_eq!(lengths(&estimate.expect("the values correlate")), [0, 0]);
}

#[test]
fn values_that_do_not_correlate_are_refused() {
    let receiver = receiver(Detection::Homodyne);
    let of = |sums: &Sums| Estimate::of(sums, &source(), &receiver).err();
    assert_eq!(
        of(&Sums::default()),
        Some(NoEstimate::NoSignal { pairs: 0 })
    );
    let sums = Sums::of(&[1.0, -1.0], &[1.0, 1.0]).expect("equal lengths");
    assert_eq!(of(&sums), Some(NoEstimate::NoSignal { pairs: 2 }));
    for wrong in [f32::NAN, f32::INFINITY] {
        let sums = Sums::of(&[1.0], &[wrong]).expect("equal lengths");
        assert_eq!(of(&sums), Some(NoEstimate::NoSignal { pairs: 1 }));
    }
    assert!(Sums::of(&[1.0], &[]).is_none());
}
