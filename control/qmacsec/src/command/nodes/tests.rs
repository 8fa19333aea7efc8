use network::Accounts;
use node::{LinkReport, NodeReport, PairReport};

use super::text;

#[test]
fn the_text_has_a_line_for_each_link_and_pair_with_the_reason_for_missing_keys() {
    let pair = PairReport {
        to: "south".to_owned(),
        stock: 3,
        delivered: 9,
        paths: vec![vec![
            "north".to_owned(),
            "east".to_owned(),
            "south".to_owned(),
        ]],
        ..PairReport::default()
    };
    let without = PairReport {
        to: "west".to_owned(),
        without_keys: Some("no path leads to the target's node".to_owned()),
        ..PairReport::default()
    };
    let link = LinkReport {
        name: "north-east".to_owned(),
        state: "up".to_owned(),
        rate_bit_s: 12_340.0,
        accounts: Accounts {
            relayed: 512,
            authentication: 256,
            left: 1000,
            ..Accounts::default()
        },
        ..LinkReport::default()
    };
    let report = NodeReport {
        node: "north".to_owned(),
        topology: "ring-4".to_owned(),
        links: vec![link],
        pairs: vec![pair, without],
        ..NodeReport::default()
    };
    let text = text(&report);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, words) in [
        (1, "12.3 kbit/s        1000 bits left         768 used"),
        (
            2,
            "3 in stock        9 delivered      0 voided  north - east - south",
        ),
        (3, "no keys: no path leads to the target's node"),
    ] {
        assert!(lines[line].contains(words), "{}", lines[line]);
    }
}
