//! T7: where the keys of a run come from, how many there are, and what goes into them.
//!
//! ```text
//! modelled link ─ bits ─▶ pool of the KMEs ─ keys in ─▶ encryptors ─ keys used ─▶ ledgers
//! ```
//! The KMEs are in this process, so their pool and their counters are looked at directly; what was
//! used, and whether ML-KEM went into it, is what the encryptors wrote into their ledgers.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use lab::kmes::TwoKmes;
use qmacsec::ledger::Entry;
use serde::Serialize;

use super::rows::Row;
use crate::text::{figure, line, or_dash};

/// Between two looks at the pool.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A key of no KME, in a ledger.
const NO_KME: &str = "pqc";
/// A ledger's word for a key that its encryptor sent under.
const OUT: &str = "out";

/// Sums over runs.
#[derive(Clone, Default, Debug)]
pub(super) struct Keys {
    /// Whose they are, as they are labelled.
    pub(super) source: Option<&'static str>,
    /// Secret key rate of that link, bit/s: its model's, not a measurement.
    pub(super) skr_bit_s: f64,
    /// Given by KMEs to the end that sends; each then goes to the other end, too.
    pub(super) taken: u64,
    /// Keys that frames were sent under, and of these with a QKD key and with ML-KEM in their root.
    pub(super) used: u64,
    pub(super) of_kme: u64,
    pub(super) with_kem: u64,
    /// Keys in the pool, at least.
    pub(super) depth_min: Option<u64>,
    /// Changes of the stage of the supply, both ends, after the first one.
    pub(super) stage_changes: u64,
    /// All runs together, from the first key to the last.
    pub(super) time: Duration,
}

/// Does `work`, and looks meanwhile how many keys the pool has at least.
pub(super) fn watched<T>(kmes: &TwoKmes, work: impl FnOnce() -> T) -> (T, Option<u64>) {
    thread::scope(|scope| {
        let (end, ended) = mpsc::channel::<()>();
        let looking = scope.spawn(move || {
            let mut least = None;
            loop {
                let keys = kmes.snapshot().map(|snapshot| snapshot.pool_keys);
                least = least.into_iter().chain(keys).min();
                if ended.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return least;
                }
            }
        });
        let done = work();
        drop(end);
        (done, looking.join().unwrap_or_default())
    })
}

impl Keys {
    /// What the KMEs tell at the end of a run.
    pub(super) fn hear(&mut self, kmes: &TwoKmes) {
        if let Some(snapshot) = kmes.snapshot() {
            self.source = Some(snapshot.origin.as_str());
            self.skr_bit_s = snapshot.rate_bps;
            self.taken += snapshot.counters.enc_keys;
        }
    }

    /// What an encryptor wrote of the keys it sent under.
    pub(super) fn read(&mut self, ledger: &[Entry]) {
        let records = ledger.iter().filter_map(Entry::record);
        for record in records.filter(|record| record.direction == OUT && record.frames > 0) {
            self.used += 1;
            self.of_kme += u64::from(record.origin != NO_KME);
            self.with_kem += u64::from(record.root > 0);
        }
    }

    /// Another run.
    pub(super) fn merge(&mut self, other: &Self) {
        self.source = self.source.or(other.source);
        self.skr_bit_s = self.skr_bit_s.max(other.skr_bit_s);
        self.taken += other.taken;
        self.used += other.used;
        self.of_kme += other.of_kme;
        self.with_kem += other.with_kem;
        self.depth_min = self.depth_min.into_iter().chain(other.depth_min).min();
        self.stage_changes += other.stage_changes;
        self.time += other.time;
    }

    /// How long the pool at its lowest would last at this use if no more bits came, s.
    fn to_starve(&self) -> Option<f64> {
        let per_second = self.taken as f64 / self.time.as_secs_f64();
        (per_second.is_normal()).then_some(self.depth_min? as f64 / per_second)
    }

    fn with_kem_percent(&self) -> Option<f64> {
        (self.used > 0).then(|| 100.0 * self.with_kem as f64 / self.used as f64)
    }
}

/// T7.
pub(super) fn table(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT7 KEYS, all runs with rekeying; each key goes to both ends; what a source does not tell is -"
    );
    line!(
        out,
        "port           T_s    size load%  source     SKR_bit/s   keys_in  keys_used  depth_min  t_to_starve_s  stage_changes  pqc_mixed%"
    );
    for row in rows {
        let k = &row.keys;
        line!(
            out,
            "{:<14} {:<5} {:>5} {:>5}  {:<9} {:>10.0} {:>9} {:>10} {:>10} {:>14} {:>14} {:>11}",
            row.port,
            row.interval.as_secs_f64(),
            row.size,
            row.load_percent,
            k.source.unwrap_or("-"),
            k.skr_bit_s,
            k.taken,
            k.of_kme,
            or_dash(k.depth_min.map(|keys| keys.to_string())),
            figure(k.to_starve(), 0),
            k.stage_changes,
            figure(k.with_kem_percent(), 0),
        );
    }
    line!(
        out,
        "SKR of the modelled link; depth of the KMEs' pool, in keys of 256 bits; t_to_starve: how long that lasts at this use if no more bits come"
    );
}

/// The keys of a row in the JSON, under `keys`.
#[derive(Serialize)]
pub(super) struct JsonKeys {
    port: &'static str,
    interval_s: f64,
    size: crate::frame_size::FrameSize,
    load_percent: u32,
    source: Option<&'static str>,
    skr_bit_s: f64,
    keys_in: u64,
    keys_used: u64,
    depth_min: Option<u64>,
    t_to_starve_s: Option<f64>,
    stage_changes: u64,
    pqc_mixed_percent: Option<f64>,
}

impl From<&Row> for JsonKeys {
    fn from(row: &Row) -> Self {
        let k = &row.keys;
        Self {
            port: row.port,
            interval_s: row.interval.as_secs_f64(),
            size: row.size,
            load_percent: row.load_percent,
            source: k.source,
            skr_bit_s: k.skr_bit_s,
            keys_in: k.taken,
            keys_used: k.of_kme,
            depth_min: k.depth_min,
            t_to_starve_s: k.to_starve(),
            stage_changes: k.stage_changes,
            pqc_mixed_percent: k.with_kem_percent(),
        }
    }
}

#[cfg(test)]
mod tests;
