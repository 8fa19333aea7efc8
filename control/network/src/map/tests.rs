use std::time::Duration;

use super::*;
use crate::plan::Options;
use crate::topology::BUILT_IN;

fn planned(name: &str) -> (Topology, Plan) {
    let topology = Topology::built_in(name).expect(name);
    let plan = Plan::of(&topology, Options::default());
    (topology, plan)
}

#[test]
fn labels_cover_neither_each_other_nor_nodes() {
    for name in BUILT_IN {
        let (topology, plan) = planned(name);
        let map = Map::of(&topology, &plan);
        let labels = map.labels();
        let domains = match topology.domains().len() {
            1 => 0,
            several => several,
        };
        assert_eq!(
            labels.len(),
            topology.nodes().len() + topology.links().len() + domains
        );
        for (number, (_, text, area)) in labels.iter().enumerate() {
            for (_, other, other_area) in &labels[number + 1..] {
                assert_eq!(area.overlap(other_area), 0.0, "{name}: {text} and {other}");
            }
            for (node, at) in topology.nodes().iter().zip(map.node_areas()) {
                assert!(area.overlap(&at) < 1.0, "{name}: {text} and {}", node.name);
            }
            let right = area.left + area.width;
            assert!(
                area.left >= 0.0 && right <= WIDTH,
                "{name}: {text} leaves the picture"
            );
        }
    }
}

#[test]
fn the_picture_is_well_formed_and_has_every_part() {
    let (topology, plan) = planned("metro-12");
    let text = svg(&topology, &plan);
    let picture = roxmltree::Document::parse(&text).expect("well-formed");
    let with_class = |class: &str| {
        let classes = |node: &roxmltree::Node<'_, '_>| {
            node.attribute("class")
                .is_some_and(|all| all.split(' ').any(|one| one == class))
        };
        picture.descendants().filter(classes).count()
    };
    assert_eq!((with_class("name"), with_class("label")), (12, 15));
    // The legend has one of each.
    assert_eq!((with_class("bridge"), with_class("cut")), (1 + 1, 2 + 1));
    assert_eq!(with_class("s4"), 1);
    assert!(text.contains("prefers-color-scheme: dark"));

    let sooner = topology.with_interval(Duration::from_millis(100));
    let overloaded = svg(&sooner, &Plan::of(&sooner, Options::default()));
    assert!(overloaded.contains("bridge s4") && overloaded.contains("it does NOT fit"));
    // The ends of the bridge run dry; so does nothing in the plan that fits, besides the legend.
    let dry = |text: &str| text.matches("class=\"node f4\"").count();
    assert!(dry(&text) == 1 && dry(&overloaded) > 2);
}

#[test]
fn domains_are_shaded_and_interworking_nodes_have_a_shape_of_their_own() {
    let (topology, plan) = planned("two-domains");
    let text = svg(&topology, &plan);
    let picture = roxmltree::Document::parse(&text).expect("well-formed");
    let areas = picture.descendants().filter(|node| {
        let class = node.attribute("class");
        class.is_some_and(|class| class.starts_with("area "))
    });
    // Each domain has four sites, two interworking nodes and eight links.
    let parts: Vec<_> = areas.map(|area| area.children().count()).collect();
    assert_eq!(parts, [14, 14]);
    // The legend has one more.
    assert_eq!(text.matches("<polygon class=\"node").count(), 2 + 1 + 1);
    assert!(text.contains("<title>gate, of east and west</title>"));
    assert!(text.contains("<title>ferry, of east</title>"));

    let (ring, plan) = planned("ring-4");
    let alone = svg(&ring, &plan);
    assert!(!alone.contains("class=\"area") && alone.contains("<title>north</title>"));
}

#[test]
fn text_cannot_become_markup() {
    let (topology, mut plan) = planned("line-3");
    plan.network = "<script>\"&".to_owned();
    let text = svg(&topology, &plan);
    assert!(
        !text.contains("<script>") && roxmltree::Document::parse(&text).is_ok(),
        "{text}"
    );
}
