//! The keys of distilled blocks at one end. No IO and no clock: `now` is the time since an origin
//! of the caller's choice.
//!
//! Both ends cut a block into the same keys with the same IDs, without a message. Keys with an even
//! number are for the SAE of Alice's end as master, the others for that of Bob's. So an end has two
//! kinds of keys: its own, which `fresh` gives out, and those of the other end, which `named` gives
//! out by ID.
//!
//! No message says which keys are gone. Instead an end keeps a key of the other end for longer than
//! the other end can still give it out:
//!
//! - A block is given out as fresh keys only when the other end has confirmed that it holds it.
//! - Fresh keys are the newest [`STOCK_KEYS_MAX`] and younger than [`STOCK_LIFE`]. Beyond that the
//!   oldest are voided: an SAE should not get an old key while newer ones are lost. Keys of the
//!   other end are twice as many, and live longer by the time that an SAE has to fetch a key.
//! - When the other end starts again, it has lost all keys. So all fresh keys are voided here. An
//!   SAE may have got a key before the end of its device; so keys of the other end stay for the
//!   time that an SAE has to fetch a key.
//!
//! At any time, in bits: distilled = stocked + delivered + voided + expired.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use kme::{KeyBytes, Refusal};
use serde::{Deserialize, Serialize};
use wire::KeyId;

use crate::key_ids::{BlockName, key_id};
use crate::limits::{
    HELD_KEYS_MAX, KEY_BITS, KEY_LEN, STOCK_KEYS_MAX, STOCK_LIFE, UNCONFIRMED_MAX,
};
use crate::role::Role;

/// Where the bits of all distilled blocks have gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Bits of all blocks.
    pub distilled_bits: u64,
    /// Bits that are still here.
    pub stocked_bits: u64,
    /// Bits delivered to the SAE.
    pub delivered_bits: u64,
    /// Bits wiped because the store was full, the other end did not confirm them or started again,
    /// or because they fill no whole key.
    pub voided_bits: u64,
    /// Bits wiped because no SAE asked for them in time.
    pub expired_bits: u64,
}

impl Books {
    /// True if every bit is accounted for.
    #[must_use]
    pub fn close(&self) -> bool {
        let Self {
            distilled_bits,
            stocked_bits,
            delivered_bits,
            voided_bits,
            expired_bits,
        } = *self;
        distilled_bits == stocked_bits + delivered_bits + voided_bits + expired_bits
    }
}

/// A key with its ID.
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) bytes: KeyBytes,
}

/// A key that is given out until a time.
struct Lasting {
    key: Key,
    until: Duration,
}

/// The own keys of a block that the other end has not confirmed yet.
struct Unconfirmed {
    number: u64,
    keys: Vec<Key>,
}

/// The keys of one end.
pub(crate) struct Stock {
    role: Role,
    /// Time that an SAE has to fetch a key that the other SAE has got.
    key_life: Duration,
    unconfirmed: VecDeque<Unconfirmed>,
    /// Own keys, the oldest first.
    fresh: VecDeque<Lasting>,
    /// Keys of the other end.
    held: HashMap<KeyId, KeyBytes>,
    /// Keys of the other end by the time of their end, which never falls. Delivered ones stay here
    /// until that time.
    ends: VecDeque<(Duration, KeyId)>,
    books: Books,
}

impl Stock {
    /// An empty stock of this end.
    pub(crate) fn new(role: Role, key_life: Duration) -> Self {
        Self {
            role,
            key_life,
            unconfirmed: VecDeque::new(),
            fresh: VecDeque::new(),
            held: HashMap::new(),
            ends: VecDeque::new(),
            books: Books::default(),
        }
    }

    /// Takes the key of a block. Its own keys wait until the other end has confirmed the block.
    pub(crate) fn add(&mut self, now: Duration, block: &BlockName, octets: &[u8]) {
        self.books.distilled_bits += octets.len() as u64 * 8;
        let (keys, rest) = octets.as_chunks::<KEY_LEN>();
        self.books.voided_bits += rest.len() as u64 * 8;
        let until = now.saturating_add(STOCK_LIFE).saturating_add(self.key_life);
        let mut own = Vec::with_capacity(keys.len().div_ceil(2));
        for (index, octets) in (0..).zip(keys) {
            let master = if index % 2 == 0 {
                Role::Alice
            } else {
                Role::Bob
            };
            let id = key_id(block, master, index);
            let bytes = KeyBytes::new(Box::from(octets.as_slice()));
            self.books.stocked_bits += bytes.bits();
            if master == self.role {
                own.push(Key { id, bytes });
            } else {
                self.ends.push_back((until, id));
                self.held.insert(id, bytes);
            }
        }
        let number = block.number;
        self.unconfirmed
            .push_back(Unconfirmed { number, keys: own });
        if self.unconfirmed.len() > UNCONFIRMED_MAX {
            let oldest = self.unconfirmed.pop_front();
            self.void(oldest.map_or(0, |block| block.keys.len()));
        }
        while self.ends.len() > HELD_KEYS_MAX {
            let oldest = self.ends.pop_front();
            let gone = oldest.and_then(|(_, id)| self.held.remove(&id));
            self.void(usize::from(gone.is_some()));
        }
    }

    /// The other end holds this block, too: its own keys may be given out.
    pub(crate) fn confirm(&mut self, now: Duration, number: u64) {
        let Some(block) = self.take_unconfirmed(number) else {
            return;
        };
        let until = now.saturating_add(STOCK_LIFE);
        let lasting = block.keys.into_iter().map(|key| Lasting { key, until });
        self.fresh.extend(lasting);
        let surplus = self.fresh.len().saturating_sub(STOCK_KEYS_MAX);
        self.fresh.drain(..surplus);
        self.void(surplus);
    }

    /// The other end will never confirm this block.
    pub(crate) fn give_up(&mut self, number: u64) {
        let block = self.take_unconfirmed(number);
        self.void(block.map_or(0, |block| block.keys.len()));
    }

    /// The other end has started again, without its keys.
    pub(crate) fn peer_restarted(&mut self, now: Duration) {
        let unconfirmed: usize = self.unconfirmed.iter().map(|block| block.keys.len()).sum();
        let gone = unconfirmed + self.fresh.len();
        self.unconfirmed.clear();
        self.fresh.clear();
        self.void(gone);
        let until = now.saturating_add(self.key_life);
        for (end, _) in &mut self.ends {
            *end = until.min(*end);
        }
    }

    /// Wipes the keys whose time is over.
    pub(crate) fn expire(&mut self, now: Duration) {
        while self.fresh.front().is_some_and(|key| key.until <= now) {
            self.fresh.pop_front();
            self.leave(1, |books| &mut books.expired_bits);
        }
        while let Some((_, id)) = self.ends.front().filter(|(until, _)| *until <= now) {
            let gone = self.held.remove(id);
            self.ends.pop_front();
            self.leave(usize::from(gone.is_some()), |books| &mut books.expired_bits);
        }
    }

    /// Number of keys that can be given out now.
    pub(crate) fn fresh_keys(&self) -> usize {
        self.fresh.len()
    }

    /// Delivers the oldest fresh keys: all, or none.
    ///
    /// # Errors
    /// There are fewer.
    pub(crate) fn fresh(&mut self, now: Duration, number: usize) -> Result<Vec<Key>, Refusal> {
        self.expire(now);
        if number > self.fresh.len() {
            let bits = |keys: usize| keys as u64 * u64::from(KEY_BITS);
            return Err(Refusal::Exhausted {
                wanted_bits: bits(number),
                stored_bits: bits(self.fresh.len()),
            });
        }
        let keys = self.fresh.drain(..number).map(|lasting| lasting.key);
        let keys = keys.collect();
        self.leave(number, |books| &mut books.delivered_bits);
        Ok(keys)
    }

    /// Delivers the keys of the other end with these IDs, in their order: all, or none.
    ///
    /// # Errors
    /// One of them is not here: unknown, not distilled yet, delivered, expired or named twice.
    pub(crate) fn named(&mut self, now: Duration, ids: &[KeyId]) -> Result<Vec<Key>, Refusal> {
        self.expire(now);
        let mut keys = Vec::with_capacity(ids.len());
        for &id in ids {
            match self.held.remove(&id) {
                Some(bytes) => keys.push(Key { id, bytes }),
                None => {
                    let back = keys.into_iter().map(|Key { id, bytes }| (id, bytes));
                    self.held.extend(back);
                    return Err(Refusal::KeysNotFound);
                }
            }
        }
        self.leave(keys.len(), |books| &mut books.delivered_bits);
        Ok(keys)
    }

    /// Where all bits are.
    pub(crate) fn books(&self) -> Books {
        self.books
    }

    fn take_unconfirmed(&mut self, number: u64) -> Option<Unconfirmed> {
        let at = self
            .unconfirmed
            .iter()
            .position(|block| block.number == number)?;
        self.unconfirmed.remove(at)
    }

    fn void(&mut self, keys: usize) {
        self.leave(keys, |books| &mut books.voided_bits);
    }

    /// Enters keys that left the stock.
    fn leave(&mut self, keys: usize, to: impl Fn(&mut Books) -> &mut u64) {
        let bits = keys as u64 * u64::from(KEY_BITS);
        self.books.stocked_bits -= bits;
        *to(&mut self.books) += bits;
    }
}

#[cfg(test)]
mod tests;
