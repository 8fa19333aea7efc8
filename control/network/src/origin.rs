//! The batches that a node sends: for the stock of each of its pairs, and of keys that the
//! neighbour domain has handed over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::action::{Reason, Refusal, Unavailable};
use crate::config::Paths;
use crate::graph::Path;
use crate::guards::{Guard, on};
use crate::id::NodeId;
use crate::key::{BatchId, Key, KeyId, KeyValue};
use crate::keys::{Keys, confirmation};
use crate::limits;
use crate::mac;
use crate::message::{Ack, Course};
use crate::passport::{Beyond, Passport, PathPassport};
use crate::sites::{PairId, Sites};
use crate::stock;
use kme_api::etsi020::SaeId;

/// The pairs whose keys begin at this node.
pub(crate) struct Origin {
    run: u64,
    batches: u64,
    pub(crate) pairs: BTreeMap<PairId, Pair>,
    /// The pair of each batch under way.
    flights: BTreeMap<BatchId, PairId>,
}

/// One ordered pair.
pub(crate) struct Pair {
    pub(crate) initiator: SaeId,
    pub(crate) target: SaeId,
    /// The target's node, or the interworking nodes that lead to it.
    pub(crate) fars: Vec<NodeId>,
    /// The target is in the neighbour domain.
    pub(crate) crosses: bool,
    pub(crate) paths: Paths,
    source: Source,
    /// Keys of a full stock.
    full: usize,
    /// Keys of one switch.
    few: usize,
    stock: VecDeque<Stocked>,
    attempt: Attempt,
    pause: Duration,
    /// Routes of the last batch.
    pub(crate) routes: Vec<Path>,
    /// The reason why the last attempt gave no keys.
    pub(crate) failure: Option<Unavailable>,
    /// The reason for an empty stock, as last reported.
    pub(crate) reported: Option<Unavailable>,
    pub(crate) delivered: u64,
    pub(crate) voided: u64,
    pub(crate) latency: Option<Duration>,
    /// Batches that were voided, for tests that let them come back.
    #[cfg(feature = "guards")]
    undead: Vec<Flight>,
}

/// The source of a pair's keys.
enum Source {
    /// They are drawn here, for the stock.
    Drawn,
    /// The neighbour domain hands them over.
    Given(VecDeque<Given>),
}

/// A key of the neighbour domain.
pub(crate) struct Given {
    pub(crate) id: KeyId,
    pub(crate) value: KeyValue,
    pub(crate) beyond: Option<Beyond>,
    /// It is given up then if it is not under way.
    pub(crate) until: Duration,
}

/// A pair waits for the time of its next attempt, or for the ACK of its batch.
enum Attempt {
    Pause(Duration),
    Flight(Box<Flight>),
}

/// A batch under way.
pub(crate) struct Flight {
    pub(crate) batch: BatchId,
    pub(crate) ids: Vec<KeyId>,
    keys: Keys,
    pub(crate) routes: Vec<Arc<Path>>,
    /// The ACK of each route.
    acks: [Option<Ack>; 2],
    sent: Duration,
}

/// A key that the far node holds.
struct Stocked {
    id: KeyId,
    value: KeyValue,
    batch: BatchId,
    passport: Arc<Passport>,
    /// The far node and its run, if it holds the key: an interworking node hands it over.
    held_by: Option<(NodeId, u64)>,
    until: Duration,
}

/// A batch that the far node holds.
pub(crate) struct Released {
    pub(crate) ids: Vec<KeyId>,
    pub(crate) passport: Arc<Passport>,
    /// The far node and its run.
    pub(crate) held_by: (NodeId, u64),
    /// The keys are of the neighbour domain.
    pub(crate) given: bool,
}

/// The result of an ACK.
pub(crate) enum Acked {
    /// It belongs to no batch under way.
    Stray,
    /// The other share is still awaited.
    Half,
    Released(Released),
    /// The batch cannot be released.
    Wrong(Reason),
}

impl Origin {
    pub(crate) fn new(sites: &Sites, run: u64) -> Self {
        let ours = sites
            .pairs()
            .filter(|pair| sites.origins(*pair).contains(&sites.here));
        let pairs = ours.map(|pair| (pair, Pair::new(sites, pair))).collect();
        Self {
            run,
            batches: 0,
            pairs,
            flights: BTreeMap::new(),
        }
    }

    /// The pairs whose keys are drawn here.
    pub(crate) fn drawn(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.values().filter(|pair| !pair.is_given())
    }

    /// The pairs whose keys are drawn here.
    pub(crate) fn drawn_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.pairs.values_mut().filter(|pair| !pair.is_given())
    }

    /// The name of the next batch.
    pub(crate) fn next_batch(&mut self, here: NodeId) -> BatchId {
        self.batches += 1;
        BatchId {
            origin: here,
            run: self.run,
            number: self.batches,
        }
    }

    /// The pairs that want keys now, and how many.
    pub(crate) fn wants(&self, now: Duration) -> Vec<(PairId, usize)> {
        let wants = |(id, pair): (&PairId, &Pair)| Some((*id, pair.wants(now)?));
        self.pairs.iter().filter_map(wants).collect()
    }

    /// A batch is on its way.
    pub(crate) fn launched(
        &mut self,
        now: Duration,
        id: PairId,
        batch: BatchId,
        (ids, keys): (Vec<KeyId>, Keys),
        routes: Vec<Arc<Path>>,
    ) {
        let Some(pair) = self.pairs.get_mut(&id) else {
            return;
        };
        pair.routes = routes.iter().map(|route| Path::clone(route)).collect();
        let flight = Flight {
            batch,
            ids,
            keys,
            routes,
            acks: [None, None],
            sent: now,
        };
        if !on(Guard::StockAfterAck) {
            let passport = flight.passport();
            let far = flight.routes.first().and_then(|route| route.nodes.last());
            let held_by = far.map(|far| (*far, 0));
            pair.stock(now, &flight, &passport, held_by);
        }
        pair.attempt = Attempt::Flight(Box::new(flight));
        self.flights.insert(batch, id);
    }

    /// The pair of a batch under way.
    pub(crate) fn pair_of(&self, batch: BatchId) -> Option<PairId> {
        self.flights.get(&batch).copied()
    }

    /// An ACK came. `run` is that of the far node, as its link state says.
    pub(crate) fn on_ack(
        &mut self,
        now: Duration,
        id: PairId,
        course: &Course,
        ack: Ack,
        run: Option<u64>,
    ) -> Acked {
        let Some(pair) = self.pairs.get_mut(&id) else {
            return Acked::Stray;
        };
        #[cfg(feature = "guards")]
        pair.revive(course.batch);
        let Attempt::Flight(flight) = &mut pair.attempt else {
            return Acked::Stray;
        };
        if flight.batch != course.batch
            || !flight.came_by(course)
            || flight.acks[course.share.index()].is_some()
        {
            return Acked::Stray;
        }
        let ours = confirmation(
            &flight.keys,
            flight.batch,
            &pair.initiator,
            &pair.target,
            &flight.ids,
        );
        if !mac::same(&ours, &ack.confirmation) && on(Guard::Confirmation) {
            return Acked::Wrong(Reason::Corrupt);
        }
        if run != Some(ack.run) && on(Guard::StockEndsWithRun) {
            return Acked::Wrong(Reason::FarRestarted);
        }
        let run = ack.run;
        flight.acks[course.share.index()] = Some(ack);
        if flight.acks.iter().flatten().count() < flight.routes.len() {
            return Acked::Half;
        }
        self.flights.remove(&course.batch);
        let next = Attempt::Pause(now);
        let Attempt::Flight(flight) = std::mem::replace(&mut pair.attempt, next) else {
            return Acked::Stray;
        };
        pair.latency = Some(now.saturating_sub(flight.sent));
        pair.pause = limits::RETRY;
        pair.failure = None;
        let passport = flight.passport();
        let (held_by, given) = ((course.far(), run), pair.is_given());
        if !given {
            pair.stock(now, &flight, &passport, (!pair.crosses).then_some(held_by));
        }
        Acked::Released(Released {
            ids: flight.ids,
            passport,
            held_by,
            given,
        })
    }

    /// The batch of a pair is voided. The next attempt follows after a pause, or at once if `soon`.
    pub(crate) fn void(
        &mut self,
        now: Duration,
        id: PairId,
        reason: Reason,
        soon: bool,
    ) -> Option<Flight> {
        let pair = self.pairs.get_mut(&id)?;
        let Attempt::Flight(_) = pair.attempt else {
            return None;
        };
        let wait = if soon { Duration::ZERO } else { pair.pause };
        pair.pause = (pair.pause * 2).min(limits::RETRY_MAX);
        let next = Attempt::Pause(now + wait);
        let Attempt::Flight(flight) = std::mem::replace(&mut pair.attempt, next) else {
            return None;
        };
        pair.failure = Some(Unavailable::Failed(reason));
        pair.voided += flight.ids.len() as u64;
        if on(Guard::VoidedForever) {
            self.flights.remove(&flight.batch);
        }
        Some(*flight)
    }

    /// A voided batch is reported.
    pub(crate) fn bury(&mut self, id: PairId, flight: Flight) {
        #[cfg(feature = "guards")]
        if !on(Guard::VoidedForever)
            && let Some(pair) = self.pairs.get_mut(&id)
        {
            return pair.undead.push(flight);
        }
        let _ = (id, flight);
    }

    /// Pairs whose batch is under way for too long.
    pub(crate) fn overdue(&self, now: Duration) -> Vec<PairId> {
        let late = |pair: &Pair| {
            let flight = pair.flight();
            flight.is_some_and(|flight| flight.sent + pair.ack_wait() <= now)
        };
        let pairs = self.pairs.iter().filter(|(_, pair)| late(pair));
        pairs.map(|(id, _)| *id).collect()
    }

    /// The next time at which a pair has something to do.
    pub(crate) fn due(&self) -> Option<Duration> {
        let due = |pair: &Pair| match &pair.attempt {
            Attempt::Flight(flight) => Some(flight.sent + pair.ack_wait()),
            Attempt::Pause(until) => (pair.missing() > 0).then_some(*until),
        };
        self.pairs.values().filter_map(due).min()
    }
}

impl Stocked {
    /// A copy, for a simulation of what must not be.
    fn copy(&self) -> Key {
        Key {
            id: self.id,
            value: KeyValue::from_octets(self.value.expose()),
            passport: Arc::clone(&self.passport),
        }
    }
}

impl Flight {
    /// The passport, from the ACKs.
    fn passport(&self) -> Arc<Passport> {
        let path = |(route, ack): (&Arc<Path>, &Option<Ack>)| PathPassport {
            nodes: route.nodes.clone(),
            hops: ack.as_ref().map_or_else(Vec::new, |ack| ack.hops.clone()),
        };
        let paths = self.routes.iter().zip(&self.acks).map(path).collect();
        let mut acks = self.acks.iter().flatten();
        let beyond = acks.find_map(|ack| ack.beyond.clone());
        Arc::new(Passport { paths, beyond })
    }

    /// Whether a message about it goes along its route.
    pub(crate) fn came_by(&self, course: &Course) -> bool {
        let shares = [(1, self.routes.len()), (2, self.routes.len())];
        let (number, of) = course.share.of();
        let index = course.share.index();
        shares[index] == (usize::from(number), usize::from(of))
            && self.routes.get(index) == Some(&course.route)
    }
}

impl Pair {
    fn new(sites: &Sites, id: PairId) -> Self {
        let demand = sites.demand(id);
        Self {
            initiator: demand.initiator.clone(),
            target: demand.target.clone(),
            fars: sites.fars(id).to_vec(),
            crosses: sites.is_foreign(&demand.target),
            paths: demand.paths,
            source: if sites.is_foreign(&demand.initiator) {
                Source::Given(VecDeque::new())
            } else {
                Source::Drawn
            },
            full: demand.stock(),
            few: usize::from(demand.keys),
            stock: VecDeque::new(),
            attempt: Attempt::Pause(Duration::ZERO),
            pause: limits::RETRY,
            routes: Vec::new(),
            failure: None,
            reported: None,
            delivered: 0,
            voided: 0,
            latency: None,
            #[cfg(feature = "guards")]
            undead: Vec::new(),
        }
    }

    /// Keys ready to be handed out.
    pub(crate) fn ready(&self) -> usize {
        self.stock.len()
    }

    /// The batch under way.
    pub(crate) fn flight(&self) -> Option<&Flight> {
        match &self.attempt {
            Attempt::Flight(flight) => Some(flight),
            Attempt::Pause(_) => None,
        }
    }

    /// Whether the keys come from the neighbour domain.
    pub(crate) const fn is_given(&self) -> bool {
        matches!(self.source, Source::Given(_))
    }

    /// Time for the ACK of a batch.
    const fn ack_wait(&self) -> Duration {
        if self.crosses {
            limits::CROSS_WAIT
        } else {
            limits::ACK_WAIT
        }
    }

    /// Takes a key of the neighbour domain. False: it draws its own, or too many wait.
    pub(crate) fn give(&mut self, key: Given) -> bool {
        match &mut self.source {
            Source::Given(queue) if queue.len() < limits::CARRY_MAX => {
                queue.push_back(key);
                true
            }
            Source::Given(_) | Source::Drawn => false,
        }
    }

    /// Takes up to `number` keys of the neighbour domain for a batch: those that came the same way.
    pub(crate) fn given(&mut self, number: usize) -> Vec<Given> {
        let Source::Given(queue) = &mut self.source else {
            return Vec::new();
        };
        let way = queue.front().and_then(|key| key.beyond.clone());
        let same = queue
            .iter()
            .take(number)
            .take_while(|key| key.beyond == way);
        let same = same.count();
        queue.drain(..same).collect()
    }

    /// Drops keys of the neighbour domain: those that match.
    pub(crate) fn drop_given(&mut self, ends: impl Fn(&Given) -> bool) -> Vec<KeyId> {
        let Source::Given(queue) = &mut self.source else {
            return Vec::new();
        };
        let dropped = queue.iter().filter(|key| ends(key)).map(|key| key.id);
        let dropped = dropped.collect();
        queue.retain(|key| !ends(key));
        dropped
    }

    /// Keys of the next batch: few after a batch that was voided, so that attempts in vain cost
    /// little.
    fn missing(&self) -> usize {
        if let Source::Given(queue) = &self.source {
            return queue.len().min(limits::BATCH_KEYS_MAX);
        }
        let missing = stock::missing(self.full, self.stock.len());
        match self.pause > limits::RETRY {
            true => missing.min(self.few),
            false => missing,
        }
    }

    fn wants(&self, now: Duration) -> Option<usize> {
        let missing = self.missing();
        let due = matches!(self.attempt, Attempt::Pause(until) if until <= now);
        (due && missing > 0).then_some(missing)
    }

    /// There is no batch to send now.
    pub(crate) fn no_attempt(&mut self, now: Duration, why: Unavailable) {
        self.failure = Some(why);
        self.attempt = Attempt::Pause(now + limits::RETRY);
    }

    /// A batch that was voided comes back.
    #[cfg(feature = "guards")]
    fn revive(&mut self, batch: BatchId) {
        if matches!(self.attempt, Attempt::Pause(_))
            && let Some(at) = self.undead.iter().position(|flight| flight.batch == batch)
        {
            self.attempt = Attempt::Flight(Box::new(self.undead.swap_remove(at)));
        }
    }

    fn stock(
        &mut self,
        now: Duration,
        flight: &Flight,
        passport: &Arc<Passport>,
        held_by: Option<(NodeId, u64)>,
    ) {
        let until = now + limits::STOCK_AGE;
        for (id, value) in flight.ids.iter().zip(flight.keys.values()) {
            self.stock.push_back(Stocked {
                id: *id,
                value,
                batch: flight.batch,
                passport: Arc::clone(passport),
                held_by,
                until,
            });
        }
    }

    /// Hands out keys: all or none.
    pub(crate) fn take(&mut self, number: usize) -> Result<Vec<Key>, Refusal> {
        if self.stock.len() < number {
            let why = self.failure.filter(|_| self.flight().is_none());
            return Err(Refusal::Short(why.unwrap_or(Unavailable::Waiting)));
        }
        self.delivered += number as u64;
        if !on(Guard::EncOnce) {
            return Ok(self.stock.iter().take(number).map(Stocked::copy).collect());
        }
        let taken = self.stock.drain(..number).map(|stocked| Key {
            id: stocked.id,
            value: stocked.value,
            passport: stocked.passport,
        });
        Ok(taken.collect())
    }

    /// The reason for an empty stock.
    pub(crate) fn without_keys(&self) -> Option<Unavailable> {
        let why = self.failure.unwrap_or(Unavailable::Waiting);
        self.stock.is_empty().then_some(why)
    }

    /// Drops the keys that match, by batch.
    fn drop_stock(&mut self, ends: impl Fn(&Stocked) -> bool) -> BTreeMap<BatchId, Vec<KeyId>> {
        let mut dropped: BTreeMap<BatchId, Vec<KeyId>> = BTreeMap::new();
        self.stock.retain(|stocked| {
            let ends = ends(stocked);
            if ends {
                dropped.entry(stocked.batch).or_default().push(stocked.id);
            }
            !ends
        });
        self.voided += dropped.values().map(|ids| ids.len() as u64).sum::<u64>();
        dropped
    }

    /// Drops keys that are too old: the far node will not hold them long enough.
    pub(crate) fn expire(&mut self, now: Duration) -> BTreeMap<BatchId, Vec<KeyId>> {
        self.drop_stock(|stocked| stocked.until <= now && on(Guard::StockAge))
    }

    /// Drops keys that a far node has lost, now that it is at another run.
    pub(crate) fn on_run(&mut self, far: NodeId, run: u64) -> BTreeMap<BatchId, Vec<KeyId>> {
        let lost = |held_by: (NodeId, u64)| held_by.0 == far && held_by.1 != run;
        self.drop_stock(|stocked| stocked.held_by.is_some_and(lost) && on(Guard::StockEndsWithRun))
    }

    /// Takes a key out of the stock for good. `None`: it is not there.
    pub(crate) fn withdraw(&mut self, key: KeyId) -> Option<BatchId> {
        let dropped = self.drop_stock(|stocked| stocked.id == key);
        dropped.into_keys().next()
    }
}
