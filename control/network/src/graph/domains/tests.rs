use proptest::prelude::*;

use super::*;

/// The domains of each node, the ends of each link, and its cost.
type Small = (Vec<BTreeSet<DomainId>>, Vec<(NodeId, NodeId)>, Vec<u64>);

/// Six nodes of three domains, some of two, and links that have one domain each.
fn small() -> impl Strategy<Value = Small> {
    let node = (0_u16..3, proptest::option::weighted(0.4, 0_u16..3));
    let link = (0_usize..6, 0_usize..6, 0_u64..6);
    let nodes = proptest::collection::vec(node, 6);
    let links = proptest::collection::vec(link, 0..14);
    (nodes, links).prop_map(|(nodes, links)| {
        let domains = |(one, other): (u16, Option<u16>)| {
            [Some(one), other]
                .into_iter()
                .flatten()
                .map(DomainId)
                .collect()
        };
        let nodes: Vec<BTreeSet<DomainId>> = nodes.into_iter().map(domains).collect();
        let one_domain = |&(a, b, _): &(usize, usize, u64)| {
            a != b && nodes[a].intersection(&nodes[b]).count() == 1
        };
        let links: Vec<_> = links.into_iter().filter(one_domain).collect();
        let node = |at: usize| NodeId(at as u16);
        let ends = links.iter().map(|(a, b, _)| (node(*a), node(*b)));
        let ends = ends.collect();
        let costs = links.iter().map(|(_, _, cost)| *cost).collect();
        (nodes, ends, costs)
    })
}

/// The least cost and number of links by repeated relaxation, where a key is at a node and in a
/// domain, and changes the domain at most once.
fn least(graph: &DomainGraph, costs: &[u64], from: NodeId, to: NodeId) -> Option<(u64, usize)> {
    let (near, far) = (graph.home(from)?, graph.home(to)?);
    let mut best: BTreeMap<(NodeId, DomainId), (u64, usize)> = BTreeMap::new();
    best.insert((from, near), (0, 0));
    for _ in 0..20 {
        for (at, total) in best.clone() {
            let (node, domain) = at;
            let mut reach = |at, total: (u64, usize)| {
                let known = best.entry(at).or_insert(total);
                *known = total.min(*known);
            };
            for (link, other) in graph.neighbours(node) {
                if graph.domain(link) == Some(domain) {
                    let cost = costs[link.index()];
                    reach((other, domain), (total.0 + cost, total.1 + 1));
                }
            }
            if domain == near && graph.nodes[node.index()].contains(&far) {
                reach((node, far), total);
            }
        }
    }
    best.get(&(to, far)).copied()
}

fn is_walk(graph: &DomainGraph, path: &Path) -> bool {
    let steps = path.nodes.windows(2).zip(&path.links);
    let joins = |(ends, link): (&[NodeId], &LinkId)| {
        let (a, b) = graph.ends[link.index()];
        ends == [a, b] || ends == [b, a]
    };
    path.nodes.len() == path.hops() + 1 && steps.into_iter().all(joins)
}

proptest! {
    #[test]
    fn routes_are_the_cheapest_that_cross_at_most_once((nodes, ends, costs) in small()) {
        let graph = DomainGraph::new(nodes, ends);
        let sites: Vec<NodeId> = (0..6)
            .map(NodeId)
            .filter(|node| graph.nodes[node.index()].len() == 1)
            .collect();
        let cost = |link: LinkId| Some(costs[link.index()]);
        for (from, to) in sites.iter().flat_map(|a| sites.iter().map(move |b| (*a, *b))) {
            if from == to {
                continue;
            }
            let found = graph.cheapest(from, to, cost);
            let ends = |path: &Path| (path.nodes[0], path.nodes[path.hops()]);
            let right = |path: &Path| is_walk(&graph, path) && ends(path) == (from, to);
            prop_assert!(found.iter().all(right));
            let price = found.map(|path| total(&path, cost));
            prop_assert_eq!(price, least(&graph, &costs, from, to));
            let pair = graph.disjoint_pair(from, to, cost);
            prop_assert!(pair.iter().flatten().all(right));
            if let Some([one, other]) = pair {
                prop_assert!(one.links.iter().all(|link| !other.links.contains(link)));
                prop_assert!(total(&one, cost).0 >= price.expect("a route").0);
            }
        }
    }

    #[test]
    fn a_bridge_parts_its_domain((nodes, ends, _) in small()) {
        let graph = DomainGraph::new(nodes, ends);
        let bridges = graph.bridges();
        for (link, (a, b)) in (0..).map(LinkId).zip(&graph.ends) {
            let domain = graph.domain(link);
            let joined = graph.reachable(*a, domain, |other| other != link).contains(b);
            prop_assert_eq!(bridges.contains(&link), !joined);
        }
    }
}

/// Two rings of three nodes, in domains 0 and 1, with links from 0 and 3 to interworking nodes.
fn two_rings(gates: u16) -> DomainGraph {
    let set = |domains: &[u16]| domains.iter().copied().map(DomainId).collect();
    let mut nodes = vec![set(&[0]); 3];
    nodes.extend(vec![set(&[1]); 3]);
    nodes.extend(vec![set(&[0, 1]); gates.into()]);
    let mut ends = vec![(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)];
    for gate in 6..6 + gates {
        ends.extend([(gate, gate - 6), (gate, gate - 3)]);
    }
    let ends = ends.into_iter().map(|(a, b)| (NodeId(a), NodeId(b)));
    DomainGraph::new(nodes, ends.collect())
}

#[test]
fn the_only_interworking_node_is_a_cut() {
    let one = two_rings(1);
    assert_eq!(one.cut_nodes(), [0, 3, 6].map(NodeId));
    assert_eq!(one.bridges(), [6, 7].map(LinkId));
    assert_eq!(one.gates(DomainId(1), DomainId(0)), [NodeId(6)]);
    let two = two_rings(2);
    assert_eq!(two.cut_nodes(), [0, 1, 3, 4].map(NodeId));
    let crossing = two
        .cheapest(NodeId(2), NodeId(5), |_| Some(1))
        .expect("a route");
    assert_eq!(crossing.hops(), 4);
    // A leg to an interworking node with one link has no second path.
    assert_eq!(two.disjoint_pair(NodeId(2), NodeId(5), |_| Some(1)), None);
}

#[test]
fn no_route_leaves_its_domain_and_comes_back() {
    let mut graph = two_rings(2);
    // Without the links 0-1 and 1-2, node 1 reaches the others of its domain over domain 1 only.
    let usable = |link: LinkId| (link.0 > 1).then_some(1);
    assert_eq!(graph.cheapest(NodeId(1), NodeId(2), usable), None);
    assert!(graph.cheapest(NodeId(1), NodeId(5), usable).is_some());
    // A link to a node without a domain leads on in each.
    graph.links[7] = None;
    assert!(
        graph
            .reachable(NodeId(3), Some(DomainId(0)), |_| true)
            .contains(&NodeId(6))
    );
}
