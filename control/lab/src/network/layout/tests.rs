use super::*;

#[test]
fn each_domain_of_an_interworking_node_has_a_kme_and_links_of_its_own() {
    let topology = Topology::built_in("two-domains").unwrap();
    let layout = Layout::of(&topology);
    let names: Vec<_> = layout.kmes().iter().map(|kme| kme.name.as_str()).collect();
    assert_eq!(
        (names.len(), &names[7..10]),
        (12, &["market", "gate.east", "gate.west"][..])
    );
    let named = |name| layout.named(&topology, name);
    assert_eq!(named("gate"), [KmeId(8), KmeId(9)]);
    assert_eq!(named("gate.west"), [KmeId(9)]);
    assert_eq!(named("ferry"), [KmeId(6)]);
    assert_eq!((named("moon"), named("ferry.east")), (vec![], vec![]));
    assert_eq!(layout.at(NodeId(6)), Some(KmeId(6)));
    let beside = [6, 8, 9].map(|kme| layout.neighbour_domain(KmeId(kme)));
    assert_eq!(beside, [None, Some(KmeId(9)), Some(KmeId(8))]);
    for (link, whole) in topology.link_ids().zip(topology.links()) {
        let ([a, b], number) = layout.link(link).unwrap();
        let network = layout.network(a).unwrap();
        assert_eq!(layout.network(b), Some(network));
        let inside = &network.links()[number.index()];
        assert_eq!(inside.spec, whole.spec);
        for (kme, node) in [(a, inside.ends.0), (b, inside.ends.1)] {
            assert_eq!(layout.kmes()[kme.0].name, network.node_name(node));
        }
    }
}

#[test]
fn a_network_of_one_domain_keeps_its_numbers() {
    let topology = Topology::built_in("metro-12").unwrap();
    let layout = Layout::of(&topology);
    for (node, kme) in topology.node_ids().zip(layout.kmes()) {
        assert_eq!((kme.node, &*kme.name), (node, topology.node_name(node)));
    }
    for (link, whole) in topology.link_ids().zip(topology.links()) {
        let (a, b) = whole.ends;
        let ends = [a, b].map(|end| KmeId(end.index()));
        assert_eq!(layout.link(link), Some((ends, link)));
    }
}
