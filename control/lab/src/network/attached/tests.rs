use std::time::Duration;

use super::Choice;

const INTERVAL: Duration = Duration::from_secs(3);

#[test]
fn the_lab_takes_the_named_sites_or_those_with_the_most_relays_between() {
    let names = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
    let far = Choice::of("metro-12", None, INTERVAL).unwrap();
    let [a, b] = far.sites;
    let hops = far
        .topology
        .graph()
        .cheapest(a, b, |_| Some(1))
        .unwrap()
        .hops();
    assert!(hops >= 4, "{:?}: {hops}", far.names());
    let path = ["castle", "airport", "mint"].map(str::to_owned);
    let slowest = far.rate_bit_s(&path);
    assert!(slowest > 0.0 && slowest <= far.rate_bit_s(&path[1..]));
    let named = names("castle", "mint");
    let near = Choice::of("metro-12", Some(&named), INTERVAL).unwrap();
    assert_eq!(near.names(), named);
    let error = |choice: Result<Choice, String>| choice.err().unwrap();
    let unknown = Choice::of("line-3", Some(&names("left", "moon")), INTERVAL);
    assert_eq!(
        error(unknown),
        "--sites moon: no such site; fix: one of left, right"
    );
    let relay = Choice::of("line-3", Some(&names("left", "middle")), INTERVAL);
    assert!(error(relay).contains("wants no keys for this pair"));
}

#[test]
fn only_a_relay_of_the_network_may_be_killed() {
    let choice = Choice::of("line-3", None, INTERVAL).unwrap();
    assert!(choice.spare("middle").is_ok());
    assert!(
        choice
            .spare("left")
            .unwrap_err()
            .contains("an encryptor is there")
    );
    assert!(
        choice
            .spare("moon")
            .unwrap_err()
            .contains("no such node; fix: a, b, or one of")
    );
}
