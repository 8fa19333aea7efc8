use super::*;
use crate::cpu::{Clock, Limits};
use crate::stats::Spread;

fn row(name: Name, op: Op, size: Size, ns: f64) -> Row {
    Row {
        name,
        op,
        size,
        burst: 32,
        ns: Spread {
            min: ns,
            median: ns,
            max: ns,
        },
    }
}

fn conditions() -> Conditions {
    let clock = Clock::measure();
    let mut conditions = Conditions::of_machine(clock, Limits::measure(&clock), &[], vec![]);
    conditions.cpu = "A <fast> & quiet \"CPU\"".to_owned();
    conditions
}

#[test]
fn the_chart_is_well_formed_and_shows_every_point() {
    let mut rows = Vec::new();
    for (n, name) in Name::ALL.into_iter().enumerate() {
        for op in Op::ALL {
            for size in Size::USUAL {
                rows.push(row(
                    name,
                    op,
                    size,
                    size.mean(|len| len as f64) / (n + 1) as f64,
                ));
            }
        }
    }
    let svg = draw(&rows, 32, &conditions());
    let document = roxmltree::Document::parse(&svg).unwrap();
    let count = |tag: &str| {
        document
            .descendants()
            .filter(|node| node.has_tag_name(tag))
            .count()
    };
    let axis_sizes = Size::USUAL.len() - 1;
    assert_eq!(count("polyline"), Name::ALL.len() * 2);
    assert_eq!(count("circle"), Name::ALL.len() * 2 * axis_sizes);
    for circle in document
        .descendants()
        .filter(|node| node.has_tag_name("circle"))
    {
        let at = |name: &str| circle.attribute(name).unwrap().parse::<f64>().unwrap();
        assert!(
            (0.0..=PANEL).contains(&at("cx")) && (TOP..=BOTTOM).contains(&at("cy")),
            "{circle:?}"
        );
    }
    let texts: Vec<_> = document
        .descendants()
        .filter_map(|node| node.text())
        .collect();
    assert!(texts.contains(&"A <fast> & quiet \"CPU\""), "{texts:?}");
    for name in Name::ALL {
        assert!(
            texts.contains(&name.as_str()),
            "{name} is not in the legend"
        );
    }
}

#[test]
fn one_size_only_and_nothing_at_all_still_make_a_chart() {
    let conditions = conditions();
    let one = [row(Name::Ring, Op::Seal, Size::Octets(64), 20.0)];
    for rows in [&one[..], &[]] {
        let svg = draw(rows, 32, &conditions);
        roxmltree::Document::parse(&svg).unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn the_greater_size_stands_further_right_on_a_logarithmic_axis() {
    let points = [48, 64, 128, 256]
        .map(|octets| Point::of(&row(Name::Ring, Op::Seal, Size::Octets(octets), 1.0)).unwrap());
    let axes = Axes::around(&points);
    let step = |a: f64, b: f64| axes.x(b) - axes.x(a);
    assert!((step(64.0, 128.0) - step(128.0, 256.0)).abs() < 1e-9);
    assert!(axes.x(48.0).abs() < 1e-9 && (axes.x(256.0) - PANEL).abs() < 1e-9);
    assert!(axes.gbit_s_max >= 8.0 * 256.0 && axes.gbit_s_max <= 2.0 * 8.0 * 256.0);
}
