use super::*;

#[test]
fn tanh_and_its_inverse_are_near_the_true_functions() {
    for step in -600..=600_i16 {
        let nats = f32::from(step) / 100.0;
        let true_tanh = (nats / 2.0).tanh();
        let error = half_tanh(in_units(nats)) - true_tanh;
        assert!(
            error.abs() < 0.003 * true_tanh.abs() + 1e-3,
            "tanh of {nats}: {error}"
        );
        let x = f32::from(step) / 602.0;
        let error = twice_atanh(x) / UNIT - 2.0 * x.atanh();
        assert!(error.abs() < 2e-4, "atanh of {x}: {error}");
    }
    assert_eq!(half_tanh(i16::MAX), half_tanh(SATURATION));
    assert!(half_tanh(SATURATION) < 1.0);
}

#[test]
fn ratios_become_the_nearest_of_16_bits() {
    for (units, want) in [(0.4, 0), (-0.6, -1), (9e9, i16::MAX), (-9e9, -i16::MAX)] {
        assert_eq!(in_units(units / UNIT), want);
    }
    assert_eq!(in_units(f32::NAN), 0);
}

#[test]
fn a_belief_rotates_and_rotates_back() {
    let lanes: Lanes = core::array::from_fn(|lane| lane as i16 - 7);
    for shift in 0..LANES {
        let mut belief = Belief::ZERO;
        belief.write(0, &lanes);
        let rotated = *belief.read(shift);
        for (lane, &seen) in rotated.iter().enumerate() {
            assert_eq!(seen, lanes[(lane + LANES - shift) % LANES]);
        }
        let bits = belief.bits();
        belief.write(shift, &rotated);
        assert_eq!(*belief.read(0), lanes);
        assert_eq!((bits, belief.bits()), (0b111_1111, 0b111_1111));
        belief.fix(9, true);
        assert_eq!(belief.read(shift)[(9 + shift) % LANES], -i16::MAX);
    }
}
