use qkd::channel::ExcessNoise;
use qkd::receiver::Detection;

use super::*;

fn simulation(detection: Detection, seed: u8) -> Simulation {
    let source = link::Source::new(4.0, 1e6).expect("in range");
    let noise = ExcessNoise::at_input_snu(0.5).expect("in range");
    let channel = Channel::new(0.4, noise).expect("in range");
    let receiver = Receiver::trusted(detection, 0.6, 0.1).expect("in range");
    Simulation::new(&source, &channel, &receiver, [seed; 32])
}

/// Mean of the products of two lists.
fn mean(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b);
    let sum: f64 = products.map(|(a, b)| f64::from(a * b)).sum();
    sum / a.len() as f64
}

/// The moments `<x x>`, `<x y>`, `<y y>` of a million symbols.
fn moments(simulation: &mut Simulation) -> [f64; 3] {
    let Signals { sent, measured, .. } = simulation.transmit(1_000_000);
    [
        mean(&sent, &sent),
        mean(&sent, &measured),
        mean(&measured, &measured),
    ]
}

/// Five standard deviations of the widest moment are 0.03.
fn assert_near(found: [f64; 3], expected: [f64; 3]) {
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 0.03, "{found} is not {expected}");
    }
}

#[test]
fn moments_are_those_of_the_link() {
    let arriving: f64 = 0.24;
    let expected = [4.0, arriving.sqrt() * 4.0, arriving * 4.5 + 1.1];
    assert_near(moments(&mut simulation(Detection::Homodyne, 1)), expected);
    let arriving: f64 = 0.12;
    let expected = [4.0, arriving.sqrt() * 4.0, arriving * 4.5 + 1.1];
    assert_near(moments(&mut simulation(Detection::Heterodyne, 1)), expected);
}

#[test]
fn intercept_resend_adds_2_snu_to_its_share() {
    let mut simulation = simulation(Detection::Homodyne, 2);
    simulation.attack(Some("intercept-resend=0.3".parse().expect("an attack")));
    assert_near(
        moments(&mut simulation),
        [4.0, 0.24f64.sqrt() * 4.0, 0.24 * 5.1 + 1.1],
    );
    simulation.attack(None);
    assert_near(
        moments(&mut simulation),
        [4.0, 0.24f64.sqrt() * 4.0, 0.24 * 4.5 + 1.1],
    );
}

#[test]
fn a_heterodyne_symbol_has_two_quadratures() {
    let signals = simulation(Detection::Heterodyne, 3).transmit(10);
    assert_eq!(signals.sent.len(), 20);
    assert_eq!(signals.measured.len(), 20);
}

#[test]
fn the_seed_alone_decides() {
    let values = |seed, parts: &[usize]| -> Vec<f32> {
        let mut simulation = simulation(Detection::Homodyne, seed);
        let measured = parts.iter().map(|&n| simulation.transmit(n).measured);
        measured.flat_map(|part| part.to_vec()).collect()
    };
    assert_eq!(values(4, &[100]), values(4, &[30, 70]));
    assert_ne!(values(4, &[100]), values(5, &[100]));
}
