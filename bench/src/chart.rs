//! Line charts as SVG: some panels side by side over one kind of x axis, names on the right.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

const WIDTH: f64 = 1120.0;
const HEIGHT: f64 = 520.0;
const TOP: f64 = 80.0;
const BOTTOM: f64 = 440.0;
/// Left edge of the first panel, and the space between two.
const LEFT: f64 = 60.0;
/// Half the width of a digit of the ticks.
const HALF_DIGIT: f64 = 3.4;
/// Where the panels end, and where the names stand.
const RIGHT: f64 = 920.0;
const LEGEND: f64 = 960.0;

/// Colours that people who see no red or no green tell apart (Okabe and Ito).
pub const COLOURS: [&str; 7] = [
    "#d55e00", "#56b4e9", "#cc79a7", "#000000", "#009e73", "#0072b2", "#b59b00",
];

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Below the title: the machine.
    pub subtitle: String,
    /// Below each panel.
    pub x_label: String,
    /// What the x axes are.
    pub x_axis: XAxis,
    /// From left to right.
    pub panels: Vec<Panel>,
}

/// How x values are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum XAxis {
    /// Logarithmic, with a tick at each value that occurs.
    Logarithmic,
    /// Linear, with round ticks.
    Linear,
    /// Linear over the nines of a quantile: 2 is 99 %.
    Nines,
}

/// One set of axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above it: what y is.
    pub title: String,
    /// What is drawn.
    pub lines: Vec<Line>,
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub struct Line {
    /// In the legend, once for all panels.
    pub name: String,
    /// Of [`COLOURS`].
    pub colour: &'static str,
    /// Drawn in strokes: what another line of its colour is held against.
    pub dashed: bool,
    /// x and y; y is not negative.
    pub points: Vec<(f64, f64)>,
}

impl Panel {
    /// A line for each name that has points. A name has the colour of its place among all that may be
    /// there: the same in every panel, whoever is missing.
    pub fn of(title: String, all: impl IntoIterator<Item = (String, Vec<(f64, f64)>)>) -> Self {
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

/// The file for a chart cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the chart {path}: {source}")]
pub struct NotWritten {
    path: PathBuf,
    source: io::Error,
}

/// Writes a chart to the file that was asked for, if one was.
///
/// # Errors
/// [`NotWritten`]
pub(crate) fn write(path: Option<&Path>, draw: impl FnOnce() -> String) -> Result<(), NotWritten> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, draw()).map_err(|source| NotWritten {
        path: path.to_owned(),
        source,
    })
}

impl Chart {
    /// One SVG document.
    #[must_use]
    pub fn draw(&self) -> String {
        let axes = Axes::of(self);
        let mut svg = String::new();
        let mut put = |text: String| svg.push_str(&(text + "\n"));
        put(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">"#
        ));
        put(format!(
            r##"<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"##
        ));
        put(format!(
            r#"<text x="{LEFT}" y="28" font-size="18">{}</text>"#,
            escape(&self.title)
        ));
        put(format!(
            r#"<text x="{LEFT}" y="48">{}</text>"#,
            escape(&self.subtitle)
        ));
        for (n, panel) in self.panels.iter().enumerate() {
            let left = LEFT + (axes.panel + LEFT) * n as f64;
            put(axes.draw(panel, &self.x_label, left));
        }
        let mut named: Vec<&str> = Vec::new();
        for line in self.panels.iter().flat_map(|panel| &panel.lines) {
            if named.contains(&line.name.as_str()) {
                continue;
            }
            let y = TOP + 20.0 + 24.0 * named.len() as f64;
            named.push(&line.name);
            put(format!(
                r#"<line x1="{LEGEND}" y1="{y}" x2="{}" y2="{y}" stroke="{}" stroke-width="2"{}/><text x="{}" y="{}">{}</text>"#,
                LEGEND + 28.0,
                line.colour,
                line.strokes(),
                LEGEND + 36.0,
                y + 4.0,
                escape(&line.name),
            ));
        }
        put("</svg>".to_owned());
        svg
    }
}

impl Line {
    fn strokes(&self) -> &'static str {
        match self.dashed {
            true => r#" stroke-dasharray="6 4""#,
            false => "",
        }
    }
}

/// The same for all panels: y from 0 to a round number.
struct Axes {
    kind: XAxis,
    /// Width of a panel.
    panel: f64,
    ticks: Vec<f64>,
    x: (f64, f64),
    y_max: f64,
    y_step: f64,
}

impl Axes {
    fn of(chart: &Chart) -> Self {
        let lines = chart.panels.iter().flat_map(|panel| &panel.lines);
        let points: Vec<(f64, f64)> = lines.flat_map(|line| line.points.iter().copied()).collect();
        let mut values: Vec<f64> = points.iter().map(|point| point.0).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        let x = (
            values.first().copied().unwrap_or(0.0),
            values.last().copied().unwrap_or(1.0),
        );
        let top = points
            .iter()
            .map(|point| point.1)
            .fold(f64::MIN_POSITIVE, f64::max);
        let top = if points.is_empty() { 1.0 } else { top };
        let y_step = round_step(top);
        let ticks = match chart.x_axis {
            XAxis::Logarithmic => values,
            XAxis::Linear | XAxis::Nines => {
                let step = round_step(x.1 - x.0);
                let first = (x.0 / step).ceil();
                let count = ((x.1 / step).floor() - first).max(0.0) as u32;
                (0..=count).map(|n| (first + f64::from(n)) * step).collect()
            }
        };
        let count = chart.panels.len().max(1) as f64;
        Self {
            kind: chart.x_axis,
            panel: (RIGHT - LEFT * count) / count,
            ticks,
            x,
            y_max: (top / y_step).ceil() * y_step,
            y_step,
        }
    }

    /// Within a panel, from 0 to its width.
    fn x(&self, value: f64) -> f64 {
        let (least, greatest) = self.x;
        if least == greatest {
            return self.panel / 2.0;
        }
        self.panel
            * match self.kind {
                XAxis::Logarithmic => (value / least).ln() / (greatest / least).ln(),
                XAxis::Linear | XAxis::Nines => (value - least) / (greatest - least),
            }
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * value / self.y_max
    }

    fn draw(&self, panel: &Panel, x_label: &str, left: f64) -> String {
        let width = self.panel;
        let mut svg = String::new();
        let mut put = |text: String| svg.push_str(&(text + "\n"));
        put(format!(r#"<g transform="translate({left},0)">"#));
        put(format!(
            r#"<text x="0" y="{}">{}</text>"#,
            TOP - 10.0,
            escape(&panel.title)
        ));
        let steps = (self.y_max / self.y_step).round() as u32;
        for step in 0..=steps {
            let value = f64::from(step) * self.y_step;
            let y = self.y(value);
            put(format!(
                r##"<line x1="0" y1="{y:.1}" x2="{width}" y2="{y:.1}" stroke="#dddddd"/>"##
            ));
            put(format!(
                r#"<text x="-8" y="{:.1}" text-anchor="end">{}</text>"#,
                y + 4.0,
                short(value)
            ));
        }
        let mut label_end = f64::NEG_INFINITY;
        for &value in &self.ticks {
            let x = self.x(value);
            put(format!(
                r##"<line x1="{x:.1}" y1="{BOTTOM}" x2="{x:.1}" y2="{}" stroke="#888888"/>"##,
                BOTTOM + 5.0
            ));
            // Values that lie close together would print over each other.
            let text = match self.kind {
                XAxis::Nines => quantile(value),
                _ => short(value),
            };
            let half = text.len() as f64 * HALF_DIGIT;
            if x - half > label_end {
                put(format!(
                    r#"<text x="{x:.1}" y="{}" text-anchor="middle" font-size="11">{text}</text>"#,
                    BOTTOM + 20.0
                ));
                label_end = x + half;
            }
        }
        put(format!(
            r#"<text x="{}" y="{}" text-anchor="middle">{}</text>"#,
            width / 2.0,
            BOTTOM + 42.0,
            escape(x_label)
        ));
        for line in &panel.lines {
            put(self.line(line));
        }
        put("</g>".to_owned());
        svg
    }

    /// Few points have a mark each.
    fn line(&self, line: &Line) -> String {
        const MARKED: usize = 32;
        let mut points = line.points.clone();
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut svg = String::new();
        let mut path = String::new();
        for &(x, y) in &points {
            let (x, y) = (self.x(x), self.y(y));
            write!(path, "{x:.1},{y:.1} ").expect("a String takes everything");
            if points.len() <= MARKED {
                svg += &format!(
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{}\"/>\n",
                    line.colour
                );
            }
        }
        if points.len() > 1 {
            svg += &format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}/>",
                path.trim_end(),
                line.colour,
                if points.len() <= MARKED { 2.0 } else { 1.5 },
                line.strokes(),
            );
        }
        svg
    }
}

/// A round number that goes into `range` at most eight times.
fn round_step(range: f64) -> f64 {
    if range <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(range.log10().floor());
    let step = [0.2, 0.5, 1.0, 2.0]
        .map(|step| step * power)
        .into_iter()
        .find(|step| range / step <= 8.0);
    step.unwrap_or(2.0 * power)
}

/// A quantile by its nines: 1 is 90 %.
fn quantile(nines: f64) -> String {
    format!("{} %", short(100.0 * (1.0 - 10_f64.powf(-nines))))
}

/// Without the digits that binary fractions leave behind.
fn short(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    rounded.to_string()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
