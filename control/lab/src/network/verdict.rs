//! The verdict of a run: its reasons, the pairs, the links.

use std::fmt::Write as _;
use std::time::Duration;

use network::topology::Topology;
use node::{InterworkingReport, NodeReport, link_name, sae_of};
use serde::Serialize;
use serde_json::json;

use super::books::{Books, LinkBooks};
use super::demand::PATIENCE;
use super::layout::Layout;
use super::tally::{PairTally, Tally, percentile};

/// Most reasons of one kind; further ones are counted.
const REASONS_MAX: usize = 10;

/// The result of a run.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    verdict: &'static str,
    reasons: Vec<String>,
    pairs: Vec<PairVerdict>,
    links: Vec<LinkVerdict>,
    /// The KMEs between domains, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interworking: Vec<InterworkingVerdict>,
    books_closed: bool,
    delivered_twice: u64,
    delivered_to_others: u64,
    /// Lines for a person only.
    #[serde(skip)]
    notes: Vec<String>,
}

/// A pair of sites, both directions together.
#[derive(Debug, Serialize)]
struct PairVerdict {
    a: String,
    b: String,
    demanded: u64,
    delivered: u64,
    missed: u64,
    voided: u64,
    hops: usize,
    latency_ms: Latency,
    paths: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
}

#[derive(Debug, Serialize)]
struct LinkVerdict {
    a: String,
    b: String,
    bits_in: u64,
    relayed: u64,
    authentication: u64,
    voided: u64,
    left: u64,
    lost_in_crash: u64,
}

/// The keys that one KME has exchanged with the neighbour domain.
#[derive(Debug, Serialize)]
struct InterworkingVerdict {
    kme: String,
    #[serde(flatten)]
    keys: InterworkingReport,
}

/// The measurements behind the verdict.
pub(super) struct Evidence<'a> {
    pub(super) topology: &'a Topology,
    pub(super) layout: &'a Layout,
    pub(super) tally: Tally,
    pub(super) books: Books,
    /// The last report of each living KME.
    pub(super) reports: Vec<Option<NodeReport>>,
    pub(super) duration: Duration,
    /// The wanted duration, if the user has stopped the run before.
    pub(super) stopped_before: Option<Duration>,
    /// Processor time of all nodes, and of this process.
    pub(super) cpu: [Duration; 2],
    /// Faults, with the pairs that they made unreachable.
    pub(super) faults: Vec<String>,
}

impl Verdict {
    pub(super) fn of(mut evidence: Evidence<'_>) -> Self {
        let reasons = evidence.reasons();
        let notes = evidence.notes();
        Self {
            verdict: if reasons.is_empty() { "PASS" } else { "FAIL" },
            reasons,
            pairs: evidence.pairs(),
            links: evidence.links(),
            interworking: evidence.interworking(),
            books_closed: evidence.books.closed(),
            delivered_twice: evidence.tally.delivered_twice,
            delivered_to_others: evidence.tally.delivered_to_others,
            notes,
        }
    }

    pub(super) fn passes(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Returns the text for a person; its verdict stands at the start of a line.
    pub(super) fn text(&self) -> String {
        let mut out = self.verdict.to_owned();
        for line in self.reasons.iter().chain(&self.notes) {
            let _infallible = write!(out, "\n  {line}");
        }
        out
    }
}

impl Evidence<'_> {
    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Some(wanted) = self.stopped_before {
            reasons.push(format!(
                "stopped early: {:.1?} of {wanted:?}",
                self.duration
            ));
        }
        let missing = self
            .tally
            .pairs
            .iter()
            .filter(|pair| pair.missed > 0)
            .map(|pair| {
                let last = pair.last_miss.as_deref().unwrap_or_default();
                format!(
                    "{}: {} keys missed; the last: {last}",
                    self.arrow(pair),
                    pair.missed
                )
            });
        reasons.extend(shortened(missing.collect(), "pairs missed keys"));
        if self.tally.sum(|pair| pair.delivered) == 0 {
            reasons.push("no key was delivered".to_owned());
        }
        let names = self
            .topology
            .link_ids()
            .map(|link| link_name(self.topology, link));
        let open = names.zip(&self.books.links).filter_map(|(name, books)| {
            let problem = books.problem.as_ref()?;
            Some(format!("link {name}: {problem}"))
        });
        reasons.extend(shortened(open.collect(), "links have open books"));
        let borders = self.books.borders.clone();
        reasons.extend(shortened(borders, "interworking nodes have open books"));
        for (number, text) in [
            (self.tally.delivered_twice, "keys were delivered twice"),
            (
                self.tally.delivered_to_others,
                "keys were delivered to an SAE that they are not for",
            ),
            (
                self.tally.different_bits,
                "deliveries had different bits at the two ends",
            ),
        ] {
            if number > 0 {
                reasons.push(format!("{number} {text}"));
            }
        }
        reasons
    }

    /// Lines about the run that are no reasons.
    fn notes(&mut self) -> Vec<String> {
        let mut all: Vec<f32> = Vec::new();
        for pair in &self.tally.pairs {
            all.extend_from_slice(&pair.latencies_ms);
        }
        let seconds = self.duration.as_secs_f64();
        let delivered = self.tally.sum(|pair| pair.delivered);
        let mut notes = vec![format!(
            "{delivered} keys delivered in {seconds:.1} s ({:.0}/s), {} missed; latency p50 {:.1} \
             ms, p99 {:.1} ms",
            delivered as f64 / seconds.max(0.001),
            self.tally.sum(|pair| pair.missed),
            percentile(&mut all, 50),
            percentile(&mut all, 99),
        )];
        notes.append(&mut self.faults);
        if let Some(longest) = self.tally.longest_since_fault {
            notes.push(format!(
                "from the first fault on each reachable pair had its keys within {:.2} s \
                 ({PATIENCE:?} are allowed)",
                longest.as_secs_f64()
            ));
        }
        notes.push(format!(
            "{} attempts to get a key twice or at another SAE",
            self.tally.probes
        ));
        let [nodes, own] = self.cpu.map(|time| time.as_secs_f64() / seconds.max(0.001));
        notes.push(format!(
            "processor time: {:.2} cores ({nodes:.2} all nodes, {own:.2} the demand and this table)",
            nodes + own
        ));
        notes
    }

    /// Returns the pairs of sites, with the tallies of both directions.
    fn pairs(&mut self) -> Vec<PairVerdict> {
        let mut pairs = Vec::new();
        let (topology, layout) = (self.topology, self.layout);
        for both in self.tally.pairs.chunks_mut(2) {
            let sum = |of: fn(&PairTally) -> u64| both.iter().map(of).sum();
            let (demanded, delivered, missed) = (
                sum(|pair| pair.demanded),
                sum(|pair| pair.delivered),
                sum(|pair| pair.missed),
            );
            let mut latencies: Vec<f32> = Vec::new();
            let mut paths = Vec::new();
            for pair in both.iter_mut() {
                latencies.append(&mut pair.latencies_ms);
                paths.extend(pair.paths.keys().flatten().cloned());
            }
            paths.sort();
            paths.dedup();
            let Some(pair) = both.first() else { continue };
            let hops = pair.usual_paths().iter().map(|path| hops(path)).max();
            let voided = both
                .iter()
                .map(|pair| voided(topology, layout, &self.reports, pair))
                .sum();
            pairs.push(PairVerdict {
                a: topology.node_name(pair.from).to_owned(),
                b: topology.node_name(pair.to).to_owned(),
                demanded,
                delivered,
                missed,
                voided,
                hops: hops.unwrap_or(0),
                latency_ms: Latency {
                    p50: percentile(&mut latencies, 50),
                    p99: percentile(&mut latencies, 99),
                },
                paths,
            });
        }
        pairs
    }

    fn links(&self) -> Vec<LinkVerdict> {
        let links = self.topology.links().iter().zip(&self.books.links);
        let verdict = links.map(|(link, LinkBooks { accounts, .. })| LinkVerdict {
            a: self.topology.node_name(link.ends.0).to_owned(),
            b: self.topology.node_name(link.ends.1).to_owned(),
            bits_in: accounts.bits_in,
            relayed: accounts.relayed,
            authentication: accounts.authentication,
            voided: accounts.voided,
            left: accounts.left,
            lost_in_crash: accounts.lost_in_crash,
        });
        verdict.collect()
    }

    fn interworking(&self) -> Vec<InterworkingVerdict> {
        let reports = self.reports.iter().flatten();
        let verdict = reports.filter_map(|report| {
            Some(InterworkingVerdict {
                kme: report.node.clone(),
                keys: report.interworking?,
            })
        });
        verdict.collect()
    }

    fn arrow(&self, pair: &PairTally) -> String {
        let name = |node| self.topology.node_name(node);
        format!("{} -> {}", name(pair.from), name(pair.to))
    }
}

/// Returns the links of a path. Between the two KMEs of an interworking node there is none.
fn hops(path: &[String]) -> usize {
    let node = |name: &str| name.split_once('.').map(|(node, _)| node.to_owned());
    let joined = |ends: &&[String]| match ends {
        [a, b] => node(a).is_none() || node(a) != node(b),
        _ => false,
    };
    path.windows(2).filter(joined).count()
}

/// Returns the keys of an ordered pair that its node has voided.
fn voided(
    topology: &Topology,
    layout: &Layout,
    reports: &[Option<NodeReport>],
    pair: &PairTally,
) -> u64 {
    let kme = layout.at(pair.from);
    let report = kme.and_then(|kme| reports.get(kme.0)?.as_ref());
    let target = sae_of(topology.node_name(pair.to));
    let found = report.and_then(|report| report.pairs.iter().find(|pair| pair.target == target));
    found.map_or(0, |pair| pair.voided)
}

fn shortened(mut reasons: Vec<String>, rest: &str) -> Vec<String> {
    let more = reasons.len().saturating_sub(REASONS_MAX);
    if more > 0 {
        reasons.truncate(REASONS_MAX);
        reasons.push(format!("{more} more {rest}"));
    }
    reasons
}

/// Returns the document of a network that could not be started, or whose parts failed.
pub(super) fn error_document(error: &str) -> String {
    json!({ "verdict": "FAIL", "reasons": [error] }).to_string()
}

#[cfg(test)]
mod tests;
