//! Mistakes that no single entry shows: no domain of a link, no route, no second path, demand
//! beyond what can be carried.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::domain::{domain_names, domains_of};
use super::draft::Draft;
use super::section::{Findings, Place};
use super::{HOPS_MAX, LINKS_PER_NODE_MAX, Node, NodeKind, Paths};
use crate::graph::{DomainGraph, DomainId, Path, Tree};
use crate::id::{LinkId, NodeId};

type Pair = (NodeId, NodeId);

/// Checks the network as a whole.
pub(super) fn network(draft: &Draft, findings: &mut Findings<'_>) {
    let network = Network::of(draft);
    network.degrees(findings);
    if network.links_have_domains(findings) {
        network.routes(findings);
    }
    if findings.is_empty() {
        network.supply(findings);
    }
    if findings.is_empty() {
        network.cuts(findings);
    }
}

/// A draft and its graph.
struct Network<'d> {
    draft: &'d Draft,
    domains: Vec<&'d str>,
    graph: DomainGraph,
    /// The ends of each link of the graph.
    ends: Vec<(NodeId, NodeId)>,
    /// One more node of the graph, at which links end that name no node of the file. With it a
    /// misspelt name is not also reported as a missing route.
    unknown: NodeId,
}

/// Pairs that the network cannot serve, by their places in the file. Those of the same place are
/// one mistake.
#[derive(Default)]
struct Unserved {
    /// Their domains do not meet.
    strangers: BTreeMap<Place, Vec<Pair>>,
    /// They have no route.
    apart: BTreeMap<Place, Vec<Pair>>,
    /// They have one path where two are demanded, each with a leg that has only one.
    single: BTreeMap<Place, Vec<(Pair, Path)>>,
    /// The shortest route has a leg of this many links.
    long: BTreeMap<Place, Vec<(Pair, usize)>>,
}

impl<'d> Network<'d> {
    fn of(draft: &'d Draft) -> Self {
        let unknown = NodeId(u16::try_from(draft.nodes.len()).unwrap_or(u16::MAX));
        let ends: Vec<(NodeId, NodeId)> = draft
            .links
            .iter()
            .filter(|link| link.ends != [None; 2])
            .map(|link| link.ends.map(|end| end.unwrap_or(unknown)).into())
            .collect();
        let domains = domain_names(&draft.nodes);
        let mut of_nodes = domains_of(&draft.nodes, &domains);
        of_nodes.push(BTreeSet::new());
        Self {
            graph: DomainGraph::new(of_nodes, ends.clone()),
            domains,
            unknown,
            draft,
            ends,
        }
    }

    fn name(&self, node: NodeId) -> &'d str {
        self.draft
            .nodes
            .get(node.index())
            .map_or("?", |node| &node.name)
    }

    fn domain_name(&self, domain: DomainId) -> &'d str {
        let name = self.domains.get(usize::from(domain.0));
        name.copied().unwrap_or("?")
    }

    fn pair_name(&self, (a, b): Pair) -> String {
        format!("{} and {}", self.name(a), self.name(b))
    }

    /// The names of the domains of a pair that crosses from one to another.
    fn border(&self, (a, b): Pair) -> Option<[&'d str; 2]> {
        let [a, b] = [self.graph.home(a)?, self.graph.home(b)?];
        (a != b).then(|| [a, b].map(|domain| self.domain_name(domain)))
    }

    fn degrees(&self, findings: &mut Findings<'_>) {
        for node in (0_u16..).map(NodeId).take(self.draft.nodes.len()) {
            let links = self.graph.neighbours(node).count();
            if links > LINKS_PER_NODE_MAX {
                let name = self.name(node);
                let problem = format!("{name} has {links} links, at most {LINKS_PER_NODE_MAX}");
                findings.add(0, problem, "give some of them to a further node");
            }
        }
    }

    /// Finds links whose ends have no domain in common, or two. Returns true if the domains of all
    /// nodes and links are known.
    fn links_have_domains(&self, findings: &mut Findings<'_>) -> bool {
        let clear = |node: &Node| match node.domains.len() {
            0 => false,
            1 => true,
            _ => node.kind == NodeKind::Relay,
        };
        let mut fine = self.draft.nodes.iter().all(clear);
        for link in &self.draft.links {
            let [Some(a), Some(b)] = link.ends else {
                continue;
            };
            let [of_a, of_b] = [a, b].map(|end| &self.draft.nodes[end.index()].domains);
            if of_a.is_empty() || of_b.is_empty() {
                continue;
            }
            let shared: Vec<_> = of_a.intersection(of_b).collect();
            let pair = self.pair_name((a, b));
            let (problem, fix) = match shared[..] {
                [_] => continue,
                [] => {
                    let [one, other] =
                        [of_a, of_b].map(|of_one| of_one.first().map_or("?", String::as_str));
                    (
                        format!("{pair} have no domain in common"),
                        format!(
                            "join the domains at an interworking node: kind = \"relay\", domain = \
                             [{one:?}, {other:?}]"
                        ),
                    )
                }
                _ => (
                    format!("{pair} have two domains in common, and a link belongs to one"),
                    "put a node of one domain between them, or leave the link out".to_owned(),
                ),
            };
            fine = false;
            findings.add(link.place, problem, fix);
        }
        fine
    }

    /// Finds demanded pairs whose domains do not meet, pairs without a route, with none that is
    /// short enough, and without two disjoint ones if those are demanded.
    fn routes(&self, findings: &mut Findings<'_>) {
        let mut found = Unserved::default();
        let two = self.draft.demand.paths == Paths::Two
            && self.graph.neighbours(self.unknown).next().is_none();
        let mut trees: BTreeMap<NodeId, Tree> = BTreeMap::new();
        let one = |_| Some(1);
        for (&pair, &place) in self.draft.demand.pairs.iter().zip(&self.draft.pair_places) {
            let (a, b) = pair;
            for end in [a, b] {
                trees
                    .entry(end)
                    .or_insert_with(|| self.graph.tree(end, one));
            }
            // A misspelt name may stand for any node.
            let misspelt = || {
                [a, b]
                    .iter()
                    .any(|end| trees[end].path(self.unknown).is_some())
            };
            // Each leg has a site at one of its ends.
            let ways = self.graph.ways(a, b, |_, start, end| match start == a {
                true => trees[&a].path(end),
                false => trees[&b].path(start).map(Path::reversed),
            });
            let longest = |legs: &Vec<Path>| legs.iter().map(Path::hops).max();
            let Some(legs) = ways.into_iter().min_by_key(longest) else {
                match self.meet(pair) {
                    false => found.strangers.entry(place).or_default().push(pair),
                    true if !misspelt() => found.apart.entry(place).or_default().push(pair),
                    true => {}
                }
                continue;
            };
            let mut hops = longest(&legs).unwrap_or(0);
            if two {
                let ways = self.graph.ways(a, b, |domain, start, end| {
                    let [_, second] = self.graph.disjoint_legs(domain, start, end, one)?;
                    Some(second.hops())
                });
                match ways.iter().filter_map(|legs| legs.iter().max()).min() {
                    Some(second) => hops = *second,
                    None => {
                        let narrow = legs.into_iter().find(|leg| !self.has_two_paths(leg));
                        let entry = found.single.entry(place).or_default();
                        entry.extend(narrow.map(|leg| (pair, leg)));
                    }
                }
            }
            if hops > HOPS_MAX && !misspelt() {
                found.long.entry(place).or_default().push((pair, hops));
            }
        }
        self.report(&found, findings);
    }

    fn report(&self, found: &Unserved, findings: &mut Findings<'_>) {
        for (place, pairs) in &found.strangers {
            let [one, other] = self.border(pairs[0]).unwrap_or(["?"; 2]);
            let problem = format!(
                "no interworking node joins {one} and {other}, the domains of {}{}, and a key \
                 crosses from domain to domain once",
                self.pair_name(pairs[0]),
                and_more(pairs.len())
            );
            let fix = format!(
                "add a node with kind = \"relay\" and domain = [{one:?}, {other:?}], or list \
                 the pairs instead of \"all\""
            );
            findings.add(*place, problem, fix);
        }
        for (place, pairs) in &found.apart {
            let problem = format!(
                "no route between {}{}{}",
                self.pair_name(pairs[0]),
                and_more(pairs.len()),
                self.scope(pairs[0])
            );
            let fix = "add a link that joins them, or do not demand this pair";
            findings.add(*place, problem, fix);
        }
        for (place, pairs) in &found.single {
            let (pair, leg) = &pairs[0];
            let problem = format!(
                "no two disjoint paths between {}{}: all pass {}",
                self.pair_name(*pair),
                and_more(pairs.len()),
                self.bottleneck(*pair, leg)
            );
            let fix = "add a link that avoids it, or set paths = 1";
            findings.add(*place, problem, fix);
        }
        for (place, pairs) in &found.long {
            let (pair, hops) = pairs[0];
            let problem = format!(
                "the route between {}{} has {hops} links{}, at most {HOPS_MAX}",
                self.pair_name(pair),
                and_more(pairs.len()),
                self.border(pair).map_or("", |_| " in one domain")
            );
            findings.add(*place, problem, "add a link that shortens it");
        }
    }

    /// The part of the network in which a pair needs a route, if that is not all of it.
    fn scope(&self, pair: Pair) -> String {
        match (self.border(pair), self.graph.home(pair.0)) {
            (Some([one, other]), _) => format!(" over an interworking node of {one} and {other}"),
            (None, Some(domain)) if self.domains.len() > 1 => {
                format!(" inside the domain {}", self.domain_name(domain))
            }
            _ => String::new(),
        }
    }

    /// True if the sites are in one domain, or if an interworking node joins their domains.
    fn meet(&self, (a, b): Pair) -> bool {
        match (self.graph.home(a), self.graph.home(b)) {
            (Some(near), Some(far)) => near == far || !self.graph.gates(near, far).is_empty(),
            _ => false,
        }
    }

    fn has_two_paths(&self, leg: &Path) -> bool {
        let (a, b) = ends(leg);
        let domain = self.graph.domain(leg.links[0]);
        let two = |domain| self.graph.disjoint_legs(domain, a, b, |_| Some(1));
        domain.and_then(two).is_some()
    }

    /// The node or link that every path between the ends of this one passes inside its domain.
    fn bottleneck(&self, pair: Pair, leg: &Path) -> String {
        let (a, b) = ends(leg);
        let domain = self.graph.domain(leg.links[0]);
        let passes = |node: NodeId| {
            let beside = |link: LinkId| {
                let (one, other) = self.ends[link.index()];
                one != node && other != node
            };
            let reached = self.graph.reachable(a, domain, beside);
            reached.binary_search(&b).is_err()
        };
        match leg.relays().iter().find(|relay| passes(**relay)) {
            Some(relay) => format!("node {}", self.name(*relay)),
            None if (a, b) == pair => "the one link between them".to_owned(),
            None => format!("the one link between {}", self.pair_name((a, b))),
        }
    }

    fn supply(&self, findings: &mut Findings<'_>) {
        for link in &self.draft.links {
            if let Some(model) = &link.link
                && let Some(reason) = model.source.supply().no_key
            {
                let (a, b) = model.ends;
                let problem = format!("the link of {} gives no key", self.pair_name((a, b)));
                findings.add(link.place, problem, reason);
            }
        }
    }

    /// Compares the demand of each site with what its links give, the demand across each bridge
    /// with what the bridge gives, and the demand between two domains with what the links of their
    /// interworking nodes give. All links are valid here, so that they have the same numbers in the
    /// graph as in the draft.
    fn cuts(&self, findings: &mut Findings<'_>) {
        let demand = &self.draft.demand;
        let pair_bit_s = demand.pair_bit_s(demand.authentication_bits());
        let paths = f64::from(demand.paths.count());
        let given: Vec<f64> = self
            .draft
            .links
            .iter()
            .map(|link| {
                link.link
                    .as_ref()
                    .map_or(0.0, |link| link.source.supply().bit_s())
            })
            .collect();
        let mut exceeds = |place: Place, what: String, pairs: usize, given: f64| {
            let needed = pairs as f64 * pair_bit_s;
            if needed > given {
                let least = demand.interval.as_secs_f64() * needed / given;
                let problem = format!(
                    "{what} must carry keys of {pairs} pairs, which need {needed:.0} bit/s, but \
                     can give {given:.0} bit/s"
                );
                let least = humantime::format_duration(rounded_up(least));
                findings.add(
                    place,
                    problem,
                    format_args!("a faster or a further link, or an interval of {least} or more"),
                );
            }
        };
        // The place of the first of some links, and what all of them give.
        let together = |links: &BTreeSet<LinkId>| {
            let first = self.draft.links.get(links.first()?.index())?;
            let sum: f64 = links.iter().map(|link| given[link.index()]).sum();
            Some((first.place, sum))
        };
        for bridge in self.graph.bridges() {
            let what = format!(
                "the bridge between {}",
                self.pair_name(self.ends[bridge.index()])
            );
            exceeds(
                self.draft.links[bridge.index()].place,
                what,
                self.pairs_over(bridge),
                given[bridge.index()],
            );
        }
        for node in (0_u16..).map(NodeId).take(self.draft.nodes.len()) {
            let of_node = |(a, b): &&Pair| *a == node || *b == node;
            let pairs = demand.pairs.iter().filter(of_node).count();
            let links = self.graph.neighbours(node).map(|(link, _)| link).collect();
            // Each path of a key leaves its site over a link of its own.
            if let Some((place, sum)) = together(&links) {
                let what = format!("all links of {} together", self.name(node));
                exceeds(place, what, pairs, sum / paths);
            }
        }
        for (border, gates) in self.graph.borders() {
            let [one, other] = border.map(Some);
            let crosses = |(a, b): &&Pair| {
                let homes = [self.graph.home(*a), self.graph.home(*b)];
                homes == [one, other] || homes == [other, one]
            };
            let pairs = demand.pairs.iter().filter(crosses).count();
            let names = border.map(|domain| self.domain_name(domain));
            for domain in border {
                let all = gates.iter().flat_map(|gate| self.graph.neighbours(*gate));
                let inside = all.filter(|(link, _)| self.graph.domain(*link) == Some(domain));
                let links = inside.map(|(link, _)| link).collect();
                if let Some((place, sum)) = together(&links) {
                    let what = format!(
                        "all links in {} of the interworking nodes of {}",
                        self.domain_name(domain),
                        names.join(" and ")
                    );
                    exceeds(place, what, pairs, sum / paths);
                }
            }
        }
    }

    /// The number of pairs whose keys must pass a bridge.
    fn pairs_over(&self, bridge: LinkId) -> usize {
        let domain = self.graph.domain(bridge);
        let side = self
            .graph
            .reachable(self.ends[bridge.index()].0, domain, |link| link != bridge);
        let inside = |node: NodeId| side.binary_search(&node).is_ok();
        // A key that crosses from domain to domain leaves its own at one of the interworking nodes.
        let leaves = |site: NodeId, other: DomainId| {
            let gates = domain.map_or(&[][..], |domain| self.graph.gates(domain, other));
            gates.iter().all(|gate| inside(*gate) != inside(site))
        };
        let passes = |&&(a, b): &&Pair| match (self.graph.home(a), self.graph.home(b)) {
            (near, far) if near == far => near == domain && inside(a) != inside(b),
            (near, Some(far)) if near == domain => leaves(a, far),
            (Some(near), far) if far == domain => leaves(b, near),
            _ => false,
        };
        self.draft.demand.pairs.iter().filter(passes).count()
    }
}

/// The nodes that a path joins.
fn ends(path: &Path) -> Pair {
    (path.nodes[0], path.nodes[path.hops()])
}

fn and_more(pairs: usize) -> String {
    match pairs {
        0 | 1 => String::new(),
        several => format!(" (and {} more pairs)", several - 1),
    }
}

/// The next whole number of 10 ms.
fn rounded_up(seconds: f64) -> Duration {
    Duration::from_millis(10 * (seconds * 100.0).ceil() as u64)
}
