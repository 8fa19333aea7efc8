use qkd::channel::ExcessNoise;
use qkd::receiver::Detection;

use super::super::Modulator;
use super::*;

fn ends(seed: u8) -> (Modulator, Fibre) {
    let source = link::Source::new(4.0, 1e6).expect("in range");
    let noise = ExcessNoise::at_input_snu(0.02).expect("in range");
    let channel = Channel::new(0.4, noise).expect("in range");
    let receiver = Receiver::trusted(Detection::Homodyne, 0.6, 0.1).expect("in range");
    (
        Modulator::new(&source, &receiver, [seed; 32]),
        Fibre::new(&source, &channel, &receiver, [seed; 32]),
    )
}

#[test]
fn the_monitor_of_a_clean_link_is_still() {
    let (mut modulator, mut fibre) = ends(1);
    let monitor = fibre.receive(&modulator.transmit(1 << 20)).monitor;
    assert_eq!(monitor.samples(), 1 << 20);
    assert_eq!(monitor.blocked(), 1 << 13);
    assert_eq!(monitor.at_rails(), 0);
    assert!(monitor.mean().abs() < 5.0 * (2.065f64 / 1e6).sqrt());
    assert!((monitor.kurtosis() - 3.0).abs() < 5.0 * (24.0f64 / 1e6).sqrt());
    assert!((monitor.blocked_variance() - 1.1).abs() < 5.0 * 1.1 * (2.0f64 / 8192.0).sqrt());
}

#[test]
fn data_does_not_depend_on_how_it_is_cut() {
    let values = |parts: &[usize]| {
        let (mut modulator, mut fibre) = ends(2);
        let mut monitor = Monitor::default();
        let mut values = vec![];
        for &part in parts {
            let received = fibre.receive(&modulator.transmit(part));
            monitor.add(&received.monitor);
            values.extend_from_slice(&received.measured);
        }
        (values, monitor.blocked())
    };
    let whole = values(&[200_000]);
    assert_eq!(whole.1, 200_000 / 128);
    assert_eq!(values(&[65_000, 100, 134_900]), whole);
}

#[test]
fn an_offset_is_removed_in_time() {
    let mut offset = Offset::default();
    let mut last = 0.0;
    for _ in 0..100 {
        let mut samples = vec![3.0; OFFSET_WINDOW];
        let readings = Monitor::of(&samples, 10.0);
        offset.remove(&mut samples, &readings);
        last = samples[0];
    }
    assert!(last.abs() < 1e-4, "{last}");
}
