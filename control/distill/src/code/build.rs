//! The graph of a code, from a seed.
use std::collections::HashSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Code, Edge, LANES, MAX_CORE_DEGREE, Rate};

/// Draws of one leaf check, until no two of its variables share another leaf check.
const DRAWS: usize = 200;
/// Checks at this distance or farther count as equally far, in steps of two edges. An edge to a
/// check at distance d closes a cycle of 2 d + 2 edges.
const HORIZON: usize = 4;
/// The weight of a variable that is in a leaf check twice: no number of shared pairs is as bad.
const TWICE: usize = 100;

impl Code {
    /// A code of `size` base variables. Both ends get the same graph from the same seed.
    ///
    /// # Panics
    /// If the size is below 256 or above 65,536: a graph that small has no core of its profile.
    #[must_use]
    pub fn build(rate: Rate, size: usize, seed: u64) -> Self {
        assert!(
            (256..=65_536).contains(&size),
            "256 to 65,536 base variables"
        );
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let profile = rate.profile();
        let count = |share: usize| (share * size + 5000) / 10_000;
        let mut degrees = Vec::new();
        for (share, core, leaf) in profile.core {
            degrees.extend(std::iter::repeat_n((core, leaf), count(share)));
        }
        shuffle(&mut degrees, &mut rng);
        let (core, pairs) = (degrees.len(), count(profile.pairs));
        let triples = size - core - pairs;
        let core_degrees: Vec<usize> = degrees.iter().map(|degrees| degrees.0).collect();
        let checks = core_checks(&core_degrees, count(profile.core_checks), &mut rng);
        let mut leaf_degrees: Vec<usize> = degrees.iter().map(|degrees| degrees.1).collect();
        balance(&mut leaf_degrees, 2 * pairs + 3 * triples, &mut rng);
        let mut sockets = Sockets::new(&leaf_degrees, &mut rng);
        Self {
            core,
            checks,
            pairs: (0..pairs).map(|_| sockets.leaf(&mut rng)).collect(),
            triples: (0..triples).map(|_| sockets.leaf(&mut rng)).collect(),
        }
    }
}

/// Progressive edge growth (Hu, Eleftheriou, Arnold 2005) on the lifted graph: each edge goes to a
/// check that is as far from its variable as possible, and of those to one with fewest edges.
///
/// No variable has two edges to the same base check. Therefore the 32 copies of an edge close no
/// cycle below 8 among themselves, and one search for each edge tells the whole girth.
fn core_checks(degrees: &[usize], checks: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<Edge>> {
    let capacity = degrees.iter().sum::<usize>().div_ceil(checks);
    assert!(capacity <= MAX_CORE_DEGREE, "the profile fits the decoder");
    let mut graph = Graph {
        checks: vec![Vec::new(); checks],
        variables: vec![Vec::new(); degrees.len()],
    };
    let mut order: Vec<usize> = (0..degrees.len()).collect();
    shuffle(&mut order, rng);
    order.sort_by_key(|&variable| degrees[variable]);
    for variable in order {
        for _ in 0..degrees[variable] {
            let distances = graph.distances(variable);
            let free = (0..checks).filter(|&check| {
                let edges = &graph.checks[check];
                edges.len() < capacity && edges.iter().all(|edge| edge.variable() != variable)
            });
            let places = free.flat_map(|check| (0..LANES).map(move |lane| (check, lane)));
            let best = places.max_by_key(|&(check, lane)| {
                let few_edges = capacity - graph.checks[check].len();
                (distances[check * LANES + lane], few_edges, rng.next_u64())
            });
            let (check, lane) = best.expect("a check has room: capacity exceeds the mean degree");
            graph.join(variable, check, lane);
        }
    }
    graph.checks
}

/// The core under construction, seen from both sides.
struct Graph {
    checks: Vec<Vec<Edge>>,
    /// Checks and shifts of each variable.
    variables: Vec<Vec<(usize, usize)>>,
}

impl Graph {
    /// Distances from lane 0 of a variable to every lifted check, up to the horizon.
    fn distances(&self, variable: usize) -> Vec<usize> {
        let mut distances = vec![HORIZON; self.checks.len() * LANES];
        let mut seen = vec![false; self.variables.len() * LANES];
        seen[variable * LANES] = true;
        let (mut front, mut distance) = (vec![(variable, 0)], 0);
        while !front.is_empty() && distance < HORIZON {
            let mut next = Vec::new();
            for (variable, lane) in front {
                for &(check, shift) in &self.variables[variable] {
                    let row = (lane + shift) % LANES;
                    let known = &mut distances[check * LANES + row];
                    if *known != HORIZON {
                        continue;
                    }
                    *known = distance;
                    if distance + 1 == HORIZON {
                        continue; // Its other variables are beyond the horizon.
                    }
                    for edge in &self.checks[check] {
                        let lane = (row + LANES - edge.shift()) % LANES;
                        let seen = &mut seen[edge.variable() * LANES + lane];
                        if !std::mem::replace(seen, true) {
                            next.push((edge.variable(), lane));
                        }
                    }
                }
            }
            (front, distance) = (next, distance + 1);
        }
        distances
    }

    fn join(&mut self, variable: usize, check: usize, shift: usize) {
        self.checks[check].push(edge(variable, shift));
        self.variables[variable].push((check, shift));
    }
}

fn edge(variable: usize, shift: usize) -> Edge {
    Edge {
        variable: variable as u32,
        shift: shift as u8,
    }
}

/// Adds or takes edges at random variables until there are `want`: the shares are rounded.
fn balance(degrees: &mut [usize], want: usize, rng: &mut ChaCha8Rng) {
    let mut have: usize = degrees.iter().sum();
    while have != want {
        let degree = &mut degrees[below(degrees.len(), rng)];
        if have < want {
            (*degree, have) = (*degree + 1, have + 1);
        } else {
            (*degree, have) = (*degree - 1, have - 1);
        }
    }
}

/// Ends of edges that wait for a leaf check: each variable once for each such edge.
struct Sockets {
    free: Vec<usize>,
    /// Variables that share a leaf check, the smaller first.
    pairs: HashSet<(usize, usize)>,
}

impl Sockets {
    fn new(degrees: &[usize], rng: &mut ChaCha8Rng) -> Self {
        let each = degrees.iter().enumerate();
        let mut free: Vec<usize> = each
            .flat_map(|(variable, &degree)| std::iter::repeat_n(variable, degree))
            .collect();
        shuffle(&mut free, rng);
        Self {
            free,
            pairs: HashSet::new(),
        }
    }

    /// The edges of one leaf check. Its first edge rotates, so that lanes mix.
    fn leaf<const D: usize>(&mut self, rng: &mut ChaCha8Rng) -> [Edge; D] {
        let mut best = (usize::MAX, [0; D]);
        for _ in 0..DRAWS {
            let places = self.draw(rng);
            let cost = self.cost(places.map(|place| self.free[place]));
            if cost < best.0 {
                best = (cost, places);
            }
            if cost == 0 {
                break;
            }
        }
        let variables = best.1.map(|place| self.free[place]);
        self.pairs.extend(pairs(variables));
        let mut places = best.1;
        places.sort_unstable();
        for place in places.into_iter().rev() {
            self.free.swap_remove(place);
        }
        let mut edges = variables.map(|variable| edge(variable, 0));
        edges[0].shift = below(LANES, rng) as u8;
        edges
    }

    /// Distinct places of free sockets.
    fn draw<const D: usize>(&self, rng: &mut ChaCha8Rng) -> [usize; D] {
        let mut places = [usize::MAX; D];
        for at in 0..D {
            while places[at] == usize::MAX {
                let place = below(self.free.len(), rng);
                if !places.contains(&place) {
                    places[at] = place;
                }
            }
        }
        places
    }

    fn cost<const D: usize>(&self, variables: [usize; D]) -> usize {
        let cost = |(one, other)| match one == other {
            true => TWICE,
            false => usize::from(self.pairs.contains(&(one, other))),
        };
        pairs(variables).map(cost).sum()
    }
}

fn pairs<const D: usize>(variables: [usize; D]) -> impl Iterator<Item = (usize, usize)> {
    (0..D).flat_map(move |i| {
        let pair = move |j: usize| (variables[i], variables[j]);
        (0..i).map(move |j| (pair(j).0.min(pair(j).1), pair(j).0.max(pair(j).1)))
    })
}

fn below(count: usize, rng: &mut ChaCha8Rng) -> usize {
    ((u128::from(rng.next_u64()) * count as u128) >> 64) as usize
}

fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for at in (1..items.len()).rev() {
        items.swap(at, below(at + 1, rng));
    }
}
