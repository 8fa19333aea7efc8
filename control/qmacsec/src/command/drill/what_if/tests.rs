use super::*;

fn known_with(name: &str, nodes: &[&str]) -> [(u64, u64); 2] {
    let topology = Topology::built_in(name).unwrap();
    let sites: Vec<_> = node::sites(&topology)
        .map(|site| sae_of(topology.node_name(site)))
        .collect();
    let mut keys = BTreeMap::new();
    for from in &sites {
        for to in sites.iter().filter(|to| *to != from) {
            keys.insert((from.as_str(), to.as_str()), 1);
        }
    }
    let nodes: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    what_if(&topology, &keys, &nodes).map(|case| (case.keys_known, case.keys_without_paths))
}

#[test]
fn a_single_relay_knows_keys_of_one_path_and_none_of_two() {
    let ring = Topology::built_in("ring-4").unwrap();
    for node in ring.nodes() {
        let [one, two] = known_with("ring-4", &[&node.name]);
        assert!(
            one.0 <= 4 && two == (0, 0),
            "{}: {one:?}, {two:?}",
            node.name
        );
    }
    // The other two sites of the ring: both paths between them are owned.
    let names: Vec<_> = ring.nodes().iter().map(|node| node.name.as_str()).collect();
    assert_eq!(known_with("ring-4", &[names[0], names[2]])[1], (2, 0));
    // A relay that every path passes.
    assert_eq!(known_with("line-3", &["middle"]), [(2, 0), (0, 2)]);
}

#[test]
fn an_interworking_node_knows_keys_of_one_path_and_of_two() {
    let [one, two] = known_with("two-domains", &["gate.east"]);
    assert!(one.0 > 0 && two.0 > 0 && two.1 == 0, "{one:?}, {two:?}");
    let [_, two] = known_with("two-domains", &["library"]);
    assert_eq!(two, (0, 0));
}
