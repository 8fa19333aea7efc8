//! The rates of a sweep as an SVG picture, and below them the noise budget.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::{
    ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor,
    SVGBackend, ShapeStyle, Text, WHITE,
};
use qkd::budget::Budget;

use super::compared::{Compared, Event, short};
use super::curve::Curve;
use super::input::{Input, Inputs};

/// Width of the picture, and where its legend starts.
const WIDTH: u32 = 1240;
const LEGEND_X: i32 = 800;
/// Heights of the title and of a panel.
const TITLE: i32 = 84;
const PANEL: i32 = 560;
/// Height of a line of the legend.
const LINE: i32 = 22;
/// Letters of a line of the legend.
const LETTERS: usize = 52;
const FONT: &str = "sans-serif";
/// The least rate and noise that are shown.
const LEAST_BIT_S: f64 = 1.0;
const LEAST_SNU: f64 = 1e-7;

const INK: RGBColor = RGBColor(0x1c, 0x27, 0x33);
const RULE: RGBColor = RGBColor(0xdd, 0xe2, 0xe8);
const GREY: RGBColor = RGBColor(0x77, 0x80, 0x8a);
const BLUE: RGBColor = RGBColor(0x00, 0x5f, 0xb0);
const SKY: RGBColor = RGBColor(0x2a, 0x9b, 0xd6);
const VIOLET: RGBColor = RGBColor(0x8a, 0x4f, 0xc0);
const PINK: RGBColor = RGBColor(0xc0, 0x4a, 0x8c);
const GREEN: RGBColor = RGBColor(0x00, 0x85, 0x60);
const ORANGE: RGBColor = RGBColor(0xcc, 0x60, 0x00);
const RED: RGBColor = RGBColor(0xc0, 0x2a, 0x2a);
const OLIVE: RGBColor = RGBColor(0x80, 0x78, 0x10);

/// Each colour, and its like on a dark ground.
const DARK: [(RGBColor, &str); 12] = [
    (WHITE, "#14191f"),
    (INK, "#e4e9ef"),
    (RULE, "#333c47"),
    (GREY, "#97a2ae"),
    (BLUE, "#58a1f2"),
    (SKY, "#7fd0ff"),
    (VIOLET, "#b996f0"),
    (PINK, "#f08cc4"),
    (GREEN, "#3ccb93"),
    (ORANGE, "#f59a3c"),
    (RED, "#ff6a6a"),
    (OLIVE, "#d0c850"),
];

/// A line of a panel, and of its legend.
struct Line {
    name: String,
    colour: RGBColor,
    dashed: bool,
    /// Values of the sweep, and what they give. What is not above zero interrupts the line.
    points: Vec<(f64, f64)>,
}

/// A diagram, with a logarithmic scale upwards.
struct Panel {
    title: String,
    lines: Vec<Line>,
    least: f64,
    /// Places that are numbered in the diagram and named in the legend.
    marks: Vec<(f64, f64, String)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Draws the picture.
pub(super) fn draw(inputs: &Inputs, compared: &Compared) -> String {
    let panels: Vec<Panel> = [Some(rates(inputs, compared)), noise(compared)]
        .into_iter()
        .flatten()
        .collect();
    let heights: Vec<i32> = panels.iter().map(Panel::height).collect();
    let height = TITLE + heights.iter().sum::<i32>();
    let mut svg = String::new();
    {
        let backend = SVGBackend::with_string(&mut svg, (WIDTH, height as u32));
        let area = backend.into_drawing_area();
        let drawn = draw_on(&area, inputs, compared, &panels, &heights);
        drawn.expect("a String takes everything");
    }
    styled(&svg, height)
}

fn draw_on(
    area: &Area<'_>,
    inputs: &Inputs,
    compared: &Compared,
    panels: &[Panel],
    heights: &[i32],
) -> Drawn {
    area.fill(&WHITE)?;
    let title = format!("Secret key rate by {}", compared.sweep.input.label());
    text(area, &title, (24, 16), 22)?;
    let origin = origin(inputs, compared.sweep.input);
    text(area, &origin, (24, 48), 15)?;
    let (_, mut rest) = area.split_vertically(TITLE);
    for (panel, height) in panels.iter().zip(heights) {
        let (area, below) = rest.split_vertically(*height);
        let (diagram, legend) = area.split_horizontally(LEGEND_X);
        let bottom = height - PANEL;
        panel.draw(compared.sweep.input, &diagram.margin(0, bottom, 16, 8))?;
        panel.draw_legend(&legend)?;
        rest = below;
    }
    Ok(area.present()?)
}

/// The link, and the blocks of its finite rates.
fn origin(inputs: &Inputs, swept: Input) -> String {
    let mut parts = vec![inputs.preset.to_string()];
    if let (Ok(setup), true) = (inputs.setup(), swept != Input::Block) {
        let symbols = short(setup.link.block.symbols() as f64);
        parts.push(format!("CV in blocks of {symbols} symbols"));
    }
    let (clock, bits) = (short(inputs.bb84_clock), short(inputs.bb84_block));
    parts.push(format!("BB84 at {clock} Hz in blocks of {bits} bits"));
    parts.push("collective attacks".to_owned());
    parts.join("; ")
}

/// The diagram of the rates.
fn rates(inputs: &Inputs, compared: &Compared) -> Panel {
    let line = |(i, curve): (usize, Curve)| {
        let (colour, dashed) = look(curve);
        let points = compared.points.iter();
        Line {
            name: curve.name(inputs),
            colour,
            dashed,
            points: points.map(|point| (point.value, point.rates[i])).collect(),
        }
    };
    let mut lines: Vec<Line> = Curve::ALL.into_iter().enumerate().map(line).collect();
    // The lines meet, or fall to the axis, between two values of the sweep.
    for crossover in &compared.crossovers {
        let height = crossover.bit_s.max(LEAST_BIT_S);
        let curves = match crossover.event {
            Event::Ends(curve) | Event::Begins(curve) => [curve, curve],
            Event::Above(winner, loser) => [winner, loser],
        };
        for line in &mut lines {
            if curves.iter().any(|curve| curve.name(inputs) == line.name) {
                line.points.push((crossover.at, height));
                line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
            }
        }
    }
    let marks = compared.crossovers.iter().map(|crossover| {
        let height = crossover.bit_s.max(LEAST_BIT_S);
        (crossover.at, height, crossover.to_string())
    });
    Panel {
        title: "secret key, bit/s".to_owned(),
        marks: marks.collect(),
        lines,
        least: LEAST_BIT_S,
    }
}

fn look(curve: Curve) -> (RGBColor, bool) {
    match curve {
        Curve::Plob => (GREY, true),
        Curve::CvInfinite => (BLUE, true),
        Curve::CvLgg => (BLUE, false),
        Curve::CvComposable => (SKY, false),
        Curve::UntrustedInfinite => (VIOLET, true),
        Curve::UntrustedLgg => (VIOLET, false),
        Curve::UntrustedComposable => (PINK, false),
        Curve::Discrete => (OLIVE, true),
        Curve::NanowiresInfinite => (GREEN, true),
        Curve::Nanowires => (GREEN, false),
        Curve::PhotodiodesInfinite => (ORANGE, true),
        Curve::Photodiodes => (ORANGE, false),
        Curve::Demand => (RED, true),
    }
}

/// The diagram of the noise budget, if there is one.
fn noise(compared: &Compared) -> Option<Panel> {
    const COLOURS: [RGBColor; 8] = [BLUE, SKY, PINK, RED, VIOLET, ORANGE, OLIVE, GREY];
    let first = compared.points.first()?.budget.as_ref()?;
    let points = |of: &dyn Fn(usize) -> f64| {
        let values = compared.points.iter().map(|point| point.value);
        values
            .enumerate()
            .map(|(i, value)| (value, of(i)))
            .collect()
    };
    let item = |i: usize, cause: usize| {
        let budget = compared.points[i].budget.as_ref();
        budget.map_or(0.0, |budget| budget.items[cause].at_input_snu)
    };
    let causes = first.items.iter().enumerate().zip(COLOURS);
    let mut lines: Vec<Line> = causes
        .map(|((cause, known), colour)| Line {
            name: known.cause.to_string(),
            colour,
            dashed: !known.counts,
            points: points(&|i| item(i, cause)),
        })
        .collect();
    lines.push(Line {
        name: "excess noise, sum".to_owned(),
        colour: INK,
        dashed: false,
        points: points(&|i| {
            compared.points[i]
                .budget
                .as_ref()
                .map_or(0.0, Budget::sum_snu)
        }),
    });
    lines.push(Line {
        name: "tolerable with this block".to_owned(),
        colour: GREEN,
        dashed: true,
        points: points(&|i| compared.points[i].tolerable_snu.unwrap_or(0.0)),
    });
    Some(Panel {
        title: "excess noise by source, SNU at the channel input".to_owned(),
        lines,
        least: LEAST_SNU,
        marks: Vec::new(),
    })
}

impl Line {
    /// Whether any of it is shown.
    fn is_shown(&self, least: f64) -> bool {
        self.points
            .iter()
            .any(|&(_, y)| y.is_finite() && y >= least)
    }

    fn style(&self) -> ShapeStyle {
        self.colour.stroke_width(2)
    }
}

impl Panel {
    fn height(&self) -> i32 {
        let marks = self.marks.iter().map(|mark| broken(&mark.2).len() as i32);
        let lines = self.lines.len() as i32 + marks.sum::<i32>() + 4;
        PANEL.max(LINE * lines)
    }

    fn draw(&self, input: Input, area: &Area<'_>) -> Drawn {
        let (across, upwards) = (self.across(input), self.upwards());
        let place = |x: f64| if input.is_logarithmic() { x.log10() } else { x };
        let mut axes = ChartBuilder::on(area)
            .caption(&self.title, (FONT, 16, &INK))
            .margin_right(24)
            .x_label_area_size(46)
            .y_label_area_size(62)
            .build_cartesian_2d(across, upwards.clone())?;
        axes.configure_mesh()
            .light_line_style(WHITE.mix(0.0))
            .bold_line_style(RULE)
            .axis_style(GREY)
            .x_label_formatter(&|x| match input.is_logarithmic() {
                true => power(*x),
                false => short(*x),
            })
            .y_label_formatter(&|y| power(*y))
            .x_desc(input.label())
            .axis_desc_style((FONT, 15, &INK))
            .label_style((FONT, 13, &INK))
            .draw()?;
        for line in &self.lines {
            let shown = |point: &&(f64, f64)| point.1.is_finite() && point.1 >= self.least;
            for run in line.points.split(|point| !shown(&point)) {
                let points: Vec<_> = run.iter().map(|&(x, y)| (place(x), y.log10())).collect();
                match (points.len(), line.dashed) {
                    (0, _) => {}
                    (1, _) => {
                        let dots = points.iter().map(|&at| Circle::new(at, 2, line.style()));
                        axes.draw_series(dots)?;
                    }
                    (_, true) => {
                        axes.draw_series([DashedPathElement::new(points, 6, 4, line.style())])?;
                    }
                    (_, false) => {
                        axes.draw_series([PathElement::new(points, line.style())])?;
                    }
                }
            }
        }
        let (zero_left, zero_top) = area.get_base_pixel();
        let mut numbers: Vec<(i32, i32)> = Vec::new();
        for (n, (x, y, _)) in self.marks.iter().enumerate() {
            let at = (place(*x), y.log10());
            axes.draw_series([Circle::new(at, 4, INK.filled())])?;
            let (left, top) = axes.backend_coord(&at);
            let (left, mut top) = (left - zero_left + 5, top - zero_top - 20);
            // Numbers of marks that are close together stand above each other.
            while numbers.iter().any(|other| near(*other, (left, top))) {
                top -= 15;
            }
            numbers.push((left, top));
            let style = (FONT, 14).into_font().color(&INK);
            area.draw(&Text::new((n + 1).to_string(), (left, top), style))?;
        }
        Ok(())
    }

    fn draw_legend(&self, area: &Area<'_>) -> Drawn {
        let mut y = 34;
        for line in &self.lines {
            let name = match line.is_shown(self.least) {
                true => line.name.clone(),
                false => format!("{}: none here", line.name),
            };
            text(area, &name, (52, y - 11), 14)?;
            let stroke = [(8, y - 5), (42, y - 5)];
            match line.dashed {
                true => area.draw(&DashedPathElement::new(stroke, 6, 4, line.style()))?,
                false => area.draw(&PathElement::new(stroke, line.style()))?,
            }
            y += LINE;
        }
        if !self.marks.is_empty() {
            y += LINE / 2;
            text(area, "Crossovers", (8, y - 11), 15)?;
            y += LINE;
        }
        for (n, (_, _, name)) in self.marks.iter().enumerate() {
            text(area, &(n + 1).to_string(), (8, y - 11), 14)?;
            for part in broken(name) {
                text(area, &part, (34, y - 11), 14)?;
                y += LINE;
            }
        }
        Ok(())
    }

    fn across(&self, input: Input) -> Axis {
        let values = self.lines.iter().flat_map(|line| &line.points);
        let values = values.map(|point| point.0);
        let (low, high) = ends(values);
        match input.is_logarithmic() {
            true => Axis::of_powers(low.log10(), high.log10()),
            false => Axis {
                range: low..high,
                ticks: RangedCoordf64::from(low..high).key_points(9),
            },
        }
    }

    fn upwards(&self) -> Axis {
        let values = self.lines.iter().flat_map(|line| &line.points);
        let values = values.map(|point| point.1).filter(|y| y.is_finite());
        let top = values.fold(10.0 * self.least, f64::max);
        Axis::of_powers(self.least.log10(), top.log10().ceil())
    }
}

/// An axis with ticks at given places.
#[derive(Clone)]
struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Axis {
    /// A logarithmic axis with a tick at each power of ten.
    fn of_powers(low: f64, high: f64) -> Self {
        let ticks = (low.ceil() as i32..=high.floor() as i32).map(f64::from);
        Self {
            range: low..high,
            ticks: ticks.collect(),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(place, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Whether two numbers would print over each other.
fn near(one: (i32, i32), other: (i32, i32)) -> bool {
    (one.0 - other.0).abs() < 18 && (one.1 - other.1).abs() < 14
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// A power of ten with a prefix where one is common: 10k, 1M.
fn power(exponent: f64) -> String {
    let exponent = exponent.round() as i32;
    let zeros = |n: i32| "0".repeat(n.unsigned_abs() as usize);
    match exponent {
        0..3 => format!("1{}", zeros(exponent)),
        3..6 => format!("1{}k", zeros(exponent - 3)),
        6..9 => format!("1{}M", zeros(exponent - 6)),
        9..12 => format!("1{}G", zeros(exponent - 9)),
        _ => format!("1e{exponent}"),
    }
}

/// The lines of a text in the legend.
fn broken(text: &str) -> Vec<String> {
    let lines = textwrap::wrap(text, LETTERS);
    lines.into_iter().map(|line| line.into_owned()).collect()
}

fn text(area: &Area<'_>, text: &str, at: (i32, i32), size: i32) -> Drawn {
    Ok(area.draw(&Text::new(
        text.to_owned(),
        at,
        (FONT, size).into_font().color(&INK),
    ))?)
}

/// Lets the picture take the width of its page, and gives it other colours on a dark ground.
fn styled(svg: &str, height: i32) -> String {
    let mut style = String::from("<style>\n@media (prefers-color-scheme: dark) {\n");
    for (light, dark) in DARK {
        let light = format!("#{:02X}{:02X}{:02X}", light.0, light.1, light.2);
        style += &format!("[fill=\"{light}\"] {{ fill: {dark}; }}\n");
        style += &format!("[stroke=\"{light}\"] {{ stroke: {dark}; }}\n");
    }
    style += "}\n</style>\n";
    let size = format!("width=\"{WIDTH}\" height=\"{height}\" ");
    let svg = svg.replacen(&size, "", 1);
    match svg.find(">\n") {
        Some(end) => format!("{}{style}{}", &svg[..end + 2], &svg[end + 2..]),
        None => svg,
    }
}
