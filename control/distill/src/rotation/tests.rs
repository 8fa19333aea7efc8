use proptest::prelude::*;

use super::*;

const EXACT: f64 = 1e-12;

fn near(one: &[f64; 8], other: &[f64; 8], within: f64) -> bool {
    one.iter().zip(other).all(|(a, b)| (a - b).abs() < within)
}

#[test]
fn a_known_group() {
    // u = (1, -1, 1, 1, -1, -1, 1, -1) / sqrt 8
    let bits = 0b1011_0010;
    let bob = [0.5, -1.2, 0.3, 2.0, -0.7, 0.1, 1.1, -0.4];
    let rotation = Rotation::to_bits(&bob, bits).unwrap();
    let direction = [
        0.779747738661,
        0.063913749071,
        -0.089479248699,
        -0.421830743866,
        0.166175747584,
        0.089479248699,
        0.345134244981,
        -0.21730674684,
    ];
    assert!(near(rotation.direction(), &direction, EXACT));
    let alice = [0.4, -1.0, 0.6, 1.5, -0.9, 0.3, 0.8, -0.1];
    let rotated = [
        0.8871228371,
        -0.644250590632,
        1.25782258171,
        0.76952153881,
        -0.833435287881,
        -0.616128541041,
        0.779747738661,
        -0.511309992565,
    ];
    assert!(near(&rotation.rotate(&alice), &rotated, 1e-11));
}

#[test]
fn what_is_no_rotation_is_refused() {
    assert!(Rotation::to_bits(&[0.0; 8], 7).is_none());
    assert!(Rotation::to_bits(&[f64::NAN; 8], 7).is_none());
    let good = *Rotation::to_bits(&[1.0; 8], 7).unwrap().direction();
    assert!(Rotation::parse(good, 1.0).is_some());
    assert!(Rotation::parse(good, -1.0).is_none());
    assert!(Rotation::parse(good, f64::INFINITY).is_none());
    assert!(Rotation::parse(good.map(|x| x * 1.01), 1.0).is_none());
    assert!(Reverse::new(0.1, 0.0).is_none());
    assert!(Reverse::new(f64::NAN, 1.0).is_none());
}

proptest! {
    #[test]
    fn alice_recovers_bob_and_without_noise_his_bits(
        bob in prop::array::uniform8(-5.0..5.0_f64),
        bits: u8,
    ) {
        prop_assume!(norm(&bob) > 1e-3);
        let rotation = Rotation::to_bits(&bob, bits).unwrap();
        prop_assert!((norm(rotation.direction()) - 1.0).abs() < EXACT);
        prop_assert!(near(&rotation.recover(bits), &bob, EXACT));
        // With x = y the rotated group is u |y|.
        let want = signs(bits).map(|sign| sign * norm(&bob));
        prop_assert!(near(&rotation.rotate(&bob), &want, EXACT));
        let reverse = Reverse::new(1.0, 0.5).unwrap();
        for (at, ratio) in rotation.ratios(&bob, &reverse).into_iter().enumerate() {
            prop_assert_eq!(ratio < 0.0, bits >> at & 1 == 1);
        }
    }
}
