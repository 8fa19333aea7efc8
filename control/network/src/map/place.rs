//! Places for labels, such that they do not cover each other, nodes, or links.

/// A point of the picture. `y` grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A rectangle of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// An area around a point.
    pub(super) fn around(centre: Point, width: f64, height: f64) -> Self {
        Self {
            left: centre.x - width / 2.0,
            top: centre.y - height / 2.0,
            width,
            height,
        }
    }

    fn right(&self) -> f64 {
        self.left + self.width
    }

    fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The area that two rectangles share.
    pub(super) fn overlap(&self, other: &Self) -> f64 {
        let width = self.right().min(other.right()) - self.left.max(other.left);
        let height = self.bottom().min(other.bottom()) - self.top.max(other.top);
        width.max(0.0) * height.max(0.0)
    }

    /// The length of a line inside the rectangle (Liang and Barsky 1984).
    fn length_inside(&self, from: Point, to: Point) -> f64 {
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for (step, room) in [
            (-dx, from.x - self.left),
            (dx, self.right() - from.x),
            (-dy, from.y - self.top),
            (dy, self.bottom() - from.y),
        ] {
            if step == 0.0 {
                if room < 0.0 {
                    return 0.0;
                }
            } else if step < 0.0 {
                enter = enter.max(room / step);
            } else {
                leave = leave.min(room / step);
            }
        }
        (leave - enter).max(0.0) * dx.hypot(dy)
    }
}

/// The lines and nodes that labels must not cover.
pub(super) struct Obstacles<'o> {
    pub(super) canvas: Area,
    pub(super) nodes: &'o [Area],
    pub(super) lines: &'o [(Point, Point)],
}

/// How bad it is to cover a unit of area of a node or of another label, to leave the picture by a
/// unit of area, and to cover a unit of length of a line.
const NODE: f64 = 10.0;
const LABEL: f64 = 10.0;
const OUTSIDE: f64 = 100.0;
const LINE: f64 = 4.0;
/// A place that comes later among the candidates is a little worse.
const LATER: f64 = 1.0;
/// Each round places every label again, with all others in place.
const ROUNDS: usize = 4;

/// Chooses one of the candidates of each label. Each label has at least one.
pub(super) fn place(candidates: &[Vec<Area>], obstacles: &Obstacles<'_>) -> Vec<Area> {
    let fixed: Vec<Vec<f64>> = candidates
        .iter()
        .map(|of_one| {
            let all = (0_u32..).zip(of_one);
            all.map(|(order, area)| obstacles.cost(area) + LATER * f64::from(order))
                .collect()
        })
        .collect();
    let mut chosen: Vec<Area> = candidates.iter().map(|of_one| of_one[0]).collect();
    for _ in 0..ROUNDS {
        for label in 0..candidates.len() {
            let cost = |at: &usize| {
                let area = &candidates[label][*at];
                let others = chosen
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != label);
                let covered: f64 = others.map(|(_, other)| other.overlap(area)).sum();
                fixed[label][*at] + LABEL * covered
            };
            let places = 0..candidates[label].len();
            if let Some(best) = places.min_by(|a, b| cost(a).total_cmp(&cost(b))) {
                chosen[label] = candidates[label][best];
            }
        }
    }
    chosen
}

impl Obstacles<'_> {
    fn cost(&self, area: &Area) -> f64 {
        let outside = area.width * area.height - area.overlap(&self.canvas);
        let nodes: f64 = self.nodes.iter().map(|node| node.overlap(area)).sum();
        let lines: f64 = self
            .lines
            .iter()
            .map(|(from, to)| area.length_inside(*from, *to))
            .sum();
        OUTSIDE * outside + NODE * nodes + LINE * lines
    }
}
