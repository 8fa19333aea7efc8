//! The batches that a node sends, and the stock of each of its pairs.

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
use crate::passport::{Passport, PathPassport};
use crate::sae::SaeId;
use crate::sites::{PairId, Sites};
use crate::stock;

/// The pairs whose initiator is at this node.
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
    /// The target's node.
    pub(crate) far: NodeId,
    pub(crate) paths: Paths,
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

/// A pair waits for the time of its next attempt, or for the ACK of its batch.
enum Attempt {
    Pause(Duration),
    Flight(Flight),
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
    /// Run of the far node.
    run: u64,
    until: Duration,
}

/// A batch whose keys are in stock.
pub(crate) struct Released {
    pub(crate) ids: Vec<KeyId>,
    pub(crate) passport: Arc<Passport>,
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
            .filter(|pair| sites.ends(*pair).0 == sites.here);
        let pairs = ours.map(|pair| (pair, Pair::new(sites, pair))).collect();
        Self {
            run,
            batches: 0,
            pairs,
            flights: BTreeMap::new(),
        }
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
            pair.stock(now, &flight, 0);
        }
        pair.attempt = Attempt::Flight(flight);
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
        let passport = pair.stock(now, &flight, run);
        Acked::Released(Released {
            ids: flight.ids,
            passport,
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
        Some(flight)
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
        let late = |flight: &Flight| flight.sent + limits::ACK_WAIT <= now;
        let late = |pair: &Pair| pair.flight().is_some_and(late);
        let pairs = self.pairs.iter().filter(|(_, pair)| late(pair));
        pairs.map(|(id, _)| *id).collect()
    }

    /// The next time at which a pair has something to do.
    pub(crate) fn due(&self) -> Option<Duration> {
        let due = |pair: &Pair| match &pair.attempt {
            Attempt::Flight(flight) => Some(flight.sent + limits::ACK_WAIT),
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
            far: sites.ends(id).1,
            paths: demand.paths,
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

    /// Keys of the next batch: few after a batch that was voided, so that attempts in vain cost
    /// little.
    fn missing(&self) -> usize {
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
            self.attempt = Attempt::Flight(self.undead.swap_remove(at));
        }
    }

    fn stock(&mut self, now: Duration, flight: &Flight, run: u64) -> Arc<Passport> {
        let path = |(route, ack): (&Arc<Path>, &Option<Ack>)| PathPassport {
            nodes: route.nodes.clone(),
            hops: ack.as_ref().map_or_else(Vec::new, |ack| ack.hops.clone()),
        };
        let paths = flight.routes.iter().zip(&flight.acks).map(path).collect();
        let passport = Arc::new(Passport { paths });
        let until = now + limits::STOCK_AGE;
        for (id, value) in flight.ids.iter().zip(flight.keys.values()) {
            let (batch, passport) = (flight.batch, Arc::clone(&passport));
            self.stock.push_back(Stocked {
                id: *id,
                value,
                batch,
                passport,
                run,
                until,
            });
        }
        passport
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

    /// Drops keys that the far node has lost, now that it is at another run.
    pub(crate) fn on_run(&mut self, run: u64) -> BTreeMap<BatchId, Vec<KeyId>> {
        self.drop_stock(|stocked| stocked.run != run && on(Guard::StockEndsWithRun))
    }
}
