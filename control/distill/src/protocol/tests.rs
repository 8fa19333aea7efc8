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
use crate::authentication::Secret;
use crate::code::{Code, Rate};
use crate::decoder::Engine;
use crate::source::{Signals, Simulation};
use crate::wiped::Wiped;
use crate::wiped::tests::take_wiped;

/// A link so short and silent that blocks of 327,680 symbols have a key.
static SETUP: LazyLock<Setup> = LazyLock::new(|| {
    let code = Arc::new(Code::build(Rate::Fifth, 512, 1));
    let source = Source::new(0.47, 1e6).unwrap();
    let channel = Channel::new(0.9999, ExcessNoise::at_input_snu(0.0).unwrap()).unwrap();
    let receiver = Receiver::trusted(Detection::Homodyne, 0.99, 0.01).unwrap();
    let proof = CountedProof::Lgg2010;
    Setup::with_code(code, source, channel, receiver, 20 * 16_384, proof).unwrap()
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

/// The fate of a message.
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
    /// Bob refuses each block that has a key.
    refuses: bool,
    /// Seeds of runs so far.
    starts: u64,
}

impl Pair {
    fn new(setup: &Setup, seed: u64) -> Self {
        let mut bytes = [0; 32];
        random(seed)(&mut bytes);
        let simulation = Simulation::new(setup.source(), setup.channel(), setup.receiver(), bytes);
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
            refuses: false,
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

    /// A new process in place of an old one: its keys and frames are gone, its position is kept.
    fn restart(&mut self, end: End) {
        let (setup, position) = (self.setup.clone(), self.books[end as usize].position);
        let (engine, random) = (Engine::detect(), random(self.starts));
        self.starts += 1;
        match end {
            End::Alice => self.alice = Alice::new(setup, secret(), position, engine, random),
            End::Bob => self.bob = Bob::new(setup, secret(), position, random),
        }
        self.disconnect();
        self.connect();
        self.deliver(&mut pass);
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
                        let mut actions = self.bob.on_message(&message);
                        let key = |action: &Action| matches!(action, Action::Key(_));
                        if self.refuses && actions.iter().any(key) {
                            actions = self.bob.refuse();
                        }
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

    /// The frames of this number of blocks.
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
        assert_eq!(books.lost, []);
        assert_eq!(books.shared, [1, 2, 3]);
        assert_eq!(books.reports.len(), 3);
    }
    assert_eq!(pair.common(), 3);
    assert_eq!(pair.books[0].reports, pair.books[1].reports);
}

#[test]
fn a_block_that_bob_refuses_is_given_up_at_both_ends() {
    let mut pair = connected(9);
    pair.refuses = true;
    pair.blocks(1, &mut pass);
    for (books, cause) in pair.books.iter().zip([Cause::Aborted, Cause::Refused]) {
        assert!(books.keys.is_empty());
        let lost = books.lost.iter().map(|lost| lost.cause);
        assert_eq!(lost.collect::<Vec<_>>(), [cause]);
    }
    pair.refuses = false;
    pair.blocks(1, &mut pass);
    assert_eq!(pair.common(), 1);
}

#[test]
fn lost_and_stuck_frames_count_alike_at_both_ends() {
    let source = SETUP.source().with_modulation_variance_snu(0.385).unwrap();
    let setup = Setup::with_code(
        Arc::clone(SETUP.code()),
        source,
        *SETUP.channel(),
        *SETUP.receiver(),
        20 * 16_384,
        SETUP.proof(),
    );
    let mut pair = Pair::new(&setup.unwrap(), 14);
    let mut seen = HashMap::new();
    let mut count = |_, _, message: &[u8]| {
        *seen.entry(message[0]).or_insert(0) += 1;
        Fate::Pass
    };
    pair.connect();
    pair.deliver(&mut count);
    pair.blocks(2, &mut count);
    for kind in [
        message::kind::DISCLOSURE,
        message::kind::VALUES,
        message::kind::CONFIRMED,
    ] {
        assert!(seen.contains_key(&kind), "{kind} {seen:?}");
    }
    assert_eq!(pair.books[0].reports.len(), 2);
    assert_eq!(pair.books[0].reports, pair.books[1].reports);
    for report in &pair.books[0].reports {
        assert!(report.corrected.lost_symbols > 0);
        assert_eq!(report.estimate.unwrap().pairs(), 20 * 16_384);
    }
    let stuck = |report: &BlockReport| {
        let corrected = &report.corrected;
        corrected.further_disclosed_bits > 64 * corrected.kept_symbols / 16_384
    };
    assert!(pair.books[0].reports.iter().any(stuck));
}

/// Messages of a greeting and of one block, by sender and number.
fn recorded() -> Vec<(End, usize, Vec<u8>)> {
    let (mut pair, mut messages) = (Pair::new(&SETUP, 2), Vec::new());
    pair.connect();
    let mut record = |end, number, message: &[u8]| {
        messages.push((end, number, message.to_vec()));
        Fate::Pass
    };
    pair.deliver(&mut record);
    pair.blocks(1, &mut record);
    assert_eq!(pair.common(), 1);
    messages
}

/// A first block in which this happens to one message, and another. Checks that the other has a
/// key. Returns what both ends say.
fn disturbed(at: (End, usize), mut what: impl FnMut(&[u8]) -> Fate) -> Pair {
    let mut pair = Pair::new(&SETUP, 2);
    let mut done = false;
    let mut fate = |end, number, message: &[u8]| match (end, number) == at && !done {
        true => {
            done = true;
            what(message)
        }
        false => Fate::Pass,
    };
    pair.connect();
    pair.deliver(&mut fate);
    pair.blocks(1, &mut fate);
    assert!(done);
    let closed = pair.books.iter().any(|books| !books.closed.is_empty());
    if pair.books[1].shared.is_empty() && !closed {
        // A message that never comes leaves the connection still: the caller closes it.
        pair.disconnect();
        pair.connect();
        pair.deliver(&mut pass);
    }
    pair.blocks(1, &mut pass);
    assert!(pair.common() >= 1, "{at:?}");
    pair
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_flipped_bit_costs_one_block_and_is_counted(
        message in any::<prop::sample::Index>(),
        octet in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        static MESSAGES: LazyLock<Vec<(End, usize, Vec<u8>)>> = LazyLock::new(recorded);
        let (end, number, original) = message.get(&MESSAGES);
        let at = octet.index(original.len());
        let pair = disturbed((*end, *number), |message| {
            let mut message = message.to_vec();
            message[at] ^= 1 << bit;
            Fate::Change(message)
        });
        let kind = original[0];
        let greeting = kind <= message::kind::READY;
        let closed = pair.books.iter().any(|books| !books.closed.is_empty());
        prop_assert!(closed || !greeting);
        let lost: &[u64] = if greeting { &[] } else { &[1] };
        prop_assert_eq!(pair.lost(), lost, "kind {} octet {}", kind, at);
    }
}

#[test]
fn every_message_may_be_cut_lost_repeated_or_late() {
    // The second of a kind stands for all, if there is one.
    let mut kinds = HashMap::new();
    for (end, number, original) in recorded() {
        let found = kinds
            .entry((end == End::Alice, original[0]))
            .or_insert(Vec::new());
        found.push((end, number));
    }
    for (end, number) in kinds
        .into_values()
        .map(|found| *found.get(1).unwrap_or(&found[0]))
    {
        let cuts: [fn(&[u8]) -> Fate; 6] = [
            |_| Fate::Change(Vec::new()),
            |message| Fate::Change(message[..message.len() - 1].to_vec()),
            |message| Fate::Change([message, &[0]].concat()),
            |_| Fate::Drop,
            |_| Fate::Twice,
            |_| Fate::Late,
        ];
        for cut in cuts {
            let pair = disturbed((end, number), cut);
            let lost = pair.lost();
            // A repetition of a block's last message hits the next block.
            assert!(lost.len() <= 1, "{end:?} {number} {lost:?}");
        }
    }
}

#[test]
fn a_restart_in_the_middle_costs_one_block() {
    for end in [End::Alice, End::Bob] {
        for frames in [1, 5, 20, 21] {
            let mut pair = connected(3);
            (0..frames).for_each(|_| pair.frame(&mut pass));
            pair.restart(end);
            let before = pair.common();
            assert_eq!(before, usize::from(frames >= 20));
            pair.blocks(2, &mut pass);
            assert_eq!(pair.common(), before + 2, "{end:?} after {frames}");
            // The end that restarts does not know what it has lost.
            assert!(pair.lost().len() <= 1);
            assert_eq!(
                pair.alice.reserve().position(),
                pair.bob.reserve().position()
            );
            assert_eq!(pair.alice.reserve().position(), 1 + before as u64);
        }
    }
}

#[test]
fn frames_that_do_not_arrive_are_passed_over() {
    let mut pair = connected(4);
    let symbols = pair.setup.frame_symbols();
    for number in 0..64 {
        let Signals { sent, measured, .. } = pair.simulation.transmit(symbols);
        // Some never reach Bob, others are gone at Alice.
        if number % 5 != 1 {
            let actions = pair.alice.on_sent(number, sent);
            pair.carry_out(End::Alice, actions);
        }
        if number % 7 != 2 {
            let actions = pair.bob.on_received(number, measured);
            pair.carry_out(End::Bob, actions);
        }
        pair.deliver(&mut pass);
    }
    assert_eq!(pair.common(), 2);
    assert_eq!(pair.lost(), [0; 0]);
}

#[test]
fn the_reserve_fills_and_then_blocks_feed_it() {
    let mut pair = connected(5);
    pair.blocks(40, &mut pass);
    let missing = pair.alice.reserve().missing();
    assert!(missing <= 1, "{missing}");
    assert_eq!(
        pair.alice.reserve().position(),
        1,
        "only the first block uses the secret"
    );
    let last = pair.books[0].reports.last().unwrap();
    assert!(last.reserve_bits <= 384);
}

#[test]
fn an_empty_reserve_closes_and_says_what_to_do() {
    let mut pair = Pair::new(&SETUP, 6);
    let slots = ((1 << 16) - 64) / 48;
    pair.alice = Alice::new(SETUP.clone(), secret(), slots, Engine::detect(), random(9));
    assert!(matches!(
        pair.alice.on_connect()[..],
        [Action::Close(Closed::ReserveEmpty)]
    ));
    assert!(
        Closed::ReserveEmpty
            .to_string()
            .contains("new pre-shared secret")
    );
}

#[test]
fn other_settings_and_other_secrets_are_refused() {
    let mut pair = Pair::new(&SETUP, 7);
    let other = Setup::with_code(
        Arc::clone(SETUP.code()),
        *SETUP.source(),
        *SETUP.channel(),
        *SETUP.receiver(),
        13 * 16_384,
        SETUP.proof(),
    );
    pair.bob = Bob::new(other.unwrap(), secret(), 0, random(8));
    pair.connect();
    let hello = pair.wires[0].pop_front().unwrap();
    let refused = pair.bob.on_message(&hello);
    assert!(matches!(refused[..], [Action::Close(Closed::Setup)]));
    let stranger = Secret::new(Wiped::zeroed(1 << 16)).unwrap();
    pair.bob = Bob::new(SETUP.clone(), stranger, 0, random(8));
    pair.bob.on_connect();
    let refused = pair.bob.on_message(&hello);
    assert!(matches!(refused[..], [Action::Close(Closed::Refused)]));
}

#[test]
fn a_greeting_of_the_past_is_refused() {
    let mut pair = Pair::new(&SETUP, 8);
    let mut old = Vec::new();
    pair.connect();
    pair.deliver(&mut |end, _, message| {
        if end == End::Alice {
            old.push(message.to_vec());
        }
        Fate::Pass
    });
    pair.bob.on_disconnect();
    pair.bob.on_connect();
    assert!(matches!(
        pair.bob.on_message(&old[0])[..],
        [Action::Send(_)]
    ));
    let refused = pair.bob.on_message(&old[1]);
    assert!(matches!(refused[..], [Action::Close(Closed::Refused)]));
}

#[test]
fn buffers_of_both_ends_are_wiped() {
    let mut pair = connected(9);
    pair.blocks(1, &mut pass);
    (0..3).for_each(|_| pair.frame(&mut pass));
    take_wiped();
    let code = SETUP.code();
    let material = (code.core_len() * SETUP.frames() as usize, true);
    drop(pair);
    let wiped = take_wiped();
    assert!(wiped.iter().all(|&(_, zero)| zero));
    // Material of the block on its way, and the secret, of both ends.
    assert_eq!(wiped.iter().filter(|&&entry| entry == material).count(), 2);
    assert_eq!(
        wiped
            .iter()
            .filter(|&&entry| entry == (1 << 16, true))
            .count(),
        2
    );
}

#[test]
fn intercept_resend_of_a_tenth_stops_the_key_within_a_block() {
    let source = Source::new(2.2, 1e6).unwrap();
    let channel = Channel::new(10f64.powf(-0.5), ExcessNoise::at_input_snu(0.005).unwrap());
    let receiver = Receiver::trusted(Detection::Homodyne, 0.6, 0.1).unwrap();
    let code = Arc::new(Code::of(Rate::Fifth));
    let block = 20 * code.word_len() as u64;
    let proof = CountedProof::Lgg2010;
    let setup = Setup::with_code(code, source, channel.unwrap(), receiver, block, proof).unwrap();
    let mut pair = Pair::new(&setup, 10);
    pair.connect();
    pair.deliver(&mut pass);
    pair.blocks(1, &mut pass);
    assert_eq!(pair.common(), 1, "{:?}", pair.books[0].reports);
    pair.simulation
        .attack(Some("intercept-resend=0.1".parse().unwrap()));
    pair.blocks(1, &mut pass);
    assert_eq!(pair.common(), 1);
    for books in &pair.books {
        assert_eq!(books.lost.len(), 1);
        assert_eq!(books.lost[0].cause, Cause::NoKey);
        let estimate = books.reports[1].estimate.unwrap();
        assert!(estimate.excess_noise_snu().value > 0.15);
    }
    pair.simulation.attack(None);
    pair.blocks(1, &mut pass);
    assert_eq!(pair.common(), 2);
}

/// `BLOCKS=1000 cargo test --release -p distill --lib blocks_in_a_row` runs as many.
#[test]
fn blocks_in_a_row_have_identical_keys_or_a_counted_failure() {
    let blocks = std::env::var("BLOCKS").map_or(12, |blocks| blocks.parse().unwrap());
    let mut pair = connected(11);
    // The channel is bad now and then, and a message is changed now and then.
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let mut noise = ChaCha20Rng::seed_from_u64(13);
    let mut fate = move |_, _, message: &[u8]| match rng.next_u32() % 512 {
        0 => {
            let mut message = message.to_vec();
            let at = rng.next_u32() as usize % message.len();
            message[at] ^= 1 << (rng.next_u32() % 8);
            Fate::Change(message)
        }
        _ => Fate::Pass,
    };
    let mut over = 0;
    while over < blocks {
        let attacked = noise.next_u32().is_multiple_of(128);
        let attack = attacked.then(|| "intercept-resend=0.3".parse().unwrap());
        pair.simulation.attack(attack);
        pair.frame(&mut fate);
        over = pair.alice.next_block().min(pair.bob.next_block()) - 2;
    }
    let lost = pair.lost();
    for block in 1..=over {
        let has_key = pair.books[0].keys.contains_key(&block);
        assert!(has_key || lost.contains(&block), "block {block} is neither");
    }
    let common = pair.common();
    println!("{common} blocks with key, {} lost", lost.len());
    assert!(common > lost.len() && !lost.is_empty());
}
