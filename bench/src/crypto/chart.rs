//! Gbit/s against payload size, as SVG.

use std::fmt::Write;

use super::Op;
use super::rows::{Conditions, Row};
use crate::contender::Name;
use crate::size::Size;

const WIDTH: f64 = 1120.0;
const HEIGHT: f64 = 520.0;
const TOP: f64 = 80.0;
const BOTTOM: f64 = 440.0;
/// Left edge of each panel, and how wide a panel is.
const PANELS: [f64; 2] = [60.0, 520.0];
const PANEL: f64 = 400.0;
/// Half the width of a digit of the sizes.
const HALF_DIGIT: f64 = 3.4;
/// Where the names stand.
const LEGEND: f64 = 960.0;

/// Colours that people who see no red or no green tell apart (Okabe and Ito), by contender.
fn colour(name: Name) -> &'static str {
    match name {
        Name::Vaes512 => "#d55e00",
        Name::AwsLc => "#56b4e9",
        Name::RustCrypto => "#cc79a7",
        Name::IpsecMb => "#000000",
        Name::Ring => "#009e73",
        Name::AwsLcRs => "#0072b2",
        Name::AesGcm => "#b59b00",
    }
}

/// Two panels, seal and open, at one burst. The mix has no place on an axis of sizes.
pub(super) fn draw(rows: &[Row], burst: usize, conditions: &Conditions) -> String {
    let points: Vec<Point> = rows
        .iter()
        .filter(|row| row.burst == burst)
        .filter_map(Point::of)
        .collect();
    let axes = Axes::around(&points);
    let mut svg = String::new();
    let mut put = |text: String| svg.push_str(&(text + "\n"));
    put(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">"#
    ));
    put(format!(
        r##"<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"##
    ));
    put(format!(
        r#"<text x="60" y="28" font-size="18">AES-256-GCM on one core, bursts of {burst}</text>"#
    ));
    put(format!(
        r#"<text x="60" y="48">{}</text>"#,
        escape(&conditions.cpu)
    ));
    for (op, left) in Op::ALL.into_iter().zip(PANELS) {
        put(panel(&axes, &points, op, left));
    }
    let mut names: Vec<Name> = Vec::new();
    for point in &points {
        if !names.contains(&point.name) {
            names.push(point.name);
        }
    }
    for (n, name) in names.into_iter().enumerate() {
        let y = TOP + 20.0 + 24.0 * n as f64;
        let colour = colour(name);
        put(format!(
            r#"<line x1="{LEGEND}" y1="{y}" x2="{}" y2="{y}" stroke="{colour}" stroke-width="2"/><text x="{}" y="{}">{name}</text>"#,
            LEGEND + 28.0,
            LEGEND + 36.0,
            y + 4.0,
        ));
    }
    put("</svg>".to_owned());
    svg
}

struct Point {
    name: Name,
    op: Op,
    octets: f64,
    gbit_s: f64,
}

impl Point {
    fn of(row: &Row) -> Option<Self> {
        match row.size {
            Size::Imix => None,
            Size::Octets(octets) => Some(Self {
                name: row.name,
                op: row.op,
                octets: octets as f64,
                gbit_s: row.gbit_s(),
            }),
        }
    }
}

/// Logarithmic from the least to the greatest size; linear from 0 to a round number.
struct Axes {
    sizes: Vec<f64>,
    gbit_s_max: f64,
    gbit_s_step: f64,
}

impl Axes {
    fn around(points: &[Point]) -> Self {
        let mut sizes: Vec<f64> = points.iter().map(|point| point.octets).collect();
        sizes.sort_unstable_by(f64::total_cmp);
        sizes.dedup();
        let top = points.iter().map(|point| point.gbit_s).fold(1.0, f64::max);
        let power = 10_f64.powf(top.log10().floor());
        let step = [0.2, 0.5, 1.0, 2.0]
            .map(|s| s * power)
            .into_iter()
            .find(|s| top / s <= 8.0);
        let gbit_s_step = step.unwrap_or(2.0 * power);
        Self {
            sizes,
            gbit_s_max: (top / gbit_s_step).ceil() * gbit_s_step,
            gbit_s_step,
        }
    }

    /// Within a panel, from 0 to its width.
    fn x(&self, octets: f64) -> f64 {
        let (Some(least), Some(greatest)) = (self.sizes.first(), self.sizes.last()) else {
            return 0.0;
        };
        if least == greatest {
            return PANEL / 2.0;
        }
        PANEL * (octets / least).ln() / (greatest / least).ln()
    }

    fn y(&self, gbit_s: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * gbit_s / self.gbit_s_max
    }
}

fn panel(axes: &Axes, points: &[Point], op: Op, left: f64) -> String {
    let mut svg = String::new();
    let mut put = |text: String| svg.push_str(&(text + "\n"));
    put(format!(r#"<g transform="translate({left},0)">"#));
    put(format!(
        r#"<text x="0" y="{}">{}, Gbit/s of payload</text>"#,
        TOP - 10.0,
        op.as_str()
    ));
    let steps = (axes.gbit_s_max / axes.gbit_s_step).round() as u32;
    for step in 0..=steps {
        let gbit_s = f64::from(step) * axes.gbit_s_step;
        let y = axes.y(gbit_s);
        put(format!(
            r##"<line x1="0" y1="{y:.1}" x2="{PANEL}" y2="{y:.1}" stroke="#dddddd"/>"##
        ));
        put(format!(
            r#"<text x="-8" y="{:.1}" text-anchor="end">{gbit_s}</text>"#,
            y + 4.0
        ));
    }
    let mut label_end = f64::NEG_INFINITY;
    for &octets in &axes.sizes {
        let x = axes.x(octets);
        put(format!(
            r##"<line x1="{x:.1}" y1="{BOTTOM}" x2="{x:.1}" y2="{}" stroke="#888888"/>"##,
            BOTTOM + 5.0
        ));
        // Sizes that lie close together would print over each other.
        let half = octets.to_string().len() as f64 * HALF_DIGIT;
        if x - half > label_end {
            put(format!(
                r#"<text x="{x:.1}" y="{}" text-anchor="middle" font-size="11">{octets}</text>"#,
                BOTTOM + 20.0
            ));
            label_end = x + half;
        }
    }
    put(format!(
        r#"<text x="{}" y="{}" text-anchor="middle">octets of payload</text>"#,
        PANEL / 2.0,
        BOTTOM + 42.0
    ));
    for name in Name::ALL {
        let mut of_name: Vec<&Point> = points
            .iter()
            .filter(|point| point.name == name && point.op == op)
            .collect();
        of_name.sort_unstable_by(|a, b| a.octets.total_cmp(&b.octets));
        let mut line = String::new();
        for point in &of_name {
            let (x, y) = (axes.x(point.octets), axes.y(point.gbit_s));
            write!(line, "{x:.1},{y:.1} ").expect("a String takes everything");
            put(format!(
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{}"/>"#,
                colour(name)
            ));
        }
        if of_name.len() > 1 {
            put(format!(
                r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>"#,
                line.trim_end(),
                colour(name)
            ));
        }
    }
    put("</g>".to_owned());
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
