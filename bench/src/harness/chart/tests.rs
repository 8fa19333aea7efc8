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

/// Places of all circles, and the polylines.
fn drawn(svg: &str) -> (Vec<(f64, f64)>, usize) {
    let document = roxmltree::Document::parse(svg).unwrap();
    let all = |tag: &'static str| {
        document
            .descendants()
            .filter(move |node| node.has_tag_name(tag))
    };
    let at = |node: roxmltree::Node<'_, '_>, name| -> f64 {
        node.attribute(name).unwrap().parse().unwrap()
    };
    let circles = all("circle").map(|circle| (at(circle, "cx"), at(circle, "cy")));
    let coloured = all("polyline").filter(|line| line.attribute("stroke") != Some("#000000"));
    (circles.collect(), coloured.count())
}

#[test]
fn the_chart_is_well_formed_and_shows_every_point() {
    let sizes = [48.0, 64.0, 128.0, 9000.0];
    let line = |n: f64| sizes.map(|x| (x, x / n)).to_vec();
    let panel = || vec![line(1.0), line(2.0), line(3.0)];
    let svg = chart(XAxis::Logarithmic, vec![panel(), panel()]).draw();
    let (circles, polylines) = drawn(&svg);
    assert_eq!(circles.len(), 6 * sizes.len());
    assert_eq!(polylines, 6 + 3, "lines, and their names");
    for (x, y) in circles {
        assert!((0.0..LEGEND_X.into()).contains(&x), "{x}");
        assert!((PANELS.0.into()..PANELS.1.into()).contains(&y), "{y}");
    }
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts = document.descendants().filter(|node| node.is_text());
    let texts: Vec<_> = texts
        .filter_map(|node| node.text())
        .map(str::trim)
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
    let place = |x_axis| {
        let (circles, _) = drawn(&chart(x_axis, vec![vec![values.clone()]]).draw());
        circles.into_iter().map(|(x, _)| x).collect::<Vec<_>>()
    };
    let x = place(XAxis::Logarithmic);
    assert!(
        x.is_sorted() && (x[2] - x[1] - (x[3] - x[2])).abs() <= 1.0,
        "{x:?}"
    );
    let x = place(XAxis::Linear);
    let octet = (x[3] - x[0]) / (256.0 - 48.0);
    assert!((x[2] - x[1] - 64.0 * octet).abs() <= 1.0, "{x:?}");
    let scale = Scale::of(&chart(XAxis::Linear, vec![vec![values]]));
    assert!(scale.y_max >= 384.0 && scale.y_max <= 2.0 * 384.0);
    assert_eq!(scale.x.ticks, [50.0, 100.0, 150.0, 200.0, 250.0]);
}

#[test]
fn nines_are_told_as_per_cent_and_strokes_tell_lines_of_one_colour_apart() {
    let points = (0..=4).map(|nines| (f64::from(nines), 1.0)).collect();
    let mut chart = chart(XAxis::Nines, vec![vec![points]]);
    let svg = chart.draw();
    assert_eq!(drawn(&svg).1, 2, "the line and its name");
    for text in ["0 %", "90 %", "99.99 %"] {
        assert!(
            svg.lines().any(|line| line.trim() == text),
            "{text} in {svg}"
        );
    }
    chart.panels[0].lines[0].dashed = true;
    assert!(drawn(&chart.draw()).1 > 20, "each stroke is a line");
}
