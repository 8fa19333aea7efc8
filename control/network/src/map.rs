//! The map of a network as an SVG picture: links coloured by their load, nodes by the time for
//! which their pools last. Each domain of several is a shaded area around its nodes and links.
//!
//! Colours follow the reader's scheme, light or dark. Colour is never the only sign: each link has
//! its load as text, and kinds of nodes differ in shape.

mod place;

use std::fmt::Write as _;

use crate::plan::{LinkPlan, Plan};
use crate::topology::{Node, NodeKind, Topology};
use place::{Area, Obstacles, Point, place};

/// Width of the picture, and the largest height of the network in it.
const WIDTH: f64 = 1000.0;
const NETWORK_HEIGHT_MAX: f64 = 900.0;
/// Space around the network, above it for the heading, and below it for the legend.
const MARGIN: f64 = 80.0;
const HEADING: f64 = 60.0;
const LEGEND: f64 = 112.0;
/// Height of a further row of the legend, for a network of several domains.
const LEGEND_OF_DOMAINS: f64 = 32.0;
/// Half the size of a node.
const NODE: f64 = 9.0;
/// Size of a letter of a node's name and of a link's label. The width is that of wide letters.
const NAME_SIZE: (f64, f64) = (9.0, 18.0);
const LABEL_SIZE: (f64, f64) = (6.6, 14.0);
const DOMAIN_SIZE: (f64, f64) = (10.0, 20.0);
/// Width of the shaded area of a domain, and the number of its colours.
const AREA: f64 = 56.0;
const AREA_COLOURS: usize = 6;
/// With more links their labels would hide the network.
const LABELLED_LINKS_MAX: usize = 150;

/// Upper ends of the classes of load, with their text in the legend.
const CLASSES: [(f64, &str); 5] = [
    (0.1, "below 10 %"),
    (0.4, "10 to 40 %"),
    (0.7, "40 to 70 %"),
    (1.0, "70 to 100 %"),
    (f64::INFINITY, "above 100 %, or no key"),
];

/// Lower ends of the classes of nodes, in seconds: the time for which the reserve of the first pool
/// to run dry lasts without a new block. With their text in the legend.
const POOLS: [(f64, &str); 5] = [
    (3600.0, "1 h or more"),
    (600.0, "10 min to 1 h"),
    (60.0, "1 to 10 min"),
    (f64::MIN_POSITIVE, "below 1 min"),
    (0.0, "too little key"),
];

const STYLE: &str = "\
text { font-family: system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1c2733; }
.ground { fill: #ffffff; }
.heading { font-size: 20px; font-weight: 600; }
.small { font-size: 13px; }
.name { font-size: 14px; font-weight: 600; }
.label { font-size: 12px; }
.domain { font-size: 16px; font-style: italic; }
.area { opacity: 0.16; stroke-width: 56; stroke-linecap: round; }
.name, .label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; }
.link { stroke-width: 4; stroke-linecap: round; fill: none; }
.bridge { stroke-dasharray: 14 7; stroke-linecap: butt; }
.node { stroke: #1c2733; stroke-width: 2; }
.cut { fill: #ffffff; stroke: #1c2733; stroke-width: 2; }
.a0 { stroke: #7a4fd0; } .a1 { stroke: #0a9fae; } .a2 { stroke: #c2418a; }
.a3 { stroke: #7d8420; } .a4 { stroke: #a0623a; } .a5 { stroke: #4c6a86; }
.s0 { stroke: #8593a8; } .f0 { fill: #8593a8; }
.s1 { stroke: #2f7ed8; } .f1 { fill: #2f7ed8; }
.s2 { stroke: #179a68; } .f2 { fill: #179a68; }
.s3 { stroke: #d98a00; } .f3 { fill: #d98a00; }
.s4 { stroke: #cf2e2e; stroke-width: 8; } .f4 { fill: #cf2e2e; }
@media (prefers-color-scheme: dark) {
text { fill: #e4e9ef; }
.ground { fill: #14191f; }
.name, .label { stroke: #14191f; }
.area { opacity: 0.26; }
.node, .cut { stroke: #e4e9ef; }
.cut { fill: #14191f; }
.s0 { stroke: #74839a; } .f0 { fill: #74839a; }
.s1 { stroke: #58a1f2; } .f1 { fill: #58a1f2; }
.s2 { stroke: #3ccb93; } .f2 { fill: #3ccb93; }
.s3 { stroke: #f0b036; } .f3 { fill: #f0b036; }
.s4 { stroke: #ff6a6a; } .f4 { fill: #ff6a6a; }
}
";

/// Draws a network with the loads of its plan.
#[must_use]
pub fn svg(topology: &Topology, plan: &Plan) -> String {
    Map::of(topology, plan).draw()
}

struct Map<'p> {
    topology: &'p Topology,
    plan: &'p Plan,
    /// Places of the nodes, by number.
    nodes: Vec<Point>,
    /// Ends of the links, by number.
    lines: Vec<(Point, Point)>,
    domains: Vec<&'p str>,
    height: f64,
}

impl<'p> Map<'p> {
    fn of(topology: &'p Topology, plan: &'p Plan) -> Self {
        let (nodes, height) = places(topology.nodes());
        let end = |node: crate::NodeId| nodes[node.index()];
        let lines = topology
            .links()
            .iter()
            .map(|link| (end(link.ends.0), end(link.ends.1)))
            .collect();
        Self {
            topology,
            plan,
            nodes,
            lines,
            domains: topology.domains(),
            height,
        }
    }

    fn draw(&self) -> String {
        let several = self.domains.len() > 1;
        let height = self.height + LEGEND + if several { LEGEND_OF_DOMAINS } else { 0.0 };
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" \
             width=\"{WIDTH:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n\
             <style>\n{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{WIDTH:.0}\" height=\"{height:.0}\"/>\n",
            escaped(&self.plan.network),
        );
        self.draw_heading(&mut out);
        self.draw_domains(&mut out);
        for (link, line) in self.plan.links.iter().zip(&self.lines) {
            draw_link(&mut out, link, *line);
        }
        self.draw_nodes(&mut out);
        self.draw_labels(&mut out);
        self.draw_legend(&mut out);
        out + "</svg>\n"
    }

    fn draw_heading(&self, out: &mut String) {
        let Plan {
            network,
            interval_s,
            fits,
            ..
        } = self.plan;
        let interval = humantime::format_duration(std::time::Duration::from_secs_f64(*interval_s));
        text(out, "heading", Point { x: 24.0, y: 34.0 }, network);
        let verdict = if *fits { "it fits" } else { "it does NOT fit" };
        let pairs = match self.plan.pairs.len() {
            1 => "one pair".to_owned(),
            several => format!("{several} pairs"),
        };
        let below = format!(
            "load of the links with a fresh key in each direction of {pairs} every {interval}: \
             {verdict}"
        );
        text(out, "small", Point { x: 24.0, y: 55.0 }, &below);
    }

    /// Shades the nodes and links of each domain, if there are several.
    fn draw_domains(&self, out: &mut String) {
        if self.domains.len() < 2 {
            return;
        }
        for (number, domain) in self.domains.iter().enumerate() {
            let colour = number % AREA_COLOURS;
            let _infallible = write!(out, "<g class=\"area a{colour}\">");
            let links = self.topology.link_ids().zip(&self.lines);
            let inside = links.filter(|(link, _)| self.topology.link_domain(*link) == *domain);
            let points = self.nodes_of(domain).map(|at| (at, at));
            for (from, to) in inside.map(|(_, line)| *line).chain(points) {
                let _infallible = write!(
                    out,
                    "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
                    from.x, from.y, to.x, to.y
                );
            }
            out.push_str("</g>\n");
        }
    }

    /// The places of the nodes of a domain.
    fn nodes_of(&self, domain: &str) -> impl Iterator<Item = Point> {
        let nodes = self.topology.nodes().iter().zip(&self.nodes);
        nodes.filter_map(move |(node, at)| node.domains.contains(domain).then_some(*at))
    }

    fn draw_nodes(&self, out: &mut String) {
        for ((number, node), at) in (0_u16..).zip(self.topology.nodes()).zip(&self.nodes) {
            let links = self.topology.links().iter().zip(&self.plan.links);
            let shortest = links
                .filter(|(link, _)| link.ends.0.0 == number || link.ends.1.0 == number)
                .map(|(_, plan)| pool_class(plan))
                .max()
                .unwrap_or(0);
            out.push_str("<g>");
            let _infallible = write!(out, "<title>{}</title>", escaped(&self.described(node)));
            if self.plan.cut_nodes.contains(&node.name) {
                circle(out, "cut", *at, NODE + 5.0);
            }
            draw_node(out, Shape::of(node), &format!("node f{shortest}"), *at);
            out.push_str("</g>\n");
        }
    }

    /// The name of a node, with its domains if the network has several.
    fn described(&self, node: &Node) -> String {
        let domains: Vec<&str> = node.domains.iter().map(String::as_str).collect();
        match self.domains.len() {
            1 => node.name.clone(),
            _ => format!("{}, of {}", node.name, domains.join(" and ")),
        }
    }

    fn draw_labels(&self, out: &mut String) {
        for (style, label, area) in &self.labels() {
            let x = area.left + area.width / 2.0;
            let y = area.top + area.height * 0.75;
            let _infallible = writeln!(
                out,
                "<text class=\"{style}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>",
                escaped(label)
            );
        }
    }

    /// The names of the nodes, the labels of the links, and the names of several domains: each with
    /// its style and its place.
    fn labels(&self) -> Vec<(&'static str, String, Area)> {
        let nodes = self.topology.nodes().iter().zip(&self.nodes);
        let names = nodes.map(|(node, at)| {
            let candidates = around_node(&node.name, *at);
            (("name", node.name.clone()), candidates)
        });
        let links = self.plan.links.iter().zip(&self.lines);
        let links = links.take(match self.lines.len() <= LABELLED_LINKS_MAX {
            true => self.lines.len(),
            false => 0,
        });
        let labels = links.map(|(link, line)| {
            let label = format!("{} km, {}", link.km, percent(link));
            let candidates = beside_line(&label, *line);
            (("label", label), candidates)
        });
        let several = self.domains.iter().filter(|_| self.domains.len() > 1);
        let domains = several.map(|domain| {
            let candidates = around_domain(domain, self.nodes_of(domain).collect());
            (("domain", (*domain).to_owned()), candidates)
        });
        let (texts, candidates): (Vec<_>, Vec<Vec<Area>>) =
            names.chain(labels).chain(domains).unzip();
        let nodes = self.node_areas();
        let canvas = Area {
            left: 0.0,
            top: HEADING,
            width: WIDTH,
            height: self.height - HEADING,
        };
        let obstacles = Obstacles {
            canvas,
            nodes: &nodes,
            lines: &self.lines,
        };
        texts
            .into_iter()
            .zip(place(&candidates, &obstacles))
            .map(|((style, text), area)| (style, text, area))
            .collect()
    }

    fn node_areas(&self) -> Vec<Area> {
        let size = 2.0 * (NODE + 4.0);
        self.nodes
            .iter()
            .map(|at| Area::around(*at, size, size))
            .collect()
    }

    fn draw_legend(&self, out: &mut String) {
        let (first, second) = (self.height + 22.0, self.height + 54.0);
        for ((number, (_, words)), at) in CLASSES.iter().enumerate().zip([0, 1, 2, 3, 4]) {
            let x = 24.0 + 170.0 * f64::from(at);
            line(
                out,
                &format!("link s{number}"),
                Point { x, y: first },
                x + 34.0,
            );
            text(
                out,
                "small",
                Point {
                    x: x + 44.0,
                    y: first + 5.0,
                },
                words,
            );
        }
        let site = Point { x: 34.0, y: second };
        draw_node(out, Shape::Circle, "node f0", site);
        text(
            out,
            "small",
            Point {
                x: 52.0,
                y: second + 5.0,
            },
            "site",
        );
        draw_node(
            out,
            Shape::Square,
            "node f0",
            Point {
                x: 118.0,
                y: second,
            },
        );
        text(
            out,
            "small",
            Point {
                x: 136.0,
                y: second + 5.0,
            },
            "relay",
        );
        line(
            out,
            "link bridge s0",
            Point {
                x: 200.0,
                y: second,
            },
            242.0,
        );
        let cut = Point {
            x: 374.0,
            y: second,
        };
        text(
            out,
            "small",
            Point {
                x: 252.0,
                y: second + 5.0,
            },
            "bridge",
        );
        circle(out, "cut", cut, NODE + 5.0);
        draw_node(out, Shape::Circle, "node f0", cut);
        let words = "its failure parts the network";
        text(
            out,
            "small",
            Point {
                x: 398.0,
                y: second + 5.0,
            },
            words,
        );
        let third = second + 32.0;
        let words = "pools of a node last, without new blocks:";
        let at = |x: f64, y: f64| Point { x, y };
        text(out, "small", at(24.0, third + 5.0), words);
        for ((number, (_, words)), column) in POOLS.iter().enumerate().zip([0, 1, 2, 3, 4]) {
            let x = 310.0 + 136.0 * f64::from(column);
            draw_node(out, Shape::Circle, &format!("node f{number}"), at(x, third));
            text(out, "small", at(x + 16.0, third + 5.0), words);
        }
        if self.domains.len() > 1 {
            self.draw_legend_of_domains(out);
        }
    }

    fn draw_legend_of_domains(&self, out: &mut String) {
        let y = self.height + 86.0 + LEGEND_OF_DOMAINS;
        draw_node(out, Shape::Diamond, "node f0", Point { x: 34.0, y });
        for (x, words) in [
            (
                52.0,
                "interworking node, with a KME in each of its two domains",
            ),
            (480.0, "a shaded area has the nodes and links of one domain"),
        ] {
            text(out, "small", Point { x, y: y + 5.0 }, words);
        }
    }
}

/// The shape of a node.
#[derive(Clone, Copy)]
enum Shape {
    /// A site.
    Circle,
    /// A relay.
    Square,
    /// An interworking node.
    Diamond,
}

impl Shape {
    fn of(node: &Node) -> Self {
        match (node.is_interworking(), node.kind) {
            (true, _) => Self::Diamond,
            (false, NodeKind::Site) => Self::Circle,
            (false, NodeKind::Relay) => Self::Square,
        }
    }
}

/// The places of the nodes in the picture, and the height down to the legend. North is up.
fn places(nodes: &[Node]) -> (Vec<Point>, f64) {
    let range = |of: fn(&Node) -> f64| {
        let least = nodes.iter().map(of).fold(f64::INFINITY, f64::min);
        let most = nodes.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        (least, most - least)
    };
    let (west, width) = range(|node| node.x_km);
    let (south, depth) = range(|node| node.y_km);
    // Nodes in a line, or all in one place, have no width or no height.
    let scale = ((WIDTH - 2.0 * MARGIN) / width.max(1.0)).min(NETWORK_HEIGHT_MAX / depth.max(1.0));
    let left = (WIDTH - width * scale) / 2.0;
    let top = HEADING + MARGIN;
    let place = |node: &Node| Point {
        x: left + (node.x_km - west) * scale,
        y: top + (depth - (node.y_km - south)) * scale,
    };
    (
        nodes.iter().map(place).collect(),
        top + depth * scale + MARGIN,
    )
}

fn class(link: &LinkPlan) -> usize {
    let load = match link.used_bit_s > 0.0 {
        true => link.load.unwrap_or(f64::INFINITY),
        false => 0.0,
    };
    CLASSES
        .iter()
        .position(|(end, _)| load <= *end)
        .unwrap_or(CLASSES.len() - 1)
}

/// The class of a node with this link alone. A link that nothing uses never runs dry.
fn pool_class(link: &LinkPlan) -> usize {
    let lasts_s = match &link.reserve {
        _ if link.used_bit_s <= 0.0 => f64::INFINITY,
        Some(reserve) => reserve.lasts_periods * link.block_period_s,
        None => 0.0,
    };
    POOLS
        .iter()
        .position(|(from, _)| lasts_s >= *from)
        .unwrap_or(POOLS.len() - 1)
}

fn percent(link: &LinkPlan) -> String {
    match link.load {
        Some(load) if load > 0.0 && load < 0.01 => "<1 %".to_owned(),
        Some(load) => format!("{:.0} %", load * 100.0),
        None => "no key".to_owned(),
    }
}

/// Candidates for the name of a node: right, left, below, above, and between.
fn around_node(name: &str, at: Point) -> Vec<Area> {
    let (width, height) = (NAME_SIZE.0 * name.chars().count() as f64, NAME_SIZE.1);
    let (beside, above) = (NODE + 6.0 + width / 2.0, NODE + 6.0 + height / 2.0);
    [
        (beside, 0.0),
        (-beside, 0.0),
        (0.0, above),
        (0.0, -above),
        (beside, above),
        (beside, -above),
        (-beside, above),
        (-beside, -above),
    ]
    .map(|(x, y)| {
        Area::around(
            Point {
                x: at.x + x,
                y: at.y + y,
            },
            width,
            height,
        )
    })
    .to_vec()
}

/// Candidates for the name of a domain: above its nodes, then below them, the outermost first.
fn around_domain(name: &str, mut nodes: Vec<Point>) -> Vec<Area> {
    let (width, height) = (DOMAIN_SIZE.0 * name.chars().count() as f64, DOMAIN_SIZE.1);
    let distance = AREA / 2.0 + height / 2.0 + 4.0;
    nodes.sort_by(|a, b| a.y.total_cmp(&b.y));
    let beside = |at: &Point, dy: f64| {
        Area::around(
            Point {
                x: at.x,
                y: at.y + dy,
            },
            width,
            height,
        )
    };
    let above = nodes.iter().map(|at| beside(at, -distance));
    let below = nodes.iter().rev().map(|at| beside(at, distance));
    above.chain(below).collect()
}

/// Candidates for the label of a link: on both sides of the line, the middle first.
fn beside_line(label: &str, (from, to): (Point, Point)) -> Vec<Area> {
    let (width, height) = (LABEL_SIZE.0 * label.chars().count() as f64, LABEL_SIZE.1);
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx.hypot(dy).max(1.0);
    // The distance at which the label's box just leaves the line.
    let (across_x, across_y) = (dy / length, -dx / length);
    let distance = (across_x * width / 2.0).abs() + (across_y * height / 2.0).abs() + 8.0;
    let mut candidates = Vec::new();
    for along in [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74] {
        for side in [distance, -distance] {
            let centre = Point {
                x: from.x + along * dx + side * across_x,
                y: from.y + along * dy + side * across_y,
            };
            candidates.push(Area::around(centre, width, height));
        }
    }
    candidates
}

fn draw_link(out: &mut String, link: &LinkPlan, (from, to): (Point, Point)) {
    let bridge = if link.bridge { " bridge" } else { "" };
    let _infallible = writeln!(
        out,
        "<g><title>{} - {}: {} km, {:.1} dB, {:.0} of {:.0} bit/s</title>\
         <line class=\"link{bridge} s{}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/></g>",
        escaped(&link.a),
        escaped(&link.b),
        link.km,
        link.loss_db,
        link.used_bit_s,
        link.supply_bit_s,
        class(link),
        from.x,
        from.y,
        to.x,
        to.y
    );
}

fn draw_node(out: &mut String, shape: Shape, style: &str, at: Point) {
    let Point { x, y } = at;
    let (half, long) = (NODE - 1.0, NODE + 3.0);
    let corners = match shape {
        Shape::Circle => return circle(out, style, at, NODE),
        Shape::Square => [(-half, -half), (half, -half), (half, half), (-half, half)],
        Shape::Diamond => [(-long, 0.0), (0.0, -long), (long, 0.0), (0.0, long)],
    };
    let corners = corners.map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy));
    let _infallible = write!(
        out,
        "<polygon class=\"{style}\" points=\"{}\"/>",
        corners.join(" ")
    );
}

fn circle(out: &mut String, style: &str, at: Point, radius: f64) {
    let _infallible = write!(
        out,
        "<circle class=\"{style}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"/>",
        at.x, at.y
    );
}

/// A horizontal line of the legend.
fn line(out: &mut String, style: &str, from: Point, to_x: f64) {
    let Point { x, y } = from;
    let _infallible = writeln!(
        out,
        "<line class=\"{style}\" x1=\"{x}\" y1=\"{y:.1}\" x2=\"{to_x}\" y2=\"{y:.1}\"/>"
    );
}

fn text(out: &mut String, style: &str, at: Point, words: &str) {
    let _infallible = writeln!(
        out,
        "<text class=\"{style}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        at.x,
        at.y,
        escaped(words)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
