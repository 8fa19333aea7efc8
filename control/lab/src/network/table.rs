//! The live table of a network: all links, the pairs that need a look, and sums.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use network::LinkId;
use network::topology::Topology;
use node::{NodeReport, link_name};

use super::layout::{KmeId, Layout};
use super::tally::{PairTally, Tally, percentile};
use crate::paint::Paint;

/// Most links and most pairs in the table; the others are counted.
const LINKS_MAX: usize = 32;
const PAIRS_MAX: usize = 8;
/// Characters between the two columns of links.
const GAP: &str = "   ";

/// The network at one moment.
pub(super) struct View<'a> {
    pub(super) topology: &'a Topology,
    pub(super) layout: &'a Layout,
    pub(super) reports: &'a [Option<NodeReport>],
    pub(super) dead: &'a BTreeSet<KmeId>,
    pub(super) elapsed: Duration,
    pub(super) left: Duration,
}

/// Shows views.
pub(super) struct Table {
    paint: Paint,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            paint: Paint::new(),
        }
    }

    /// Shows a line that stays.
    pub(super) fn note(&mut self, line: &str) {
        self.paint.note(line);
    }

    /// Shows a new view in place of the one before.
    pub(super) fn show(&mut self, view: &View<'_>, tally: &Tally) {
        let sums = sums(view, tally);
        let mut rows = vec![String::new(), sums.clone()];
        rows.extend(links(view));
        rows.extend(pairs(view, tally));
        self.paint.show(&rows, &[sums], Instant::now());
    }
}

fn sums(view: &View<'_>, tally: &Tally) -> String {
    let parted = tally.pairs.iter().filter(|pair| !pair.reachable).count();
    let dead = match view.dead.len() {
        0 => String::new(),
        dead => format!(", {dead} killed"),
    };
    format!(
        "{:>3.0} s  {} nodes{dead}; {} keys delivered, {} missed; {parted} of {} directions \
         unreachable; {:.0} s left",
        view.elapsed.as_secs_f64(),
        view.topology.nodes().len(),
        tally.sum(|pair| pair.delivered),
        tally.sum(|pair| pair.missed),
        tally.pairs.len(),
        view.left.as_secs_f64()
    )
}

/// Two links in a row.
fn links(view: &View<'_>) -> Vec<String> {
    let head = format!(
        "{:<24} {:>7} {:>8} {:>8} {:<5}",
        "link", "kbit/s", "pool kb", "used kb", "state"
    );
    let mut rows = vec![format!("{head}{GAP}{head}")];
    let all: Vec<_> = view
        .topology
        .link_ids()
        .map(|link| link_row(view, link))
        .collect();
    let shown = all.get(..LINKS_MAX.min(all.len())).unwrap_or_default();
    let (left, right) = shown.split_at(shown.len().div_ceil(2));
    for (at, left) in left.iter().enumerate() {
        rows.push(format!(
            "{left}{GAP}{}",
            right.get(at).map_or("", String::as_str)
        ));
    }
    if all.len() > shown.len() {
        rows.push(format!("{} more links", all.len() - shown.len()));
    }
    rows
}

fn link_row(view: &View<'_>, link: LinkId) -> String {
    let [a, b] = view.layout.ends(view.reports, link);
    let states = [a, b].map(|end| end.map(|end| &*end.state));
    let state = match states {
        [Some("up"), Some("up")] => "up",
        [Some("cut"), _] | [_, Some("cut")] => "cut",
        [None, None] => "dead",
        _ => "down",
    };
    let (rate, pool, used) = a.or(b).map_or((0.0, 0, 0), |end| {
        let accounts = &end.accounts;
        (
            end.rate_bit_s,
            accounts.left,
            accounts.relayed + accounts.authentication,
        )
    });
    let name = link_name(view.topology, link);
    format!(
        "{:<24} {:>7.1} {:>8.0} {:>8.0} {state:<5}",
        name.chars().take(24).collect::<String>(),
        rate / 1e3,
        pool as f64 / 1e3,
        used as f64 / 1e3
    )
}

/// The pairs that missed keys, then those with the longest latency.
fn pairs(view: &View<'_>, tally: &Tally) -> Vec<String> {
    let latest = |pair: &PairTally| pair.latencies_ms.last().copied().unwrap_or(0.0);
    let mut order: Vec<_> = tally.pairs.iter().filter(|pair| pair.reachable).collect();
    order.sort_by(|a, b| {
        let misses = b.missed.cmp(&a.missed);
        misses.then(latest(b).total_cmp(&latest(a)))
    });
    let mut rows = vec![format!(
        "{:<28} {:>9} {:>6} {:>8} {:>8}  path",
        "pair", "delivered", "missed", "p50 ms", "last ms"
    )];
    for pair in order.iter().take(PAIRS_MAX) {
        let name = |node| view.topology.node_name(node);
        // Half a minute of a fast demand is enough for a look.
        let recent = pair.latencies_ms.len().saturating_sub(300);
        let mut recent = pair.latencies_ms.get(recent..).unwrap_or_default().to_vec();
        let paths: Vec<_> = pair
            .usual_paths()
            .iter()
            .map(|path| path.join(" "))
            .collect();
        rows.push(format!(
            "{:<28} {:>9} {:>6} {:>8.1} {:>8.1}  {}",
            format!("{} -> {}", name(pair.from), name(pair.to)),
            pair.delivered,
            pair.missed,
            percentile(&mut recent, 50),
            latest(pair),
            paths.join(" + ")
        ));
    }
    rows
}
