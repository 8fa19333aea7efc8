//! Who may hold a connection: a limit for all together and one for each peer.
//!
//! A newcomer gets in whenever somebody can go for it. The one who goes holds a connection of the
//! peer that has the most of them, or of the newcomer's own peer if that is at its limit; among
//! these the one that does the least and has done so for longest. So a peer that opens more than
//! its share takes places from itself only. No clock and no IO here.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// What the holder of a place does, the least worth first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Owes us something: its first octet, or the rest of a request.
    Owing,
    /// Waits for its next request, or is in its handshake.
    Waiting,
    /// Is being served. It does not have to go.
    Served,
}

/// The places. A clone is the same table.
#[derive(Debug)]
pub(crate) struct Places<K>(Arc<Mutex<Table<K>>>);

#[derive(Debug)]
struct Table<K> {
    max: usize,
    max_each: usize,
    /// Counts changes of standing: the order in which holders began to do what they do.
    turn: u64,
    holders: HashMap<u64, Holder<K>>,
    /// How many of them each peer has.
    held: HashMap<K, usize>,
}

#[derive(Debug)]
struct Holder<K> {
    peer: K,
    standing: Standing,
    since: u64,
    go: oneshot::Sender<()>,
}

/// One place, until dropped.
pub(crate) struct Place<K: Eq + Hash> {
    table: Arc<Mutex<Table<K>>>,
    number: u64,
}

/// Resolves when the holder has to go.
pub(crate) type Go = oneshot::Receiver<()>;

impl<K: Clone + Eq + Hash> Places<K> {
    pub(crate) fn new(max: usize, max_each: usize) -> Self {
        Self(Arc::new(Mutex::new(Table {
            max,
            max_each,
            turn: 0,
            holders: HashMap::new(),
            held: HashMap::new(),
        })))
    }

    /// A place for `peer`, if need be somebody else's. `None`: nobody can go for it.
    pub(crate) fn take(&self, peer: &K, standing: Standing) -> Option<(Place<K>, Go)> {
        let mut table = lock(&self.0);
        if let Some(full) = table.full(peer) {
            let leaves = table.who_leaves(peer, full)?;
            let holder = table.remove(leaves)?;
            // The holder may be gone already; then its place is free all the same.
            let _ = holder.go.send(());
        }
        table.turn += 1;
        let number = table.turn;
        let (go, told) = oneshot::channel();
        let holder = Holder {
            peer: peer.clone(),
            standing,
            since: number,
            go,
        };
        table.holders.insert(number, holder);
        *table.held.entry(peer.clone()).or_insert(0) += 1;
        let place = Place {
            table: Arc::clone(&self.0),
            number,
        };
        Some((place, told))
    }

    /// Places taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        lock(&self.0).holders.len()
    }
}

#[derive(Clone, Copy)]
enum Full {
    ForPeer,
    ForAll,
}

impl<K: Eq + Hash> Table<K> {
    fn of(&self, peer: &K) -> usize {
        self.held.get(peer).copied().unwrap_or(0)
    }

    fn remove(&mut self, number: u64) -> Option<Holder<K>> {
        let holder = self.holders.remove(&number)?;
        if let Some(held) = self.held.get_mut(&holder.peer) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&holder.peer);
            }
        }
        Some(holder)
    }

    fn full(&self, peer: &K) -> Option<Full> {
        if self.of(peer) >= self.max_each {
            Some(Full::ForPeer)
        } else if self.holders.len() >= self.max {
            Some(Full::ForAll)
        } else {
            None
        }
    }

    fn who_leaves(&self, peer: &K, full: Full) -> Option<u64> {
        let own = self.of(peer);
        let may_go = |holder: &Holder<K>| {
            holder.standing != Standing::Served
                && match full {
                    Full::ForPeer => holder.peer == *peer,
                    // Never of a peer that has fewer than the newcomer's.
                    Full::ForAll => holder.peer == *peer || self.of(&holder.peer) > own,
                }
        };
        let candidates = self.holders.iter().filter(|(_, holder)| may_go(holder));
        let (number, _) = candidates.min_by_key(|(_, holder)| {
            let most_first = match full {
                Full::ForPeer => 0,
                Full::ForAll => usize::MAX - self.of(&holder.peer),
            };
            (most_first, holder.standing, holder.since)
        })?;
        Some(*number)
    }
}

impl<K: Eq + Hash> Place<K> {
    /// The holder does something else now.
    pub(crate) fn set(&self, standing: Standing) {
        let mut table = lock(&self.table);
        table.turn += 1;
        let since = table.turn;
        if let Some(holder) = table.holders.get_mut(&self.number) {
            holder.standing = standing;
            holder.since = since;
        }
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        table.remove(self.number);
        if table.holders.is_empty() {
            // After a rush the table's own memory goes back.
            table.holders.shrink_to_fit();
            table.held.shrink_to_fit();
        }
    }
}

fn lock<K>(table: &Mutex<Table<K>>) -> MutexGuard<'_, Table<K>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
