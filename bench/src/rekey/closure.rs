//! The counters close: every frame that goes into a segment of the way comes out of it, or is a drop
//! with a name. User frames and those of the rekey protocol apart, where they share a port.
//!
//! ```text
//! host ─▶ red rx ─▶ SecY ─▶ black tx ─▶ line ─▶ black rx ─▶ SecY ─▶ red tx ─▶ host
//!              ▲ watched          ▲ watched         ▲ watched        ▲ watched
//! ```
//! For each segment there is one number: frames in, less frames out, less named drops. Before the
//! load and after it that must be the same. Nothing is cut off at zero: a frame that was
//! dropped twice does not hide one that vanished.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use port::PortCounters;
use qmacsec::status::{Report, WorkerReport};

use super::load::{FLOWS, Run};
use super::pair::Drops;
use super::watch::{Count, Seen};

/// Frames in, less frames out and named drops: by segment of each direction.
pub(super) type Remainders = BTreeMap<(usize, &'static str), i64>;

/// What the hosts have sent and received, each direction.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Carried {
    pub(super) sent: [u64; FLOWS],
    pub(super) came: [u64; FLOWS],
}

/// Everything that counts, read at one time.
pub(super) struct Snapshot<'a> {
    pub(super) seen: &'a [Seen; 2],
    pub(super) reports: &'a [Report; 2],
    pub(super) hosts: [PortCounters; 2],
    pub(super) carried: Carried,
}

/// Between two readings; how many that are the same mean rest; and how long we wait for that.
const PAUSE: Duration = Duration::from_millis(5);
const AT_REST: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(1);

/// The line has user frames and control frames in, and one counter for what it drops of both.
const LINE_USER: &str = "line: user frames";
const LINE_CONTROL: &str = "line: rekey frames";
const LINE_DROPPED: &str = "line: dropped";

impl Carried {
    /// After one more run.
    pub(super) fn add(&mut self, run: &Run) {
        for (flow, (of_flow, sent)) in run.flows.iter().zip(run.sent).enumerate() {
            self.sent[flow] += sent;
            self.came[flow] += of_flow.came();
        }
    }
}

impl Snapshot<'_> {
    /// Of all segments.
    pub(super) fn remainders(&self) -> Remainders {
        let of_flow = |flow| {
            let segments = self.direction(flow, 1 - flow);
            segments.map(|(segment, remainder)| ((flow, segment), remainder))
        };
        (0..FLOWS).flat_map(of_flow).collect()
    }

    /// From one end to the other, in the order in which a frame meets them.
    fn direction(&self, from: usize, to: usize) -> [(&'static str, i64); 13] {
        use Count::*;
        let signed = |frames: u64| frames.cast_signed();
        let sender = |what| signed(self.seen[from].count(what));
        let receiver = |what| signed(self.seen[to].count(what));
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
        let (sent, came) = (self.carried.sent[from], self.carried.came[from]);

        // What a port let through of the load, or of control: all of it, less what was not that.
        let red_rx_load = red(from, &["rx_frames"]) - (sender(RedRx) - sender(RedRxLoad));
        let red_tx_load = red(to, &["tx_frames"]) - (receiver(RedTx) - receiver(RedTxLoad));
        let control_dropped =
            sender(ControlRefused) + sender(ControlTooLong) + sender(ControlLinkDown);
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
                red_tx_load - signed(self.hosts[to].rx_dropped()) - signed(came),
            ),
        ]
    }
}

/// Frames that no counter explains, by segment of both directions: empty when all is told.
pub(super) fn unexplained(before: &Remainders, after: &Remainders) -> Drops {
    let mut unexplained = Drops::new();
    let mut add = |segment: &str, frames: i64| {
        if frames != 0 {
            *unexplained.entry(segment.to_owned()).or_default() += frames.unsigned_abs();
        }
    };
    for flow in 0..FLOWS {
        let since = |segment| {
            let at = |remainders: &Remainders| remainders.get(&(flow, segment)).copied();
            at(after).unwrap_or_default() - at(before).unwrap_or_default()
        };
        let (user, control, dropped) = (since(LINE_USER), since(LINE_CONTROL), since(LINE_DROPPED));
        // Neither kind can have come more often than it was sent; and what did not come was dropped.
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

/// Reads until nothing is under way any more: the same a few times in a row. Before the load.
pub(super) fn at_rest<E>(mut read: impl FnMut() -> Result<Remainders, E>) -> Result<Remainders, E> {
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

/// Reads until all is told, after the load: rekey frames are always under way, and numbers of workers
/// a moment old. What is missing for as long as our patience lasts is missing.
pub(super) fn at_last<E>(
    before: &Remainders,
    mut read: impl FnMut() -> Result<Remainders, E>,
) -> Result<Remainders, E> {
    let begun = Instant::now();
    let missing = |now: &Remainders| unexplained(before, now).values().sum::<u64>();
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

/// Control frames that the line dropped.
pub(super) fn control_dropped(before: &Remainders, after: &Remainders) -> u64 {
    let at = |remainders: &Remainders, flow| {
        let remainder = remainders.get(&(flow, LINE_CONTROL));
        remainder.copied().unwrap_or_default()
    };
    let since = (0..FLOWS).map(|flow| at(after, flow) - at(before, flow));
    since.sum::<i64>().max(0).unsigned_abs()
}

#[cfg(test)]
mod tests;
