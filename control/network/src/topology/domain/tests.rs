use std::time::Duration;

use super::*;

fn two_domains() -> Topology {
    Topology::built_in("two-domains").expect("built in")
}

fn names(topology: &Topology) -> Vec<&str> {
    let nodes = topology.nodes().iter();
    nodes.map(|node| node.name.as_str()).collect()
}

#[test]
fn a_topology_of_one_domain_is_its_own_network() {
    for name in ["metro-12", "line-3"] {
        let whole = Topology::built_in(name).expect(name);
        assert_eq!(whole.domains(), ["main"]);
        let own = whole.domain("main").expect("its domain");
        assert_eq!((&own, own.digest()), (&whole, whole.digest()));
        let node = whole.node_name(NodeId(0));
        assert_eq!(whole.of_node(node), Some(own));
        assert_eq!(whole.kmes(NodeId(0)), [node]);
        assert!(whole.foreign().is_empty() && whole.crossing_pairs().is_empty());
        assert_eq!(whole.neighbour_kme(node), None);
        assert_eq!((whole.domain("east"), whole.of_node("moon")), (None, None));
    }
}

#[test]
fn a_domain_has_its_nodes_links_and_demand() {
    let whole = two_domains();
    assert_eq!(whole.domains(), ["west", "east"]);
    let east = whole.domain("east").expect("a domain");
    let sites = ["lighthouse", "shipyard", "ferry", "market"];
    assert_eq!(
        names(&east),
        [&sites[..], &["gate.east", "weir.east"]].concat()
    );
    assert_eq!(
        (east.name(), east.domains()),
        ("two-domains.east", vec!["east"])
    );
    assert_eq!((east.links().len(), east.demand().pairs.len()), (8, 6));
    let link = &east.links()[4];
    assert_eq!((link.ends, link.spec.km), ((NodeId(4), NodeId(0)), 22.0));
    assert_eq!(east.link_domain(LinkId(4)), "east");
    assert_eq!(east.demand().interval, whole.demand().interval);

    let foreign: Vec<_> = east.foreign().iter().map(|one| one.site.as_str()).collect();
    assert_eq!(foreign, ["townhall", "library", "arsenal", "theatre"]);
    assert_eq!(east.foreign()[0].domain, "west");
    assert_eq!(east.foreign()[0].gates, [NodeId(4), NodeId(5)]);
    let pairs: BTreeSet<_> = east.crossing_pairs().iter().copied().collect();
    let all = (0..4).flat_map(|own| (0..4).map(move |other| (NodeId(own), other)));
    assert_eq!((pairs, east.crossing_pairs().len()), (all.collect(), 16));
    // The domain of a domain is itself.
    assert_eq!(east.domain("east").as_ref(), Some(&east));
    assert!(east.graph().cut_nodes().is_empty());
}

#[test]
fn each_kme_of_an_interworking_node_has_its_network_and_its_neighbour() {
    let whole = two_domains();
    let gate = whole.node("gate").expect("a node");
    assert_eq!(whole.kmes(gate), ["gate.east", "gate.west"]);
    let west = whole.domain("west").expect("a domain");
    assert_eq!(whole.of_node("gate.west").as_ref(), Some(&west));
    assert_eq!(whole.of_node("townhall").as_ref(), Some(&west));
    assert_eq!(west.of_node("gate.west").as_ref(), Some(&west));
    for topology in [&whole, &west] {
        assert_eq!(
            topology.neighbour_kme("gate.west").as_deref(),
            Some("gate.east")
        );
        for none in ["gate", "gate.north", "townhall", "townhall.west"] {
            assert_eq!(topology.neighbour_kme(none), None, "{none}");
        }
    }
    for none in ["gate", "gate.north", "townhall.west", "moon"] {
        assert_eq!(whole.of_node(none), None, "{none}");
    }
}

#[test]
fn the_demand_across_domains_is_part_of_the_digest() {
    let whole = two_domains();
    let east = whole.domain("east").expect("a domain");
    assert_ne!(
        east.digest(),
        whole.domain("west").expect("a domain").digest()
    );
    let digest = |change: fn(&mut Part)| {
        let mut changed = east.clone();
        change(changed.part.as_mut().expect("a domain of two"));
        changed.digest()
    };
    assert_eq!(digest(|_| ()), east.digest());
    let changes: [fn(&mut Part); 5] = [
        |part| part.domain.push('x'),
        |part| part.foreign[0].site.push('x'),
        |part| part.foreign[0].domain.push('x'),
        |part| part.foreign[0].gates.truncate(1),
        |part| part.crossing_pairs.truncate(15),
    ];
    for change in changes {
        assert_ne!(digest(change), east.digest());
    }
    // The interval is the same before and after.
    let sooner = Duration::from_secs(1);
    let [before, after] = [
        whole.clone().with_interval(sooner).domain("east"),
        whole.domain("east").map(|east| east.with_interval(sooner)),
    ];
    assert_eq!(before, after);
}

#[test]
fn an_operator_may_keep_the_inside_of_its_domain_to_itself() {
    let text = super::super::built_in::text("two-domains").expect("built in");
    let other_inside = text.replace("[\"shipyard\", \"ferry\"]", "[\"lighthouse\", \"ferry\"]");
    let [true_one, simple] =
        [text, &other_inside].map(|text| Topology::parse(text, "t").expect("no mistake"));
    let digest = |topology: &Topology, name| topology.domain(name).map(|domain| domain.digest());
    assert_ne!(digest(&true_one, "east"), digest(&simple, "east"));
    assert_eq!(digest(&true_one, "west"), digest(&simple, "west"));
}
