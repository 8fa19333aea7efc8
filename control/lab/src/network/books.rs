//! The accounts of each link and of each interworking node, compared between their ends.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use network::topology::Topology;
use network::{Accounts, LinkId};
use node::{AccountReport, LinkReport, NodeReport};

use super::layout::{KmeId, Layout};
use super::nodes::Nodes;

/// Time limit for the ends of all links to agree, after the end of the demand.
const QUIET: Duration = Duration::from_secs(10);
/// Interval of the looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The accounts of one link.
#[derive(Clone, Debug)]
pub(super) struct LinkBooks {
    pub(super) accounts: Accounts,
    /// The reason why they do not close.
    pub(super) problem: Option<String>,
}

/// The accounts of a network.
#[derive(Clone, Debug)]
pub(super) struct Books {
    /// The books of each link, in the order of their numbers.
    pub(super) links: Vec<LinkBooks>,
    /// The reasons why those of interworking nodes do not close.
    pub(super) borders: Vec<String>,
}

impl Books {
    /// True if there is no problem.
    pub(super) fn closed(&self) -> bool {
        self.borders.is_empty() && self.links.iter().all(|books| books.problem.is_none())
    }
}

/// Waits until the ends of each link agree, and the two KMEs of each interworking node. Messages
/// under way, and stocks that are filled up, make them differ for moments; a difference that stays
/// is a problem.
pub(super) fn settle(nodes: &Nodes, topology: &Topology, cut: &BTreeSet<LinkId>) -> Books {
    let mut books: Vec<Option<LinkBooks>> = vec![None; topology.links().len()];
    let deadline = Instant::now() + QUIET;
    loop {
        let reports = nodes.reports();
        let mut open = false;
        for (link, entry) in topology.link_ids().zip(&mut books) {
            if entry.as_ref().is_some_and(|books| books.problem.is_none()) {
                continue;
            }
            let present = judge(nodes.layout().ends(&reports, link), cut.contains(&link));
            open |= present.problem.is_some();
            *entry = Some(present);
        }
        let borders = borders(nodes.layout(), &reports);
        if (!open && borders.is_empty()) || Instant::now() > deadline {
            let links = books.into_iter().flatten().collect();
            return Books { links, borders };
        }
        sleep(LOOK_EVERY);
    }
}

/// The problems of the books of interworking KMEs: an account that does not close, and keys that
/// are released in one domain only. A killed KME has no books.
fn borders(layout: &Layout, reports: &[Option<NodeReport>]) -> Vec<String> {
    let of = |kme: KmeId| reports.get(kme.0)?.as_ref()?.interworking.as_ref();
    let mut problems = Vec::new();
    for (kme, id) in layout.kmes().iter().zip((0..).map(KmeId)) {
        let Some(books) = of(id) else { continue };
        for (way, account) in [("sent", &books.sent), ("received", &books.received)] {
            let AccountReport {
                taken,
                released,
                voided,
                failed,
                held,
            } = account;
            if *taken != released + voided + failed + held {
                let name = &kme.name;
                problems.push(format!(
                    "the keys {way} by {name} do not close: {account:?}"
                ));
            }
        }
        let Some(other) = layout.neighbour_domain(id).and_then(of) else {
            continue;
        };
        let (here, there) = (books.sent.released, other.received.released);
        if here != there {
            let name = &kme.name;
            problems.push(format!(
                "{name} has released {here} of its keys, its neighbour {there}"
            ));
        }
    }
    problems
}

fn judge(ends: [Option<&LinkReport>; 2], cut: bool) -> LinkBooks {
    let ends = ends.map(|end| end.map(|report| report.accounts));
    let problem = |end: &Accounts| {
        (!end.close()).then(|| format!("the accounts of one end do not close: {end:?}"))
    };
    let (accounts, problem) = match ends {
        [None, None] => (Accounts::default(), None),
        // With the pool at the killed end, what is left at the other is lost.
        [Some(end), None] | [None, Some(end)] => (end.after_crash(), problem(&end)),
        [Some(a), Some(b)] => {
            // The bits of a message that was lost with its connection are used at one end, and
            // voided or left at the other.
            let lossy = cut || a.voided + b.voided > 0;
            let agree = a == b || (lossy && differ_by_lost_messages(&a, &b));
            let differ = (!agree).then(|| format!("the ends differ: {a:?}, {b:?}"));
            (a, problem(&a).or_else(|| problem(&b)).or(differ))
        }
    };
    LinkBooks { accounts, problem }
}

/// True if all bits that one end has used and the other has not are voided or left there.
fn differ_by_lost_messages(a: &Accounts, b: &Accounts) -> bool {
    let used = a.relayed.abs_diff(b.relayed) + a.authentication.abs_diff(b.authentication);
    let unused = a.voided + b.voided + a.left.abs_diff(b.left);
    a.bits_in == b.bits_in && a.lost_in_crash == b.lost_in_crash && used <= unused
}

#[cfg(test)]
mod tests;
