use crate::finite::Finite;
use crate::golden::{self, assert_near};
use crate::published::Experiment;
use crate::rate::Asymptotic;

#[test]
fn every_experiment_is_found_by_its_name_and_cites_its_paper() {
    for experiment in Experiment::ALL {
        assert_eq!(Experiment::named(experiment.name()), Some(experiment));
        assert!(experiment.source().contains("20"));
        assert!(experiment.link().fibre.loss_db() > 4.0, "{experiment}");
    }
    assert_eq!(Experiment::named("moon"), None);
}

/// Asymptotic rates of the reference, which computed them on its own.
#[test]
fn asymptotic_rates_equal_the_reference() {
    let rows = golden::rows(include_str!("../../vectors/reference_points.csv"));
    let mut compared = 0;
    for experiment in Experiment::ALL {
        let link = experiment.link();
        let author = experiment.source().split(' ').next().unwrap();
        let row = rows.iter().find(|row| {
            row.text("source").starts_with(author) && row.number("km") == link.fibre.km()
        });
        let row = row.unwrap();
        let expected = row.number("model_asym_bps");
        // The reference takes the best V_A for Jouguet, with more digits.
        let got = Asymptotic::of(&link).secret_key_rate_bit_s;
        assert_near(experiment.name(), got / expected, 1.0, 2e-4);
        if let Some(published) = experiment.published_bit_s() {
            assert_near(
                experiment.name(),
                published / row.number("published_bps"),
                1.0,
                1e-9,
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
}

/// The worst-case excess noise behind the worst-case rates of the reference. The blocks are
/// inferred from it.
#[test]
fn the_worst_case_of_zhang_and_others_is_met() {
    for (name, noise_snu) in [
        ("zhang-2020-49km", 0.0037),
        ("zhang-2020-70km", 0.0058),
        ("zhang-2020-99km", 0.0085),
        ("zhang-2020-141km", 0.0219),
        ("zhang-2020-203km", 0.0383),
    ] {
        let link = Experiment::named(name).unwrap().link();
        let worst = Finite::of(&link).worst_case.unwrap().channel;
        assert_near(name, worst.excess_noise_snu(), noise_snu, 1e-4);
    }
}

#[test]
fn zhang_and_others_are_met_within_three_per_cent_up_to_99_km() {
    for name in [
        "zhang-2020-27km",
        "zhang-2020-49km",
        "zhang-2020-70km",
        "zhang-2020-99km",
    ] {
        let experiment = Experiment::named(name).unwrap();
        let rate = Finite::of(&experiment.link()).secret_key_rate_bit_s;
        let published = experiment.published_bit_s().unwrap();
        assert_near(name, rate / published, 1.0, 0.03);
    }
}
