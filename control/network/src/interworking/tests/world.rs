//! Two domains, each with a machine and a model of its network, and a channel between them that
//! loses requests and replies, delivers twice and late, while KMEs crash. One seed gives one run.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kme_api::KeyBytes;
use kme_api::etsi020::{
    CallbackUrl, ExtKeys, KeyUuid, Parties, SaeId, Void, acks_from_json, acks_to_json,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::super::state::Event;
use super::super::{
    Account, Action, Answer, CallId, Interworking, Message, Offer, Outcome, Record, Reply, Route,
    Settings, Side, State, Withdrawal,
};

/// The two domains.
pub(super) const ENDS: [usize; 2] = [0, 1];

pub(super) fn sae(end: usize) -> SaeId {
    SaeId::parse(["sae-a", "sae-c"][end]).unwrap()
}

/// The SAEs of keys that start at this end.
pub(super) fn parties(from: usize) -> Parties {
    Parties::new(sae(from), vec![sae(1 - from)]).unwrap()
}

pub(super) fn settings(end: usize) -> Settings {
    let url = format!("https://kme-{end}/kmapi/v1/ext_keys/ack");
    Settings::new(CallbackUrl::parse(&url).unwrap())
}

pub(super) fn key_id(number: u64) -> KeyUuid {
    let mut octets = [0; 16];
    octets[8..].copy_from_slice(&number.to_be_bytes());
    KeyUuid::from_bytes(octets)
}

pub(super) fn value(number: u64) -> Arc<KeyBytes> {
    let octets = Zeroizing::new(number.to_be_bytes().to_vec());
    Arc::new(KeyBytes::from_zeroizing(octets).ok().unwrap())
}

/// A message on its way, as JSON.
#[derive(Clone)]
enum Wire {
    Keys(Vec<u8>),
    Acks(Vec<u8>),
    Void(Vec<u8>),
}

impl Wire {
    fn new(message: &Message) -> Self {
        match message {
            Message::Keys(keys) => Self::Keys(keys.to_json().unwrap().to_vec()),
            Message::Acks(_, acks) => Self::Acks(acks_to_json(acks).unwrap()),
            Message::Void(void) => Self::Void(void.to_json().unwrap()),
        }
    }
}

/// The events to come.
enum Happening {
    Request {
        to: usize,
        wire: Wire,
        call: Option<(u64, CallId)>,
    },
    Answer {
        to: usize,
        life: u64,
        call: CallId,
        outcome: Outcome,
    },
    Timer {
        end: usize,
    },
    Offer {
        end: usize,
        number: u64,
    },
    Carried {
        end: usize,
        key: KeyUuid,
        life: u64,
    },
    Withdraw {
        end: usize,
        side: Side,
        key: KeyUuid,
        life: u64,
    },
    InitiatorTakes {
        end: usize,
        key: KeyUuid,
    },
    TargetTakes {
        end: usize,
        key: KeyUuid,
    },
    /// The node of a key's target restarts.
    Lost {
        end: usize,
        key: KeyUuid,
        life: u64,
    },
    Crash {
        end: usize,
    },
}

/// Where a key is in the network of one domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the KME of its SAE, which must not have it yet.
    Kept,
    /// The SAE may fetch it.
    Free,
    /// The SAE has it.
    Taken,
    /// No SAE gets it any more.
    Gone,
    /// Its origin has given it up. The report may be lost in a crash.
    GivenUp,
    /// The target's node has lost it. Its initiator may have it.
    Lost,
    /// It is at its target, but nobody knows where. No SAE asks for it.
    Forgotten,
}

struct End {
    machine: Interworking,
    /// Counts restarts.
    life: u64,
    disk: HashMap<KeyUuid, Record>,
    /// Keys that start here.
    own: BTreeMap<KeyUuid, Place>,
    /// Keys that come from the neighbour.
    foreign: BTreeMap<KeyUuid, Place>,
    /// The keys that the network knows in this life.
    remembered: BTreeSet<KeyUuid>,
    /// Requests that wait for their answer (synchronous mode).
    waiting: BTreeMap<u64, (u64, CallId)>,
}

/// How badly things go.
#[derive(Clone, Copy)]
pub(super) struct Weather {
    pub(super) lost_percent: u32,
    pub(super) twice_percent: u32,
    pub(super) failed_percent: u32,
    pub(super) crash_percent: u32,
    /// Keys that their origin gives up although they are released, and keys that their target's
    /// node loses.
    pub(super) void_percent: u32,
    /// For some seconds all requests, or all replies, of one end are lost.
    pub(super) outages: u32,
    pub(super) synchronous: bool,
}

/// A message of an end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Reply,
}

pub(super) struct World {
    rng: ChaCha8Rng,
    weather: Weather,
    now: Duration,
    happenings: BTreeMap<(Duration, u64), Happening>,
    count: u64,
    ends: Vec<End>,
    /// Keys handed to a network to be carried.
    relays: HashMap<KeyUuid, u32>,
    /// Nothing of this kind from this end arrives in this time.
    outages: Vec<(usize, Kind, core::ops::Range<Duration>)>,
    /// Faults may still happen.
    stormy: bool,
    table: Table,
}

pub(super) type Table = fn(Side, State, Event) -> Option<State>;

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

impl World {
    pub(super) fn new(seed: u64, weather: Weather, table: Table) -> Self {
        let end = |end| {
            let mut settings = settings(end);
            settings.synchronous = weather.synchronous;
            let mut machine = Interworking::new(settings);
            machine.table = table;
            End {
                machine,
                life: 0,
                disk: HashMap::new(),
                own: BTreeMap::new(),
                foreign: BTreeMap::new(),
                remembered: BTreeSet::new(),
                waiting: BTreeMap::new(),
            }
        };
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            weather,
            now: Duration::ZERO,
            happenings: BTreeMap::new(),
            count: 0,
            ends: ENDS.map(end).into(),
            relays: HashMap::new(),
            outages: Vec::new(),
            stormy: true,
            table,
        }
    }

    fn below(&mut self, max: u32) -> u32 {
        self.rng.next_u32() % max
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.stormy && self.below(100) < percent
    }

    fn is_lost(&mut self, end: usize, kind: Kind) -> bool {
        let now = self.now;
        let out = |(of, what, time): &(usize, Kind, core::ops::Range<Duration>)| {
            (*of, *what) == (end, kind) && time.contains(&now)
        };
        self.outages.iter().any(out) || self.percent(self.weather.lost_percent)
    }

    fn plan(&mut self, after: Duration, happening: Happening) {
        self.count += 1;
        self.happenings
            .insert((self.now + after, self.count), happening);
    }

    /// Offers keys at both ends for some seconds, with crashes; then the faults stop, and all comes
    /// to rest.
    pub(super) fn run(&mut self, keys: u64) {
        for number in 0..keys {
            let (end, after) = (number as usize % 2, self.below(5000));
            self.plan(ms(after), Happening::Offer { end, number });
        }
        for end in ENDS {
            while self.percent(self.weather.crash_percent) {
                let after = self.below(8000);
                self.plan(ms(after), Happening::Crash { end });
            }
        }
        for _ in 0..self.weather.outages {
            let kind = [Kind::Request, Kind::Reply][self.below(2) as usize];
            let (end, from) = (self.below(2) as usize, ms(self.below(6000)));
            let until = from + ms(self.below(15_000));
            self.outages.push((end, kind, from..until));
        }
        self.until(Duration::from_secs(25));
        self.stormy = false;
        self.until(Duration::from_secs(280));
    }

    fn until(&mut self, until: Duration) {
        while let Some((&(at, _), _)) = self.happenings.first_key_value()
            && at <= until
        {
            let Some((_, happening)) = self.happenings.pop_first() else {
                return;
            };
            self.now = at;
            self.happen(happening);
            for end in ENDS {
                let books = self.ends[end].machine.books();
                assert!(
                    books.sent.is_closed() && books.received.is_closed(),
                    "{books:?}"
                );
            }
        }
        self.now = until;
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::Offer { end, number } => {
                let key_id = key_id(number);
                let offer = Offer {
                    key_id,
                    value: value(number),
                    parties: parties(end),
                    extension: None,
                    mandatory: None,
                    optional: None,
                };
                self.ends[end].own.insert(key_id, Place::Kept);
                self.ends[end].remembered.insert(key_id);
                self.ends[end].machine.offer(now, offer).unwrap();
                self.carry_out(end, None);
            }
            Happening::Timer { end } => {
                self.ends[end].machine.on_time(now);
                self.carry_out(end, None);
            }
            Happening::Request { to, wire, call } => self.request(to, &wire, call),
            Happening::Answer {
                to,
                life,
                call,
                outcome,
            } => {
                if self.ends[to].life == life {
                    self.ends[to].machine.on_answer(now, call, &outcome);
                    self.carry_out(to, None);
                }
            }
            Happening::Carried { end, key, life } => {
                let failed = self.percent(self.weather.failed_percent);
                if self.percent(self.weather.void_percent) {
                    let after = ms(self.below(5000));
                    self.plan(after, Happening::Lost { end, key, life });
                }
                let place = self.ends[end].foreign.get_mut(&key).unwrap();
                if *place == Place::Kept {
                    *place = if failed { Place::Gone } else { Place::Free };
                }
                if self.ends[end].life == life {
                    let machine = &mut self.ends[end].machine;
                    if failed {
                        machine.on_relay_failed(now, key, "no luck");
                    } else {
                        machine.on_relayed(now, key, None);
                    }
                    self.carry_out(end, None);
                }
            }
            Happening::Withdraw {
                end,
                side,
                key,
                life,
            } => {
                let knows = self.ends[end].remembered.contains(&key);
                let places = match side {
                    Side::Sent => &mut self.ends[end].own,
                    Side::Received => &mut self.ends[end].foreign,
                };
                // A crash may have come between the record of a key and its relay.
                let place = places.entry(key).or_insert(Place::Gone);
                let withdrawal = match (&place, side) {
                    (_, Side::Sent) if !knows => Withdrawal::Unknown,
                    (Place::Taken, _) => Withdrawal::Taken,
                    (_, Side::Received) if !knows => {
                        *place = Place::Forgotten;
                        Withdrawal::Unknown
                    }
                    _ => {
                        *place = Place::Gone;
                        Withdrawal::Done
                    }
                };
                if self.ends[end].life == life {
                    self.ends[end].machine.on_withdrawn(now, key, withdrawal);
                    self.carry_out(end, None);
                }
            }
            Happening::InitiatorTakes { end, key } => {
                let gives_up = self.percent(self.weather.void_percent);
                let place = self.ends[end].own.get_mut(&key).unwrap();
                if *place != Place::Free {
                    return;
                }
                if gives_up {
                    *place = Place::GivenUp;
                    self.ends[end].machine.void(now, key);
                    self.carry_out(end, None);
                } else {
                    *place = Place::Taken;
                    let after = ms(self.below(3000));
                    self.plan(after, Happening::TargetTakes { end: 1 - end, key });
                }
            }
            Happening::TargetTakes { end, key } => {
                let place = self.ends[end].foreign.get_mut(&key);
                let place = place.expect("a released key is at its target");
                if *place != Place::Lost {
                    assert_eq!(*place, Place::Free, "{key}: its initiator has it");
                    *place = Place::Taken;
                }
            }
            Happening::Lost { end, key, life } => {
                let place = self.ends[end].foreign.get_mut(&key).unwrap();
                if *place == Place::Free {
                    *place = Place::Lost;
                }
                if self.ends[end].life == life {
                    self.ends[end].machine.void(now, key);
                    self.carry_out(end, None);
                }
            }
            Happening::Crash { end } => self.crash(end),
        }
    }

    fn crash(&mut self, end: usize) {
        let mut settings = settings(end);
        settings.synchronous = self.weather.synchronous;
        let crashed = &mut self.ends[end];
        crashed.life += 1;
        crashed.waiting.clear();
        crashed.remembered.clear();
        let records: Vec<_> = crashed.disk.values().cloned().collect();
        crashed.machine = Interworking::restore(settings, self.now, records);
        crashed.machine.table = self.table;
        self.carry_out(end, None);
    }

    /// A request arrives. `call` is where its answer goes, if anybody waits for it.
    fn request(&mut self, to: usize, wire: &Wire, call: Option<(u64, CallId)>) {
        let now = self.now;
        let route = move |sae_id: &SaeId| match *sae_id == sae(to) {
            true => Route::Ours,
            false => Route::Back,
        };
        let machine = &mut self.ends[to].machine;
        let reply = match wire {
            Wire::Keys(json) => {
                machine.on_ext_keys(now, ExtKeys::from_json(json).ok().unwrap(), route)
            }
            Wire::Acks(json) => machine.on_ack(now, &acks_from_json(json).unwrap()),
            Wire::Void(json) => machine.on_void(now, &Void::from_json(json).unwrap()),
        };
        self.carry_out(to, Some((reply, call)));
    }

    /// Carries out the orders of a machine, then replies. A crash may cut this off anywhere.
    fn carry_out(&mut self, end: usize, reply: Option<(Reply, Option<(u64, CallId)>)>) {
        if let Some((Reply::Later(token), Some(call))) = &reply {
            self.ends[end].waiting.insert(token.0, *call);
        }
        let cut = self.percent(self.weather.crash_percent / 20);
        while let Some(action) = self.ends[end].machine.next_action() {
            if cut && self.below(3) == 0 {
                self.crash(end);
                return;
            }
            self.act(end, action);
        }
        if cut {
            self.crash(end);
            return;
        }
        match reply {
            Some((Reply::Accepted, call)) => self.reply(end, call, Outcome::Accepted),
            Some((Reply::Acknowledged, call)) => self.reply(end, call, Outcome::Done(Vec::new())),
            Some((Reply::Refused(problem), call)) => {
                let outcome = match problem.status {
                    Some(400 | 401) => Outcome::Refused(problem),
                    _ => Outcome::Unknown,
                };
                self.reply(end, call, outcome);
            }
            Some((Reply::Later(_), _)) | None => {}
        }
        if let Some(at) = self.ends[end].machine.next_time() {
            let after = at.saturating_sub(self.now).max(ms(1));
            self.plan(after, Happening::Timer { end });
        }
    }

    fn reply(&mut self, from: usize, call: Option<(u64, CallId)>, outcome: Outcome) {
        let Some((life, call)) = call else { return };
        let to = 1 - from;
        let (after, outcome) = match self.is_lost(from, Kind::Reply) {
            true => (ms(1000), Outcome::Unknown),
            false => (ms(self.below(20)), outcome),
        };
        self.plan(
            after,
            Happening::Answer {
                to,
                life,
                call,
                outcome,
            },
        );
    }

    fn act(&mut self, end: usize, action: Action) {
        let life = self.ends[end].life;
        match action {
            Action::Record(record) => {
                self.ends[end].disk.insert(record.key_id, record);
            }
            Action::Send(call, message) => self.send(end, call, &message),
            Action::Answer(token, answer) => {
                if let Some(call) = self.ends[end].waiting.remove(&token.0) {
                    let outcome = match answer {
                        Answer::Done(acks) => Outcome::Done(acks),
                        Answer::Refused(_) => Outcome::Unknown,
                    };
                    self.reply(end, Some(call), outcome);
                }
            }
            Action::Relay(relay) => {
                let key = relay.key_id;
                *self.relays.entry(key).or_default() += 1;
                assert_eq!(self.relays[&key], 1, "{key} is carried twice");
                let number = u64::from_be_bytes(*relay.value.expose_array().unwrap());
                assert_eq!(key_id(number), key, "other bits");
                self.ends[end].foreign.insert(key, Place::Kept);
                self.ends[end].remembered.insert(key);
                // Now and then longer than the machine waits.
                let slow = if self.percent(self.weather.failed_percent) {
                    6000
                } else {
                    100
                };
                let after = ms(self.below(slow));
                self.plan(after, Happening::Carried { end, key, life });
            }
            Action::Release(key, _) => {
                let place = self.ends[end].own.get_mut(&key).unwrap();
                assert_ne!(
                    *place,
                    Place::Gone,
                    "{key} is released after its withdrawal"
                );
                if *place == Place::Kept {
                    *place = Place::Free;
                    let after = ms(self.below(2000));
                    self.plan(after, Happening::InitiatorTakes { end, key });
                }
            }
            Action::Withdraw(side, key) => {
                if !self.percent(self.weather.lost_percent) {
                    let after = ms(self.below(50));
                    self.plan(
                        after,
                        Happening::Withdraw {
                            end,
                            side,
                            key,
                            life,
                        },
                    );
                }
            }
        }
    }

    fn send(&mut self, end: usize, call: CallId, message: &Message) {
        let (to, life, wire) = (1 - end, self.ends[end].life, Wire::new(message));
        if self.percent(self.weather.twice_percent) {
            // Nobody waits for the answer to a copy that comes late.
            let (after, wire) = (ms(self.below(20_000)), wire.clone());
            self.plan(
                after,
                Happening::Request {
                    to,
                    wire,
                    call: None,
                },
            );
        }
        // Longer than any answer takes.
        let patience = if self.weather.synchronous { 6000 } else { 1000 };
        let outcome = Outcome::Unknown;
        self.plan(
            ms(patience),
            Happening::Answer {
                to: end,
                life,
                call,
                outcome,
            },
        );
        if !self.is_lost(end, Kind::Request) {
            let after = ms(self.below(20));
            self.plan(
                after,
                Happening::Request {
                    to,
                    wire,
                    call: Some((life, call)),
                },
            );
        }
    }

    /// The end of each key at both ends, and the books.
    pub(super) fn check(&self) -> Summary {
        let mut summary = Summary::default();
        for from in ENDS {
            let (here, there) = (&self.ends[from], &self.ends[1 - from]);
            for (key, place) in &here.own {
                let ours = here.machine.state(*key).map(|(_, state)| state);
                let theirs = there.machine.state(*key).map(|(_, state)| state);
                let far = there.foreign.get(key);
                let released = ours == Some(State::Released);
                assert_eq!(
                    released,
                    theirs == Some(State::Released),
                    "{key}: {ours:?} {theirs:?}"
                );
                if *place != Place::GivenUp {
                    let taken = *place == Place::Taken;
                    assert_eq!(released, taken, "{key}: {ours:?} {place:?}");
                    let fetched = matches!(far, Some(Place::Taken | Place::Lost));
                    assert!(fetched || !released, "{key}: {ours:?} {far:?}");
                }
                // Keys that are not released are out of the reach of SAEs.
                let kept = [Some(place), far].into_iter().flatten();
                let reach = kept.filter(|place| matches!(place, Place::Free | Place::Taken));
                assert!(released || reach.count() == 0, "{key}: {place:?} {far:?}");
                // A crash before the first record takes the key with it; its network withdraws it.
                assert!(ours.is_none_or(State::is_final), "{key}: {ours:?}");
                assert!(theirs.is_none_or(State::is_final), "{key}: {theirs:?}");
                summary.keys += 1;
                summary.released += u32::from(released);
            }
            for account in [here.machine.books().sent, here.machine.books().received] {
                assert_eq!(account.held, 0, "{account:?}");
                summary.accounts.push(account);
            }
        }
        summary
    }
}

/// The ends of all keys.
#[derive(Default)]
pub(super) struct Summary {
    pub(super) keys: u32,
    pub(super) released: u32,
    pub(super) accounts: Vec<Account>,
}
