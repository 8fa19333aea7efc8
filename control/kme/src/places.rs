//! Limits for connections: one for all together and one for each peer.
//!
//! At a limit, a new connection is admitted only if another one can be closed for it. That
//! connection belongs to the peer with the most connections, or to the peer of the new one if that
//! peer is at its limit. Among these, the one with the lowest [`Standing`] is closed, and within a
//! standing the one that has been in it longest. So a peer that exceeds its share loses only its
//! own connections. This file has no clock and no IO.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The state of the holder of a place, lowest priority first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It must send its first octet or the rest of a request.
    Owing,
    /// It waits for its next request, or is in its handshake.
    Waiting,
    /// Its request is in service. It is never closed for another.
    Served,
}

/// The table of places. A clone shares the same table.
#[derive(Debug)]
pub(crate) struct Places<K>(Arc<Mutex<Table<K>>>);

#[derive(Debug)]
struct Table<K> {
    max: usize,
    max_each: usize,
    /// Counts changes of standing. It orders holders by the start of their standing.
    turn: u64,
    holders: HashMap<u64, Holder<K>>,
    /// Number of places each peer holds.
    held: HashMap<K, usize>,
}

#[derive(Debug)]
struct Holder<K> {
    peer: K,
    standing: Standing,
    since: u64,
    go: oneshot::Sender<()>,
}

/// One place, held until dropped.
pub(crate) struct Place<K: Eq + Hash> {
    table: Arc<Mutex<Table<K>>>,
    number: u64,
}

/// Resolves when the holder must close.
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

    /// Takes a place for `peer` and evicts another holder if necessary. `None` if no holder can be
    /// evicted.
    pub(crate) fn take(&self, peer: &K, standing: Standing) -> Option<(Place<K>, Go)> {
        let mut table = lock(&self.0);
        if let Some(full) = table.full(peer) {
            let leaves = table.who_leaves(peer, full)?;
            let holder = table.remove(leaves)?;
            // The holder may have ended already; its place is free in any case.
            let _ = holder.go.send(());
        }
        table.turn += 1;
        let number = table.turn;
        let (go, evicted) = oneshot::channel();
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
        Some((place, evicted))
    }

    /// Number of places taken.
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
                    // A peer with no more places than the newcomer's peer loses none.
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
    /// Sets the standing of the holder.
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
            // Returns the memory of the table after a peak.
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
