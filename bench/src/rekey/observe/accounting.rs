//! Accounting of frames: each frame that enters a segment of the path leaves it, or is counted as a
//! drop by name. User frames and those of the rekey protocol are counted apart, where they share a
//! port.
//!
//! ```text
//! host ─▶ red rx ─▶ SecY ─▶ black tx ─▶ line ─▶ black rx ─▶ SecY ─▶ red tx ─▶ host
//!              ▲ probe            ▲ probe           ▲ probe          ▲ probe
//! ```
//! Each segment has a balance: frames in, less frames out, less named drops. It must be the same
//! before and after the load. Negative balances count as well: a frame dropped twice does not hide
//! a lost one.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use port::{Port, PortCounters};
use qmacsec::status::{Report, WorkerReport};

use crate::drops::Drops;
use crate::frames::FLOWS;
use crate::harness::error::Error;
use crate::rekey::load::hosts::{Hosts, Run};
use crate::rekey::rig::encryptors::Encryptors;
use crate::rekey::rig::probe::{Count, Probe};

/// Frames in, less frames out and named drops: by direction and segment.
pub(crate) type Balances = BTreeMap<(usize, &'static str), i64>;

/// Frames that the hosts sent and received, by direction.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Carried {
    sent: [u64; FLOWS],
    received: [u64; FLOWS],
}

struct Snapshot<'a> {
    probes: &'a [Probe; 2],
    reports: &'a [Report; 2],
    hosts: [PortCounters; 2],
    carried: Carried,
}

/// Pause between two readings, equal readings that mean rest, and how long to wait for them.
const PAUSE: Duration = Duration::from_millis(5);
const AT_REST: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(1);

/// The line has balances of user frames and rekey frames, and one counter for drops of both.
const LINE_USER: &str = "line: user frames";
const LINE_CONTROL: &str = "line: rekey frames";
const LINE_DROPPED: &str = "line: dropped";

impl Carried {
    pub(crate) fn add(&mut self, run: &Run) {
        for (flow, (of_flow, sent)) in run.flows.iter().zip(run.sent).enumerate() {
            self.sent[flow] += sent;
            self.received[flow] += of_flow.received();
        }
    }
}

pub(crate) fn balances<P: Port>(
    encryptors: &Encryptors,
    hosts: &Hosts<P>,
    carried: Carried,
) -> Result<Balances, Error> {
    let snapshot = Snapshot {
        probes: &encryptors.probes,
        reports: &encryptors.reports()?,
        hosts: hosts.ends().each_ref().map(Port::counters),
        carried,
    };
    let of_flow = |flow| {
        let segments = snapshot.direction(flow, 1 - flow);
        segments.map(|(segment, balance)| ((flow, segment), balance))
    };
    Ok((0..FLOWS).flat_map(of_flow).collect())
}

impl Snapshot<'_> {
    /// The balances of one direction, in the order in which a frame meets the segments.
    fn direction(&self, from: usize, to: usize) -> [(&'static str, i64); 13] {
        use Count::*;
        let signed = |frames: u64| frames.cast_signed();
        let sender = |what| signed(self.probes[from].count(what));
        let receiver = |what| signed(self.probes[to].count(what));
        let sum = |end: usize, section: fn(&WorkerReport) -> &Drops, names: &[&str]| {
            let sums = names
                .iter()
                .map(|name| self.reports[end].sum(section, name));
            signed(sums.sum())
        };
        let red = |end, names: &[&str]| sum(end, |worker| &worker.red.counters, names);
        let black = |end, names: &[&str]| sum(end, |worker| &worker.black.counters, names);
        let own = |end, names: &[&str]| sum(end, |worker| &worker.worker, names);
        let discards = secy::Discard::ALL.map(secy::Discard::name);
        let (sent, received) = (self.carried.sent[from], self.carried.received[from]);

        // Frames of the load, or of control, that passed a port: all frames, less the others.
        let red_rx_load = red(from, &["rx_frames"]) - (sender(RedRx) - sender(RedRxLoad));
        let red_tx_load = red(to, &["tx_frames"]) - (receiver(RedTx) - receiver(RedTxLoad));
        let control_dropped: i64 = Count::CONTROL_DROPS.map(sender).iter().sum();
        let control_out = sender(BlackTxControl) - control_dropped;
        let user_out = black(from, &["tx_frames"]) - control_out;
        let user_in = black(to, &["rx_frames"]) - receiver(BlackRxControl);
        [
            (
                "host to red",
                signed(sent)
                    - signed(self.hosts[from].tx_dropped())
                    - red_rx_load
                    - red(from, &PortCounters::RX_DROPS),
            ),
            ("red rx", red(from, &["rx_frames"]) - sender(RedRx)),
            (
                "red to black",
                sender(RedRx)
                    - sender(BlackTx)
                    - sum(from, |worker| &worker.tx, &discards)
                    - own(from, &["PolicyDiscarded"]),
            ),
            (
                "control to black",
                own(from, &["OutControl"]) - sender(BlackTxControl),
            ),
            (
                "black tx",
                sender(BlackTx) + sender(BlackTxControl)
                    - black(from, &["tx_frames"])
                    - black(from, &PortCounters::TX_DROPS),
            ),
            (LINE_USER, user_out - user_in),
            (LINE_CONTROL, control_out - receiver(BlackRxControl)),
            (LINE_DROPPED, black(to, &PortCounters::RX_DROPS)),
            (
                "black rx",
                black(to, &["rx_frames"]) - receiver(BlackRx) - receiver(BlackRxControl),
            ),
            (
                "black to red",
                receiver(BlackRx)
                    - receiver(RedTx)
                    - sum(to, |worker| &worker.rx, &discards)
                    - own(to, &["HandoverOverrun", "TakeoverNoBuffer"]),
            ),
            (
                "black to control",
                receiver(BlackRxControl)
                    - own(to, &["InControl", "InControlTooLong", "InControlOverrun"]),
            ),
            (
                "red tx",
                receiver(RedTx) - red(to, &["tx_frames"]) - red(to, &PortCounters::TX_DROPS),
            ),
            (
                "red to host",
                red_tx_load - signed(self.hosts[to].rx_dropped()) - signed(received),
            ),
        ]
    }
}

/// Frames that no counter explains, by segment of both directions.
pub(crate) fn unexplained(before: &Balances, after: &Balances) -> Drops {
    let mut unexplained = Drops::new();
    let mut add = |segment: &str, frames: i64| {
        if frames != 0 {
            *unexplained.entry(segment.to_owned()).or_default() += frames.unsigned_abs();
        }
    };
    for flow in 0..FLOWS {
        let since = |segment| {
            let at = |balances: &Balances| balances.get(&(flow, segment)).copied();
            at(after).unwrap_or_default() - at(before).unwrap_or_default()
        };
        let (user, control, dropped) = (since(LINE_USER), since(LINE_CONTROL), since(LINE_DROPPED));
        // No kind can be received more often than sent, and what was not received was dropped.
        add(LINE_USER, user.min(0));
        add(LINE_CONTROL, control.min(0));
        add("line", user.max(0) + control.max(0) - dropped);
        for &(of, segment) in after.keys() {
            if of == flow && ![LINE_USER, LINE_CONTROL, LINE_DROPPED].contains(&segment) {
                add(segment, since(segment));
            }
        }
    }
    unexplained
}

/// Reads until no frame is under way: several equal readings in a row. For use before the load.
pub(crate) fn at_rest<E>(mut read: impl FnMut() -> Result<Balances, E>) -> Result<Balances, E> {
    let (mut last, mut same) = (read()?, 1);
    let begun = Instant::now();
    while same < AT_REST && begun.elapsed() < PATIENCE {
        thread::sleep(PAUSE);
        let now = read()?;
        same = if now == last { same + 1 } else { 1 };
        last = now;
    }
    Ok(last)
}

/// Reads until every frame is explained, after the load: rekey frames are always under way, and
/// counters of workers are a moment old. Frames that are missing for all of [`PATIENCE`] are
/// missing.
pub(crate) fn settled<E>(
    before: &Balances,
    mut read: impl FnMut() -> Result<Balances, E>,
) -> Result<Balances, E> {
    let begun = Instant::now();
    let missing = |now: &Balances| unexplained(before, now).values().sum::<u64>();
    let mut best = read()?;
    while missing(&best) > 0 && begun.elapsed() < PATIENCE {
        thread::sleep(PAUSE);
        let now = read()?;
        if missing(&now) <= missing(&best) {
            best = now;
        }
    }
    Ok(best)
}

pub(crate) fn control_dropped(before: &Balances, after: &Balances) -> u64 {
    let at = |balances: &Balances, flow| {
        let balance = balances.get(&(flow, LINE_CONTROL));
        balance.copied().unwrap_or_default()
    };
    let since = (0..FLOWS).map(|flow| at(after, flow) - at(before, flow));
    since.sum::<i64>().max(0).unsigned_abs()
}

#[cfg(test)]
mod tests;
