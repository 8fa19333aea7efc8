//! T7: the keys of a run: their source, their number, and what their roots contain.
//!
//! ```text
//! modelled link ─ bits ─▶ pool of the KMEs ─ keys in ─▶ encryptors ─ keys used ─▶ ledgers
//! ```
//! The KMEs run in this process, so their pool and their counters are read directly. The ledgers of
//! the encryptors tell which keys were used, and whether ML-KEM is in their roots.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use lab::kmes::TwoKmes;
use qmacsec::ledger::Entry;

const READ_EVERY: Duration = Duration::from_millis(50);
/// The origin of a key of no KME, in a ledger.
const NO_KME: &str = "pqc";
/// The direction of a key that its encryptor sent under, in a ledger.
const OUT: &str = "out";

#[derive(Clone, Default, Debug)]
pub(crate) struct Keys {
    pub(crate) source: Option<&'static str>,
    /// Secret key rate of the modelled link, bit/s.
    pub(crate) skr_bit_s: f64,
    /// Keys that KMEs gave to senders; each then goes to the other end, too.
    pub(crate) taken: u64,
    /// Keys that frames were sent under; those with a QKD key, and those with ML-KEM in their root.
    pub(crate) used: u64,
    pub(crate) of_kme: u64,
    pub(crate) with_kem: u64,
    /// The least number of keys in the pool.
    pub(crate) depth_min: Option<u64>,
    /// Changes of the stage of the key supply, of both ends, after the first one.
    pub(crate) stage_changes: u64,
    /// Time of all runs, from the first key to the last.
    pub(crate) time: Duration,
}

/// Does `work`. Returns the least number of keys in the pool meanwhile, too.
pub(crate) fn watch_pool<T>(kmes: &TwoKmes, work: impl FnOnce() -> T) -> (T, Option<u64>) {
    thread::scope(|scope| {
        let (end, ended) = mpsc::channel::<()>();
        let watching = scope.spawn(move || {
            let mut least = None;
            loop {
                let keys = kmes.snapshot().map(|snapshot| snapshot.pool_keys);
                least = least.into_iter().chain(keys).min();
                if ended.recv_timeout(READ_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return least;
                }
            }
        });
        let done = work();
        drop(end);
        (done, watching.join().unwrap_or_default())
    })
}

impl Keys {
    pub(crate) fn add_kmes(&mut self, kmes: &TwoKmes) {
        if let Some(snapshot) = kmes.snapshot() {
            self.source = Some(snapshot.origin.as_str());
            self.skr_bit_s = snapshot.rate_bps;
            self.taken += snapshot.counters.enc_keys;
        }
    }

    /// Adds the keys that an encryptor sent under, by its ledger.
    pub(crate) fn add_ledger(&mut self, ledger: &[Entry]) {
        let records = ledger.iter().filter_map(Entry::record);
        for record in records.filter(|record| record.direction == OUT && record.frames > 0) {
            self.used += 1;
            self.of_kme += u64::from(record.origin != NO_KME);
            self.with_kem += u64::from(record.root > 0);
        }
    }

    /// Adds the least number of keys in the pool during a run.
    pub(crate) fn add_depth(&mut self, depth: Option<u64>) {
        self.depth_min = self.depth_min.into_iter().chain(depth).min();
    }

    /// How long the pool at its lowest would last at this use if no more keys came, s.
    pub(crate) fn to_starve(&self) -> Option<f64> {
        let per_second = self.taken as f64 / self.time.as_secs_f64();
        (per_second.is_normal()).then_some(self.depth_min? as f64 / per_second)
    }

    /// The share of keys with ML-KEM in their root, per cent.
    pub(crate) fn with_kem_percent(&self) -> Option<f64> {
        (self.used > 0).then(|| 100.0 * self.with_kem as f64 / self.used as f64)
    }
}

#[cfg(test)]
mod tests;
