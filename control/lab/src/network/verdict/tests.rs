use std::time::Duration;

use network::Accounts;
use network::NodeId;
use network::topology::Topology;
use node::{AccountReport, InterworkingReport, NodeReport};
use serde_json::Value;

use super::super::books::{Books, LinkBooks};
use super::super::tally::{PairTally, Tally};
use super::{Evidence, Layout, Verdict};

fn judged(change: impl FnOnce(&mut Evidence<'_>)) -> Verdict {
    let topology = Topology::built_in("line-3").unwrap();
    let layout = Layout::of(&topology);
    let pair = |from, to| {
        let mut pair = PairTally::new(NodeId(from), NodeId(to));
        (pair.demanded, pair.delivered) = (2, 2);
        pair.latencies_ms = vec![1.0, 2.0];
        let path = ["left", "middle", "right"].map(str::to_owned).to_vec();
        pair.paths.insert(vec![path], 2);
        pair
    };
    let books = LinkBooks {
        accounts: Accounts::default(),
        problem: None,
    };
    let mut evidence = Evidence {
        topology: &topology,
        layout: &layout,
        tally: Tally::of(vec![pair(0, 2), pair(2, 0)]),
        books: Books {
            links: vec![books.clone(), books],
            borders: Vec::new(),
        },
        reports: vec![None, None, None],
        duration: Duration::from_secs(6),
        stopped_before: None,
        cpu: [Duration::from_secs(3), Duration::ZERO],
        faults: Vec::new(),
    };
    change(&mut evidence);
    Verdict::of(evidence)
}

#[test]
fn the_document_has_a_pair_for_both_directions_and_each_link() {
    let verdict = judged(|_| ());
    assert!(verdict.passes());
    let document: Value = serde_json::to_value(&verdict).unwrap();
    let expected = serde_json::json!({
        "a": "left", "b": "right", "demanded": 4, "delivered": 4, "missed": 0, "voided": 0,
        "hops": 2, "latency_ms": { "p50": 2.0, "p99": 2.0 },
        "paths": [["left", "middle", "right"]],
    });
    assert_eq!(document["pairs"], serde_json::json!([expected]));
    assert_eq!(document["links"][1]["b"], "right");
    assert_eq!(document["books_closed"], true);
    assert_eq!(document.get("interworking"), None);
    assert!(
        verdict
            .text()
            .starts_with("PASS\n  4 keys delivered in 6.0 s")
    );
    assert!(
        verdict.text().contains("processor time: 0.50 cores"),
        "{}",
        verdict.text()
    );
}

#[test]
fn the_document_has_the_books_of_interworking_nodes() {
    let account = AccountReport {
        taken: 2,
        released: 1,
        held: 1,
        ..AccountReport::default()
    };
    let report = NodeReport {
        node: "gate.east".to_owned(),
        interworking: Some(InterworkingReport {
            sent: account,
            received: AccountReport::default(),
        }),
        ..NodeReport::default()
    };
    let verdict = judged(|evidence| evidence.reports[1] = Some(report));
    let document: Value = serde_json::to_value(&verdict).unwrap();
    let one = &document["interworking"][0];
    assert_eq!(
        (&one["kme"], &one["sent"]["released"]),
        (&"gate.east".into(), &1.into())
    );
}

#[test]
fn each_kind_of_failure_is_a_reason() {
    type Change = fn(&mut Evidence<'_>);
    let cases: [(Change, &str); 8] = [
        (
            |e| e.tally.pairs[1].missed = 1,
            "right -> left: 1 keys missed",
        ),
        (
            |e| e.books.links[1].problem = Some("open".to_owned()),
            "link middle-right: open",
        ),
        (
            |e| e.books.borders.push("gate.east has kept a key".to_owned()),
            "gate.east has kept a key",
        ),
        (
            |e| e.tally.delivered_twice = 1,
            "1 keys were delivered twice",
        ),
        (
            |e| e.tally.delivered_to_others = 2,
            "2 keys were delivered to an SAE",
        ),
        (
            |e| e.tally.different_bits = 3,
            "3 deliveries had different bits",
        ),
        (
            |e| e.stopped_before = Some(Duration::from_secs(60)),
            "stopped early: 6.0s of 60s",
        ),
        (
            |e| e.tally.pairs.iter_mut().for_each(|pair| pair.delivered = 0),
            "no key was delivered",
        ),
    ];
    for (change, reason) in cases {
        let verdict = judged(change);
        assert!(!verdict.passes());
        let text = verdict.text();
        assert!(
            text.starts_with("FAIL\n") && text.contains(reason),
            "{text}"
        );
    }
}
