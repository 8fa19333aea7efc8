//! Records of the results: the JSON, and the columns of all tables.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::charts::OURS;
use crate::drops::Drops;
use crate::harness::choice::name;
use crate::harness::machine::Machine;
use crate::rekey::analyse::account::Account;
use crate::rekey::analyse::latency::{Latency, quantile_us};
use crate::rekey::analyse::row::{Cell, Row};
use crate::rekey::analyse::windows::OFF_MAX;
use crate::rekey::measure::faults::Outcome;
use crate::rekey::measure::peers::Peer;
use crate::rekey::measure::rates::Rates;
use crate::rekey::measure::rounds::Results;

/// Names and values of one line of a table, in the order of the JSON.
#[derive(Clone, Debug)]
pub(super) struct Record(Vec<(&'static str, Value)>);

macro_rules! record {
    ($($name:ident: $value:expr),* $(,)?) => {
        Record(vec![$((
            stringify!($name),
            serde_json::to_value($value).unwrap_or_default(),
        )),*])
    };
}

impl Record {
    /// The value of a field; null where there is none.
    pub(super) fn get(&self, name: &str) -> &Value {
        let field = self.0.iter().find(|(field, _)| *field == name);
        field.map_or(&Value::Null, |(_, value)| value)
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The JSON. Its shape is a promise: scripts read it.
#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    rows: Vec<Record>,
    peers: Vec<Record>,
    keys: Vec<Record>,
    faults: Vec<Record>,
    rates: Vec<Record>,
}

pub(crate) fn json(machine: &Machine, results: &Results) -> Result<String, serde_json::Error> {
    let document = Document {
        machine,
        rows: results.rows.iter().map(row).collect(),
        peers: results.peers.iter().map(peer).collect(),
        keys: results.rows.iter().map(keys).collect(),
        faults: results.outcomes.iter().map(fault).collect(),
        rates: results.rates.iter().map(rate).collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

pub(super) fn row(row: &Row) -> Record {
    measured(row, &row.on, Some(row.interval))
}

/// For tables: rows, and before the first row of each load the runs without rekeying.
pub(super) fn beside_off(rows: &[Row]) -> impl Iterator<Item = Record> {
    let of_load = rows.chunk_by(|a, b| a.cell == b.cell);
    of_load.flat_map(|rows| {
        let off = measured(&rows[0], &rows[0].off, None);
        core::iter::once(off).chain(rows.iter().map(row))
    })
}

fn measured(row: &Row, account: &Account, interval: Option<Duration>) -> Record {
    let (a, machine, sham) = (account, &account.machine, &row.sham);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let frames_disturbed = a.inside.disturbed() + a.outside.disturbed();
    let timed = (a.inside.all.len() + a.outside.all.len()).max(1);
    let stall = a.stall_us(0.5);
    let worst = a.windows.worst_percent();
    let verdict = interval.map(|_| row.verdict());
    let verdict = verdict.as_ref();
    let counted = row.safety.counted;
    record! {
        port: name(&row.cell.port),
        interval_s: interval.map(|interval| interval.as_secs_f64()),
        size: row.cell.offer.size,
        load_percent: row.cell.load_percent,
        switches: a.switches,
        frames: a.frames,
        lost: a.lost,
        duplicated: a.duplicated,
        reordered: a.reordered,
        unexplained: row.missing(),
        loss_upper_95: a.loss_upper_95(),
        blocked_us_per_rekey: a.blocked_us_per_switch(row.cell.offer.rate),
        p9999_in_us: a.inside.tail_of_all_us(),
        p9999_out_us: a.outside.tail_of_all_us(),
        max_in_us: a.inside.max_us().unwrap_or_default(),
        verdict: verdict.map_or("", |verdict| verdict.word()),
        // Additions stand behind the fields that were promised first.
        switch_us: row.steps.quantiles_us().collect::<BTreeMap<_, _>>(),
        late_old_key_frames: row.late_old_key,
        an_wraps: row.steps.an_wraps,
        worst_bin_percent: worst,
        worst_bin_sham_percent: sham.windows.worst_percent(),
        worst_bin_chance: row.bin_chance,
        p9999_in_sham_us: sham.inside.tail_of_all_us(),
        p9999_out_sham_us: sham.outside.tail_of_all_us(),
        p9999_in_undisturbed_us: a.inside.tail_us(),
        p9999_out_undisturbed_us: a.outside.tail_us(),
        p9999_chance: row.tail_chance,
        machine_watched_s: machine.time.as_secs_f64(),
        machine_standstills: machine.standstills,
        machine_stood_ms: ms(machine.total),
        machine_slow_ms: ms(machine.slow),
        frames_disturbed: frames_disturbed,
        windows_disturbed: a.windows_disturbed,
        standstills_in: a.placement.inside,
        standstills_in_by_chance: a.placement.by_chance(a.share_inside()),
        nonces_checked: counted.nonces,
        nonce_repeats: counted.repeated,
        cleartext_frames_on_line: counted.clear,
        sak_on_disk: row.safety.on_disk.found.len(),
        lost_in_windows: a.lost_inside,
        gap_max_in_us: a.gap_inside as f64 / 1e3,
        gap_max_out_us: a.gap_outside as f64 / 1e3,
        max_out_us: a.outside.max_us().unwrap_or_default(),
        max_in_sham_us: sham.inside.max_us(),
        max_out_sham_us: sham.outside.max_us(),
        median_stall_at_switch_us: stall.map(|(at_switch, _)| at_switch),
        median_stall_elsewhere_us: stall.map(|(_, elsewhere)| elsewhere),
        windows: a.windows.len(),
        windows_sham: sham.windows.len(),
        within_2_percent: worst.map(|worst| worst.abs() <= OFF_MAX),
        dip_at_switches: row.dip().is_some(),
        machine_longest_ms: ms(machine.longest),
        frames_disturbed_percent: 100.0 * frames_disturbed as f64 / timed as f64,
        why: verdict.and_then(|verdict| verdict.why()),
    }
}

/// T2: latency of all frames of a row inside and outside; without rekeying, of all.
pub(super) fn latencies(rows: &[Row]) -> impl Iterator<Item = Record> {
    let of_load = rows.chunk_by(|a, b| a.cell == b.cell);
    of_load.flat_map(|rows| {
        let off = latency(rows[0].cell, None, "all", &rows[0].off.outside);
        let on = rows.iter().flat_map(|row| {
            let interval = Some(row.interval.as_secs_f64());
            let place = |place, of| latency(row.cell, interval, place, of);
            [
                place("inside", &row.on.inside),
                place("outside", &row.on.outside),
            ]
        });
        core::iter::once(off).chain(on).flatten()
    })
}

fn latency(cell: Cell, interval: Option<f64>, place: &str, latency: &Latency) -> Option<Record> {
    let us = |quantile| quantile_us(&latency.all, quantile);
    (!latency.all.is_empty()).then(|| {
        record! {
            port: name(&cell.port),
            size: cell.offer.size,
            load_percent: cell.load_percent,
            interval_s: interval,
            place: place,
            frames: latency.all.len(),
            p50: us(0.5),
            p90: us(0.9),
            p99: us(0.99),
            p999: us(0.999),
            p9999: us(0.9999),
            max: us(1.0),
        }
    })
}

pub(super) fn peer(peer: &Peer) -> Record {
    let device = name(&peer.device);
    beside(
        peer.cell,
        &device,
        peer.interval,
        &peer.account,
        &peer.drops,
    )
}

/// Our encryptors at the interval of a row, among peers.
pub(super) fn ours(row: &Row) -> Record {
    beside(row.cell, OURS, Some(row.interval), &row.on, &row.drops)
}

fn beside(
    cell: Cell,
    device: &str,
    interval: Option<Duration>,
    a: &Account,
    dropped: &Drops,
) -> Record {
    record! {
        port: name(&cell.port),
        device: device,
        interval_s: interval.map(|interval| interval.as_secs_f64()),
        size: cell.offer.size,
        load_percent: cell.load_percent,
        switches: a.switches,
        frames: a.frames,
        lost: a.lost,
        lost_in_windows: a.lost_inside,
        duplicated: a.duplicated,
        reordered: a.reordered,
        loss_upper_95: a.loss_upper_95(),
        p50_us: quantile_us(&a.outside.all, 0.5),
        p9999_in_us: a.inside.tail_of_all_us(),
        p9999_out_us: a.outside.tail_of_all_us(),
        max_in_us: a.inside.max_us(),
        max_out_us: a.outside.max_us(),
        p9999_in_undisturbed_us: a.inside.tail_us(),
        p9999_out_undisturbed_us: a.outside.tail_us(),
        dropped: dropped,
    }
}

/// T7: the keys of a row.
pub(super) fn keys(row: &Row) -> Record {
    let keys = &row.keys;
    record! {
        port: name(&row.cell.port),
        interval_s: row.interval.as_secs_f64(),
        size: row.cell.offer.size,
        load_percent: row.cell.load_percent,
        source: keys.source,
        skr_bit_s: keys.skr_bit_s,
        keys_in: keys.taken,
        keys_used: keys.of_kme,
        depth_min: keys.depth_min,
        t_to_starve_s: keys.to_starve(),
        stage_changes: keys.stage_changes,
        pqc_mixed_percent: keys.with_kem_percent(),
    }
}

/// T8: the outcome of a fault.
pub(super) fn fault(outcome: &Outcome) -> Record {
    let verdict = outcome.verdict();
    record! {
        fault: outcome.scenario.name(),
        interval_s: outcome.interval.as_secs_f64(),
        lasted_s: outcome.lasted.as_secs_f64(),
        switches: outcome.switches,
        switches_during: outcome.during,
        lost: outcome.lost,
        blocked_ms: outcome.blocked_ms,
        cleartext: outcome.clear,
        recovered_s: outcome.recovered.map(|time| time.as_secs_f64()),
        verdict: verdict.word(),
        why: verdict.why(),
    }
}

/// T1: the rates of a device.
pub(super) fn rate(rates: &Rates) -> Record {
    let mpps = |rate: f64| rate / 1e6;
    record! {
        port: name(&rates.port),
        size: rates.size,
        device: name(&rates.device),
        ndr_mpps: mpps(rates.no_drop.lower),
        ndr_gbit_s: rates.size.gbit_s(mpps(rates.no_drop.lower)),
        pdr_mpps: mpps(rates.partial.lower),
        ndr_upper_mpps: mpps(rates.no_drop.upper),
        pdr_upper_mpps: mpps(rates.partial.upper),
    }
}
