use crate::block::{Block, DigitisedBits, Epsilon, Estimation};
use crate::channel::{Channel, ExcessNoise, Fibre};
use crate::golden::assert_near;
use crate::limits::OutOfRange;
use crate::link::{Reconciliation, Source};
use crate::preset::Preset;
use crate::receiver::{Detection, Receiver, Trust};

#[test]
fn fifty_km_of_standard_fibre_transmit_a_tenth() {
    let fibre = Fibre::standard(50.0).unwrap();
    assert_near("loss", fibre.loss_db(), 10.0, 1e-12);
    assert_near("T", fibre.transmittance(), 0.1, 1e-15);
    assert_near(
        "no fibre",
        Fibre::standard(0.0).unwrap().transmittance(),
        1.0,
        0.0,
    );
}

#[test]
fn the_greatest_loss_still_makes_a_valid_channel() {
    let fibre = Fibre::new(300.0, 0.2).unwrap();
    let noise = ExcessNoise::at_input_snu(0.01).unwrap();
    assert_eq!(
        Channel::new(fibre.transmittance(), noise),
        Ok(Channel::of(&fibre, noise))
    );
}

#[test]
fn noise_stated_at_the_output_is_divided_by_the_transmittance() {
    let noise = ExcessNoise::at_output_snu(0.000_212, 0.028).unwrap();
    assert_near("xi", noise.snu(), 0.007_571_428_571, 1e-12);
}

#[test]
fn every_value_out_of_range_is_refused_with_its_name() {
    let homodyne =
        |efficiency, noise| Receiver::trusted(Detection::Homodyne, efficiency, noise).map(|_| ());
    let cases: [(&str, Result<(), OutOfRange>); 19] = [
        ("fibre length", Fibre::standard(-1.0).map(|_| ())),
        ("fibre length", Fibre::standard(f64::NAN).map(|_| ())),
        ("fibre length", Fibre::standard(f64::INFINITY).map(|_| ())),
        ("fibre attenuation", Fibre::new(10.0, 0.0).map(|_| ())),
        ("channel loss", Fibre::new(301.0, 0.2).map(|_| ())),
        ("excess noise", ExcessNoise::at_input_snu(-0.01).map(|_| ())),
        (
            "channel transmittance",
            ExcessNoise::at_output_snu(0.01, 0.0).map(|_| ()),
        ),
        ("modulation variance V_A", Source::new(0.0, 1e6).map(|_| ())),
        ("symbol rate", Source::new(4.0, 0.0).map(|_| ())),
        (
            "share of symbols without key",
            Source::new(4.0, 1e6)
                .unwrap()
                .with_overhead_share(1.0)
                .map(|_| ()),
        ),
        ("receiver efficiency", homodyne(1.01, 0.1)),
        ("receiver efficiency", homodyne(0.0, 0.1)),
        ("electronic noise of the receiver", homodyne(0.6, -0.1)),
        (
            "reconciliation efficiency beta",
            Reconciliation::new(1.1, 0.1).map(|_| ()),
        ),
        (
            "frame error rate",
            Reconciliation::new(0.95, 1.1).map(|_| ()),
        ),
        ("block size", Block::new(0).map(|_| ())),
        (
            "share of the block disclosed for parameter estimation",
            Estimation::disclosed(1.0).map(|_| ()),
        ),
        ("failure probability epsilon", Epsilon::new(0.0).map(|_| ())),
        (
            "digitised bits per quadrature",
            DigitisedBits::new(0).map(|_| ()),
        ),
    ];
    for (field, result) in cases {
        assert_eq!(result.expect_err(field).field, field);
    }
}

#[test]
fn the_error_names_value_range_and_fix() {
    let error = Receiver::trusted(Detection::Homodyne, 60.0, 0.1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "receiver efficiency is 60.0, must be 0.01 to 1.0: give optics and photodiodes \
         together, 0.6 for 60 %"
    );
    let error = Fibre::standard(500.0).unwrap_err().to_string();
    assert!(
        error.starts_with("fibre length is 500.0 km, must be 0.0 to 400.0 km: "),
        "{error}"
    );
}

#[test]
fn a_change_of_one_part_leaves_the_others() {
    let link = Preset::Metro50Km.link();
    let changed = link.with_modulation_variance_snu(7.0).unwrap();
    assert_eq!(changed.source.modulation_variance_snu(), 7.0);
    assert_eq!(
        changed.source.symbol_rate_baud(),
        link.source.symbol_rate_baud()
    );
    let receiver = link.receiver.untrusted();
    assert_eq!(receiver.trust(), Trust::Untrusted);
    assert_eq!(receiver.with_trust(Trust::Trusted), link.receiver);
}
