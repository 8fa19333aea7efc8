use std::time::Duration;

use super::*;

fn topology(name: &str) -> Topology {
    Topology::built_in(name).expect(name)
}

fn plan(topology: &Topology) -> Plan {
    Plan::of(topology, Options::default())
}

fn pair<'p>(plan: &'p Plan, a: &str, b: &str) -> &'p PairPlan {
    plan.pairs
        .iter()
        .find(|pair| pair.a == a && pair.b == b)
        .expect("a demanded pair")
}

fn link<'p>(plan: &'p Plan, a: &str, b: &str) -> &'p LinkPlan {
    plan.links
        .iter()
        .find(|link| link.a == a && link.b == b)
        .expect("a link")
}

/// Four sites in a ring of equal links of 50 km, where each path is known in advance.
fn square(demand: &str) -> Topology {
    let mut text = format!("name = \"square\"\n[demand]\n{demand}\n");
    for name in ["a", "b", "c", "d"] {
        text += &format!("[[node]]\nname = \"{name}\"\nx_km = 0\ny_km = 0\n");
    }
    for (a, b) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")] {
        text += &format!("[[link]]\nends = [\"{a}\", \"{b}\"]\n");
    }
    Topology::parse(&text, "square").expect("no mistake")
}

#[test]
fn load_and_authentication_are_added_up_over_the_links_of_a_path() {
    let found = plan(&square("pairs = [[\"a\", \"b\"]]"));
    let direct = link(&found, "a", "b");
    assert_eq!(pair(&found, "a", "b").paths, [["a", "b"]]);
    // Two directions, 256 + 128 bits each, every 3 s.
    assert!((direct.used_bit_s - 256.0).abs() < 1e-9 && direct.pairs == 1);
    assert!((direct.authentication_bit_s - 256.0 / 3.0).abs() < 1e-9);
    assert_eq!(direct.load, Some(direct.used_bit_s / direct.supply_bit_s));
    assert_eq!(link(&found, "b", "c").used_bit_s, 0.0);

    let found = plan(&square("pairs = [[\"a\", \"b\"]]\npaths = 2"));
    assert_eq!(
        pair(&found, "a", "b").paths,
        [vec!["a", "b"], vec!["a", "d", "c", "b"]]
    );
    assert!(
        found
            .links
            .iter()
            .all(|link| (link.used_bit_s - 256.0).abs() < 1e-9)
    );
    assert!(found.failures.iter().all(|failure| {
        // Without one of the two paths no key is whole.
        failure.pairs_lost == usize::from(!["node a", "node b"].contains(&&*failure.what))
    }));
}

#[test]
fn a_route_avoids_a_loaded_link_if_another_is_as_short() {
    // Each pair takes half of what a link gives.
    let found = plan(&square(
        "pairs = [[\"a\", \"b\"], [\"a\", \"c\"]]\nkeys_per_switch = 30",
    ));
    assert_eq!(pair(&found, "a", "c").paths, [["a", "d", "c"]]);
    assert!(found.fits && found.highest_load < Some(0.6), "{found}");
}

#[test]
fn metro_12_fits_at_3_s_and_its_fast_variant_at_100_ms() {
    let metro = plan(&topology("metro-12"));
    assert!(metro.fits && metro.pairs.len() == 66);
    let bridge = link(&metro, "station", "dam");
    // 9 sites on one side, 3 on the other.
    assert!(bridge.bridge && bridge.pairs == 27);
    assert_eq!(metro.cut_nodes, ["station", "dam"]);
    assert_eq!(pair(&metro, "exchange", "mint").lost_with, [""; 0]);
    let across = pair(&metro, "castle", "mine");
    assert_eq!(
        across.lost_with,
        ["node station", "node dam", "link station - dam"]
    );
    assert_eq!((across.paths[0].len(), across.failures), (6, 10 + 15));
    let cut = metro
        .failures
        .iter()
        .find(|failure| failure.what == "link station - dam");
    assert_eq!(cut.map(|failure| failure.pairs_lost), Some(27));

    let sooner = |name| plan(&topology(name).with_interval(Duration::from_millis(100)));
    let slow = sooner("metro-12");
    assert!(!slow.fits && slow.highest_load > Some(5.0), "{slow}");
    assert_eq!(link(&slow, "station", "dam").reserve, None);
    assert!(slow.to_string().contains("It does NOT fit: "));
    assert!(sooner("metro-12-fast").fits);
}

#[test]
fn two_domains_survive_each_single_failure() {
    let two = plan(&topology("two-domains"));
    assert!(two.fits && two.pairs.len() == 28, "{two}");
    assert!(two.pairs.iter().all(|pair| pair.lost_with.is_empty()));
    let room = |failure: &FailurePlan| failure.pairs_lost == 0 && failure.highest_load < Some(1.0);
    assert!(two.failures.iter().all(room), "{two}");
    assert!(
        two.failures
            .iter()
            .any(|failure| failure.what == "interworking node gate")
    );
    assert!(two.cut_nodes.is_empty() && two.links.iter().all(|link| !link.bridge));
    let names = two.domains.iter().map(|domain| domain.domain.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["west", "east"]);
    assert_eq!(two.interworking_nodes, ["gate", "weir"]);
    // A key between the domains takes a leg in each; one of the east stays there.
    assert_eq!(
        pair(&two, "townhall", "lighthouse").paths,
        [["townhall", "gate", "lighthouse"]]
    );
    let west = ["townhall", "library", "arsenal", "theatre"];
    let inside = |pair: &&PairPlan| {
        let ends = [&pair.a, &pair.b].map(|end| west.contains(&end.as_str()));
        ends == [false; 2]
    };
    for pair in two.pairs.iter().filter(inside) {
        let mut nodes = pair.paths.iter().flatten();
        assert!(nodes.all(|node| !west.contains(&node.as_str())), "{pair:?}");
    }
    let used: f64 = two.links.iter().map(|link| link.used_bit_s).sum();
    let hops: usize = two.pairs.iter().map(|pair| pair.paths[0].len() - 1).sum();
    assert!((used - 256.0 * hops as f64).abs() < 1e-6);
}

#[test]
fn the_only_interworking_node_parts_the_domains() {
    let text = "name = \"two\"\n\
        [[node]]\nname = \"a\"\nx_km = 0\ny_km = 0\ndomain = \"x\"\n\
        [[node]]\nname = \"g\"\nx_km = 0\ny_km = 0\nkind = \"relay\"\ndomain = [\"x\", \"y\"]\n\
        [[node]]\nname = \"b\"\nx_km = 0\ny_km = 0\ndomain = \"y\"\n\
        [[link]]\nends = [\"a\", \"g\"]\n[[link]]\nends = [\"g\", \"b\"]\n";
    let found = plan(&Topology::parse(text, "two").expect("no mistake"));
    assert_eq!(found.cut_nodes, ["g"]);
    assert!(found.links.iter().all(|link| link.bridge));
    let lost = ["interworking node g", "link a - g", "link g - b"];
    assert_eq!(pair(&found, "a", "b").lost_with, lost);
}

#[test]
fn the_room_that_it_announces_is_there() {
    let one_pair = square("pairs = [[\"a\", \"b\"]]");
    let announced = plan(&one_pair);
    // The direct link has a pair already; the way round is empty.
    let empty = (link(&announced, "b", "c").supply_bit_s / 256.0).floor() as u64;
    assert_eq!(pair(&announced, "a", "b").more, Some(empty));
    let all = plan(&square("pairs = \"all\""));
    let more = all.more_pairs.expect("all links give key") as f64;
    assert!(all.highest_load.expect("the same") * (6.0 + more) / 6.0 <= 1.0);
    let shortest = announced.shortest_interval_s.expect("all links give key");
    assert!(plan(&one_pair.with_interval(Duration::from_secs_f64(shortest * 1.001))).fits);
}

#[test]
fn a_plan_depends_on_its_seed_alone() {
    let square = square("pairs = \"all\"\nkeys_per_switch = 10");
    let with_seed = |seed| {
        Plan::of(
            &square,
            Options {
                seed,
                ..Options::default()
            },
        )
    };
    assert_eq!(with_seed(1), with_seed(1));
    let dry = |plan: Plan| plan.links[0].reserve.expect("a reserve").simulated;
    let (one, other) = (dry(with_seed(1)), dry(with_seed(2)));
    assert!(
        one != other && (one / other - 1.0).abs() < 0.1,
        "{one} {other}"
    );
}

#[test]
fn the_text_fits_a_terminal() {
    for name in crate::topology::BUILT_IN {
        let text = plan(&topology(name)).to_string();
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(text.contains("It fits: "), "{text}");
    }
}
