use super::*;

fn chart(x_axis: XAxis, panels: Vec<Vec<Vec<(f64, f64)>>>) -> Chart {
    let line = |(n, points)| Line {
        name: format!("line <{n}>"),
        colour: COLOURS[n],
        dashed: false,
        points,
    };
    let panel = |lines: Vec<Vec<(f64, f64)>>| Panel {
        title: "y".to_owned(),
        lines: lines.into_iter().enumerate().map(line).collect(),
    };
    Chart {
        title: "A title".to_owned(),
        subtitle: "A <fast> & quiet \"CPU\"".to_owned(),
        x_label: "x".to_owned(),
        x_axis,
        panels: panels.into_iter().map(panel).collect(),
    }
}

#[test]
fn the_chart_is_well_formed_and_shows_every_point() {
    let sizes = [48.0, 64.0, 128.0, 9000.0];
    let line = |n: f64| sizes.map(|x| (x, x / n)).to_vec();
    let panel = || vec![line(1.0), line(2.0), line(3.0)];
    let chart = chart(XAxis::Logarithmic, vec![panel(), panel()]);
    let svg = chart.draw();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let all = |tag: &str| {
        let found = document.descendants().filter(|node| node.has_tag_name(tag));
        found.collect::<Vec<_>>()
    };
    assert_eq!(all("polyline").len(), 6);
    assert_eq!(all("circle").len(), 6 * sizes.len());
    let width = Axes::of(&chart).panel;
    for circle in all("circle") {
        let at = |name: &str| circle.attribute(name).unwrap().parse::<f64>().unwrap();
        assert!(
            (0.0..=width).contains(&at("cx")) && (TOP..=BOTTOM).contains(&at("cy")),
            "{circle:?}"
        );
    }
    let texts: Vec<_> = document
        .descendants()
        .filter_map(|node| node.text().filter(|_| node.is_text()))
        .collect();
    assert!(texts.contains(&"A <fast> & quiet \"CPU\""), "{texts:?}");
    for n in 0..3 {
        let name = format!("line <{n}>");
        let times = texts.iter().filter(|text| **text == name).count();
        assert_eq!(times, 1, "{name} in the legend");
    }
}

#[test]
fn one_point_only_and_nothing_at_all_still_make_a_chart() {
    for x_axis in [XAxis::Logarithmic, XAxis::Linear, XAxis::Nines] {
        for panels in [
            vec![],
            vec![vec![]],
            vec![vec![vec![(64.0, 20.0)]]],
            vec![vec![vec![(1.0, 0.0), (2.0, 0.0)]]],
        ] {
            let svg = chart(x_axis, panels).draw();
            roxmltree::Document::parse(&svg).unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}

#[test]
fn the_greater_value_stands_further_right() {
    let values = vec![(48.0, 1.0), (64.0, 1.0), (128.0, 1.0), (256.0, 384.0)];
    let logarithmic = chart(XAxis::Logarithmic, vec![vec![values.clone()]]);
    let axes = Axes::of(&logarithmic);
    let step = |a: f64, b: f64| axes.x(b) - axes.x(a);
    assert!((step(64.0, 128.0) - step(128.0, 256.0)).abs() < 1e-9);
    assert!(axes.x(48.0).abs() < 1e-9 && (axes.x(256.0) - axes.panel).abs() < 1e-9);
    assert!(axes.y_max >= 384.0 && axes.y_max <= 2.0 * 384.0);

    let axes = Axes::of(&chart(XAxis::Linear, vec![vec![values]]));
    let step = |a: f64, b: f64| axes.x(b) - axes.x(a);
    assert!((step(48.0, 148.0) - step(148.0, 248.0)).abs() < 1e-9);
    assert_eq!(axes.ticks, [50.0, 100.0, 150.0, 200.0, 250.0]);
}

#[test]
fn nines_are_told_as_per_cent_and_strokes_tell_lines_of_one_colour_apart() {
    let points = (0..=4).map(|nines| (f64::from(nines), 1.0)).collect();
    let mut chart = chart(XAxis::Nines, vec![vec![points]]);
    assert!(!chart.draw().contains("dasharray"));
    chart.panels[0].lines[0].dashed = true;
    let svg = chart.draw();
    for text in [">0 %<", ">90 %<", ">99.99 %<"] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(svg.matches("dasharray").count(), 2, "the line and its name");
}
