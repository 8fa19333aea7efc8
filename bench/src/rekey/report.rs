//! The rows as tables for people: no-drop rates, T2, T3, T5, T6, T8.

use super::Plan;
use super::account::{Account, window};
use super::arms;
use super::bins::OFF_MAX;
use super::chance::CHANCE_MAX;
use super::faults;
use super::keys;
use super::latency::quantile_us;
use super::rates;
use super::rounds::Results;
use super::rows::{Row, Safety};
use super::standstill;
use crate::machine::Machine;
use crate::text::{figure, line, or_dash, put};

/// The interval of runs without rekeying.
const OFF: &str = "off";

/// The whole report.
pub(super) fn write(machine: &Machine, plan: &Plan, results: &Results) -> String {
    let mut report = String::new();
    let out = &mut report;
    machine.head(
        out,
        "Rekeying under load, in memory and over veth, KIND=LAB",
    );
    line!(
        out,
        "suite=GCM-AES-XPN-256 sci=on icv=16 dir=bidir trial={} repeats={} interleaved with runs of {} s without rekeying",
        plan.trials(),
        plan.pairs,
        plan.time.as_secs_f64(),
    );
    line!(
        out,
        "tg=own, open loop, {:.0} ns a frame sent and received, its cable in memory included",
        results.load_ns
    );
    line!(out, "{}", results.cores);
    rates::table(out, &results.rates);
    rekeying(out, &results.rows);
    arms::table(out, &results.peers, &results.rows);
    bins(out, &results.rows);
    standstills(out, &results.rows);
    latencies(out, &results.rows);
    switches(out, &results.rows);
    drops(out, &results.rows);
    safety(out, &results.rows);
    keys::table(out, &results.rows);
    faults::table(out, &results.outcomes);
    report
}

fn rekeying(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT3 REKEY (windows reach a quarter of the interval, 50 ms at most, before and behind a switch)"
    );
    line!(
        out,
        "port           T_s    size load%  switches     frames   lost  lost_in  reord    dup  loss_ub95  blocked_us/rekey  gap_max_us: in      out  p99.99_us: in      out  max_us: in       out  worst_bin%  median_stall_us: at_switch elsewhere  verdict"
    );
    for (row, interval, account) in beside_off(rows) {
        let verdict = (interval != OFF).then(|| row.verdict().to_string());
        measured(out, &interval, row, account, &verdict.unwrap_or_default());
    }
}

/// The runs at each interval, before the first of an offer those without rekeying; with the interval as in tables.
fn beside_off(rows: &[Row]) -> impl Iterator<Item = (&Row, String, &Account)> {
    let mut before = None;
    rows.iter().flat_map(move |row| {
        let first = before.replace(row.cell()) != Some(row.cell());
        let off = first.then(|| (row, OFF.to_owned(), &row.off));
        let interval = row.interval.as_secs_f64().to_string();
        off.into_iter().chain([(row, interval, &row.on)])
    })
}

fn measured(out: &mut String, interval: &str, row: &Row, account: &Account, verdict: &str) {
    let a = account;
    let stall = a.stall_us(0.5);
    line!(
        out,
        "{:<14} {interval:<5} {:>5} {:>5} {:>9} {:>10} {:>6} {:>8} {:>6} {:>6} {:>10.1e} {:>17.1} {:>15.0} {:>8.0} {:>14} {:>8} {:>11} {:>9} {:>11} {:>27} {:>9}  {verdict}",
        row.port,
        row.size,
        row.load_percent,
        a.switches,
        a.frames,
        a.lost,
        a.lost_inside,
        a.disordered,
        a.duplicated,
        a.loss_upper_95(),
        a.blocked_us_per_switch(row.rate),
        a.gap_inside as f64 / 1e3,
        a.gap_outside as f64 / 1e3,
        figure(a.inside.tail_us(), 0),
        figure(a.outside.tail_us(), 0),
        figure(a.inside.max_us(), 0),
        figure(a.outside.max_us(), 0),
        worst_bin(a),
        figure(stall.map(|(at_switch, _)| at_switch), 0),
        figure(stall.map(|(_, elsewhere)| elsewhere), 0),
    );
}

/// Per cent off the mean.
fn worst_bin(account: &Account) -> String {
    let worst = account.windows.worst_percent();
    or_dash(worst.map(|percent| format!("{percent:+.1}")))
}

/// What switches do to throughput and tail, beside what the machine does by itself.
fn bins(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT3 BINS of 1 ms around switches, and around as many sham moments of the runs without rekeying: the worst, per cent off the mean; \
         chance: how likely these windows, shuffled, make it that bad; beyond {OFF_MAX} % with a chance of {CHANCE_MAX} at most it comes with the switches; \
         tail_chance: how likely p99.99 inside is as long beside that outside if windows and pieces as long of the time outside are shuffled"
    );
    line!(
        out,
        "port           T_s    size load%  windows  worst_bin%  within_2%     sham  worst_bin%  chance  by_switches  tail_chance  p99.99_us: in      out  sham: in      out  max_us: in       out  sham: in       out"
    );
    for row in rows {
        let (on, sham) = (&row.on, &row.sham);
        let strict = on
            .windows
            .worst_percent()
            .map(|worst| worst.abs() <= OFF_MAX);
        line!(
            out,
            "{:<14} {:<5} {:>5} {:>5} {:>8} {:>11} {:>10} {:>8} {:>11} {:>7} {:>12} {:>12} {:>14} {:>8} {:>9} {:>8} {:>11} {:>9} {:>9} {:>9}",
            row.port,
            row.interval.as_secs_f64(),
            row.size,
            row.load_percent,
            on.windows.len(),
            worst_bin(on),
            or_dash(strict.map(|strict| if strict { "yes" } else { "no" }.to_owned())),
            sham.windows.len(),
            worst_bin(sham),
            figure(row.bins_chance, 4),
            if row.dip().is_some() { "yes" } else { "no" },
            figure(row.tail_chance, 4),
            figure(on.inside.tail_us(), 0),
            figure(on.outside.tail_us(), 0),
            figure(sham.inside.tail_us(), 0),
            figure(sham.outside.tail_us(), 0),
            figure(on.inside.max_us(), 0),
            figure(on.outside.max_us(), 0),
            figure(sham.inside.max_us(), 0),
            figure(sham.outside.max_us(), 0),
        );
    }
}

/// What the machine did by itself, and what it did to the tails.
fn standstills(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT3 STANDSTILLS of a core of the frames: it did not run even a real-time thread, or ran it slower than usual, \
         and owed more than {} us of its time (total_ms, of these slow_ms by being slow). p99.99 above is without the \
         frames that these touched until that was worked off, bins without the windows; losses are with all. \
         at_switches: those that began in a window, of each direction, and how many would by chance",
        standstill::LATE_MIN.as_micros()
    );
    line!(
        out,
        "port           T_s    size load%  watched_s  standstills  total_ms   slow_ms  longest_ms  frames_touched%  windows  at_switches by_chance  p99.99_us of all frames: in      out"
    );
    for (row, interval, account) in beside_off(rows) {
        let (machine, [inside, outside]) = (&account.machine, [&account.inside, &account.outside]);
        let timed = inside.all.len() + outside.all.len();
        let touched = inside.disturbed() + outside.disturbed();
        put!(
            out,
            "{:<14} {interval:<5} {:>5} {:>5}",
            row.port,
            row.size,
            row.load_percent
        );
        if machine.time.is_zero() {
            put!(out, "  not watched, which takes CAP_SYS_NICE");
        } else {
            put!(
                out,
                " {:>10.0} {:>12} {:>9.0} {:>9.0} {:>11.1} {:>16.3} {:>8} {:>12} {:>9.0}",
                machine.time.as_secs_f64(),
                machine.standstills,
                machine.total.as_secs_f64() * 1e3,
                machine.slow.as_secs_f64() * 1e3,
                machine.longest.as_secs_f64() * 1e3,
                100.0 * touched as f64 / timed.max(1) as f64,
                account.windows_disturbed,
                account.placed.inside,
                account.placed.by_chance(account.share_inside()),
            );
        }
        line!(
            out,
            " {:>28} {:>8}",
            figure(inside.tail_of_all_us(), 0),
            figure(outside.tail_of_all_us(), 0)
        );
    }
}

fn latencies(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT2 LATENCY us, one way, from when a frame was due; all frames"
    );
    line!(
        out,
        "port           size  load%  T_s    where          frames      p50      p90      p99    p99.9   p99.99      max"
    );
    for (row, interval, account) in beside_off(rows) {
        let places = match interval.as_str() {
            OFF => ["", "all"],
            _ => ["inside", "outside"],
        };
        let histograms = [&account.inside.all, &account.outside.all];
        let taken = places.into_iter().zip(histograms);
        for (place, histogram) in taken.filter(|(_, histogram)| !histogram.is_empty()) {
            put!(
                out,
                "{:<14} {:<5} {:>5}  {interval:<5}  {place:<8} {:>12}",
                row.port,
                row.size,
                row.load_percent,
                histogram.len()
            );
            for quantile in [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0] {
                let us = quantile_us(histogram, quantile).unwrap_or_default();
                put!(out, " {us:>8.1}");
            }
            line!(out);
        }
    }
    let widths = rows.iter().map(|row| (row.interval, window(row.interval)));
    for (interval, half) in crate::crypto::or_default(&widths.collect::<Vec<_>>(), Vec::new()) {
        line!(
            out,
            "inside at T = {} s: due within {} ms of a switch",
            interval.as_secs_f64(),
            half.as_secs_f64() * 1e3
        );
    }
}

fn switches(out: &mut String, rows: &[Row]) {
    line!(
        out,
        "\nT4 SWITCH us: p50, p99, max. Between rx_installed and tx a key waits until it is due; the old one is kept for a grace time"
    );
    for row in rows {
        line!(
            out,
            "{:<14} {:<5} {:>3} %  T = {:<5}  switches {}  missed {}  late_old_key_frames {}  an_wraps {}",
            row.port,
            row.size,
            row.load_percent,
            row.interval.as_secs_f64(),
            row.steps.told,
            row.steps.missed,
            row.late_old_key,
            row.steps.an_wraps
        );
        for (name, [p50, p99, max]) in row.steps.quantiles_us() {
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
        put!(
            out,
            "{:<14} {:<5} {:>3} %  T = {:<5}  unexplained {}",
            row.port,
            row.size,
            row.load_percent,
            row.interval.as_secs_f64(),
            row.missing()
        );
        for (segment, frames) in &row.unexplained {
            put!(out, " ({segment}: {frames})");
        }
        for (name, frames) in &row.drops {
            put!(out, "  {name} {frames}");
        }
        line!(out);
    }
}

fn safety(out: &mut String, rows: &[Row]) {
    let mut all = Safety::default();
    rows.iter().for_each(|row| all.add(row.safety.clone()));
    line!(
        out,
        "\nT6 SAFETY  nonces_checked {}  nonce_repeats {} (must be 0)  cleartext_frames_on_line {} (must be 0)  sak_on_disk {} (must be 0; {} SAKs in {} files, {:.1} MB)  keys_in_both_ledgers {}  grave_findings {} (must be 0)",
        all.nonces,
        all.repeated,
        all.clear,
        all.on_disk.found.len(),
        all.on_disk.saks,
        all.on_disk.files,
        all.on_disk.octets as f64 / 1e6,
        all.keys,
        all.grave.len()
    );
    for finding in &all.grave {
        line!(out, "  {finding}");
    }
}
