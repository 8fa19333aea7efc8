//! T4: what a switch takes, step by step, as both encryptors tell it.
//!
//! The ends are two encryptors in one process: their times are of one clock. They tell their last few
//! switches only, so they are asked often enough to miss none, and what is missed is counted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use qmacsec::status::{Report, Switch, query};
use rekey::limits::SWITCHES_TOLD;

use crate::stats::percentile;

/// Asked at least so often, however long the interval, and at most so often.
const ASK_EVERY_MAX: Duration = Duration::from_secs(1);
const ASK_EVERY_MIN: Duration = Duration::from_millis(20);

/// Switches of both directions.
#[derive(Clone, Default, Debug)]
pub(super) struct Steps {
    /// In the order in which they follow.
    spans: [Vec<f64>; SPANS.len()],
    /// Switches that both ends told of.
    pub(super) told: u64,
    /// Switches that we asked too late for.
    pub(super) missed: u64,
    /// How often the AN came round to 0.
    pub(super) an_wraps: u64,
}

/// The wait for the next switch to be due is between rx and tx, the grace time before the end.
const SPANS: [&str; 6] = [
    "enc->dec",
    "offer->dec",
    "dec->rx_installed",
    "rx->tx_all_workers",
    "tx_told->tx_all_workers",
    "tx->old_retired",
];

impl Steps {
    /// Another run.
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, more) in self.spans.iter_mut().zip(&other.spans) {
            mine.extend(more);
        }
        self.told += other.told;
        self.missed += other.missed;
        self.an_wraps += other.an_wraps;
    }

    /// Name, and p50, p99, max of each span, us.
    pub(super) fn quantiles_us(&self) -> impl Iterator<Item = (&'static str, [f64; 3])> {
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

/// Asks both encryptors while a load runs.
pub(super) struct Asking {
    end: Sender<()>,
    thread: JoinHandle<Told>,
}

impl Asking {
    /// These two, that switch so often.
    pub(super) fn start(sockets: [PathBuf; 2], interval: Duration) -> std::io::Result<Self> {
        let pause = (interval * SWITCHES_TOLD as u32 / 4).clamp(ASK_EVERY_MIN, ASK_EVERY_MAX);
        let (end, ended) = mpsc::channel();
        let work = move || {
            let mut told = Told::default();
            loop {
                let last = ended.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
                for (end, socket) in sockets.iter().enumerate() {
                    // Who does not answer is found out by those who need an answer.
                    if let Ok(report) = query::<Report>(socket) {
                        told.hear(end, &report);
                    }
                }
                if last {
                    return told;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("steps".to_owned())
            .spawn(work)?;
        Ok(Self { end, thread })
    }

    /// All that they told.
    pub(super) fn end(self) -> Steps {
        drop(self.end);
        self.thread
            .join()
            .map(|told| told.steps())
            .unwrap_or_default()
    }
}

/// Switches by end and epoch, times by the machine's clock.
#[derive(Default)]
struct Told {
    out: [BTreeMap<u32, Switch>; 2],
    into: [BTreeMap<u32, Switch>; 2],
    /// How many an end has had, as it says.
    switches: [u64; 2],
}

impl Told {
    fn hear(&mut self, end: usize, report: &Report) {
        let absolute = |switch: &Switch| {
            let at = |us: u64| report.started_us + us;
            Switch {
                key_us: at(switch.key_us),
                offered_us: at(switch.offered_us),
                told_us: at(switch.told_us),
                installed_us: at(switch.installed_us),
                retired_us: switch.retired_us.map(at),
                ..*switch
            }
        };
        // What was told before may have gone on.
        let all = [
            (&mut self.out[end], &report.tx),
            (&mut self.into[end], &report.rx),
        ];
        for (heard, direction) in all {
            heard.extend(
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
            let heard = self.out[end].len() as u64;
            steps.missed += self.switches[end].saturating_sub(heard);
            // The first key of all replaced none.
            for out in self.out[end]
                .values()
                .filter(|out| out.retired_us.is_some())
            {
                let Some(into) = self.into[1 - end].get(&out.epoch) else {
                    continue; // the receiver has not noticed yet: it is the last one
                };
                let between = |from: u64, to: u64| to.cast_signed() - from.cast_signed();
                let spans = [
                    Some(between(out.key_us, into.key_us)),
                    Some(between(out.offered_us, into.key_us)),
                    Some(between(into.key_us, into.installed_us)),
                    Some(between(into.installed_us, out.installed_us)),
                    Some(between(out.told_us, out.installed_us)),
                    into.retired_us
                        .map(|retired| between(out.installed_us, retired)),
                ];
                for (times, span) in steps.spans.iter_mut().zip(spans) {
                    times.extend(span.map(|us| us as f64));
                }
                steps.told += 1;
                steps.an_wraps += u64::from(out.an == 0);
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests;
