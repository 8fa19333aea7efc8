//! The link states of all nodes, flooded through the network, and the routes that follow.
//!
//! Each node announces to all others how much key its links have, with a number that rises. A link
//! is usable as far as both its ends say so. The connection alone (TLS) authenticates a state, and
//! no signature proves who made it: a node that lies can stop keys and draw routes, no more.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::graph::{Path, Tree};
use crate::guards::{Guard, on};
use crate::id::{LinkId, NodeId};
use crate::limits;
use crate::message::{Level, State};
use crate::sites::Sites;

/// The handling of a state that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Pass it on to all other neighbours.
    New,
    /// It is known, or it is worth nothing.
    Known,
    /// A newer one is known: send it to the neighbour.
    Older(State),
    /// It is our own, from before a restart: announce the present one.
    Outdated,
}

/// The table of link states.
pub(crate) struct States {
    run: u64,
    seq: u64,
    /// Our own state is in it, too.
    table: BTreeMap<NodeId, Entry>,
    /// Lower level of both ends.
    levels: Vec<Level>,
    /// Links not to use until then.
    avoided: BTreeMap<LinkId, Duration>,
    tree: Tree,
    /// Whether levels and tree lag behind the table.
    stale: bool,
    announced: Duration,
}

struct Entry {
    run: u64,
    seq: u64,
    /// When its node made it. An age may reach back to before the origin of our time.
    made: Made,
    levels: Vec<(LinkId, Level)>,
}

impl Entry {
    /// The greater replaces the lesser. Of two different ones with the same number, which no honest
    /// node makes, all nodes choose the same.
    fn order(&self) -> (u64, u64, &Vec<(LinkId, Level)>) {
        (self.seq, self.run, &self.levels)
    }

    fn state(&self, now: Duration, node: NodeId) -> State {
        State {
            node,
            run: self.run,
            seq: self.seq,
            age_ms: u32::try_from(self.made.age(now).as_millis()).unwrap_or(u32::MAX),
            levels: self.levels.clone(),
        }
    }
}

/// A time, and an age that it had by then.
#[derive(Clone, Copy)]
struct Made {
    came: Duration,
    age: Duration,
}

impl Made {
    fn age(self, now: Duration) -> Duration {
        self.age + now.saturating_sub(self.came)
    }
}

impl States {
    pub(crate) fn new(sites: &Sites, run: u64) -> Self {
        let levels = vec![Level::Down; sites.links.len()];
        let tree = sites.graph.tree(sites.here, |_| None);
        Self {
            run,
            seq: 0,
            table: BTreeMap::new(),
            levels,
            avoided: BTreeMap::new(),
            tree,
            stale: false,
            announced: Duration::ZERO,
        }
    }

    /// Our links have changed, or our state is due again. Returns the state to send.
    pub(crate) fn announce(
        &mut self,
        now: Duration,
        sites: &Sites,
        levels: Vec<(LinkId, Level)>,
    ) -> State {
        self.seq = self.seq.saturating_add(1);
        self.announced = now;
        let made = Made {
            came: now,
            age: Duration::ZERO,
        };
        let entry = Entry {
            run: self.run,
            seq: self.seq,
            made,
            levels,
        };
        let state = entry.state(now, sites.here);
        self.table.insert(sites.here, entry);
        self.stale = true;
        state
    }

    /// The state of some node came.
    pub(crate) fn on_state(&mut self, now: Duration, sites: &Sites, state: &State) -> News {
        let age = Duration::from_millis(state.age_ms.into());
        let of_node = |(link, _): &(LinkId, Level)| {
            let ends = sites.links.get(link.index());
            ends.is_some_and(|(a, b)| *a == state.node || *b == state.node)
        };
        let exists = state.node.0 < sites.nodes && state.levels.iter().all(of_node);
        if !exists || age >= limits::STATE_AGE {
            return News::Known;
        }
        let known = self.table.get(&state.node);
        if let Some(known) = known.filter(|known| known.made.age(now) < limits::STATE_AGE) {
            match known.order().cmp(&(state.seq, state.run, &state.levels)) {
                Ordering::Less => {}
                Ordering::Equal => return News::Known,
                Ordering::Greater => return News::Older(known.state(now, state.node)),
            }
        }
        if state.node == sites.here {
            self.seq = self.seq.max(state.seq);
            return News::Outdated;
        }
        let (node, run, seq) = (state.node, state.run, state.seq);
        let levels = state.levels.clone();
        let made = Made { came: now, age };
        self.table.insert(
            node,
            Entry {
                run,
                seq,
                made,
                levels,
            },
        );
        self.stale = true;
        News::New
    }

    /// All states, for a neighbour that has come.
    pub(crate) fn all(&self, now: Duration) -> Vec<State> {
        let state = |(node, entry): (&NodeId, &Entry)| entry.state(now, *node);
        self.table.iter().map(state).collect()
    }

    /// Drops what is too old.
    pub(crate) fn expire(&mut self, now: Duration, sites: &Sites) {
        let (before, here) = (self.table.len(), sites.here);
        let fresh = |entry: &Entry| entry.made.age(now) < limits::STATE_AGE;
        self.table
            .retain(|node, entry| *node == here || fresh(entry));
        self.stale |= before != self.table.len();
    }

    /// A relay has refused to use this link.
    pub(crate) fn avoid(&mut self, now: Duration, link: LinkId) {
        if self.avoided.len() < limits::AVOIDED_MAX {
            self.avoided.insert(link, now + limits::AVOID);
            self.stale = true;
        }
    }

    /// The time at which a link is no longer avoided.
    pub(crate) fn avoided_until(&self) -> Option<Duration> {
        self.avoided.values().min().copied()
    }

    /// The time before which our own state is not sent again.
    pub(crate) fn next(&self) -> Duration {
        if self.seq == 0 {
            Duration::ZERO
        } else {
            self.announced + limits::STATE_EVERY
        }
    }

    /// The time at which our own state is due again.
    pub(crate) fn due(&self) -> Duration {
        self.announced + limits::STATE_REFRESH
    }

    /// Brings levels and routes up to date. Returns whether anything has changed.
    pub(crate) fn update(&mut self, now: Duration, sites: &Sites) -> bool {
        let avoided = self.avoided.len();
        self.avoided.retain(|_, until| *until > now);
        self.stale |= avoided != self.avoided.len();
        if !std::mem::take(&mut self.stale) {
            return false;
        }
        let mut ends = vec![0_u8; self.levels.len()];
        self.levels.fill(Level::Rich);
        for (link, level) in self.table.values().flat_map(|entry| &entry.levels) {
            ends[link.index()] += 1;
            self.levels[link.index()] = self.levels[link.index()].min(*level);
        }
        for (level, ends) in self.levels.iter_mut().zip(ends) {
            if ends != 2 {
                *level = Level::Down;
            }
        }
        self.tree = sites.graph.tree(sites.here, |link| self.cost(link));
        true
    }

    /// A link without key is used only where no other leads on, and then no batch is sent.
    fn cost(&self, link: LinkId) -> Option<u64> {
        let cost = match self.levels[link.index()] {
            Level::Down => return None,
            Level::Empty => 10_000,
            Level::Low => 15,
            Level::Fair => 11,
            Level::Rich => 10,
        };
        Some(if self.avoided.contains_key(&link) {
            10_000
        } else {
            cost
        })
    }

    /// The level of a link by its two ends.
    pub(crate) fn level(&self, link: LinkId) -> Level {
        self.levels[link.index()]
    }

    /// Whether all links of a route carry messages.
    pub(crate) fn alive(&self, route: &Path) -> bool {
        route
            .links
            .iter()
            .all(|link| self.level(*link) > Level::Down)
    }

    /// Whether all links of a route have key.
    pub(crate) fn supplied(&self, route: &Path) -> bool {
        let supplied =
            |link: &LinkId| self.level(*link) > Level::Empty && !self.avoided.contains_key(link);
        route.links.iter().all(supplied)
    }

    /// The best route to a node, or the one used before if it is nearly as good.
    pub(crate) fn route(&self, to: NodeId, before: Option<&Path>) -> Option<Path> {
        let best = self.tree.path(to)?;
        match before {
            Some(before) if self.keeps(&[before], &[&best]) => Some(before.clone()),
            _ => short(&best).then_some(best),
        }
    }

    /// The best two routes without a common relay, or those used before if they are nearly as good.
    pub(crate) fn routes(&self, sites: &Sites, to: NodeId, before: &[Path]) -> Option<[Path; 2]> {
        if !on(Guard::Disjoint) {
            let path = self.tree.path(to)?;
            return Some([path.clone(), path]);
        }
        let best = sites
            .graph
            .disjoint_pair(sites.here, to, |link| self.cost(link))?;
        match before {
            [a, b] if self.keeps(&[a, b], &[&best[0], &best[1]]) => Some([a.clone(), b.clone()]),
            _ => best.iter().all(short).then_some(best),
        }
    }

    /// Whether these routes cost at most a quarter more than the best: routes stay where they are
    /// while that costs little, and do not swing with the levels.
    fn keeps(&self, before: &[&Path], best: &[&Path]) -> bool {
        let cost = |paths: &[&Path]| {
            let links = paths.iter().flat_map(|path| &path.links);
            links.map(|link| self.cost(*link)).sum::<Option<u64>>()
        };
        match (cost(before), cost(best)) {
            (Some(before), Some(best)) => 4 * before <= 5 * best,
            _ => false,
        }
    }

    /// The run of a node, if a path leads to it.
    pub(crate) fn run_of(&self, node: NodeId) -> Option<u64> {
        self.table.get(&node).map(|entry| entry.run)
    }

    /// Nodes that a path leads to.
    pub(crate) fn reachable(&self, sites: &Sites) -> Vec<NodeId> {
        sites
            .graph
            .reachable(sites.here, |link| self.level(link) > Level::Down)
    }
}

/// Whether a message can name the route.
fn short(path: &Path) -> bool {
    path.hops() <= limits::HOPS_MAX
}

#[cfg(test)]
mod tests;
