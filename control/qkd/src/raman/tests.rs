use crate::channel::{ExcessNoise, Fibre};
use crate::golden::{self, assert_near};
use crate::link::{Link, Reconciliation};
use crate::optimise::{Objective, optimise_modulation};
use crate::preset::Preset;
use crate::raman::{Band, ClassicalLight, Propagation, RamanNoise};
use crate::rate::Asymptotic;
use crate::receiver::{Detection, Receiver};

#[test]
fn noise_equals_the_reference() {
    let rows = golden::rows(include_str!("../../vectors/raman.csv"));
    assert_eq!(rows.len(), 80);
    for row in rows {
        let band = Band::ALL
            .into_iter()
            .find(|band| band.wavelength_nm() == row.number("lambda_nm"))
            .expect("a band of the file");
        assert_eq!(band.attenuation_db_per_km(), row.number("alpha_q_dB_km"));
        assert_eq!(
            band.raman_coefficient_per_km_nm(),
            row.number("rho_per_km_nm")
        );
        let fibre = band.fibre(row.number("km")).unwrap();
        let direction = match row.text("dir") {
            "co" => Propagation::Co,
            "counter" => Propagation::Counter,
            other => panic!("direction {other}"),
        };
        let power = row.number("P_total_dBm");
        let what = format!("{band} {} km {power} dBm {direction:?}", fibre.km());
        let light = ClassicalLight::new(power, direction).unwrap();
        let noise = RamanNoise::of(&fibre, band, &light);

        // The reference shifts equal attenuations apart a little, because it does not use the
        // limit.
        let near = |got: f64, column: &str| {
            assert_near(&what, got / row.number(column), 1.0, 1e-10);
        };
        near(noise.power_w_per_nm, "W_per_nm_at_end");
        near(noise.photons_per_mode, "photons_per_mode");
        near(noise.at_output_snu, "xi_bob");
        near(noise.at_input_snu, "xi_input");

        let base = ExcessNoise::at_input_snu(0.005).unwrap();
        let link = Link {
            fibre,
            excess_noise: noise.added_to(base).unwrap(),
            receiver: Receiver::trusted(Detection::Heterodyne, 0.6, 0.1).unwrap(),
            reconciliation: Reconciliation::new(0.95, 0.0).unwrap(),
            ..Preset::Metro50Km.link()
        };
        let expected = row.number("K_het_Vopt_xi0=.005+raman");
        if expected > 0.0 {
            let best = optimise_modulation(link, Objective::Asymptotic);
            assert_near(
                &what,
                Asymptotic::of(&best).key_bit_per_symbol,
                expected,
                1e-5,
            );
        }
    }
}

#[test]
fn a_fibre_of_zero_length_has_no_raman_noise() {
    let light = ClassicalLight::new(0.0, Propagation::Counter).unwrap();
    let noise = RamanNoise::of(&Fibre::standard(0.0).unwrap(), Band::C1550, &light);
    assert_eq!(noise.at_input_snu, 0.0);
}

#[test]
fn nearly_equal_attenuations_approach_the_limit() {
    let light = ClassicalLight::new(0.0, Propagation::Co).unwrap();
    let noise = |attenuation| {
        let fibre = Fibre::new(50.0, attenuation).unwrap();
        RamanNoise::of(&fibre, Band::C1550, &light).photons_per_mode
    };
    assert_near("limit", noise(0.2 + 1e-13) / noise(0.2), 1.0, 1e-12);
}

#[test]
fn too_much_classical_light_is_refused() {
    let error = ClassicalLight::new(60.0, Propagation::Co).unwrap_err();
    assert_eq!(error.field, "launch power of the classical channels");
    let light = ClassicalLight::new(30.0, Propagation::Counter).unwrap();
    let noise = RamanNoise::of(&Fibre::standard(100.0).unwrap(), Band::C1550, &light);
    let error = noise
        .added_to(ExcessNoise::at_input_snu(0.01).unwrap())
        .unwrap_err();
    assert_eq!(error.field, "excess noise");
}
