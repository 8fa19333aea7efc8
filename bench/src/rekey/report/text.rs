//! The report as text: tables of the records, for people.

use serde_json::Value;

use super::records::{self, Record};
use crate::harness::choice::each_once;
use crate::harness::machine::Machine;
use crate::harness::text::{Table, line};
use crate::rekey::analyse::account::window;
use crate::rekey::analyse::row::{Row, Safety};
use crate::rekey::analyse::windows::{CHANCE_MAX, OFF_MAX};
use crate::rekey::load::standstill::OWED_MIN;
use crate::rekey::measure::rounds::Results;
use crate::rekey::plan::Plan;

pub(crate) fn write(machine: &Machine, plan: &Plan, results: &Results) -> String {
    let mut report = String::new();
    let (out, rows) = (&mut report, &results.rows);
    machine.head(
        out,
        "Rekeying under load, in memory and over veth, KIND=LAB",
    );
    line!(
        out,
        "suite=GCM-AES-XPN-256 sci=on icv=16 dir=bidir trial={} repeats={}, alternating with runs \
         of {} s without rekeying",
        plan.trials(),
        plan.pairs,
        plan.time.as_secs_f64(),
    );
    line!(
        out,
        "tg=own, open loop, {:.0} ns a frame sent and received, with its cable in memory",
        results.load_ns
    );
    line!(out, "{}", results.cores);
    table(
        out,
        "T1 NO-DROP RATE and rate with 0.5 % of loss, each direction, without rekeying (lower and \
         upper bound of the search)",
        "port size device ndr_mpps ndr_upper_mpps ndr_gbit_s pdr_mpps pdr_upper_mpps",
        results.rates.iter().map(records::rate),
    );
    rekeying(out, rows);
    peers(out, results);
    windows(out, rows);
    latencies(out, rows);
    switches(out, rows);
    drops(out, rows);
    safety(out, rows);
    table(
        out,
        "T7 KEYS of all runs with rekeying; each key goes to both ends; skr_bit_s is the secret \
         key rate of the modelled link; depth_min is the least number of keys of 256 bits in the \
         pool; t_to_starve_s is how long that lasts without new keys",
        "port interval_s size load_percent source skr_bit_s keys_in keys_used depth_min \
         t_to_starve_s stage_changes pqc_mixed_percent",
        rows.iter().map(records::keys),
    );
    faults(out, results);
    report
}

fn rekeying(out: &mut String, rows: &[Row]) {
    table(
        out,
        "T3 REKEY; windows extend a quarter of the interval before and behind a switch, 50 ms at \
         most; p99.99 without frames that a standstill of the machine disturbed",
        "port interval_s size load_percent switches frames lost lost_in_windows reordered \
         duplicated loss_upper_95 blocked_us_per_rekey gap_max_in_us gap_max_out_us \
         p9999_in_undisturbed_us p9999_out_undisturbed_us max_in_us max_out_us worst_bin_percent \
         median_stall_at_switch_us median_stall_elsewhere_us verdict",
        records::beside_off(rows),
    );
    for row in rows {
        if let Some(why) = row.verdict().why() {
            line!(out, "FAIL {row}: {why}");
        }
    }
}

/// Peers of each load, and our encryptors at each interval among them.
fn peers(out: &mut String, results: &Results) {
    if results.peers.is_empty() {
        return;
    }
    let of_load = results.peers.chunk_by(|a, b| a.cell == b.cell);
    let records = of_load.flat_map(|peers| {
        let ours = results.rows.iter().filter(|row| row.cell == peers[0].cell);
        peers
            .iter()
            .map(records::peer)
            .chain(ours.map(records::ours))
    });
    table(
        out,
        "T3 PEERS, same ports, load and rounds; windows around changes of key as in T3 REKEY",
        "port size load_percent device interval_s switches frames lost lost_in_windows reordered \
         duplicated p50_us p9999_in_undisturbed_us p9999_out_undisturbed_us max_in_us max_out_us \
         dropped",
        records,
    );
    #[cfg(feature = "wireguard")]
    line!(
        out,
        "wireguard: boringtun, a handshake at each interval (its default is 120 s); datagrams on \
         the line have no IP and UDP headers"
    );
}

/// The windows around switches and sham switches, and the standstills of the machine.
fn windows(out: &mut String, rows: &[Row]) {
    let bins = format!(
        "T3 BINS of 1 ms around switches, and around as many sham switches of the runs without \
         rekeying: the worst, per cent off the mean; chance: the probability that these windows, \
         shuffled, have as bad a bin, or as long a p99.99; a bin more than {OFF_MAX} % off with a \
         chance of at most {CHANCE_MAX} is a dip at switches"
    );
    table(
        out,
        &bins,
        "port interval_s size load_percent windows worst_bin_percent within_2_percent windows_sham \
         worst_bin_sham_percent worst_bin_chance dip_at_switches p9999_chance p9999_in_us \
         p9999_out_us p9999_in_sham_us p9999_out_sham_us max_in_us max_out_us max_in_sham_us \
         max_out_sham_us",
        rows.iter().map(records::row),
    );
    let standstills = format!(
        "T3 STANDSTILLS of a core of the frames: it did not run even a real-time thread, or ran \
         slower than usual, and owed more than {} us. T3 REKEY leaves out the frames that these \
         disturbed until the backlog was worked off, bins leave out the windows; losses count all. \
         standstills_in: those that began in a window, of each direction, and how many do by \
         chance; machine_watched_s is 0 where CAP_SYS_NICE is missing",
        OWED_MIN.as_micros()
    );
    table(
        out,
        &standstills,
        "port interval_s size load_percent machine_watched_s machine_standstills machine_stood_ms \
         machine_slow_ms machine_longest_ms frames_disturbed_percent windows_disturbed \
         standstills_in standstills_in_by_chance p9999_in_us p9999_out_us",
        records::beside_off(rows),
    );
}

fn latencies(out: &mut String, rows: &[Row]) {
    table(
        out,
        "T2 LATENCY us, one way, from when a frame was due; all frames",
        "port size load_percent interval_s place frames p50 p90 p99 p999 p9999 max",
        records::latencies(rows),
    );
    for interval in each_once(rows.iter().map(|row| row.interval)) {
        let (seconds, half) = (interval.as_secs_f64(), window(interval).as_secs_f64() * 1e3);
        line!(
            out,
            "inside at T = {seconds} s: due within {half} ms of a switch"
        );
    }
}

fn switches(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT4 SWITCH us: p50, p99, max. A key waits between rx_installed and tx until it is due; \
         the old one is kept for a grace time"
    );
    for row in rows {
        let (steps, late) = (&row.steps, row.late_old_key);
        line!(
            out,
            "{row}  switches {}  missed {}  late_old_key_frames {late}  an_wraps {}",
            steps.reported,
            steps.missed,
            steps.an_wraps
        );
        for (name, [p50, p99, max]) in steps.quantiles_us() {
            line!(out, "    {name:<24} {p50:>10.0} {p99:>10.0} {max:>10.0}");
        }
    }
}

fn drops(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT5 DROPS with rekeying, by name; unexplained must be 0"
    );
    for row in rows {
        let segments = row.unexplained.iter();
        let segments = segments.map(|(segment, frames)| format!(" ({segment}: {frames})"));
        let drops = row.drops.iter();
        let drops = drops.map(|(name, frames)| format!("  {name} {frames}"));
        let named: String = segments.chain(drops).collect();
        line!(out, "{row}  unexplained {}{named}", row.missing());
    }
}

fn safety(out: &mut String, rows: &[Row]) {
    let all = || rows.iter().map(|row| &row.safety);
    let sum = |of: fn(&Safety) -> u64| all().map(of).sum::<u64>();
    line!(
        out,
        "\nT6 SAFETY  nonces_checked {}  nonce_repeats {} (must be 0)  cleartext_frames_on_line {} \
         (must be 0)  sak_on_disk {} (must be 0; {} SAKs in {} files, {:.1} MB)  \
         keys_in_both_ledgers {}  grave_findings {} (must be 0)",
        sum(|safety| safety.counted.nonces),
        sum(|safety| safety.counted.repeated),
        sum(|safety| safety.counted.clear),
        sum(|safety| safety.on_disk.found.len() as u64),
        sum(|safety| safety.on_disk.saks),
        sum(|safety| safety.on_disk.files),
        sum(|safety| safety.on_disk.octets) as f64 / 1e6,
        sum(|safety| safety.keys),
        sum(|safety| safety.grave.len() as u64)
    );
    for finding in all().flat_map(|safety| &safety.grave) {
        line!(out, "  {finding}");
    }
}

fn faults(out: &mut String, results: &Results) {
    let Some(first) = results.outcomes.first() else {
        return;
    };
    let title = format!(
        "T8 FAULTS at a tenth of the no-drop rate, in memory, T = {} s; recovered: nothing more is \
         lost and both directions have a fresh key, at most {} s after the fault. ctl_restart is \
         peer_kill: control and workers are one process",
        first.interval.as_secs_f64(),
        first.recovered_max().as_secs_f64()
    );
    table(
        out,
        &title,
        "fault lasted_s switches switches_during lost blocked_ms cleartext recovered_s verdict why",
        results.outcomes.iter().map(records::fault),
    );
}

/// Appends a table with these fields of the records as its columns.
fn table(out: &mut String, title: &str, columns: &str, records: impl Iterator<Item = Record>) {
    let columns: Vec<&str> = columns.split_whitespace().collect();
    let mut table = Table::new(&columns);
    for record in records {
        table.row(columns.iter().map(|name| match (*name, record.get(name)) {
            ("interval_s", Value::Null) => "off".to_owned(),
            (_, value) => cell(value),
        }));
    }
    table.print(out, title);
}

/// The text of a value; numbers have four significant digits.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(names) => {
            let names = names.iter().map(|(name, count)| format!("{name} {count}"));
            names.collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) if number.is_f64() => figure(number.as_f64().unwrap_or_default()),
        value => value.to_string(),
    }
}

fn figure(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 {
        return format!("{value:.1e}");
    }
    let magnitude = value.abs().max(1e-3).log10().floor() as i32;
    let decimals = (3 - magnitude).max(0) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests;
