//! The key for authentication, in slots.
//!
//! Slots of the pre-shared secret have durable numbers. Slots that blocks have topped up are named
//! by their block. They are in memory only: after a restart both ends are back at the pre-shared
//! secret.

use std::collections::BTreeMap;

use super::Secret;
use crate::wiped::Wiped;

/// Octets of a slot.
pub const SLOT_OCTETS: usize = 48;

/// The name of a slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// The block that made it; zero for the pre-shared secret.
    pub block: u64,
    /// Its number among them.
    pub index: u64,
}

impl Address {
    /// In place of the block of a slot of the pre-shared secret.
    pub const PRE_SHARED: u64 = 0;
}

/// Bits for the three tags of one block.
pub struct Slot(Wiped<u8>);

impl Slot {
    /// Bits of a slot.
    pub const BITS: u64 = 8 * SLOT_OCTETS as u64;

    /// For the tag of Alice's `End`.
    #[must_use]
    pub fn end(&self) -> &[u8; 16] {
        &self.0.as_chunks().0[0]
    }

    /// For the tag of Bob's `Done`.
    #[must_use]
    pub fn done(&self) -> &[u8; 16] {
        &self.0.as_chunks().0[1]
    }

    /// For the tag of Alice's `Held`.
    #[must_use]
    pub fn held(&self) -> &[u8; 16] {
        &self.0.as_chunks().0[2]
    }
}

/// Slots that are not used yet.
pub struct Reserve {
    /// First slot of the pre-shared secret that is not used.
    position: u64,
    /// The slots that each block made, and how many of the first are used.
    blocks: BTreeMap<u64, (Wiped<u8>, u64)>,
}

impl Reserve {
    /// Slots of distilled key that a reserve holds when full.
    pub const FULL: u64 = 64;

    /// The pre-shared secret from this slot on.
    #[must_use]
    pub fn new(position: u64) -> Self {
        Self {
            position,
            blocks: BTreeMap::new(),
        }
    }

    /// First slot of the pre-shared secret that is not used.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The other end has used the pre-shared secret up to this slot.
    pub fn skip_to(&mut self, position: u64) {
        self.position = self.position.max(position);
    }

    /// The other end has restarted and no longer has slots of earlier blocks.
    pub fn forget_blocks(&mut self) {
        self.blocks.clear();
    }

    /// Slots of distilled key that are missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        Self::FULL.saturating_sub(self.blocks.values().map(unused).sum())
    }

    /// Alice: a slot, now used. Distilled key comes first. `None` if there is none.
    pub fn take(&mut self, secret: &Secret) -> Option<(Address, Slot)> {
        let of_block = self.blocks.iter().find(|(_, slots)| unused(slots) > 0);
        let address = match of_block {
            Some((&block, &(_, index))) => Address { block, index },
            None => Address {
                block: Address::PRE_SHARED,
                index: self.position,
            },
        };
        let slot = self.find(secret, address)?;
        self.used(address);
        Some((address, slot))
    }

    /// Bob: the slot that Alice names. `None` if there is none or it is not above the last one.
    #[must_use]
    pub fn find(&self, secret: &Secret, address: Address) -> Option<Slot> {
        let index = usize::try_from(address.index).ok()?;
        let (slots, first) = match address.block {
            Address::PRE_SHARED => (secret.slots(), self.position),
            block => {
                let (slots, used) = self.blocks.get(&block)?;
                (slots.as_chunks().0, *used)
            }
        };
        let slot = slots.get(index).filter(|_| address.index >= first)?;
        Some(Slot(Wiped::new(slot.to_vec().into())))
    }

    /// Bob: Alice has used this slot. It and all before are over.
    pub fn used(&mut self, address: Address) {
        match address.block {
            Address::PRE_SHARED => self.skip_to(address.index.saturating_add(1)),
            block => {
                self.blocks = self.blocks.split_off(&block);
                if let Some((_, used)) = self.blocks.get_mut(&block) {
                    *used = address.index.saturating_add(1);
                }
            }
        }
    }

    /// Adds the slots that a block makes.
    pub fn top_up(&mut self, block: u64, octets: Wiped<u8>) {
        self.blocks.insert(block, (octets, 0));
    }

    /// Whether a slot is left.
    #[must_use]
    pub fn is_empty(&self, secret: &Secret) -> bool {
        self.missing() == Self::FULL && self.position >= secret.slots().len() as u64
    }
}

fn unused((slots, used): &(Wiped<u8>, u64)) -> u64 {
    ((slots.len() / SLOT_OCTETS) as u64).saturating_sub(*used)
}
