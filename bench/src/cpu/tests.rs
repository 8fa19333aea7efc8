use super::*;

#[test]
fn the_clock_agrees_with_the_operating_system() {
    let clock = Clock::measure();
    let nap = Duration::from_millis(20);
    let ns = clock.ns(|| std::thread::sleep(nap));
    assert!(ns >= 0.98 * nap.as_nanos() as f64, "{ns} ns");
    assert!(clock.ns(|| ()) < 10_000.0 || clock.ns(|| ()) < 10_000.0);
}

#[test]
fn limits_are_those_of_a_core() {
    let clock = Clock::measure();
    let limits = Limits::measure(&clock);
    assert!((0.5..8.0).contains(&limits.core_ghz), "{limits:?}");
    if limits.aes_bits == 0 {
        eprintln!("this CPU has no AES instructions: no floor to check");
        assert_eq!(limits.aes_floor_ns(64), None);
        return;
    }
    // No known core does more than 16 block rounds a cycle, none with AES less than one in eight.
    // Without optimisation each round is a function call that passes its operands through memory.
    let most = if cfg!(debug_assertions) { 40.0 } else { 8.0 };
    assert!(
        (1.0 / 16.0..most).contains(&limits.aes_round_cycles),
        "{limits:?}"
    );
    // 64 octets of the mix hold 56 block rounds.
    assert!(
        limits.mix_64_cycles > 0.9 * 56.0 * limits.aes_round_cycles,
        "{limits:?}"
    );
    // 65 octets are five blocks and the one of the tag.
    let floor = limits.aes_floor_ns(65).unwrap();
    let cycles = 6.0 * 14.0 * limits.aes_round_cycles;
    assert!((floor * limits.core_ghz - cycles).abs() < 1e-9);
}

/// Twice the work in the same time would mean that the calibrator is optimised away.
#[test]
fn the_calibrator_works() {
    let clock = Clock::measure();
    let calibrator = Calibrator::default();
    let best = (0..50)
        .map(|_| calibrator.ns(&clock))
        .fold(f64::INFINITY, f64::min);
    let steps = Calibrator::STEPS.len() as f64;
    assert!(
        best > steps * 0.5,
        "{best} ns for {steps} steps of six chains"
    );
}
