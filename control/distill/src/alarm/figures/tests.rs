use qkd::channel::{Channel, ExcessNoise};
use qkd::link::Source;
use qkd::receiver::Detection;

use super::*;
use crate::estimate::Sums;
use crate::source::{Signals, Simulation};

#[test]
fn figures_are_those_of_the_signals() {
    let source = Source::new(2.0, 1e6).expect("in range");
    let noise = ExcessNoise::at_input_snu(0.01).expect("in range");
    let channel = Channel::new(0.3, noise).expect("in range");
    let receiver = Receiver::trusted(Detection::Heterodyne, 0.6, 0.1).expect("in range");
    let mut simulation = Simulation::new(&source, &channel, &receiver, [1; 32]);
    let signals = simulation.transmit(1 << 19);
    let Signals {
        sent,
        measured,
        monitor,
    } = signals;
    let sums = Sums::of(&sent, &measured).expect("equal lengths");
    let estimate = Estimate::of(&sums, &source, &receiver).expect("the values correlate");
    let lost = Counted { count: 1, of: 4 };
    let figures = BlockFigures::of(Some(&estimate), &monitor, &receiver, lost);
    let near = |measured: Measured, expected: f64| {
        (measured.value - expected).abs() < 4.0 * measured.deviation
    };
    assert!(near(figures.transmittance, 0.3));
    assert!(figures.excess_noise_snu.is_some_and(|xi| near(xi, 0.01)));
    assert!(figures.shot_noise.is_some_and(|shot| near(shot, 1.0)));
    assert!(near(figures.mean, 0.0) && near(figures.kurtosis, 3.0));
    assert_eq!(
        figures.at_rails,
        Counted {
            count: 0,
            of: 1 << 20
        }
    );
    assert_eq!(figures.lost_frames.share(), 0.25);
    assert_eq!(figures.classical_mw, Some(0.0));

    let cut = BlockFigures::of(None, &monitor, &receiver, lost);
    assert_eq!((cut.transmittance.value, cut.excess_noise_snu), (0.0, None));
}
