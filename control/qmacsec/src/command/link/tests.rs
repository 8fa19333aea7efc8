use clap::Parser;
use serde_json::Value as Json;

use super::compared::Event;
use super::curve::Curve;
use super::*;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn parsed(line: &str) -> Result<Args, clap::Error> {
    let words = std::iter::once("link").chain(line.split_whitespace());
    Command::try_parse_from(words).map(|command| command.args)
}

fn args(line: &str) -> Args {
    parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn setup(line: &str) -> Setup {
    args(line).inputs().unwrap().setup().unwrap()
}

/// The text and the JSON of one link.
fn report(line: &str) -> (String, Json) {
    let inputs = args(line).inputs().unwrap();
    let setup = inputs.setup().unwrap();
    let proofs = (inputs.lgg().unwrap(), inputs.composable().unwrap());
    let report = LinkReport::with_proofs(&setup.link, proofs.0, proofs.1);
    let rates = Rating::of(&inputs).rates(&inputs).unwrap();
    let notes = notes(&inputs, &setup, &report);
    let headline = text::summary(&inputs, &report);
    (
        text::link(&inputs, &setup, &report, &rates, &notes),
        json::link(&inputs, &setup, &report, &rates, &headline, &notes),
    )
}

fn compared(line: &str) -> (Inputs, Compared) {
    let args = args(line);
    let inputs = args.inputs().unwrap();
    let rating = Rating::of(&inputs);
    let compared = Compared::of(args.sweep.unwrap(), &inputs, &rating).unwrap();
    (inputs, compared)
}

#[test]
fn every_input_that_is_shown_can_be_set() {
    let (_, json) = report(
        "--km 20 --db-per-km 0.21 --connectors 2 --baud 2e6 --overhead 0.1 --modulation 5 \
         --excess-noise 0.02 --detection heterodyne --eta 0.7 --v-el 0.05 --untrusted --beta 0.9 \
         --fer 0.2 --block 1e9 --estimation 0.5 --proof composable --epsilon 1e-9",
    );
    for (key, value) in [
        ("fibre_km", 20.0),
        ("attenuation_db_per_km", 0.21),
        ("joints_db", 0.6),
        ("symbol_rate_baud", 2e6),
        ("overhead_share", 0.1),
        ("modulation_variance_snu", 5.0),
        ("excess_noise_snu", 0.02),
        ("receiver_efficiency", 0.7),
        ("electronic_noise_snu", 0.05),
        ("reconciliation_efficiency", 0.9),
        ("frame_error_rate", 0.2),
        ("block_symbols", 1e9),
        ("epsilon", 1e-9),
    ] {
        assert_eq!(json["link"][key].as_f64(), Some(value), "{key}");
    }
    for (key, text) in [
        ("detection", "heterodyne"),
        ("receiver_trust", "untrusted receiver"),
        ("estimation", "50 % of the block disclosed"),
        ("proof", "composable, collective attacks"),
    ] {
        assert_eq!(json["link"][key], text, "{key}");
    }
}

#[test]
fn a_longer_block_gives_key_where_the_default_gives_none() {
    let (text, _) = report("--km 75");
    assert!(text.contains("key needs 2.1e8 symbols"), "{text}");
    assert!(text.contains("longest link with key has 67 km"), "{text}");
    let (_, json) = report("--km 75 --block 1e9");
    assert!(json["link"]["supply_average_bit_s"].as_f64() > Some(0.0));
}

#[test]
fn the_noise_that_ends_key_is_that_of_the_block() {
    let key = |snu: f64| {
        let (_, json) = report(&format!("--excess-noise {snu} --modulation 4.6"));
        let link = &json["link"];
        let tolerable = link["finite_tolerable_excess_noise_snu"].as_f64();
        (
            tolerable.unwrap(),
            link["supply_average_bit_s"].as_f64().unwrap(),
        )
    };
    let (tolerable, _) = key(0.01);
    assert!((0.066..0.068).contains(&tolerable), "{tolerable}");
    assert!(key(tolerable - 0.001).1 > 0.0);
    assert_eq!(key(tolerable + 0.001).1, 0.0);
}

#[test]
fn the_headline_names_the_proof_and_has_the_composable_and_the_untrusted_rate_beside_it() {
    let (_, json) = report("");
    let headline = json["headline"].as_str().unwrap();
    for words in [
        "11.56 kbit/s (LGG 2010, trusted receiver)",
        "composable bound of the same block: 1.55 kbit/s",
        "untrusted receiver, LGG 2010: no key",
    ] {
        assert!(headline.contains(words), "{headline}");
    }
    let (_, json) = report("--proof composable");
    let headline = json["headline"].as_str().unwrap();
    for words in [
        "1.55 kbit/s (composable, trusted",
        "LGG 2010 of the same block: 11.56 kbit/s",
    ] {
        assert!(headline.contains(words), "{headline}");
    }
}

#[test]
fn negative_values_are_refused_with_their_range() {
    for input in [
        "km",
        "excess-noise",
        "beta",
        "modulation",
        "eta",
        "v-el",
        "fer",
        "overhead",
    ] {
        let args = args(&format!("--{input} -0.5"));
        let error = args.inputs.setup().unwrap_err().to_string();
        assert!(error.contains("is -0.5"), "{input}: {error}");
    }
    for line in ["--block -1", "--estimation -1", "--drift -1"] {
        assert!(parsed(line).is_err(), "{line}");
    }
}

#[test]
fn an_unsuited_modulation_is_named_as_the_reason() {
    let (text, _) = report("--modulation 0.001");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("a modulation variance V_A of 0.001 SNU gives no key"),
        "{text}"
    );
    assert!(
        text.contains("use a V_A of 4.6234 SNU, which gives key"),
        "{text}"
    );
}

#[test]
fn a_modulation_at_the_limit_of_the_search_is_noted() {
    for line in ["--km 0", "--km 0 --beta 1"] {
        let (text, _) = report(line);
        assert!(
            text.contains("V_A 1000 SNU is the limit of the search"),
            "{line}"
        );
        assert!(text.contains("no code is shown to reach it"), "{line}");
    }
    assert!(
        !report("--km 0 --modulation 1000")
            .0
            .contains("limit of the search")
    );
}

#[test]
fn json_has_numbers_and_reasons() {
    let (text, json) = report("--km 0 --excess-noise 2");
    let eigenvalues = json["link"]["symplectic_eigenvalues"].as_array().unwrap();
    assert!(eigenvalues.len() == 5 && eigenvalues.iter().all(Json::is_f64));
    assert!(json["link"]["repeaterless_bound_bit"].is_null());
    let reason = &json["reasons"]["repeaterless_bound_bit"];
    assert_eq!(reason, "a line without loss has no bound");
    assert!(json["link"]["no_key"].is_string());
    assert!(
        text.lines()
            .all(|line| !line.ends_with(") bit/symbol") && line.len() <= 80)
    );
}

#[test]
fn one_input_leaves_the_others_of_the_preset() {
    let preset = setup("--preset zhang-2020-49km").link;
    let link = setup("--preset zhang-2020-49km --modulation 5").link;
    assert_eq!(link.source.overhead_share(), preset.source.overhead_share());
    let link = setup("--preset zhang-2020-49km --detection heterodyne").link;
    assert_eq!(link.receiver.trust(), preset.receiver.trust());
    assert_eq!(link.source, preset.source);
    let best = setup("--preset zhang-2020-49km --modulation best");
    assert!(best.best_modulation && best.link.source != preset.source);
    let moon = args("--preset moon").inputs().unwrap_err();
    assert!(
        moon.contains("metro-50km") && moon.contains("zhang-2020-49km"),
        "{moon}"
    );
}

#[test]
fn a_city_fibre_and_data_channels_cost_key() {
    let bit_s = |line: &str| Supply::of(&setup(line).link).average_bit_s;
    let plain = bit_s("--km 20");
    let city = setup("--km 20 --splices 4 --connectors 2 --patch-panels 1").link;
    assert!((city.fibre.loss_db() - 5.4).abs() < 1e-12);
    assert!(Supply::of(&city).average_bit_s < plain);
    let [one, ten] = [0, 10].map(|dbm| bit_s(&format!("--km 20 --shared-dbm {dbm}")));
    assert!(ten < one && one < plain, "{ten} {one} {plain}");
    assert!(bit_s("--km 20 --shared-dbm 10 --band s1500") > ten);
    let (text, json) = report("--km 20 --shared-dbm 0 --drift 0.5");
    assert!(
        text.contains("of which Raman noise") && text.contains("50 % more noise"),
        "{text}"
    );
    assert!(json["raman_snu"].as_f64() > Some(0.0));
}

#[test]
fn a_line_full_of_data_channels_gives_no_key_and_is_no_mistake() {
    let (text, json) = report("--km 150 --shared-dbm 20");
    assert!(text.contains("more excess noise than 10 SNU"), "{text}");
    assert!(json["link"]["no_key"].is_string() && json["raman_snu"].as_f64() > Some(10.0));
    let (_, compared) = compared("--sweep km=100..200/50 --shared-dbm 20 --budget");
    assert!(compared.points.iter().all(|point| point.no_key.is_some()));
}

#[test]
fn the_budget_makes_the_excess_noise() {
    let setup = setup("--budget --linewidth 1e3 --adc-bits 8 --shared-dbm 0 --nep 5e-12");
    let budget = setup.budget.unwrap();
    assert_eq!(budget.sum_snu(), setup.link.excess_noise.snu());
    let electronic = setup.link.receiver.electronic_noise_snu();
    assert_eq!(budget.electronic_noise_snu, electronic);
    assert!((electronic - 0.0195).abs() < 1e-4, "{electronic}");
    let (text, json) = report("--budget");
    assert!(
        text.contains("residual phase") && text.contains("dark fibre"),
        "{text}"
    );
    let items = json["budget"]["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["at_input_snu"].is_f64()) && items.len() == 8);
    assert!(
        parsed("--adc-bits 8").is_err(),
        "an input of the budget without it"
    );
    assert!(parsed("--budget --excess-noise 0.1").is_err());
}

#[test]
fn a_sweep_has_its_ends_and_its_step() {
    let values = |text: &str| text.parse::<Sweep>().unwrap().values;
    assert_eq!(values("km=0..20/5"), [0.0, 5.0, 10.0, 15.0, 20.0]);
    assert_eq!(values("km=0..12/5"), [0.0, 5.0, 10.0, 12.0]);
    let blocks = values("block=1e6..1e9/10");
    assert_eq!(blocks.len(), 4);
    assert!((blocks[1] / 1e7 - 1.0).abs() < 1e-9);
    assert_eq!(values("beta=0.8..0.99").len(), 151);
    for wrong in [
        "km",
        "km=5",
        "km=5..1",
        "km=0..9/0",
        "km=0..1e9/1",
        "moon=1..2",
        "km=a..b",
        "block=1e6..1e9/1",
        "block=0..1e9",
        "km=0..inf",
    ] {
        let error = wrong.parse::<Sweep>().unwrap_err();
        assert!(!error.is_empty(), "{wrong}");
    }
    assert_eq!(
        args("").inputs.without_effect(input::Input::AdcBits),
        Some("add --budget")
    );
}

/// The reference names 15 to 24 km with nanowires, and 54 to 81 km with photodiodes.
#[test]
fn crossovers_with_bb84_are_those_of_the_reference() {
    let line = "--preset modern-llo-50km --excess-noise 0.005 --sweep km=0..150/5";
    let (_, compared) = compared(line);
    let at = |winner, loser| {
        let event = Event::Above(winner, loser);
        let mut found = compared
            .crossovers
            .iter()
            .filter(|found| found.event == event);
        let at = found.next().unwrap_or_else(|| panic!("{event}")).at;
        assert_eq!(found.next(), None);
        at
    };
    let nanowires = at(Curve::Nanowires, Curve::CvLgg);
    assert!((15.0..24.0).contains(&nanowires), "{nanowires}");
    let photodiodes = at(Curve::Photodiodes, Curve::CvLgg);
    assert!((54.0..81.0).contains(&photodiodes), "{photodiodes}");
    let composable = at(Curve::Demand, Curve::CvComposable);
    assert!(composable < at(Curve::Demand, Curve::CvLgg));
}

#[test]
fn a_sweep_is_text_json_and_a_chart() {
    for line in [
        "--sweep km=0..100/10",
        "--sweep block=1e7..1e10/10 --km 40 --encryptors 20 --interval 1s",
        "--sweep excess-noise=0..0.2/0.02 --proof composable",
        "--sweep km=0..60/20 --budget --constellation qpsk",
    ] {
        let (inputs, compared) = compared(line);
        let text = text::sweep(&inputs, &compared, &[]);
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let json = json::sweep(&inputs, &compared, &[]);
        let points = json["points"].as_array().unwrap();
        assert_eq!(points.len(), compared.points.len());
        assert!(
            points
                .iter()
                .all(|point| point["rates_bit_s"]["cv_lgg"].is_f64())
        );
        assert!(json["demand"]["bit_s"].as_f64() > Some(0.0));
        let chart = chart::draw(&inputs, &compared);
        roxmltree::Document::parse(&chart).unwrap();
        assert!(chart.contains("prefers-color-scheme: dark"));
        assert!(!chart.contains("NaN") && !chart.contains("inf\""), "{line}");
        for crossover in &compared.crossovers {
            let found = crossover.to_string();
            assert!(json["crossovers"].to_string().contains(&found), "{found}");
            let first = found.split(' ').next().unwrap();
            assert!(chart.contains(first), "{found}");
        }
        assert!(!compared.crossovers.is_empty(), "{line}");
    }
}

#[test]
fn rates_equal_the_report_of_the_link() {
    let (_, json) = report("--km 40 --encryptors 10 --interval 1s --epsilon 1e-12");
    for (curve, key) in [
        ("cv_asymptotic", "asymptotic_key_rate_bit_s"),
        ("cv_lgg", "beside_lgg_trusted_bit_s"),
        ("cv_composable", "beside_composable_trusted_bit_s"),
    ] {
        assert_eq!(json["rates_bit_s"][curve], json["link"][key], "{curve}");
    }
    assert_eq!(json["rates_bit_s"]["demand"], 5120.0);
}
