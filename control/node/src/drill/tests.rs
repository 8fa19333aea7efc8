use serde_json::json;

use super::*;
use crate::ledger::NodeLedger;

fn batch(name: &str, ends: [&str; 2], paths: &[&[&str]], keys: &[&str]) -> Batch {
    Batch {
        batch: name.to_owned(),
        initiator: format!("sae-{}", ends[0]),
        target: format!("sae-{}", ends[1]),
        keys: keys.iter().map(ToString::to_string).collect(),
        passport: json!({ "paths": paths.iter().map(|nodes| json!({ "nodes": nodes })).collect::<Vec<_>>() }),
    }
}

fn delivered(to: &str, keys: &[&str]) -> Entry {
    Entry::Delivered {
        to: to.to_owned(),
        peer: String::new(),
        keys: keys.iter().map(ToString::to_string).collect(),
    }
}

fn relayed(keys: &[&str], share: (u8, u8)) -> Entry {
    Entry::Relayed {
        batch: String::new(),
        share,
        from: String::new(),
        to: String::new(),
        keys: keys.iter().map(ToString::to_string).collect(),
    }
}

/// Two keys from a to d by b, one over both b and c.
fn network(change: impl Fn(&str, &mut Vec<Entry>)) -> Ledgers {
    let folder = tempfile::tempdir().unwrap();
    let one = batch("1", ["a", "d"], &[&["a", "b", "d"]], &["k1", "k2"]);
    let two = batch(
        "2",
        ["a", "d"],
        &[&["a", "b", "d"], &["a", "c", "d"]],
        &["k3"],
    );
    let all = ["k1", "k2", "k3"];
    let nodes = [
        (
            "a",
            vec![
                Entry::Stocked(one.clone()),
                Entry::Stocked(two.clone()),
                delivered("sae-a", &all),
            ],
        ),
        (
            "b",
            vec![relayed(&["k1", "k2"], (1, 1)), relayed(&["k3"], (1, 2))],
        ),
        ("c", vec![relayed(&["k3"], (2, 2))]),
        (
            "d",
            vec![Entry::Held(one), Entry::Held(two), delivered("sae-d", &all)],
        ),
    ];
    for (name, mut entries) in nodes {
        change(name, &mut entries);
        let path = folder.path().join(format!("{name}{SUFFIX}"));
        let mut ledger = NodeLedger::open(&path, name).unwrap();
        entries.into_iter().for_each(|entry| ledger.append(entry));
    }
    Ledgers::read(folder.path()).unwrap()
}

fn known(ledgers: &Ledgers, nodes: &[&str]) -> [u64; 3] {
    let nodes: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    let drill = ledgers.drill(&nodes).unwrap();
    assert_eq!(drill.keys, 3);
    [
        drill.keys_of_owned_sites,
        drill.keys_known,
        drill.keys_with_one_share_known,
    ]
}

#[test]
fn a_relay_knows_keys_of_one_path_and_two_relays_those_of_two() {
    let ledgers = network(|_, _| {});
    assert_eq!(ledgers.findings(), (&[][..], 0));
    assert_eq!(ledgers.keys_delivered(), 3);
    assert_eq!(known(&ledgers, &["b"]), [0, 2, 1]);
    assert_eq!(known(&ledgers, &["c"]), [0, 0, 1]);
    assert_eq!(known(&ledgers, &["b", "c"]), [0, 3, 0]);
    assert_eq!(known(&ledgers, &["a"]), [3, 0, 0]);
    let drill = ledgers.drill(&["b".to_owned()]).unwrap();
    assert_eq!((drill.pairs.len(), drill.pairs[0].keys), (1, 2));
    let error = ledgers.drill(&["e".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("a, b, c, d"), "{error}");
}

#[test]
fn an_encryptor_must_have_the_passport_of_the_nodes() {
    let ledgers = network(|_, _| {});
    let passport = r#"{"paths":[{"nodes":["a","b","d"]}]}"#;
    assert_eq!(ledgers.check_use("k1", Some(passport)), Ok(()));
    assert!(ledgers.check_use("k1", None).is_err());
    assert!(ledgers.check_use("k3", Some(passport)).is_err());
    assert!(ledgers.check_use("k9", Some(passport)).is_err());
}

#[test]
fn contradictions_between_the_ledgers_are_found() {
    type Change = fn(&str, &mut Vec<Entry>);
    let cases: [(Change, &str); 4] = [
        (
            |name, entries| {
                if name == "d" {
                    entries.push(delivered("sae-d", &["k1"]));
                }
            },
            "2 times",
        ),
        (
            |name, entries| {
                if name == "c" {
                    entries.push(delivered("sae-c", &["k1"]));
                }
            },
            "no end",
        ),
        (
            |name, entries| {
                if name == "c" {
                    entries.push(relayed(&["k1"], (1, 1)));
                }
            },
            "does not say so",
        ),
        (
            |name, entries| {
                if name == "b" {
                    entries.remove(0);
                }
            },
            "does not have it",
        ),
    ];
    for (change, words) in cases {
        let ledgers = network(change);
        let (findings, _) = ledgers.findings();
        assert!(
            findings.iter().any(|finding| finding.contains(words)),
            "{words}: {findings:?}"
        );
    }
}

/// A key from a by the interworking node g to z, in two domains.
fn two_domains(change: impl Fn(&str, &mut Entry)) -> Ledgers {
    let path = |nodes: &[&str]| json!([{ "nodes": nodes }]);
    let (west, east) = (path(&["a", "b", "g.west"]), path(&["g.east", "y", "z"]));
    let batch = |passport| Batch {
        passport,
        ..batch("1", ["a", "z"], &[], &["k1"])
    };
    let entries = [
        (
            "a",
            Entry::Stocked(batch(
                json!({ "paths": west, "neighbour": { "paths": east } }),
            )),
        ),
        ("a", delivered("sae-a", &["k1"])),
        ("b", relayed(&["k1"], (1, 1))),
        ("g.west", Entry::HandedOver(batch(json!({ "paths": west })))),
        ("g.east", Entry::Carried(batch(json!({ "paths": east })))),
        ("y", relayed(&["k1"], (1, 1))),
        (
            "z",
            Entry::Held(batch(
                json!({ "paths": east, "neighbour": { "paths": west } }),
            )),
        ),
        ("z", delivered("sae-z", &["k1"])),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, mut entry) in entries {
        change(name, &mut entry);
        let path = folder.path().join(format!("{name}{SUFFIX}"));
        NodeLedger::open(&path, name).unwrap().append(entry);
    }
    Ledgers::read(folder.path()).unwrap()
}

#[test]
fn a_key_between_two_domains_is_known_on_its_whole_way() {
    let ledgers = two_domains(|_, _| {});
    assert_eq!(ledgers.findings(), (&[][..], 0));
    let drill = |node: &str| {
        let drill = ledgers.drill(&[node.to_owned()]).unwrap();
        (drill.keys_of_owned_sites, drill.keys_known)
    };
    for node in ["b", "g", "g.west", "g.east", "y"] {
        assert_eq!(drill(node), (0, 1), "{node}");
    }
    assert_eq!([drill("a"), drill("z")], [(1, 0), (1, 0)]);
    let of_a = r#"{"paths":[{"nodes":["a","b","g.west"]}],
        "neighbour":{"paths":[{"nodes":["g.east","y","z"]}]}}"#;
    let of_z = r#"{"paths":[{"nodes":["g.east","y","z"]}],
        "neighbour":{"paths":[{"nodes":["a","b","g.west"]}]}}"#;
    assert_eq!(ledgers.check_use("k1", Some(of_a)), Ok(()));
    assert_eq!(ledgers.check_use("k1", Some(of_z)), Ok(()));
    let ledgers = two_domains(|name, entry| {
        if name == "g.east" {
            *entry = Entry::End;
        }
    });
    let (findings, _) = ledgers.findings();
    assert!(findings[0].contains("names g.east"), "{findings:?}");
}
