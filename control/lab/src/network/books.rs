//! The accounts of each link, compared between its ends.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use network::topology::Topology;
use network::{Accounts, LinkId};
use node::LinkReport;

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

/// Waits until the ends of each link agree. Messages under way, and stocks that are filled up, make
/// them differ for moments; a difference that stays is a problem.
pub(super) fn settle(nodes: &Nodes, topology: &Topology, cut: &BTreeSet<LinkId>) -> Vec<LinkBooks> {
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
        if !open || Instant::now() > deadline {
            return books.into_iter().flatten().collect();
        }
        sleep(LOOK_EVERY);
    }
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
