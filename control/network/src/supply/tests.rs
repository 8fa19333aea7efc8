use qkd::preset::Preset;

use super::*;

fn source(drift: f64) -> Source {
    Source {
        link: Preset::Metro50Km.link(),
        block_loss: 0.05,
        drift,
    }
}

#[test]
fn a_metropolitan_link_gives_ten_kilobits_in_blocks() {
    let supply = source(0.0).supply();
    assert!((10_000.0..20_000.0).contains(&supply.bit_s()), "{supply:?}");
    assert_eq!(supply.block_period.as_secs(), 100);
    assert!(
        supply.block_bits as f64 > 100.0 * supply.bit_s(),
        "failed blocks count"
    );
    assert!(supply.epsilon > 0.0 && supply.no_key.is_none());
}

#[test]
fn noise_drifts_over_the_day_around_its_mean() {
    let drifting = source(0.5);
    let at = |hour: f64| drifting.supply_at(hour);
    assert_eq!(at(WORST_HOUR), drifting.worst_supply());
    assert!((at(WORST_HOUR).excess_noise_snu - 0.015).abs() < 1e-12);
    assert!((at(3.0).excess_noise_snu - 0.005).abs() < 1e-12);
    assert!((at(9.0).bit_s() - drifting.supply().bit_s()).abs() < 1e-6);
    assert!(at(3.0).bit_s() > at(9.0).bit_s() && at(9.0).bit_s() > at(15.0).bit_s());
    assert_eq!(source(0.0).worst_supply(), source(0.0).supply());
}
