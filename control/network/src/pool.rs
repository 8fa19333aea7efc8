//! The key of one link end: blocks, the pads taken from them, and the accounts.
//!
//! Each block is split into two halves, one for each direction, so that no end has to ask the other
//! before it uses key. A message names the pieces of blocks that encrypt and authenticate it; they
//! only rise. A block is used when each end has reported to the other that it has it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::accounts::Accounts;
use crate::block::Block;
use crate::guards::{Guard, on};
use crate::limits::{self, TAG_LEN};

/// A piece of one direction's half of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Number of the block.
    pub(crate) block: u64,
    /// First octet.
    pub(crate) at: u32,
    /// Octets, at least one.
    pub(crate) len: u32,
}

/// Key for one message. It is wiped on drop.
pub(crate) struct Pad {
    pub(crate) segments: Vec<Segment>,
    /// The blocks of the segments.
    pub(crate) blocks: Vec<Block>,
    /// Key of the MAC's hash.
    pub(crate) r: Zeroizing<[u8; TAG_LEN]>,
    /// Pad of the tag, then pad of the payload.
    octets: Zeroizing<Vec<u8>>,
}

/// The purpose of a pad's octets.
#[derive(Clone, Copy)]
pub(crate) struct Purpose {
    /// Octets that encrypt keys.
    pub(crate) relayed: usize,
    /// Octets that authenticate, the tag's among them.
    pub(crate) authentication: usize,
}

/// A block that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Its number does not rise, or it is too short. It is in no account.
    Refused,
    /// There is no room. It is voided.
    Full,
}

/// The pool of one link end.
pub(crate) struct Pool {
    /// Whether the first half of each block is for sending.
    first: bool,
    /// Number of the last block.
    highest: Option<u64>,
    /// Blocks that the neighbour has not reported yet.
    waiting: BTreeMap<u64, Waiting>,
    /// Blocks that the neighbour has reported, and that have not come here yet.
    theirs: BTreeSet<u64>,
    /// Last block that both ends have.
    shared: Option<u64>,
    tx: VecDeque<Half>,
    rx: VecDeque<Half>,
    /// All but `left`.
    accounts: Accounts,
}

struct Waiting {
    block: Block,
    octets: Zeroizing<Vec<u8>>,
}

/// One direction's half of a block: the key of the hash, then the pads.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Half {
    #[zeroize(skip)]
    block: Block,
    r: [u8; TAG_LEN],
    octets: Vec<u8>,
    /// Octets before this are used and wiped.
    at: usize,
}

impl Half {
    fn new(block: Block, half: &[u8]) -> Self {
        let (r, octets) = half.split_at(TAG_LEN);
        let mut key = [0; TAG_LEN];
        key.copy_from_slice(r);
        Self {
            block,
            r: key,
            octets: octets.to_vec(),
            at: 0,
        }
    }

    fn left(&self) -> usize {
        self.octets.len() - self.at
    }

    /// Wipes all octets before `to`. Returns how many were left of them.
    fn advance(&mut self, to: usize) -> usize {
        let from = std::mem::replace(&mut self.at, to);
        self.octets[from..to].zeroize();
        to - from
    }
}

impl Pad {
    /// Pad of the tag.
    pub(crate) fn s(&self) -> Zeroizing<[u8; TAG_LEN]> {
        let mut s = Zeroizing::new([0; TAG_LEN]);
        s.copy_from_slice(&self.octets[..TAG_LEN]);
        s
    }

    /// Encrypts or decrypts a payload.
    pub(crate) fn apply(&self, payload: &mut [u8]) {
        for (octet, pad) in payload.iter_mut().zip(&self.octets[TAG_LEN..]) {
            *octet ^= pad;
        }
    }
}

impl Purpose {
    /// A message without payload.
    pub(crate) const TAG: Self = Self {
        relayed: 0,
        authentication: TAG_LEN,
    };

    /// A batch of keys with its confirmation.
    pub(crate) const fn batch(keys: usize) -> Self {
        Self {
            relayed: keys * limits::KEY_LEN,
            authentication: TAG_LEN + limits::CONFIRMATION_LEN,
        }
    }

    pub(crate) const fn len(self) -> usize {
        self.relayed + self.authentication
    }
}

impl Pool {
    /// Creates an empty pool that carries on with these accounts.
    pub(crate) fn new(first: bool, accounts: Accounts) -> Self {
        Self {
            first,
            highest: None,
            waiting: BTreeMap::new(),
            theirs: BTreeSet::new(),
            shared: None,
            tx: VecDeque::new(),
            rx: VecDeque::new(),
            accounts,
        }
    }

    /// Takes a block.
    pub(crate) fn on_block(&mut self, block: Block, bits: &[u8]) -> Result<(), NotTaken> {
        if self.highest >= Some(block.number) || bits.len() < limits::BLOCK_LEN_MIN {
            return Err(NotTaken::Refused);
        }
        self.highest = Some(block.number);
        self.accounts.bits_in += bit(bits.len());
        let blocks = self.waiting.len() + self.tx.len().max(self.rx.len());
        let full = blocks >= limits::BLOCKS_MAX || self.left() + bits.len() > limits::POOL_LEN_MAX;
        let theirs = self.theirs.contains(&block.number);
        self.theirs.retain(|number| *number > block.number);
        if full {
            self.accounts.voided += bit(bits.len());
            return Err(NotTaken::Full);
        }
        let octets = Zeroizing::new(bits.to_vec());
        self.waiting.insert(block.number, Waiting { block, octets });
        if theirs || !on(Guard::BlockAtBothEnds) {
            self.share(block.number);
        }
        Ok(())
    }

    /// The numbers of all blocks of which something is left.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let halves = self.tx.iter().chain(&self.rx).map(|half| half.block.number);
        let numbers: BTreeSet<_> = self.waiting.keys().copied().chain(halves).collect();
        numbers.into_iter().collect()
    }

    /// These are all blocks that the neighbour has. What it has lost or used up is voided, so that
    /// both ends are in step, even after one of them got wrong numbers.
    pub(crate) fn on_list(&mut self, numbers: &[u64]) {
        let numbers: BTreeSet<_> = numbers.iter().collect();
        let mut voided = 0;
        for halves in [&mut self.tx, &mut self.rx] {
            halves.retain(|half| {
                let there = numbers.contains(&half.block.number) || !on(Guard::BlocksCompared);
                voided += if there { 0 } else { half.left() };
                there
            });
        }
        self.accounts.voided += bit(voided);
    }

    /// The neighbour has this block. Its numbers rise, so it will never have what it has left out.
    pub(crate) fn on_have(&mut self, number: u64) {
        if self.shared >= Some(number) {
            return;
        }
        let later = self.waiting.split_off(&number);
        for waiting in std::mem::replace(&mut self.waiting, later).into_values() {
            self.accounts.voided += bit(waiting.octets.len());
        }
        if self.highest < Some(number) {
            self.theirs.insert(number);
            if self.theirs.len() > limits::BLOCKS_MAX {
                self.theirs.pop_first();
            }
        } else {
            self.share(number);
        }
    }

    /// Both ends have this block: its halves can be used.
    fn share(&mut self, number: u64) {
        let Some(waiting) = self.waiting.remove(&number) else {
            return;
        };
        self.shared = Some(number);
        let (one, other) = waiting.octets.split_at(waiting.octets.len() / 2);
        let (tx, rx) = if self.first {
            (one, other)
        } else {
            (other, one)
        };
        self.tx.push_back(Half::new(waiting.block, tx));
        self.rx.push_back(Half::new(waiting.block, rx));
        self.accounts.authentication += bit(2 * TAG_LEN);
    }

    /// The neighbour has restarted without memory. Returns the bits lost.
    pub(crate) fn on_restart(&mut self) -> u64 {
        self.theirs.clear();
        if !on(Guard::PoolEndsWithRun) {
            return 0;
        }
        let lost = self.tx.drain(..).chain(self.rx.drain(..));
        let lost = bit(lost.map(|half| half.left()).sum());
        self.accounts.lost_in_crash += lost;
        lost
    }

    /// Octets to send that are left.
    pub(crate) fn sendable(&self) -> usize {
        self.tx.iter().map(Half::left).sum()
    }

    /// Octets to send that keys may use.
    pub(crate) fn usable(&self) -> usize {
        self.sendable()
            .saturating_sub(limits::AUTHENTICATION_RESERVE)
    }

    /// Takes key for one message to send. `None` if there is too little.
    pub(crate) fn take(&mut self, purpose: Purpose) -> Option<Pad> {
        let available = if purpose.relayed > 0 {
            self.usable()
        } else {
            self.sendable()
        };
        if available < purpose.len() {
            return None;
        }
        let mut segments = Vec::new();
        let mut missing = purpose.len();
        for half in self.tx.iter().filter(|half| half.left() > 0) {
            let len = half.left().min(missing);
            segments.push(Segment::new(half.block.number, half.at, len));
            missing -= len;
            if missing == 0 {
                break;
            }
        }
        let pad = peek(&self.tx, &segments)?;
        if on(Guard::PadOnce) {
            pass(&mut self.tx, &segments);
            self.book(purpose);
        }
        Some(pad)
    }

    /// Looks up the key of a message that came. `None` unless all of it is here and unused.
    pub(crate) fn expect(&self, segments: &[Segment], purpose: Purpose) -> Option<Pad> {
        let len: usize = segments.iter().map(|segment| segment.len as usize).sum();
        if len != purpose.len() {
            return None;
        }
        peek(&self.rx, segments)
    }

    /// The message was right: its key is used up, and what was before it is voided.
    pub(crate) fn accept(&mut self, segments: &[Segment], purpose: Purpose) {
        if on(Guard::PadRises) {
            let voided = pass(&mut self.rx, segments);
            self.accounts.voided += bit(voided);
            self.book(purpose);
        }
    }

    fn book(&mut self, purpose: Purpose) {
        self.accounts.relayed += bit(purpose.relayed);
        self.accounts.authentication += bit(purpose.authentication);
    }

    fn left(&self) -> usize {
        let waiting = self.waiting.values().map(|waiting| waiting.octets.len());
        let halves = self.tx.iter().chain(&self.rx).map(Half::left);
        waiting.chain(halves).sum()
    }

    /// The accounts now.
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts {
            left: bit(self.left()),
            ..self.accounts
        }
    }
}

impl Segment {
    /// A half is shorter than [`limits::POOL_LEN_MAX`], so that the numbers fit.
    fn new(block: u64, at: usize, len: usize) -> Self {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            block,
            at: narrow(at),
            len: narrow(len),
        }
    }
}

/// Copies the octets of these segments. `None` unless all of them are there and rise.
fn peek(halves: &VecDeque<Half>, segments: &[Segment]) -> Option<Pad> {
    let len = segments.iter().map(|segment| segment.len as usize).sum();
    let mut octets = Zeroizing::new(Vec::with_capacity(len));
    let mut blocks = Vec::with_capacity(segments.len());
    let mut r = None;
    let mut halves = halves.iter();
    for segment in segments {
        let half = halves.find(|half| half.block.number == segment.block)?;
        let at = segment.at as usize;
        if at < half.at {
            return None;
        }
        octets.extend_from_slice(half.octets.get(at..at + segment.len as usize)?);
        blocks.push(half.block);
        r.get_or_insert(Zeroizing::new(half.r));
    }
    Some(Pad {
        segments: segments.to_vec(),
        blocks,
        r: r?,
        octets,
    })
}

/// Wipes the octets of these segments and all before them. Returns how many were left before.
fn pass(halves: &mut VecDeque<Half>, segments: &[Segment]) -> usize {
    let mut skipped = 0;
    for segment in segments {
        while let Some(half) = halves.front_mut() {
            if half.block.number == segment.block {
                skipped += half.advance(segment.at as usize);
                half.advance((segment.at + segment.len) as usize);
                break;
            }
            skipped += half.left();
            halves.pop_front();
        }
    }
    skipped
}

/// Octets as bits.
const fn bit(octets: usize) -> u64 {
    8 * octets as u64
}

#[cfg(test)]
mod tests;
