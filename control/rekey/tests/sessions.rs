//! Exhaustive model of sessions and roots of three ends: A, B, and a twin of A that appears and
//! disappears. The twin has the address and the secret of A. The rules come from the specification,
//! sections 5 and 9, not from our code. Keys, time and octets are left out, and cryptography is
//! ideal.
//!
//! The line may lose, repeat, delay and reorder: every frame ever sent may arrive at any time, any
//! number of times, or never. The check starts from each reachable state: the twin disappears and
//! the line becomes good. A and B must then agree on a new root within [`ROUNDS`] HELLOs of each.

use std::collections::BTreeSet;

use stateright::{Checker, Expectation, Model, Property};

/// Limit for the HELLOs of each end until the two ends share a new root.
const ROUNDS: usize = 5;

const A: usize = 0;
const TWIN: usize = 1;
const B: usize = 2;

/// The rules for recovery (REKEY-54, REKEY-55, REKEY-56).
#[derive(Clone, Copy)]
struct Rules {
    pair_once: bool,
    forgets: bool,
    compared: bool,
}

/// Limits of one model run: frames of each end, and exchanges that A and its twin begin.
#[derive(Clone, Copy)]
struct Bounds {
    hellos: [u8; 3],
    asks: [u8; 3],
    steps: u8,
}

struct Sessions {
    rules: Rules,
    bounds: Bounds,
}

/// A root: its epoch, and a number instead of its octets. (0, 0) is the pre-shared secret.
type Root = (u8, u8);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct End {
    id: u8,
    ctr: u8,
    nonce: u8,
    answer: u8,
    /// Peer session and its highest counter.
    peer: Option<(u8, u8)>,
    agreed: bool,
    /// Peer sessions left under this `id`.
    left: BTreeSet<u8>,
    root: Root,
    behind: Option<Root>,
    exchange: Exchange,
    asked: u8,
    taken: u8,
    differs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Exchange {
    Waiting,
    Asking(u8),
    Confirming(Root),
    /// The next root, and the root it derives from.
    Answering(Root, Root),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Frame {
    to_b: bool,
    src: u8,
    dst: u8,
    ctr: u8,
    epoch: u8,
    body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Body {
    Hello {
        challenge: u8,
        response: u8,
        check: u8,
    },
    Key(u8),
    /// The next root, and the root it derives from: the tag covers both.
    Text(Root, Root),
    Done(Root),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    ends: [Option<End>; 3],
    /// The twin has appeared.
    appeared: bool,
    /// Count of drawn numbers: sessions, nonces, octets of roots.
    drawn: u8,
    line: BTreeSet<Frame>,
    hellos: [u8; 3],
    steps: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Hello(usize),
    Ask(usize),
    Deliver(usize, Frame),
    Appear,
    Go,
}

impl State {
    fn draw(&mut self) -> u8 {
        self.drawn += 1;
        self.drawn
    }

    fn start(&mut self, who: usize) {
        let (id, nonce) = (self.draw(), self.draw());
        self.ends[who] = Some(End {
            id,
            ctr: 0,
            nonce,
            answer: 0,
            peer: None,
            agreed: false,
            left: BTreeSet::new(),
            root: (0, 0),
            behind: None,
            exchange: Exchange::Waiting,
            asked: 0,
            taken: 0,
            differs: false,
        });
    }

    fn end(&mut self, who: usize) -> &mut End {
        self.ends[who].as_mut().expect("it lives")
    }

    fn send(&mut self, who: usize, body: impl Fn(&End) -> Body) -> Frame {
        let end = self.end(who);
        end.ctr += 1;
        let frame = Frame {
            to_b: who != B,
            src: end.id,
            dst: end.peer.map_or(0, |(id, _)| id),
            ctr: end.ctr,
            epoch: end.root.0,
            body: body(end),
        };
        self.line.insert(frame);
        frame
    }

    fn hello(&mut self, who: usize) -> Frame {
        self.send(who, |end| Body::Hello {
            challenge: end.nonce,
            response: end.answer,
            check: end.root.1,
        })
    }

    fn ask(&mut self, who: usize) -> Frame {
        let end = self.end(who);
        end.asked += 1;
        let n = end.asked;
        end.exchange = Exchange::Asking(n);
        self.send(who, |_| Body::Key(n))
    }

    /// Wipes all keys and roots of the pair.
    fn wipe(&mut self, who: usize) {
        let end = self.end(who);
        end.root = (0, 0);
        end.behind = None;
        end.exchange = Exchange::Waiting;
        end.taken = 0;
        end.differs = false;
        end.agreed = false;
    }

    /// REKEY-55, REKEY-56.
    fn renew(&mut self, who: usize) {
        self.wipe(who);
        let (id, nonce) = (self.draw(), self.draw());
        let end = self.end(who);
        end.peer = None;
        end.left.clear();
        (end.id, end.nonce) = (id, nonce);
    }

    fn adopt(&mut self, who: usize, frame: &Frame, rules: Rules) {
        let had = self.end(who).peer;
        self.wipe(who);
        let nonce = self.draw();
        let end = self.end(who);
        end.nonce = nonce;
        end.left.extend(had.map(|(id, _)| id));
        if rules.pair_once && end.left.contains(&frame.src) {
            let id = self.draw();
            let end = self.end(who);
            end.left.clear();
            end.id = id;
        }
        let end = self.end(who);
        end.peer = Some((frame.src, frame.ctr));
        end.agreed = frame.dst == end.id;
    }

    fn promote(&mut self, who: usize, root: Root) {
        let end = self.end(who);
        end.behind = (who == B).then_some(end.root);
        end.root = root;
        end.exchange = Exchange::Waiting;
    }

    fn deliver(&mut self, who: usize, frame: &Frame, rules: Rules) {
        let end = self.end(who);
        let known = end.peer.is_some_and(|(id, _)| id == frame.src);
        let fresh = end.peer.is_some_and(|(_, ctr)| frame.ctr > ctr);
        let ours = frame.dst == end.id;
        let mut check = None;
        if let Body::Hello {
            challenge,
            response,
            check: root,
        } = frame.body
        {
            if known && !fresh {
                return;
            }
            end.answer = challenge;
            check = Some(root);
            if !known {
                if response == end.nonce {
                    self.adopt(who, frame, rules);
                }
                if self.end(who).peer.is_none_or(|(id, _)| id != frame.src) {
                    return;
                }
            } else if end.agreed && !ours && rules.forgets {
                return self.renew(who);
            }
        } else if !known || !ours {
            return;
        } else if !fresh {
            // REKEY-43: late pieces are accepted.
            if matches!(frame.body, Body::Key(_) | Body::Text(..)) {
                self.exchange(who, frame.body);
            }
            return;
        }
        let end = self.end(who);
        end.peer = Some((frame.src, frame.ctr));
        let ours = frame.dst == end.id;
        end.agreed |= ours;
        if rules.compared && ours && !agrees(end, frame.epoch, check) {
            return self.renew(who);
        }
        if let Exchange::Confirming(next) = end.exchange
            && next.0 == frame.epoch
        {
            self.promote(who, next);
        }
        self.exchange(who, frame.body);
        if rules.compared && self.end(who).differs {
            self.renew(who);
        }
    }

    /// Handles a message of an exchange, and sends the next one at once.
    fn exchange(&mut self, who: usize, body: Body) {
        let end = self.end(who);
        match (body, end.exchange) {
            (Body::Key(n), _) if who == B && n > end.taken => {
                end.taken = n;
                let (from, next) = (end.root, (n, self.draw()));
                self.end(who).exchange = Exchange::Answering(next, from);
                self.send(who, |_| Body::Text(next, from));
            }
            (Body::Text(next, from), Exchange::Asking(n)) if next.0 == n => {
                if from == end.root {
                    end.exchange = Exchange::Confirming(next);
                    self.send(who, |_| Body::Done(next));
                } else {
                    end.exchange = Exchange::Waiting;
                    end.differs = true;
                }
            }
            (Body::Done(root), Exchange::Answering(next, _)) if root.0 == next.0 => {
                if root == next {
                    self.promote(who, next);
                } else {
                    end.exchange = Exchange::Waiting;
                    end.differs = true;
                }
            }
            _ => {}
        }
    }

    /// Sends the message of the current exchange again.
    fn repeat(&mut self, who: usize) -> Option<Frame> {
        let body = match self.end(who).exchange {
            Exchange::Waiting => return None,
            Exchange::Asking(n) => Body::Key(n),
            Exchange::Answering(next, from) => Body::Text(next, from),
            Exchange::Confirming(next) => Body::Done(next),
        };
        Some(self.send(who, |_| body))
    }

    /// True if A and B agree on a new root soon after the twin is gone and the line is good.
    fn heals(&self, rules: Rules) -> bool {
        let mut state = self.clone();
        state.ends[TWIN] = None;
        let asked = state.end(A).asked;
        for _ in 0..ROUNDS {
            for (from, to) in [(A, B), (B, A)] {
                let hello = state.hello(from);
                state.deliver(to, &hello, rules);
                let a = state.end(A);
                if from == B && a.agreed && a.exchange == Exchange::Waiting {
                    state.ask(A);
                }
                for who in [A, B, A] {
                    if let Some(frame) = state.repeat(who) {
                        let to = if who == B { A } else { B };
                        state.deliver(to, &frame, rules);
                    }
                }
            }
        }
        let hello = state.hello(B);
        state.deliver(A, &hello, rules);
        let (root, epoch) = (state.end(A).root, state.end(A).root.0);
        state.shares() && state.end(B).root == root && epoch > asked
    }

    fn pair(&self) -> Option<(&End, &End)> {
        let (a, b) = (self.ends[A].as_ref()?, self.ends[B].as_ref()?);
        let mutual = a.peer?.0 == b.id && b.peer?.0 == a.id && a.agreed && b.agreed;
        mutual.then_some((a, b))
    }

    /// True if A and B are in one pair.
    fn shares(&self) -> bool {
        self.pair().is_some()
    }
}

/// REKEY-56.
fn agrees(end: &mut End, epoch: u8, check: Option<u8>) -> bool {
    let same = |root: Root| root.0 == epoch && check.is_none_or(|check| check == root.1);
    if same(end.root) {
        end.behind = None;
        return true;
    }
    match end.exchange {
        Exchange::Confirming(next) if next.0 == epoch => same(next),
        _ => end.behind.is_some_and(same),
    }
}

impl Model for Sessions {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            ends: [None, None, None],
            appeared: false,
            drawn: 0,
            line: BTreeSet::new(),
            hellos: [0; 3],
            steps: 0,
        };
        state.start(A);
        state.start(B);
        // A and B have met and share a root. `heals` shows that this state is reached.
        for _ in 0..3 {
            for (from, to) in [(A, B), (B, A)] {
                let hello = state.hello(from);
                state.deliver(to, &hello, self.rules);
            }
        }
        let key = state.ask(A);
        state.deliver(B, &key, self.rules);
        let text = state.repeat(B).expect("it answers");
        state.deliver(A, &text, self.rules);
        let done = state.repeat(A).expect("it confirms");
        state.deliver(B, &done, self.rules);
        let hello = state.hello(B);
        state.deliver(A, &hello, self.rules);
        state.line.clear();
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.steps >= self.bounds.steps {
            return;
        }
        for who in [A, TWIN, B] {
            let Some(end) = &state.ends[who] else {
                continue;
            };
            if state.hellos[who] < self.bounds.hellos[who] {
                actions.push(Action::Hello(who));
            }
            let may = end.agreed && end.exchange == Exchange::Waiting;
            if who != B && may && end.asked < self.bounds.asks[who] {
                actions.push(Action::Ask(who));
            }
            for frame in &state.line {
                if frame.to_b == (who == B) {
                    actions.push(Action::Deliver(who, *frame));
                }
            }
        }
        if !state.appeared {
            actions.push(Action::Appear);
        }
        if state.ends[TWIN].is_some() {
            actions.push(Action::Go);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Hello(who) => {
                state.hellos[who] += 1;
                state.hello(who);
            }
            Action::Ask(who) => {
                state.ask(who);
            }
            Action::Deliver(who, frame) => state.deliver(who, &frame, self.rules),
            Action::Appear => {
                state.appeared = true;
                state.start(TWIN);
            }
            Action::Go => state.ends[TWIN] = None,
        }
        if state == *last {
            return None;
        }
        state.steps += 1;
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(HEALS, |model: &Self, state: &State| {
                state.heals(model.rules)
            }),
            Property::always(SHARES, |_, state: &State| {
                state.pair().is_none_or(|(a, b)| {
                    let coming = matches!(a.exchange, Exchange::Confirming(next) if next == b.root);
                    a.root == b.root || coming
                })
            }),
            Property::sometimes("B adopts the twin", |_, state: &State| {
                let twin = state.ends[TWIN].as_ref();
                let b = state.ends[B].as_ref().and_then(|b| b.peer);
                twin.is_some_and(|twin| b.is_some_and(|(id, _)| id == twin.id) && twin.agreed)
            }),
            Property::sometimes("A is back", |_, state: &State| {
                state.appeared && state.ends[TWIN].is_none() && {
                    let b = state.ends[B].as_ref().expect("it lives");
                    let a = state.ends[A].as_ref().expect("it lives");
                    b.nonce > 8 && b.peer.is_some_and(|(id, _)| id == a.id)
                }
            }),
        ]
    }
}

const HEALS: &str = "heals";
const SHARES: &str = "a pair shares its root";

const NONE: Rules = Rules {
    pair_once: false,
    forgets: false,
    compared: false,
};

const ALL: Rules = Rules {
    pair_once: true,
    forgets: true,
    compared: true,
};

/// The violated properties, and the number of states visited. `STEPS=13` searches deeper.
fn explore(rules: Rules) -> (Vec<&'static str>, usize) {
    let steps = std::env::var("STEPS").ok();
    let bounds = Bounds {
        hellos: [2, 2, 3],
        asks: [2, 1, 0],
        steps: steps.and_then(|steps| steps.parse().ok()).unwrap_or(11),
    };
    let checker = Sessions { rules, bounds }.checker().threads(2);
    let checker = checker.spawn_bfs().join();
    let found = checker.discoveries();
    for (name, path) in &found {
        eprintln!("{name}: {:?}", path.clone().into_actions());
    }
    let broken = |property: &Property<Sessions>| {
        let found = found.contains_key(property.name);
        found == matches!(property.expectation, Expectation::Always)
    };
    let properties = Sessions { rules, bounds }.properties();
    let broken = properties.into_iter().filter(broken);
    let states = checker.unique_state_count();
    eprintln!("{states} states");
    (broken.map(|property| property.name).collect(), states)
}

#[test]
fn the_rules_of_version_1_before_left_ends_that_differ_for_ever() {
    let (broken, _) = explore(NONE);
    assert_eq!(broken, [HEALS, SHARES]);
}

#[test]
fn with_the_rules_two_ends_always_find_back() {
    let (broken, states) = explore(ALL);
    assert!(broken.is_empty(), "{broken:?}");
    assert!(states > 80_000, "{states} states");
}

#[test]
fn a_pair_only_once_is_enough() {
    let only = Rules {
        pair_once: true,
        ..NONE
    };
    let (broken, states) = explore(only);
    assert!(broken.is_empty(), "{broken:?}");
    assert!(states > 80_000, "{states} states");
}
