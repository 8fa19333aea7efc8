//! The way of a batch through a node: it starts here, passes, arrives, or is given up.

use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::action::{Action, Crossing, Event, Reason, Record, Unavailable};
use crate::config::Paths;
use crate::graph::Path;
use crate::guards::{Guard, on};
use crate::held::{Piece, Way};
use crate::id::{LinkId, NodeId};
use crate::key::{BatchId, KeyId};
use crate::keys::Keys;
use crate::limits;
use crate::link::Opened;
use crate::message::{Ack, Body, Course, Relay, Share};
use crate::origin::{Acked, Pair};
use crate::passport::{Beyond, Hop};
use crate::pool::Purpose;
use crate::sites::PairId;

impl Node {
    /// Draws keys for a pair and sends them.
    pub(super) fn launch(
        &mut self,
        now: Duration,
        id: PairId,
        number: usize,
    ) -> Result<(), Unavailable> {
        let routes = self.routes(now, id)?;
        if !routes.iter().all(|route| self.states.supplied(route)) {
            return Err(Unavailable::Failed(Reason::NoKey));
        }
        for route in &routes {
            let allowed = self.allow(now, id, route.links[0], number);
            allowed.map_err(Unavailable::Failed)?;
        }
        let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
        let Some((ids, keys, beyond)) = self.draw(id, number) else {
            return Ok(());
        };
        let number = ids.len();
        let batch = self.origin.next_batch(self.sites.here);
        let shares = if routes.len() == 1 {
            vec![]
        } else {
            let first = Keys::draw(number, &mut self.entropy);
            let second = keys.xor(&first);
            vec![first, second]
        };
        let demand = self.sites.demand(id);
        let (initiator, target) = (demand.initiator.clone(), demand.target.clone());
        let names = share_names(routes.len());
        let mut sent = Ok(());
        for (index, (share, route)) in names.iter().zip(&routes).enumerate() {
            let course = Course {
                batch,
                share: *share,
                route: Arc::clone(route),
                position: 1,
            };
            let relay = Relay {
                initiator: initiator.clone(),
                target: target.clone(),
                ids: ids.clone(),
                hops: Vec::new(),
                beyond: beyond.clone(),
            };
            let keys = shares.get(index).unwrap_or(&keys);
            let one = self.send_batch(now, id, route.links[0], &course, relay, keys);
            sent = sent.and(one);
        }
        self.origin.launched(now, id, batch, (ids, keys), routes);
        if let Err(reason) = sent {
            self.void(now, id, reason, Some(self.sites.here));
        }
        Ok(())
    }

    /// The routes of the next batch of a pair. Of several interworking nodes, one that is not
    /// avoided and has the shortest routes is taken; each pair begins at another, so that they
    /// share the load.
    fn routes(&self, now: Duration, id: PairId) -> Result<Vec<Path>, Unavailable> {
        let Some(pair) = self.origin.pairs.get(&id) else {
            return Err(Unavailable::NoRoute);
        };
        let routes = |far: NodeId| {
            let before = pair
                .routes
                .iter()
                .filter(|route| route.nodes.last() == Some(&far));
            match pair.paths {
                Paths::One => {
                    let route = self.states.route(far, before.clone().next());
                    route.map(|route| vec![route]).ok_or(Unavailable::NoRoute)
                }
                Paths::Two => {
                    let before: Vec<_> = before.cloned().collect();
                    let routes = self.states.routes(&self.sites, far, &before);
                    routes.map(Vec::from).ok_or(Unavailable::NoTwoPaths)
                }
            }
        };
        let mut best: Result<(bool, usize, Vec<Path>), _> = Err(Unavailable::NoRoute);
        // The two directions of a pair follow each other in the demand.
        let (last, first) = pair.fars.split_at(id.0 / 2 % pair.fars.len().max(1));
        for far in first.iter().chain(last) {
            let avoided = self
                .gates_avoided
                .get(far)
                .is_some_and(|until| now < *until);
            let found = routes(*far).map(|routes| {
                let links = routes.iter().map(|route| route.links.len()).sum();
                (avoided, links, routes)
            });
            best = match (best, found) {
                (Ok(best), Ok(found)) if (best.0, best.1) <= (found.0, found.1) => Ok(best),
                (Ok(best), Err(_)) => Ok(best),
                (_, found) => found,
            };
        }
        best.map(|(_, _, routes)| routes)
    }

    /// The keys of the next batch: fresh ones, or those of the neighbour domain with their way
    /// there.
    fn draw(&mut self, id: PairId, number: usize) -> Option<(Vec<KeyId>, Keys, Option<Beyond>)> {
        let pair = self.origin.pairs.get_mut(&id)?;
        if pair.is_given() {
            let given = pair.given(number);
            let beyond = given.first()?.beyond.clone();
            let (ids, values): (Vec<_>, Vec<_>) =
                given.into_iter().map(|key| (key.id, key.value)).unzip();
            return Some((ids, Keys::given(&values, &mut self.entropy), beyond));
        }
        let keys = Keys::draw(number, &mut self.entropy);
        let mut new_id = || {
            let mut octets = [0; 16];
            (self.entropy)(&mut octets);
            KeyId::from_random(octets)
        };
        let ids = (0..number).map(|_| new_id()).collect();
        Some((ids, keys, None))
    }

    /// A batch came: it goes on, or it is for an SAE here.
    pub(super) fn on_relay(
        &mut self,
        now: Duration,
        link: LinkId,
        course: Course,
        mut relay: Relay,
        opened: Opened,
    ) {
        relay.hops.push(Hop {
            link,
            blocks: opened.blocks,
        });
        let done = match self.pair_on(&course, &relay) {
            None => Err(Reason::UnknownPair),
            Some(pair) if course.far() == self.sites.here => {
                self.hold(now, pair, &course, relay, opened.keys)
            }
            Some(pair) => self.pass_on(now, pair, link, &course, relay, &opened.keys),
        };
        if let Err(reason) = done {
            let at = course.position;
            self.pass_back(now, &course, &Body::Nack { at, reason });
        }
    }

    /// The pair of a batch, if its ends are those of the route, and the links are as they should
    /// be.
    fn pair_on(&self, course: &Course, relay: &Relay) -> Option<PairId> {
        let pair = self.sites.pair(&relay.initiator, &relay.target)?;
        let ends = self.sites.origins(pair).contains(&course.batch.origin)
            && self.sites.fars(pair).contains(&course.far());
        let hops = relay.hops.iter().map(|hop| hop.link);
        let passed = course.route.links.iter().take(course.position).copied();
        let fits = ends && hops.eq(passed);
        fits.then_some(pair)
    }

    /// Keys for an SAE here.
    fn hold(
        &mut self,
        now: Duration,
        pair: PairId,
        course: &Course,
        relay: Relay,
        keys: Keys,
    ) -> Result<(), Reason> {
        let Course {
            batch,
            share,
            ref route,
            ..
        } = *course;
        if (self.sites.demand(pair).paths == Paths::Two) == (share == Share::Whole) {
            return Err(Reason::UnknownPair);
        }
        let hops = relay.hops.clone();
        let piece = Piece {
            share,
            route: Arc::clone(route),
            hops,
            keys,
        };
        let mut records = Vec::new();
        let held = self
            .held
            .on_relay(now, pair, course, relay, piece, &mut records);
        let crosses = self.sites.is_foreign(&self.sites.demand(pair).target);
        for record in records {
            self.record(if crosses {
                record.handed_over()
            } else {
                record
            });
        }
        held?;
        if self.held.complete(pair, batch).is_none() {
            return Ok(());
        }
        let waits = crosses && self.held.waits(pair, batch);
        if waits {
            self.crossing(Crossing::Came(batch));
        }
        if !waits || !on(Guard::CrossedFirst) {
            self.acknowledge(now, pair, batch);
        }
        Ok(())
    }

    /// Proves to the origin that the keys of a batch are here, or across.
    pub(super) fn acknowledge(&mut self, now: Duration, pair: PairId, batch: BatchId) {
        let complete = self.held.complete(pair, batch);
        let Some(complete) = complete.filter(|complete| complete.is_decided()) else {
            return;
        };
        let ack = |way: &Way| {
            let ack = Ack {
                run: self.run,
                confirmation: complete.confirmation,
                hops: way.hops.clone(),
                beyond: complete.beyond.clone(),
            };
            (way.course(batch), Body::Ack(ack))
        };
        for (course, ack) in complete.ways.iter().map(ack).collect::<Vec<_>>() {
            self.pass_back(now, &course, &ack);
        }
    }

    /// Keys for another node.
    fn pass_on(
        &mut self,
        now: Duration,
        pair: PairId,
        from: LinkId,
        course: &Course,
        relay: Relay,
        keys: &Keys,
    ) -> Result<(), Reason> {
        let (to, neighbour) = course.after().ok_or(Reason::UnknownPair)?;
        if !self.sites.joins(to, self.sites.here, neighbour) {
            return Err(Reason::UnknownPair);
        }
        let (batch, share, ids) = (course.batch, course.share.of(), relay.ids.clone());
        let next = course.at(course.position + 1);
        self.send_batch(now, pair, to, &next, relay, keys)?;
        self.record(Record::Relayed {
            batch,
            share,
            from,
            to,
            keys: ids,
        });
        Ok(())
    }

    /// Sends a batch, or a share of it, over a link.
    fn send_batch(
        &mut self,
        now: Duration,
        pair: PairId,
        link: LinkId,
        course: &Course,
        relay: Relay,
        keys: &Keys,
    ) -> Result<(), Reason> {
        self.allow(now, pair, link, relay.ids.len())?;
        let len = Purpose::batch(relay.ids.len()).len();
        let end = self.links.get_mut(&link).ok_or(Reason::LinkDown)?;
        let octets = end
            .seal(course, &Body::Relay(relay), Some(keys))
            .ok_or(Reason::NoKey)?;
        end.shares.book(now, pair, len);
        self.send(now, link, octets);
        Ok(())
    }

    /// Whether a batch of this size may use this link.
    fn allow(
        &mut self,
        now: Duration,
        pair: PairId,
        link: LinkId,
        keys: usize,
    ) -> Result<(), Reason> {
        let end = self.links.get_mut(&link).filter(|end| end.is_up());
        let end = end.ok_or(Reason::LinkDown)?;
        let (len, usable) = (Purpose::batch(keys).len(), end.pool.usable());
        if usable < len {
            return Err(Reason::NoKey);
        }
        let demand = self.sites.demand(pair);
        let allowed = end.shares.allow(now, pair, demand, len, usable);
        allowed.then_some(()).ok_or(Reason::OverShare)
    }

    /// Sends a message about a batch one hop back. Without key for its tag it is lost, and the
    /// origin voids the batch later.
    pub(super) fn pass_back(&mut self, now: Duration, course: &Course, body: &Body) {
        let Some((link, neighbour)) = course.before() else {
            return;
        };
        let back = course.at(course.position - 1);
        self.send_sealed(now, link, neighbour, &back, body);
    }

    pub(super) fn send_sealed(
        &mut self,
        now: Duration,
        link: LinkId,
        neighbour: NodeId,
        course: &Course,
        body: &Body,
    ) {
        let end = self.links.get_mut(&link);
        if let Some(end) = end.filter(|end| end.is_up() && end.neighbour == neighbour)
            && let Some(octets) = end.seal(course, body, None)
        {
            self.send(now, link, octets);
        }
    }

    /// The origin gives keys up: that goes on, or it is for us.
    pub(super) fn on_void(&mut self, now: Duration, course: Course, ids: Vec<KeyId>) {
        if let Some((link, neighbour)) = course.after() {
            let next = course.at(course.position + 1);
            self.send_sealed(now, link, neighbour, &next, &Body::Void(ids));
        } else if let Some(pair) = self.held.pair_of(course.batch) {
            let mut records = Vec::new();
            let crossing = self.held.on_void(pair, &course, &ids, &mut records);
            self.actions.extend(records.into_iter().map(Action::Record));
            if !crossing.is_empty() && on(Guard::GivenUpBeyond) {
                self.crossing(Crossing::GivenUp(crossing));
            }
        }
    }

    /// The far node holds a batch of ours.
    pub(super) fn on_ack(&mut self, now: Duration, course: &Course, ack: Ack) {
        let Some(pair) = self.origin.pair_of(course.batch) else {
            return;
        };
        let links = ack.hops.iter().map(|hop| hop.link);
        if !links.eq(course.route.links.iter().copied()) {
            return;
        }
        let run = self.states.run_of(course.far());
        match self.origin.on_ack(now, pair, course, ack, run) {
            Acked::Stray | Acked::Half => {}
            Acked::Wrong(reason) => self.void(now, pair, reason, None),
            Acked::Released(released) if released.given => {
                self.carried(now, pair, course.batch, released);
            }
            Acked::Released(released) => {
                let demand = self.sites.demand(pair);
                self.record(Record::Stocked {
                    batch: course.batch,
                    initiator: demand.initiator.clone(),
                    target: demand.target.clone(),
                    keys: released.ids,
                    passport: released.passport,
                });
            }
        }
    }

    /// A node on the route refuses a batch of ours.
    pub(super) fn on_nack(&mut self, now: Duration, course: &Course, at: usize, reason: Reason) {
        let Some(pair) = self.origin.pair_of(course.batch) else {
            return;
        };
        let flight = self.origin.pairs.get(&pair).and_then(Pair::flight);
        if !flight.is_some_and(|flight| flight.batch == course.batch && flight.came_by(course)) {
            return;
        }
        if matches!(reason, Reason::NoKey | Reason::LinkDown)
            && let Some(link) = course.route.links.get(at)
        {
            self.states.avoid(now, *link);
        }
        let node = course.route.nodes.get(at).copied();
        self.void(now, pair, reason, node);
    }

    /// Gives a batch of ours up, and informs the far node if it can.
    pub(super) fn void(&mut self, now: Duration, pair: PairId, reason: Reason, at: Option<NodeId>) {
        let soon = matches!(reason, Reason::LinkDown | Reason::FarRestarted);
        let Some(flight) = self.origin.void(now, pair, reason, soon) else {
            return;
        };
        let (batch, keys) = (flight.batch, flight.ids.clone());
        if matches!(reason, Reason::Timeout | Reason::NotCrossed)
            && let Some(far) = flight.routes.first().and_then(|route| route.nodes.last())
            && self.sites.is_foreign(&self.sites.demand(pair).target)
        {
            self.gates_avoided.insert(*far, now + limits::AVOID_GATE);
        }
        if self.origin.pairs.get(&pair).is_some_and(Pair::is_given) {
            let keys = keys.clone();
            self.crossing(Crossing::NotCarried { keys, reason });
        }
        self.event(Event::BatchVoided { batch, reason, at });
        self.record(Record::Voided {
            batch,
            keys: keys.clone(),
            reason,
        });
        let shares = share_names(flight.routes.len());
        for (share, route) in shares.iter().zip(&flight.routes) {
            let course = Course {
                batch,
                share: *share,
                route: Arc::clone(route),
                position: 0,
            };
            if let Some((link, neighbour)) = course.after() {
                let first = course.at(1);
                self.send_sealed(now, link, neighbour, &first, &Body::Void(keys.clone()));
            }
        }
        self.origin.bury(pair, flight);
    }
}

/// The names of the shares on this number of routes.
fn share_names(routes: usize) -> &'static [Share] {
    if routes == 1 {
        &[Share::Whole]
    } else {
        &[Share::First, Share::Second]
    }
}
