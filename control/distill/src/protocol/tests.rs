//! Both ends in one process, with a small code.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use qkd::channel::{Channel, ExcessNoise};
use qkd::link::Source;
use qkd::receiver::{Detection, Receiver};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::authentication::{Reserve, Secret};
use crate::code::{Code, Rate};
use crate::decoder::Engine;
use crate::eve::Attack;
use crate::source::{Signals, Simulation};
use crate::wiped::Wiped;
use crate::wiped::tests::take_wiped;

/// A link so short and silent that blocks of 131,072 symbols have a key.
static SETUP: LazyLock<Setup> = LazyLock::new(|| {
    let code = Arc::new(Code::build(Rate::Fifth, 512, 1));
    let source = Source::new(0.75, 1e6).unwrap();
    let channel = Channel::new(0.999, ExcessNoise::at_input_snu(0.0).unwrap()).unwrap();
    let receiver = Receiver::trusted(Detection::Homodyne, 0.7, 0.05).unwrap();
    let proof = CountedProof::Lgg2010;
    Setup::with_code(code, source, channel, receiver, 8 * 16_384, proof).unwrap()
});

fn random(seed: u64) -> Random {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    Box::new(move |octets| rng.fill_bytes(octets))
}

fn secret() -> Secret {
    let mut octets = Wiped::zeroed(1 << 16);
    random(0)(&mut octets);
    Secret::new(octets).unwrap()
}

/// Where a message is on its way: its sender, and how many it has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Alice,
    Bob,
}

/// What happens to a message.
enum Fate {
    Pass,
    Change(Vec<u8>),
    Drop,
    Twice,
    /// The next message of this direction overtakes it.
    Late,
}

#[derive(Default)]
struct Books {
    keys: HashMap<u64, Bits>,
    shared: Vec<u64>,
    lost: Vec<LostBlock>,
    reports: Vec<BlockReport>,
    closed: Vec<Closed>,
    position: u64,
}

struct Pair {
    setup: Setup,
    alice: Alice,
    bob: Bob,
    simulation: Simulation,
    frames: u64,
    books: [Books; 2],
    wires: [VecDeque<Vec<u8>>; 2],
    sent: [usize; 2],
    closing: bool,
    starts: u64,
}

impl Pair {
    fn new(setup: &Setup, seed: u64) -> Self {
        let mut bytes = [0; 32];
        random(seed)(&mut bytes);
        let simulation =
            Simulation::new(setup.source(), setup.channel(), setup.receiver(), bytes);
        let (engine, starts) = (Engine::detect(), 2 * seed + 1000);
        Self {
            alice: Alice::new(setup.clone(), secret(), 0, engine, random(starts)),
            bob: Bob::new(setup.clone(), secret(), 0, random(starts + 1)),
            setup: setup.clone(),
            simulation,
            frames: 0,
            books: Default::default(),
            wires: Default::default(),
            sent: [0; 2],
            closing: false,
            starts: starts + 2,
        }
    }

    fn connect(&mut self) {
        let (alice, bob) = (self.alice.on_connect(), self.bob.on_connect());
        self.carry_out(End::Alice, alice);
        self.carry_out(End::Bob, bob);
    }

    fn disconnect(&mut self) {
        let (alice, bob) = (self.alice.on_disconnect(), self.bob.on_disconnect());
        self.wires = Default::default();
        self.closing = false;
        self.carry_out(End::Alice, alice);
        self.carry_out(End::Bob, bob);
    }

    fn carry_out(&mut self, end: End, actions: Vec<Action>) {
        let books = &mut self.books[end as usize];
        for action in actions {
            match action {
                Action::Position(position) => {
                    assert!(position >= books.position);
                    books.position = position;
                }
                Action::Send(message) => {
                    assert!(message.len() <= MAX_MESSAGE);
                    self.wires[end as usize].push_back(message);
                }
                Action::Connected(_) => {}
                Action::Key(key) => {
                    assert!(books.keys.insert(key.block.0, key.bits).is_none());
                }
                Action::Shared(block) => books.shared.push(block.0),
                Action::Lost(lost) => books.lost.push(lost),
                Action::Report(report) => books.reports.push(report),
                Action::Close(closed) => {
                    books.closed.push(closed);
                    self.closing = true;
                }
            }
        }
    }

    /// Delivers messages until none is left; a closed connection opens again.
    fn deliver(&mut self, fate: &mut dyn FnMut(End, usize, &[u8]) -> Fate) {
        loop {
            let [alice, bob] = [&self.wires[0], &self.wires[1]].map(VecDeque::is_empty);
            let from = match (alice, bob) {
                (false, _) => End::Alice,
                (true, false) => End::Bob,
                (true, true) if self.closing => {
                    self.disconnect();
                    self.connect();
                    continue;
                }
                (true, true) => return,
            };
            let wire = &mut self.wires[from as usize];
            let message = wire.pop_front().unwrap();
            let number = self.sent[from as usize];
            self.sent[from as usize] += 1;
            let messages = match fate(from, number, &message) {
                Fate::Pass => vec![message],
                Fate::Change(changed) => vec![changed],
                Fate::Drop => vec![],
                Fate::Twice => vec![message.clone(), message],
                Fate::Late => match wire.pop_front() {
                    Some(next) => vec![next, message],
                    None => vec![],
                },
            };
            for message in messages {
                match from {
                    End::Alice => {
                        let actions = self.bob.on_message(&message);
                        self.carry_out(End::Bob, actions);
                    }
                    End::Bob => {
                        let actions = self.alice.on_message(&message);
                        self.carry_out(End::Alice, actions);
                    }
                }
            }
        }
    }

    fn frame(&mut self, fate: &mut dyn FnMut(End, usize, &[u8]) -> Fate) {
        let Signals { sent, measured, .. } = self.simulation.transmit(self.setup.frame_symbols());
        let actions = self.alice.on_sent(self.frames, sent);
        self.carry_out(End::Alice, actions);
        let actions = self.bob.on_received(self.frames, measured);
        self.carry_out(End::Bob, actions);
        self.frames += 1;
        self.deliver(fate);
    }

    /// Frames of so many blocks.
    fn blocks(&mut self, blocks: u32, fate: &mut dyn FnMut(End, usize, &[u8]) -> Fate) {
        for _ in 0..blocks * self.setup.frames() {
            self.frame(fate);
        }
    }

    /// Blocks that both ends have, bit for bit.
    fn common(&self) -> usize {
        let [alice, bob] = &self.books;
        let common = alice.keys.iter().filter(|(block, bits)| {
            let same = bob.keys.get(block).expect("Bob has what Alice has");
            assert_eq!(bits.words(), same.words(), "block {block}");
            true
        });
        common.count()
    }

    /// Blocks that either end has lost.
    fn lost(&self) -> Vec<u64> {
        let lost = self.books.iter().flat_map(|books| &books.lost);
        let mut blocks: Vec<_> = lost.map(|lost| lost.block.0).collect();
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }
}

fn pass(_: End, _: usize, _: &[u8]) -> Fate {
    Fate::Pass
}

fn connected(seed: u64) -> Pair {
    let mut pair = Pair::new(&SETUP, seed);
    pair.connect();
    pair.deliver(&mut pass);
    pair
}

#[test]
fn keys_are_equal_and_both_ends_know_it() {
    let mut pair = connected(1);
    pair.blocks(3, &mut pass);
    for books in &pair.books {
        for r in &books.reports {
            println!("{:?} {:?} {} {}", r.corrected, r.secret, r.key_bits, r.reserve_bits);
        }
        assert_eq!(books.lost, []);
        assert_eq!(books.shared, [1, 2, 3]);
        assert_eq!(books.reports.len(), 3);
    }
    assert_eq!(pair.common(), 3);
}
