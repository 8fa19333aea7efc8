//! Line charts as SVG: panels side by side, with one legend on the right.

use core::ops::Range;
use std::error::Error;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::{
    ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, LabelAreaPosition, PathElement,
    RGBColor, SVGBackend, ShapeStyle, Text, WHITE,
};

const SIZE: (u32, u32) = (1120, 520);
/// Where the panels start and end, and where the legend starts.
const PANELS: (i32, i32) = (60, 470);
const LEGEND_X: i32 = 930;
const FONT: &str = "sans-serif";
const RULE: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
/// The most ticks of a linear axis.
const TICKS: usize = 8;
/// Ticks closer than this share of the axis would print over each other.
const TICK_DISTANCE: f64 = 0.055;
/// A line with more points has no mark at each.
const MARKED: usize = 32;

/// Colours that colour-blind people can tell apart (Okabe and Ito).
pub(crate) const COLOURS: [RGBColor; 7] = [
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xb5, 0x9b, 0x00),
];

#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// Below the title: the machine.
    pub(crate) subtitle: String,
    pub(crate) x_label: String,
    pub(crate) x_axis: XAxis,
    pub(crate) panels: Vec<Panel>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum XAxis {
    /// Logarithmic, with a tick at each value that occurs.
    Logarithmic,
    /// Linear, with round ticks.
    Linear,
    /// Linear over the nines of a quantile: 2 is 99 %.
    Nines,
}

#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// Above it: what y is.
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// In the legend, once for all panels.
    pub(crate) name: String,
    /// One of [`COLOURS`].
    pub(crate) colour: RGBColor,
    /// Drawn in strokes, beside a solid line of the same colour.
    pub(crate) dashed: bool,
    /// x and y; y is not negative.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Panel {
    /// A line for each name that has points. The place of a name among all names decides its
    /// colour: it is the same in every panel, whichever names have no points.
    pub(crate) fn of(
        title: String,
        all: impl IntoIterator<Item = (String, Vec<(f64, f64)>)>,
    ) -> Self {
        let lines = all.into_iter().zip(COLOURS);
        let lines = lines.map(|((name, points), colour)| Line {
            name,
            colour,
            dashed: false,
            points,
        });
        Self {
            title,
            lines: lines.filter(|line| !line.points.is_empty()).collect(),
        }
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

impl Chart {
    pub(crate) fn draw(&self) -> String {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        self.draw_on(&area).expect("a String takes everything");
        drop(area);
        // Without a size of its own it takes the width of the page. Grey in small letters: the
        // page of `rekey` selects it for its dark style.
        let size = format!("width=\"{}\" height=\"{}\" ", SIZE.0, SIZE.1);
        svg.replacen(&size, "", 1).replace("#DDDDDD", "#dddddd")
    }

    fn draw_on(&self, area: &Area<'_>) -> Drawn {
        area.fill(&WHITE)?;
        let text = |text: &str, at, size| area.draw(&Text::new(text.to_owned(), at, (FONT, size)));
        text(&self.title, (60, 12), 22)?;
        text(&self.subtitle, (60, 38), 16)?;
        let (panels, legend) = area.split_horizontally(LEGEND_X);
        let panels = panels.margin(PANELS.0, SIZE.1 as i32 - PANELS.1 - 40, 20, 10);
        let scale = Scale::of(self);
        for (panel, area) in self
            .panels
            .iter()
            .zip(panels.split_evenly((1, self.panels.len())))
        {
            self.draw_panel(panel, &scale, &area)?;
        }
        let mut named: Vec<&str> = Vec::new();
        for line in self.panels.iter().flat_map(|panel| &panel.lines) {
            if named.contains(&line.name.as_str()) {
                continue;
            }
            let y = PANELS.0 + 40 + 24 * named.len() as i32;
            named.push(&line.name);
            let (name, at) = (line.name.clone(), (46, y - 6));
            legend.draw(&Text::new(name, at, (FONT, 16)))?;
            let (stroke, style) = ([(10, y), (38, y)], line.style());
            match line.dashed {
                true => legend.draw(&DashedPathElement::new(stroke, 6, 4, style))?,
                false => legend.draw(&PathElement::new(stroke, style))?,
            }
        }
        Ok(area.present()?)
    }

    fn draw_panel(&self, panel: &Panel, scale: &Scale, area: &Area<'_>) -> Drawn {
        let mut axes = ChartBuilder::on(area)
            .caption(&panel.title, (FONT, 17))
            .margin_right(20)
            .set_label_area_size(LabelAreaPosition::Left, 44)
            .set_label_area_size(LabelAreaPosition::Bottom, 44)
            .build_cartesian_2d(scale.x.clone(), 0.0..scale.y_max)?;
        axes.configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE.mix(0.0))
            .bold_line_style(RULE)
            .y_labels(TICKS)
            .x_label_formatter(&|x| self.x_axis.label(*x))
            .y_label_formatter(&|y| short(*y))
            .x_desc(&self.x_label)
            .axis_desc_style((FONT, 16))
            .label_style((FONT, 15))
            .draw()?;
        for line in &panel.lines {
            let points = line.points.iter();
            let points = points.map(|&(x, y)| (self.x_axis.place(x), y));
            let mut points: Vec<_> = points.collect();
            points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let marks = points.iter().filter(|_| points.len() <= MARKED);
            let mark = |&at: &(f64, f64)| Circle::new(at, 3, line.style().filled());
            axes.draw_series(marks.map(mark))?;
            if points.len() < 2 {
                continue;
            }
            if line.dashed {
                axes.draw_series([DashedPathElement::new(points, 6, 4, line.style())])?;
            } else {
                axes.draw_series([PathElement::new(points, line.style())])?;
            }
        }
        Ok(())
    }
}

impl Line {
    fn style(&self) -> ShapeStyle {
        let width = if self.points.len() <= MARKED { 2 } else { 1 };
        self.colour.stroke_width(width)
    }
}

impl XAxis {
    /// Where a value is on an axis of even steps.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Logarithmic => value.ln(),
            Self::Linear | Self::Nines => value,
        }
    }

    fn label(self, place: f64) -> String {
        match self {
            Self::Logarithmic => short(place.exp()),
            Self::Linear => short(place),
            Self::Nines => format!("{} %", short(100.0 * (1.0 - 10_f64.powf(-place)))),
        }
    }
}

struct Scale {
    x: Ticked,
    y_max: f64,
}

/// An axis with ticks at given places.
#[derive(Clone)]
struct Ticked {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Ticked {
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

impl Scale {
    fn of(chart: &Chart) -> Self {
        let lines = chart.panels.iter().flat_map(|panel| &panel.lines);
        let points: Vec<(f64, f64)> = lines.flat_map(|line| line.points.iter().copied()).collect();
        let places = points.iter().map(|point| chart.x_axis.place(point.0));
        let mut places: Vec<f64> = places.collect();
        places.sort_unstable_by(f64::total_cmp);
        places.dedup();
        let range = match (places.first(), places.last()) {
            (Some(&first), Some(&last)) if first < last => first..last,
            (Some(&only), _) => only - 0.5..only + 0.5,
            (None, _) => 0.0..1.0,
        };
        let ticks = match chart.x_axis {
            XAxis::Logarithmic => {
                let distance =
                    TICK_DISTANCE * (range.end - range.start) * chart.panels.len() as f64;
                places.dedup_by(|place, before| *place - *before < distance);
                places
            }
            XAxis::Linear | XAxis::Nines => RangedCoordf64::from(range.clone()).key_points(TICKS),
        };
        let top = points.iter().map(|point| point.1).fold(0.0, f64::max);
        let y_max = if top > 0.0 { 1.05 * top } else { 1.0 };
        let x = Ticked { range, ticks };
        Self { x, y_max }
    }
}

/// Without the digits that binary fractions leave behind.
fn short(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    rounded.to_string()
}

#[cfg(test)]
mod tests;
