//! The rows: rekeying at an interval beside not rekeying, and the verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::account::{Account, poisson_upper_95};
use super::arms::JsonPeer;
use super::bins::OFF_MAX;
use super::chance::CHANCE_MAX;
use super::disk::Search;
use super::faults::JsonOutcome;
use super::keys::{JsonKeys, Keys};
use super::latency::Latency;
use super::pair::Drops;
use super::rates::JsonRates;
use super::rounds::Results;
use super::steps::Steps;
use super::verdict::Verdict;
use crate::frame_size::FrameSize;
use crate::machine::Machine;

/// p99.99 in the windows may be so much above that outside.
const TAIL_MAX: f64 = 1.2;
/// Below so many frames there is no p99.99 to speak of.
const TAIL_FRAMES: u64 = 10_000;
/// Stalls are looked for in the median over the switches, and in the best tenth of them.
const STALL_QUANTILES: [f64; 2] = [0.5, 0.1];
/// A stall is so many times what is usual, and at least so much more, us.
const STALL_TIMES: f64 = 1.5;
const STALL_US: f64 = 500.0;

/// One interval at one size and load, and the runs without rekeying that were interleaved with it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) port: &'static str,
    pub(super) interval: Duration,
    pub(super) size: FrameSize,
    pub(super) load_percent: u32,
    /// Frames a second and direction.
    pub(super) rate: f64,
    pub(super) on: Account,
    pub(super) off: Account,
    /// Without rekeying, at sham moments as far apart as switches: what the machine does by itself.
    pub(super) sham: Account,
    /// How likely chance alone makes the worst bin around the switches as bad as it is; `None`: not known.
    pub(super) bins_chance: Option<f64>,
    /// And that the tail in the windows is as long beside that outside as it is.
    pub(super) tail_chance: Option<f64>,
    /// With rekeying: by name, and what no name explains, by the segment of the way where it is missing.
    pub(super) drops: Drops,
    pub(super) unexplained: Drops,
    /// With rekeying: what its switches took, and frames under a key of before that came after a switch.
    pub(super) steps: Steps,
    pub(super) late_old_key: u64,
    /// With rekeying: where its keys came from.
    pub(super) keys: Keys,
    /// With rekeying.
    pub(super) safety: Safety,
}

/// What must never be.
#[derive(Clone, Default, Debug)]
pub(super) struct Safety {
    /// Frames protected: each has a nonce.
    pub(super) nonces: u64,
    /// Nonces used twice.
    pub(super) repeated: u64,
    /// Frames in clear on the line.
    pub(super) clear: u64,
    /// Keys of which both ledgers tell the same.
    pub(super) keys: u64,
    /// What is grave in the ledgers: a key used twice, most of all.
    pub(super) grave: Vec<String>,
    /// SAKs in files.
    pub(super) on_disk: Search,
}

impl Safety {
    /// Another run.
    pub(super) fn add(&mut self, run: Self) {
        self.nonces += run.nonces;
        self.repeated += run.repeated;
        self.clear += run.clear;
        self.keys += run.keys;
        self.grave.extend(run.grave);
        self.on_disk.add(run.on_disk);
    }
}

impl Row {
    /// Where it stood: port, size and load.
    pub(super) fn cell(&self) -> (&'static str, FrameSize, u32) {
        (self.port, self.size, self.load_percent)
    }

    /// By the rule: no more lost than without rekeying, within the 95 % bound; everything explained;
    /// nothing unsafe; standstills of the machine as rare in the windows as outside; and the tail in the windows no
    /// longer than outside by a fifth. And, because
    /// that tail needs a quiet machine: no stall that comes with every other switch. What is a
    /// fraction of a millisecond is told apart ([`Self::dip`]): where control shares a core with
    /// frames, its work around a switch delays some, which is no loss.
    pub(super) fn verdict(&self) -> Verdict {
        let fail = |why: String| Verdict::Fail(why);
        let (on, off) = (&self.on, &self.off);
        // Without a loss when off, none is allowed when on.
        let allowed = match off.lost {
            0 => 0.0,
            lost => poisson_upper_95(lost) * on.frames as f64 / off.frames.max(1) as f64,
        };
        if on.switches == 0 {
            return fail("no switch".to_owned());
        }
        if let Some((segment, _)) = self.unexplained.iter().max_by_key(|(_, frames)| **frames) {
            return fail(format!("unexplained {} ({segment})", self.missing()));
        }
        let Safety {
            repeated,
            clear,
            keys,
            grave,
            on_disk,
            ..
        } = &self.safety;
        if *repeated > 0 || *clear > 0 {
            return fail(format!(
                "nonce_repeats {repeated}, cleartext_frames_on_line {clear}"
            ));
        }
        match grave.first() {
            Some(grave) => return fail(format!("ledgers: {grave}")),
            None if *keys == 0 => return fail("no key in the ledgers".to_owned()),
            None => {}
        }
        match on_disk.found.first() {
            Some(file) => return fail(format!("sak_on_disk, in {}", file.display())),
            None if on_disk.saks == 0 => return fail("no SAK was looked for on disk".to_owned()),
            None => {}
        }
        if on.lost as f64 > allowed {
            let most = self.drops.iter().max_by_key(|(_, frames)| **frames);
            let name = most.map_or("no counter", |(name, _)| name.as_str());
            return fail(format!(
                "lost {} ({name}), without rekeying {}",
                on.lost, off.lost
            ));
        }
        if on.duplicated + on.disordered + on.changed
            > off.duplicated + off.disordered + off.changed
        {
            return fail(format!(
                "duplicated {}, reordered {}, changed {}",
                on.duplicated, on.disordered, on.changed
            ));
        }
        for quantile in STALL_QUANTILES {
            if let Some((at_switch, elsewhere)) = on.stall_us(quantile)
                && at_switch > STALL_TIMES * elsewhere
                && at_switch > elsewhere + STALL_US
            {
                return fail(format!(
                    "stall: p{:.0} {at_switch:.0} us right after a switch, {elsewhere:.0} us elsewhere",
                    100.0 * quantile
                ));
            }
        }
        let (placed, share) = (on.placed, on.share_inside());
        if placed.come_with_switches(share) {
            return fail(format!(
                "standstills {} in the windows, {:.0} by chance: they come with the switches",
                placed.inside,
                placed.by_chance(share)
            ));
        }
        match self.tails() {
            None => fail("too few frames for a tail: measure for longer".to_owned()),
            Some((inside, outside)) if inside > TAIL_MAX * outside => {
                let luck = self
                    .tail_chance
                    .map_or(String::new(), |chance| match chance {
                        ..=CHANCE_MAX => ": it comes with the switches".to_owned(),
                        _ => format!(" (chance {chance:.3}: not shown to come with the switches)"),
                    });
                fail(format!(
                    "p99.99 {inside:.0} us in the windows, {outside:.0} us outside{luck}"
                ))
            }
            Some(_) => Verdict::Pass,
        }
    }

    /// Frames that no counter explains.
    pub(super) fn missing(&self) -> u64 {
        self.unexplained.values().sum()
    }

    /// The bin that is furthest from the mean, per cent of it, if it is too far and the machine does not do
    /// that by itself.
    pub(super) fn dip(&self) -> Option<f64> {
        let worst = self.on.windows.worst_percent()?;
        (worst.abs() > OFF_MAX && self.bins_chance? <= CHANCE_MAX).then_some(worst)
    }

    /// p99.99 in the windows and outside, us, where the machine did not stand still.
    fn tails(&self) -> Option<(f64, f64)> {
        let tails = [&self.on.inside, &self.on.outside];
        let enough = |latency: &Latency| latency.undisturbed.len() >= TAIL_FRAMES;
        tails.into_iter().all(enough).then_some(())?;
        let [inside, outside] = tails.map(Latency::tail_us);
        Some((inside?, outside?))
    }
}

#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    rows: Vec<JsonRow>,
    peers: Vec<JsonPeer>,
    keys: Vec<JsonKeys>,
    faults: Vec<JsonOutcome>,
    rates: Vec<JsonRates>,
}

/// Its shape is a promise: scripts read it.
#[derive(Serialize)]
struct JsonRow {
    port: &'static str,
    interval_s: f64,
    size: FrameSize,
    load_percent: u32,
    switches: u64,
    frames: u64,
    lost: u64,
    duplicated: u64,
    reordered: u64,
    unexplained: u64,
    loss_upper_95: f64,
    blocked_us_per_rekey: f64,
    p9999_in_us: Option<f64>,
    p9999_out_us: Option<f64>,
    max_in_us: f64,
    verdict: &'static str,
    // Additions stand behind what was promised first.
    switch_us: BTreeMap<&'static str, [f64; 3]>,
    late_old_key_frames: u64,
    an_wraps: u64,
    worst_bin_percent: Option<f64>,
    worst_bin_sham_percent: Option<f64>,
    worst_bin_chance: Option<f64>,
    p9999_in_sham_us: Option<f64>,
    p9999_out_sham_us: Option<f64>,
    p9999_in_undisturbed_us: Option<f64>,
    p9999_out_undisturbed_us: Option<f64>,
    p9999_chance: Option<f64>,
    machine_watched_s: f64,
    machine_standstills: u64,
    machine_stood_ms: f64,
    machine_slow_ms: f64,
    frames_disturbed: u64,
    windows_disturbed: u64,
    standstills_in: u64,
    standstills_in_by_chance: f64,
    nonces_checked: u64,
    nonce_repeats: u64,
    cleartext_frames_on_line: u64,
    sak_on_disk: usize,
}

/// One document, with a line end.
pub(super) fn json(machine: &Machine, results: &Results) -> Result<String, serde_json::Error> {
    let json_row = |row: &Row| JsonRow {
        port: row.port,
        interval_s: row.interval.as_secs_f64(),
        size: row.size,
        load_percent: row.load_percent,
        switches: row.on.switches,
        frames: row.on.frames,
        lost: row.on.lost,
        duplicated: row.on.duplicated,
        reordered: row.on.disordered,
        unexplained: row.missing(),
        loss_upper_95: row.on.loss_upper_95(),
        blocked_us_per_rekey: row.on.blocked_us_per_switch(row.rate),
        p9999_in_us: row.on.inside.tail_of_all_us(),
        p9999_out_us: row.on.outside.tail_of_all_us(),
        max_in_us: row.on.inside.max_us().unwrap_or_default(),
        verdict: row.verdict().word(),
        switch_us: row.steps.quantiles_us().collect(),
        late_old_key_frames: row.late_old_key,
        an_wraps: row.steps.an_wraps,
        worst_bin_percent: row.on.windows.worst_percent(),
        worst_bin_sham_percent: row.sham.windows.worst_percent(),
        worst_bin_chance: row.bins_chance,
        p9999_in_sham_us: row.sham.inside.tail_of_all_us(),
        p9999_out_sham_us: row.sham.outside.tail_of_all_us(),
        p9999_in_undisturbed_us: row.on.inside.tail_us(),
        p9999_out_undisturbed_us: row.on.outside.tail_us(),
        p9999_chance: row.tail_chance,
        machine_watched_s: row.on.machine.time.as_secs_f64(),
        machine_standstills: row.on.machine.standstills,
        machine_stood_ms: row.on.machine.total.as_secs_f64() * 1e3,
        machine_slow_ms: row.on.machine.slow.as_secs_f64() * 1e3,
        frames_disturbed: row.on.inside.disturbed() + row.on.outside.disturbed(),
        windows_disturbed: row.on.windows_disturbed,
        standstills_in: row.on.placed.inside,
        standstills_in_by_chance: row.on.placed.by_chance(row.on.share_inside()),
        nonces_checked: row.safety.nonces,
        nonce_repeats: row.safety.repeated,
        cleartext_frames_on_line: row.safety.clear,
        sak_on_disk: row.safety.on_disk.found.len(),
    };
    let rows = results.rows.iter().map(json_row).collect();
    let peers = results.peers.iter().map(JsonPeer::from).collect();
    let keys = results.rows.iter().map(JsonKeys::from).collect();
    let faults = results.outcomes.iter().map(JsonOutcome::from).collect();
    let document = Document {
        machine,
        rows,
        peers,
        keys,
        faults,
        rates: results.rates.iter().map(JsonRates::from).collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

#[cfg(test)]
mod tests;
