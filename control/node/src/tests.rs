use super::map::Map;

#[test]
fn a_map_needs_a_node_of_the_topology() {
    let topology = network::topology::Topology::built_in("ring-4").unwrap();
    assert!(Map::of(topology.clone(), "north").is_some());
    assert!(Map::of(topology, "moon").is_none());
}
