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
        assert_eq!(
            labels.len(),
            topology.nodes().len() + topology.links().len()
        );
        for (number, (text, area)) in labels.iter().enumerate() {
            for (other, other_area) in &labels[number + 1..] {
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
