use proptest::prelude::*;

use super::*;

/// The texts of all mistakes.
fn mistakes(text: &str) -> Vec<String> {
    let found = Topology::parse(text, "t").map_or_else(|found| found.all().to_vec(), |_| vec![]);
    found.iter().map(ToString::to_string).collect()
}

/// Nodes of these names, a link for each two letters, all links of 50 km.
fn network(nodes: &str, links: &str, demand: &str) -> String {
    let mut text = format!("name = \"n\"\n[demand]\n{demand}\n");
    for name in nodes.chars() {
        text += &format!("[[node]]\nname = \"{name}\"\nx_km = 0\ny_km = 0\n");
    }
    for ends in links.split_whitespace() {
        let (a, b) = ends.split_at(1);
        text += &format!("[[link]]\nends = [\"{a}\", \"{b}\"]\n");
    }
    text
}

#[test]
fn built_in_topologies_have_no_mistake() {
    for name in BUILT_IN {
        let topology = Topology::built_in(name).expect(name);
        assert_eq!(topology.name(), name);
    }
    assert!(Topology::built_in("metro-13").is_none());
}

#[test]
fn metro_12_has_rings_and_one_bridge() {
    let topology = Topology::built_in("metro-12").expect("built in");
    let graph = topology.graph();
    assert_eq!(
        (topology.nodes().len(), topology.demand().pairs.len()),
        (12, 66)
    );
    let bridge = graph.bridges();
    assert_eq!(bridge.len(), 1);
    let [station, dam] = ["station", "dam"].map(|name| topology.node(name).expect(name));
    assert_eq!(topology.links()[bridge[0].index()].ends, (station, dam));
    assert_eq!(graph.cut_nodes(), [station, dam]);
    let lengths = || topology.links().iter().map(|link| link.spec.km);
    assert_eq!(
        (
            lengths().fold(99.0, f64::min),
            lengths().fold(0.0, f64::max)
        ),
        (8.0, 50.0)
    );
    let longest = topology
        .links()
        .iter()
        .find(|link| link.spec.km == 50.0)
        .expect("50 km");
    assert!((10_000.0..12_000.0).contains(&longest.source.supply().bit_s()));

    let fast = Topology::built_in("metro-12-fast").expect("built in");
    assert_eq!(fast.nodes(), topology.nodes());
    assert_eq!(fast.graph().bridges(), bridge);
    assert!(
        fast.links()
            .iter()
            .all(|link| link.source.supply().bit_s() > 1e6)
    );
}

#[test]
fn every_mistake_of_the_entries_is_found_with_its_line() {
    let text = r#"name = "a city"
colour = "red"
[demand]
pairs = [["a", "b"], ["b", "a"], ["a", "relay"], ["c", "c"], ["a"], ["a", "z"]]
interval = "3 parsecs"
paths = 3
[[node]]
name = "a"
x_km = 1
[[node]]
name = "b"
x_km = 1
y_km = nan
kind = "castle"
[[node]]
name = "a"
x_km = 1
y_km = 1
[[node]]
name = "relay"
x_km = 1
y_km = 1
kind = "relay"
[[node]]
name = "c"
x_km = 1
y_km = 1
domain = ["main", "y z"]
[[link]]
ends = ["a", "a"]
[[link]]
ends = ["a", "nowhere"]
[[link]]
ends = ["a", "b"]
km = -3
speed = 5
[[link]]
ends = ["a", "relay"]
preset = "moon"
wdm_dbm = 3
[[link]]
ends = ["a", "c"]
km = 390
attenuation_db_per_km = 1.9
[[link]]
ends = ["b", "c"]
block_loss = "much"
"#;
    let found = mistakes(text);
    let expected = [
        "t:1: name \"a city\" is not allowed; fix: ",
        "t:2: \"colour\" is no key of the file; fix: use one of name, node, link, demand",
        "t:4: this pair is in line 4 already; fix: ",
        "t:4: keys are demanded for \"relay\", which is a relay; fix: ",
        "t:4: keys are demanded for \"c\" with itself; fix: ",
        "t:4: a pair is not the names of two sites; fix: ",
        "t:4: there is no node \"z\"; fix: add a [[node]] of this name",
        "t:5: interval \"3 parsecs\" is not allowed; fix: ",
        "t:6: paths is not a whole number from 1 to 2; fix: ",
        "t:7: a node has no y_km; fix: ",
        "t:13: y_km NaN is not a number from -10000 to 10000; fix: ",
        "t:14: there is no kind \"castle\" of node; fix: ",
        "t:15: a node \"a\" is in line 7 already; fix: ",
        "t:28: domain \"y z\" is not allowed; fix: ",
        "t:30: a link joins \"a\" to itself; fix: ",
        "t:32: there is no node \"nowhere\"; fix: add a [[node]] of this name",
        "t:35: km -3 is not a number from 0.1 to 400; fix: ",
        "t:36: \"speed\" is no key of [[link]]; fix: ",
        "t:39: there is no preset \"moon\"; fix: use one of metro-50km, ",
        "t:40: wdm_dbm gives the power of no channel; fix: ",
        "t:41: channel loss of the link is 741 dB; fix: ",
        "t:47: block_loss is not a number from 0 to 0.9; fix: ",
    ];
    for (number, expected) in expected.iter().enumerate() {
        let one = found.get(number).map_or("", |one| one);
        assert!(
            one.starts_with(expected),
            "{number}: {one:?}, not {expected:?}\n{found:#?}"
        );
        assert!(!one.contains('\n'));
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn broken_toml_is_found_with_its_line() {
    let found = mistakes("name = \"n\"\nx_km = = 3\n");
    assert!(found[0].starts_with("t:2: "), "{found:#?}");
    let found = mistakes("name = \"n\"\nnode = 3\n[link]\n");
    assert!(
        found[0].starts_with("t:2: node is not a list of sections; fix: "),
        "{found:#?}"
    );
    assert!(
        found[1].starts_with("t:3: link is not a list of sections; fix: "),
        "{found:#?}"
    );
    assert!(mistakes("")[0].starts_with("t:1: the network has no name"));
}

/// A network of nodes with these names and domains, each `NAME DOMAIN[,DOMAIN]`. Nodes of two
/// domains are relays.
fn domains(nodes: &[&str], links: &str, demand: &str) -> String {
    let names: String = nodes.iter().map(|node| &node[..1]).collect();
    let mut text = network(&names, links, demand);
    for node in nodes {
        let (name, domains) = node.split_once(' ').expect("a name and its domains");
        let list: Vec<_> = domains.split(',').collect();
        let kind = if list.len() > 1 { "relay" } else { "site" };
        let name = format!("name = {name:?}\n");
        text = text.replace(
            &name,
            &format!("{name}kind = {kind:?}\ndomain = {list:?}\n"),
        );
    }
    text
}

#[test]
fn mistakes_of_domains_are_found() {
    let links = |nodes: &[&str], links: &str| mistakes(&domains(nodes, links, ""));
    assert_eq!(links(&["a x", "g x,y", "b y"], "ag gb"), [""; 0]);
    for (nodes, all, expected) in [
        (
            &["a x", "b y"][..],
            "ab",
            "t:16: a and b have no domain in common; fix: join the domains at an interworking \
             node: kind = \"relay\", domain = [\"x\", \"y\"]",
        ),
        (
            &["a x", "g x,y", "h x,y", "b y"],
            "ag gh hb",
            "t:30: g and h have two domains in common, and a link belongs to one; fix: ",
        ),
        (
            &["a x", "g x,y,z", "b y"],
            "ag gb",
            "t:13: domain has 3 names, not 1 to 2; fix: ",
        ),
        (
            &["a x", "g x,x", "b x"],
            "ag gb",
            "t:13: both names of domain are the same; fix: ",
        ),
    ] {
        let found = links(nodes, all);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{found:#?}, not {expected:?}"
        );
    }
    let site = domains(&["a x", "g x,y", "b y"], "ag gb", "").replace("relay", "site");
    let found = mistakes(&site);
    let expected = "t:13: a node of two domains is not a relay; fix: write kind = \"relay\"";
    assert!(
        found.len() == 1 && found[0].starts_with(expected),
        "{found:#?}"
    );
    let long = "n".repeat(32);
    let long =
        domains(&["a x", "g x,y", "b y"], "ag gb", "").replace("\"y\"", &format!("{long:?}"));
    let found = mistakes(&long.replace("\"g\"", &format!("{:?}", "g".repeat(32))));
    assert!(
        found.len() == 1 && found[0].contains("longer name than a certificate"),
        "{found:#?}"
    );
}

#[test]
fn pairs_that_domains_part_are_found() {
    let nodes = ["a x", "b x", "g x,y", "c y", "h y,z", "d z"];
    let chain = |links, demand| mistakes(&domains(&nodes, links, demand));
    let some = "pairs = [[\"a\", \"b\"], [\"a\", \"c\"], [\"c\", \"d\"]]";
    assert_eq!(chain("ab bg gc ch hd", some), [""; 0]);
    let found = chain("ab bg gc ch hd", "pairs = \"all\"");
    let expected = "t:3: no interworking node joins x and z, the domains of a and d (and 1 more \
                    pairs), and a key crosses from domain to domain once; fix: ";
    assert!(
        found.len() == 1 && found[0].starts_with(expected),
        "{found:#?}"
    );
    // The way from a to b over g is of domain x, and that over c is not.
    assert_eq!(chain("ag bg gc ch hd", some), [""; 0]);
    let found = chain("ag gc ch hd", some);
    let expected = "t:3: no route between a and b inside the domain x; fix: ";
    assert!(
        found.len() == 1 && found[0].starts_with(expected),
        "{found:#?}"
    );
    let found = chain("ab bg ch hd", some);
    let expected = "t:3: no route between a and c over an interworking node of x and y; fix: ";
    assert!(
        found.len() == 1 && found[0].starts_with(expected),
        "{found:#?}"
    );
    // A misspelt name is the only mistake.
    let found = chain("ab bq gc ch hd", some);
    assert!(
        found.len() == 1 && found[0].contains("no node \"q\""),
        "{found:#?}"
    );
}

#[test]
fn both_legs_of_a_pair_need_two_paths_if_two_are_demanded() {
    let nodes = ["a x", "b x", "c x", "g x,y", "d y"];
    let pair = "pairs = [[\"a\", \"d\"]]\npaths = 2";
    let found = |links| mistakes(&domains(&nodes, links, pair));
    assert_eq!(found("ab ac bg cg gd gd"), [""; 0]);
    let one = found("ab ac bg cg gd");
    let expected = "no two disjoint paths between a and d: all pass the one link between g and d; ";
    assert!(one.len() == 1 && one[0].contains(expected), "{one:#?}");
    let one = found("ab ab bg bg gd gd");
    let expected = "no two disjoint paths between a and d: all pass node b; ";
    assert!(one.len() == 1 && one[0].contains(expected), "{one:#?}");
}

#[test]
fn demand_between_domains_beyond_their_interworking_nodes_is_found() {
    // One link in y leads to the interworking node; 4 pairs cross, with 256 bit/s each at 3 s.
    let nodes = ["a x", "b x", "g x,y", "c y", "d y"];
    let found = |interval: &str| {
        let demand = format!("pairs = \"all\"\ninterval = {interval:?}");
        mistakes(&domains(&nodes, "ab ag bg gc cd", &demand))
    };
    assert_eq!(found("1s"), [""; 0]);
    let beyond = found("100ms");
    for expected in [
        "the bridge between g and c must carry keys of 4 pairs",
        "all links in y of the interworking nodes of x and y must carry keys of 4 pairs",
    ] {
        assert!(
            beyond.iter().any(|one| one.contains(expected)),
            "{beyond:#?}"
        );
    }
}

#[test]
fn a_pair_without_a_route_is_found() {
    let found = mistakes(&network(
        "abcd",
        "ab cd",
        "pairs = [[\"a\", \"b\"], [\"b\", \"c\"]]",
    ));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("t:3: no route between b and c; fix: add a link"),
        "{found:#?}"
    );
    let found = mistakes(&network("abcd", "ab cd", "pairs = \"all\""));
    assert!(
        found[0].contains("no route between a and c (and 3 more pairs)"),
        "{found:#?}"
    );
    // The misspelt name is the mistake, not the route that is missing because of it.
    let found = mistakes(&network("abcd", "ab bx cd", ""));
    assert!(
        found.len() == 1 && found[0].contains("there is no node \"x\""),
        "{found:#?}"
    );
}

#[test]
fn two_paths_that_do_not_exist_are_found() {
    let all = "interval = \"1m\"\npaths = 2";
    assert_eq!(mistakes(&network("abcd", "ab bc cd da", all)), [""; 0]);
    let found = mistakes(&network("abcd", "ab bc ca cd", all));
    assert!(
        found[0]
            .contains("no two disjoint paths between a and d (and 2 more pairs): all pass node c"),
        "{found:#?}"
    );
    let found = mistakes(&network("ab", "ab", all));
    assert!(
        found[0].contains("all pass the one link between them; fix: "),
        "{found:#?}"
    );
}

#[test]
fn a_route_that_is_too_long_is_found() {
    let chain = |nodes: &str| {
        let links: Vec<_> = nodes
            .as_bytes()
            .windows(2)
            .map(String::from_utf8_lossy)
            .collect();
        let ends = format!("pairs = [[\"a\", \"{}\"]]", &nodes[nodes.len() - 1..]);
        mistakes(&network(nodes, &links.join(" "), &ends))
    };
    assert_eq!(chain("abcdefghijklmnopq"), [""; 0]);
    let found = chain("abcdefghijklmnopqr");
    assert!(found[0].starts_with("t:3: the route between a and r has 17 links, at most 16; fix: "));
}

#[test]
fn demand_beyond_a_cut_is_found() {
    // A link gives 11 kbit/s; 9 pairs over the bridge need 256 bit/s each at 3 s. At 200 ms a key
    // takes 256 + 52 bits, with its share of a batch of 10.
    let two_triangles = |demand| mistakes(&network("abcxyz", "ab bc ca xy yz zx ax", demand));
    assert_eq!(two_triangles("interval = \"3s\""), [""; 0]);
    let found = two_triangles("interval = \"200ms\"");
    assert_eq!(found.len(), 1, "{found:#?}");
    let expected = "the bridge between a and x must carry keys of 9 pairs, which need 27720 bit/s, \
                    but can give ";
    assert!(
        found[0].contains(expected) && found[0].contains("or an interval of "),
        "{found:#?}"
    );
    let found = two_triangles("interval = \"100ms\"");
    assert!(
        found
            .iter()
            .any(|one| one.contains("all links of b together")),
        "{found:#?}"
    );
}

#[test]
fn a_link_without_key_is_found() {
    let far = network("ab", "ab", "") + "km = 150\n";
    let found = mistakes(&far);
    assert!(
        found[0].starts_with("t:12: the link of a and b gives no key; fix: "),
        "{found:#?}"
    );
    let shared = |line| mistakes(&(network("ab", "ab", "") + "km = 25\n" + line));
    assert_eq!(shared("wdm_channels = 2\n"), [""; 0]);
    assert!(shared("wdm_channels = 50\n")[0].contains("gives no key"));
    assert_eq!(shared("wdm_channels = 20\nband = \"s1500\"\n"), [""; 0]);
}

#[test]
fn loss_is_added_up_and_lowers_the_rate() {
    let link = |lines: &str| {
        let text = network("ab", "ab", "") + "km = 25\n" + lines;
        Topology::parse(&text, "t").expect("no mistake").links()[0].clone()
    };
    let bare = link("");
    assert!((bare.spec.loss_db() - 5.0).abs() < 1e-12);
    let spliced = link("splices = 4\nconnectors = 2\npatch_panels = 1\n");
    assert!((spliced.spec.loss_db() - 6.4).abs() < 1e-12);
    assert!((spliced.source.link.fibre.loss_db() - 6.4).abs() < 1e-12);
    let rate = |link: &Link| link.source.supply().bit_s();
    assert!(rate(&spliced) < rate(&bare));
    assert!(rate(&link("wdm_channels = 2\n")) < rate(&bare));
    assert!(link("drift = 0.3\n").source.worst_supply().bit_s() < rate(&bare));
}

#[test]
fn equal_topologies_have_equal_digests() {
    let text = network("abc", "ab bc", "interval = \"3s\"");
    let digest = |text: &str| Topology::parse(text, "t").expect("no mistake").digest();
    let with_comments = format!("# A comment\n{}", text.replace(" = ", "="));
    assert_eq!(digest(&text), digest(&with_comments));
    assert_eq!(digest(&text).to_string().len(), 64);
    for (old, new) in [
        ("name = \"n\"", "name = \"m\""),
        ("name = \"a\"\nx_km = 0", "name = \"a\"\nx_km = 1"),
        ("\"3s\"", "\"4s\""),
        ("[\"a\", \"b\"]", "[\"b\", \"a\"]"),
        ("[\"a\", \"b\"]", "[\"a\", \"b\"]\nkm = 49"),
        ("[\"a\", \"b\"]", "[\"a\", \"b\"]\nwdm_channels = 1"),
        ("y_km = 0", "y_km = 0\ndomain = \"west\""),
    ] {
        assert_ne!(digest(&text), digest(&text.replace(old, new)), "{new}");
    }
}

proptest! {
    /// Files with any damage are read or refused, with lines that they have.
    #[test]
    fn a_damaged_file_is_no_accident(
        cuts in proptest::collection::vec((0_usize..200, 0_usize..40, ".{0,4}"), 1..4),
    ) {
        let mut lines: Vec<String> =
            built_in::text("metro-12").expect("built in").lines().map(str::to_owned).collect();
        for (line, column, inserted) in cuts {
            let line = line % lines.len();
            let kept: String = lines[line].chars().take(column).collect();
            lines[line] = kept + &inserted;
        }
        if let Err(mistakes) = Topology::parse(&lines.join("\n"), "t") {
            prop_assert!(!mistakes.all().is_empty());
            for mistake in mistakes.all() {
                prop_assert!((1..=lines.len()).contains(&mistake.line), "{mistake}");
                prop_assert!(!mistake.to_string().contains('\n'));
            }
        }
    }
}
