use qkd::channel::ExcessNoise;
use qkd::receiver::Detection;

use super::*;

const ARRIVING: f64 = 0.18;

/// 26 km, homodyne, `V_A` 2.
fn nominal() -> Nominal {
    let source = link::Source::new(2.0, 1e6).expect("in range");
    let noise = ExcessNoise::at_input_snu(0.01).expect("in range");
    let channel = Channel::new(0.3, noise).expect("in range");
    let receiver = Receiver::trusted(Detection::Homodyne, 0.6, 0.1).expect("in range");
    Nominal::of(&source, &channel, &receiver)
}

fn under(attack: &str) -> Optics {
    nominal().under(Some(attack.parse().expect("an attack")))
}

/// Transmittance over that of the clean link, and excess noise at the input.
fn figures(optics: &Optics) -> (f64, f64) {
    let [untouched, taken] = optics.noise.map(|noise| noise.powi(2));
    let noise = untouched + optics.intercepted_share * (taken - untouched);
    let arriving = optics.gain.powi(2);
    (arriving / ARRIVING, (noise - 1.1) / arriving)
}

fn assert_figures(attack: &str, transmittance: f64, excess: f64) {
    let (t, xi) = figures(&under(attack));
    assert!((t - transmittance).abs() < 1e-9, "{attack}: T {t}");
    assert!((xi - excess).abs() < 1e-9, "{attack}: xi {xi}");
}

#[test]
fn each_attack_changes_the_light_as_its_model_says() {
    assert_figures("intercept-resend=0.1", 1.0, 0.21);
    assert_figures("entangling-cloner=0.8:1.5", 0.8, 0.01 + 0.2 * 0.5 / 0.8);
    assert_figures("loss-tap=0.2", 0.8, 0.01);
    let light = qkd::raman::ClassicalLight::new(10.0, qkd::raman::Propagation::Co);
    let span = Span::standard(-50.0 * 0.3f64.log10()).expect("in range");
    let noise = RamanNoise::of(&span, Band::C1550, &light.expect("in range"));
    assert_figures("raman=10", 1.0, 0.01 + noise.at_input_snu);
    assert!((under("raman=10").classical_mw - 10.0).abs() < 1e-9);
}

#[test]
fn a_wrong_calibration_hides_what_eve_takes() {
    let clean = nominal().under(None);
    let Optics { blocked_noise, .. } = under("lo-calibration=1.04");
    assert_figures("lo-calibration=1.04", 1.0, 0.01);
    let real = clean.blocked_noise.powi(2) - 1.0 + 1.0 / 1.04;
    assert!((blocked_noise.powi(2) - real).abs() < 1e-9);
}

#[test]
fn saturation_keeps_the_gain_that_bob_finds() {
    let optics = under("saturation=0.9");
    assert_eq!(optics.intercepted_share, 1.0);
    let room = nominal().range() - optics.displacement;
    let variance = optics.gain.powi(2) * 2.0 + optics.noise[1].powi(2);
    let kept = libm::erfc(-room / (2.0 * variance).sqrt()) / 2.0;
    assert!((optics.gain * kept / ARRIVING.sqrt() - 1.0).abs() < 1e-6);
}
