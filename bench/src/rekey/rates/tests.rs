use super::*;
use crate::fixture::{keys, parse};
use crate::rekey::cores::Cores;

fn of(arm: &'static str, lower: f64) -> Rates {
    let bounds = Bounds {
        lower,
        upper: 1.05 * lower,
    };
    Rates {
        port: PortKind::Mem,
        size: FrameSize::Octets(512),
        arm,
        no_drop: bounds,
        partial: bounds,
    }
}

#[test]
fn each_arm_has_its_line_and_its_place_in_the_json() {
    let mut out = String::new();
    let rates = [of(XPN_256, 500_000.0), of("no-op", 750_000.0)];
    table(&mut out, &rates);
    for words in ["xpn-256 0.5000 0.5250 2.048", "no-op 0.7500 0.7875 3.072"] {
        let found = out.lines().any(|line| {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            line.starts_with(&format!("mem 512 {words}"))
        });
        assert!(found, "{words} in {out}");
    }
    let json = serde_json::to_value(JsonRates::from(&rates[1])).unwrap();
    assert_eq!(
        keys(&json),
        ["arm", "ndr_gbit_s", "ndr_mpps", "pdr_mpps", "port", "size"]
    );
    assert_eq!(json["ndr_mpps"], 0.75);
}

#[test]
fn a_rate_that_is_given_is_not_searched() {
    let options = parse("--rate 40000 --arms no-op").unwrap();
    let plan = Plan::new(&options);
    let place = Place::memory(Cores::default());
    let rates = ours(&plan, &place, PortKind::Mem, FrameSize::Imix).unwrap();
    assert_eq!(
        (rates.no_drop.lower, rates.partial.upper),
        (40_000.0, 40_000.0)
    );
    assert_eq!(plan.searched_arms().count(), 0);
}
