//! T4: the times of the steps of a switch, as both encryptors report them.
//!
//! Both encryptors run in one process, so their times are of one clock. They report their last few
//! switches only, so they are queried often enough to miss none. Missed switches are counted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use qmacsec::status::{Report, Switch, query};
use rekey::limits::SWITCHES_TOLD;

use crate::stats::percentile;

/// The longest and the shortest pause between two queries.
const ASK_EVERY_MAX: Duration = Duration::from_secs(1);
const ASK_EVERY_MIN: Duration = Duration::from_millis(20);

/// Times of the steps of switches, of both directions.
#[derive(Clone, Default, Debug)]
pub(crate) struct Steps {
    /// Times in the order of [`SPANS`], us.
    spans: [Vec<f64>; SPANS.len()],
    /// Switches that both ends reported.
    pub(crate) reported: u64,
    /// Switches that the queries missed.
    pub(crate) missed: u64,
    /// How often the AN wrapped to 0.
    pub(crate) an_wraps: u64,
}

/// The steps. A key waits between rx and tx until its switch is due; the last step is the grace
/// time.
const SPANS: [&str; 6] = [
    "enc->dec",
    "offer->dec",
    "dec->rx_installed",
    "rx->tx_all_workers",
    "tx_told->tx_all_workers",
    "tx->old_retired",
];

impl Steps {
    /// Adds the switches of another run.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, more) in self.spans.iter_mut().zip(&other.spans) {
            mine.extend(more);
        }
        self.reported += other.reported;
        self.missed += other.missed;
        self.an_wraps += other.an_wraps;
    }

    /// The name, and p50, p99 and max, of each step, us.
    pub(crate) fn quantiles_us(&self) -> impl Iterator<Item = (&'static str, [f64; 3])> {
        let of = |times: &Vec<f64>| {
            let mut sorted = times.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            [0.5, 0.99, 1.0].map(|quantile| percentile(&sorted, quantile))
        };
        let spans = SPANS.into_iter().zip(&self.spans);
        spans
            .filter(|(_, times)| !times.is_empty())
            .map(move |(name, times)| (name, of(times)))
    }
}

/// Queries both encryptors while a load runs.
pub(crate) struct SwitchPoller {
    end: Sender<()>,
    thread: JoinHandle<SwitchLog>,
}

impl SwitchPoller {
    /// Starts queries of two encryptors that switch at this interval.
    pub(crate) fn start(sockets: [PathBuf; 2], interval: Duration) -> std::io::Result<Self> {
        let pause = (interval * SWITCHES_TOLD as u32 / 4).clamp(ASK_EVERY_MIN, ASK_EVERY_MAX);
        let (end, ended) = mpsc::channel();
        let work = move || {
            let mut log = SwitchLog::default();
            loop {
                let last = ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
                for (end, socket) in sockets.iter().enumerate() {
                    // A missing answer shows up as missed switches.
                    if let Ok(report) = query::<Report>(socket) {
                        log.add(end, &report);
                    }
                }
                if last {
                    return log;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("steps".to_owned())
            .spawn(work)?;
        Ok(Self { end, thread })
    }

    /// Ends the queries, and joins the reports of both ends.
    pub(crate) fn end(self) -> Steps {
        drop(self.end);
        self.thread
            .join()
            .map(|log| log.steps())
            .unwrap_or_default()
    }
}

/// Switches by end and epoch, with times of the machine's clock.
#[derive(Default)]
struct SwitchLog {
    out: [BTreeMap<u32, Switch>; 2],
    into: [BTreeMap<u32, Switch>; 2],
    /// The number of switches that each end reports.
    switches: [u64; 2],
}

impl SwitchLog {
    fn add(&mut self, end: usize, report: &Report) {
        let absolute = |switch: &Switch| {
            let at = |us: u64| report.started_us + us;
            Switch {
                key_us: at(switch.key_us),
                offered_us: at(switch.offered_us),
                ordered_us: at(switch.ordered_us),
                installed_us: at(switch.installed_us),
                retired_us: switch.retired_us.map(at),
                ..*switch
            }
        };
        // A later report of a switch is more complete.
        let all = [
            (&mut self.out[end], &report.tx),
            (&mut self.into[end], &report.rx),
        ];
        for (known, direction) in all {
            known.extend(
                direction
                    .recent
                    .iter()
                    .map(|one| (one.epoch, absolute(one))),
            );
        }
        self.switches[end] = report.tx.switches;
    }

    fn steps(&self) -> Steps {
        let mut steps = Steps::default();
        for end in 0..2 {
            let reported = self.out[end].len() as u64;
            steps.missed += self.switches[end].saturating_sub(reported);
            // The first key replaces none.
            for out in self.out[end]
                .values()
                .filter(|out| out.retired_us.is_some())
            {
                let Some(into) = self.into[1 - end].get(&out.epoch) else {
                    continue; // the last switch: the receiver has not seen it yet
                };
                let between = |from: u64, to: u64| to.cast_signed() - from.cast_signed();
                let spans = [
                    Some(between(out.key_us, into.key_us)),
                    Some(between(out.offered_us, into.key_us)),
                    Some(between(into.key_us, into.installed_us)),
                    Some(between(into.installed_us, out.installed_us)),
                    Some(between(out.ordered_us, out.installed_us)),
                    into.retired_us
                        .map(|retired| between(out.installed_us, retired)),
                ];
                for (times, span) in steps.spans.iter_mut().zip(spans) {
                    times.extend(span.map(|us| us as f64));
                }
                steps.reported += 1;
                steps.an_wraps += u64::from(out.an == 0);
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests;
