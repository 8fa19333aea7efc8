//! Compares the frames that arrived with the counters of the boxes.

use std::collections::BTreeMap;

use port::PortCounters;
use qmacsec::status::{Report, WorkerReport};
use serde_json::Value;

/// Worker counters that count drops. Drop counters of SecYs and ports come from their crates.
const WORKER_DROPS: [&str; 4] = [
    "PolicyDiscarded",
    "InControlTooLong",
    "HandoverOverrun",
    "TakeoverNoBuffer",
];
/// SecY counters that do not count drops.
const SECY_PASSED: [&str; 12] = [
    "OutPktsEncrypted",
    "OutPktsProtected",
    "OutOctetsEncrypted",
    "OutOctetsProtected",
    "InPktsOK",
    "InPktsInvalid",
    "InPktsUnchecked",
    "InPktsUnknownSCI",
    "InPktsUnusedSA",
    "InPktsUntagged",
    "InOctetsDecrypted",
    "InOctetsValidated",
];

/// The result of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every frame arrived, once and unchanged.
    All,
    /// Some frames did not arrive, and drop counters account for at least as many.
    Named(String),
    /// Any other result.
    Failed(String),
}

impl Verdict {
    /// The verdict in one word, and the reason.
    #[must_use]
    pub fn told(&self) -> (&'static str, &str) {
        match self {
            Self::All => ("all", ""),
            Self::Named(why) => ("named", why),
            Self::Failed(why) => ("FAIL", why),
        }
    }
}

/// Judges one run by the report of `traffic` and the status of both boxes after it.
#[must_use]
pub fn judge(traffic: &Value, boxes: [&Report; 2]) -> Verdict {
    let mut named = Vec::new();
    let mut failed = Vec::new();
    for (way, title, from, to) in [("a_to_b", "A to B", 0, 1), ("b_to_a", "B to A", 1, 0)] {
        let way = &traffic[way];
        let drops = drops(boxes[from], boxes[to]);
        match judge_way(way, &drops) {
            Verdict::All => {}
            Verdict::Named(why) => named.push(format!("{title}: {why}")),
            Verdict::Failed(why) => failed.push(format!("{title}: {why}")),
        }
    }
    if !failed.is_empty() {
        failed.extend(named);
        Verdict::Failed(failed.join("; "))
    } else if named.is_empty() {
        Verdict::All
    } else {
        Verdict::Named(named.join("; "))
    }
}

fn judge_way(way: &Value, drops: &BTreeMap<String, u64>) -> Verdict {
    let (sent, arrived) = (number(way, "sent"), number(way, "arrived"));
    let changed: u64 = map(way, "changed").values().sum();
    let counted = list(drops);
    if sent == 0 {
        return Verdict::Failed("nothing could be sent".into());
    }
    let mut faults = Vec::new();
    if changed > 0 {
        faults.push(format!(
            "{changed} changed ({})",
            list(&map(way, "changed"))
        ));
    }
    if number(way, "twice") > 0 {
        faults.push(format!("{} came twice", number(way, "twice")));
    }
    let lost = sent.saturating_sub(arrived + changed);
    let by_the_bed = number(way, "lost_by_the_receiver");
    // A slow guest takes frames late. If it never takes some frames, a queue of the NIC has
    // stopped.
    if number(way, "not_taken_by_the_guest") > 0 {
        let count = number(way, "not_taken_by_the_guest");
        faults.push(format!("{count} not taken by the NIC"));
    }
    let what = || {
        let flows = format!(
            "{} of {} flows heard",
            number(way, "flows_heard"),
            number(way, "flows")
        );
        format!(
            "{lost} of {sent} lost ({}; {flows})",
            list(&map(way, "lost"))
        )
    };
    let explained = drops.values().sum::<u64>() + by_the_bed;
    if lost > explained {
        let but = if counted.is_empty() {
            "no counter names any"
        } else {
            "counters name only"
        };
        faults.push(format!("{}, {but} {counted}", what()).trim_end().to_owned());
    } else if lost > 0 && faults.is_empty() {
        let bed = if by_the_bed > 0 {
            format!(", {by_the_bed} by the bed itself")
        } else {
            String::new()
        };
        return Verdict::Named(format!("{}: {counted}{bed}", what()));
    }
    if faults.is_empty() {
        Verdict::All
    } else {
        Verdict::Failed(faults.join(", "))
    }
}

/// Drop counters of the sending box towards the line and of the receiving box from the line.
fn drops(from: &Report, to: &Report) -> BTreeMap<String, u64> {
    let (from, to) = (
        WorkerReport::total(&from.workers),
        WorkerReport::total(&to.workers),
    );
    let is = |names: &'static [&str]| move |name: &str| names.contains(&name);
    let (rx, tx) = (is(&PortCounters::RX_DROPS), is(&PortCounters::TX_DROPS));
    let secy = |name: &str| !SECY_PASSED.contains(&name);
    let worker = is(&WORKER_DROPS);
    let mut all = BTreeMap::new();
    let mut add =
        |place: &str, counters: &BTreeMap<String, u64>, is_drop: &dyn Fn(&str) -> bool| {
            for (name, &count) in counters.iter().filter(|(name, _)| is_drop(name)) {
                if count > 0 {
                    *all.entry(format!("{place}{name}")).or_default() += count;
                }
            }
        };
    add("red ", &from.red.counters, &rx);
    add("", &from.tx, &secy);
    add("", &from.worker, &worker);
    add("black ", &from.black.counters, &tx);
    add("black ", &to.black.counters, &rx);
    add("", &to.rx, &secy);
    add("", &to.worker, &worker);
    add("red ", &to.red.counters, &tx);
    all
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or(0)
}

fn map(value: &Value, name: &str) -> BTreeMap<String, u64> {
    let entries = value[name].as_object().into_iter().flatten();
    entries
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0)))
        .collect()
}

fn list(counts: &BTreeMap<String, u64>) -> String {
    let one = |(name, count): (&String, &u64)| format!("{name} {count}");
    counts.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
