//! The same keys over the paths of a plan: what an attacker would know with one path, and with two.

use std::collections::BTreeMap;

use network::Topology;
use network::plan::{Options, PairPlan, Plan};
use network::topology::Paths;
use node::sae_of;
use serde::Serialize;

/// The knowledge of the attacker if each key had taken this number of paths.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct WhatIf {
    paths: u32,
    /// Keys between other sites that the attacker would know.
    pub(super) keys_known: u64,
    /// Keys of pairs without so many paths, which would get none.
    pub(super) keys_without_paths: u64,
}

/// Computes both cases. `keys` has the number of keys of each ordered pair of SAEs.
pub(super) fn what_if(
    topology: &Topology,
    keys: &BTreeMap<(&str, &str), u64>,
    nodes: &[String],
) -> [WhatIf; 2] {
    [Paths::One, Paths::Two].map(|paths| {
        let plan = Plan::of(&topology.clone().with_paths(paths), Options::default());
        let mut result = WhatIf {
            paths: paths.count(),
            keys_known: 0,
            keys_without_paths: 0,
        };
        for pair in &plan.pairs {
            let (a, b) = (sae_of(&pair.a), sae_of(&pair.b));
            let number = |from: &str, to: &str| keys.get(&(from, to)).copied().unwrap_or(0);
            let keys = number(&a, &b) + number(&b, &a);
            if pair.paths.len() < paths.count() as usize {
                result.keys_without_paths += keys;
            } else if !owned(nodes, &pair.a)
                && !owned(nodes, &pair.b)
                && known(topology, pair, nodes)
            {
                result.keys_known += keys;
            }
        }
        result
    })
}

/// True if the attacker owns the node, or one of its KMEs.
fn owned(nodes: &[String], node: &str) -> bool {
    let is = |name: &String| name.split('.').next() == Some(node);
    nodes.iter().any(is)
}

/// True if all paths of the pair pass an owned node in one domain. An interworking node has the
/// whole key.
fn known(topology: &Topology, pair: &PairPlan, nodes: &[String]) -> bool {
    let is_gate = |name: &String| {
        let node = topology
            .node(name)
            .and_then(|id| topology.nodes().get(id.index()));
        node.is_some_and(network::topology::Node::is_interworking)
    };
    let seen = |leg: usize| {
        let pass = |path: &Vec<String>| {
            let gate = path.iter().position(is_gate).unwrap_or(path.len() - 1);
            let leg = if leg == 0 {
                &path[..=gate]
            } else {
                &path[gate..]
            };
            leg.iter().any(|node| owned(nodes, node))
        };
        pair.paths.iter().all(pass)
    };
    seen(0) || seen(1)
}

#[cfg(test)]
mod tests;
