//! A public relay in the same cases, as `scripts/trusted-node-peer` has measured it.

use std::path::Path;

use serde::Deserialize;

use super::Case;
use crate::harness::error::Error;
use crate::stats::Spread;

/// Its runs.
#[derive(Deserialize, Debug)]
pub(super) struct Peer {
    runs: Vec<Run>,
}

/// One run of one case.
#[derive(Deserialize, Debug)]
struct Run {
    case: String,
    /// Keys for each second of processor time of the peer's nodes, without its KMEs and its broker.
    keys_per_cpu_s_nodes: Option<f64>,
}

impl Peer {
    /// Reads the output of the script, of which the last line counts.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |error: &dyn std::fmt::Display| Error::Peer {
            path: path.display().to_string(),
            error: error.to_string(),
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
        let peer = Self::parse(&text).map_err(|error| wrong(&error))?;
        match peer
            .runs
            .iter()
            .any(|run| run.keys_per_cpu_s_nodes.is_some())
        {
            true => Ok(peer),
            false => Err(wrong(&"it has no run with a rate")),
        }
    }

    pub(super) fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text.trim_end().lines().last().unwrap_or_default())
    }

    /// The median of its rate in this case, if it was measured.
    pub(super) fn keys_per_cpu_s(&self, case: Case) -> Option<f64> {
        let plural = |count| if count == 1 { "" } else { "s" };
        let (hops, keys) = (case.hops, case.keys_per_request);
        let name = format!(
            "{hops} hop{}, {keys} key{} a request",
            plural(hops),
            plural(keys)
        );
        let runs = self.runs.iter().filter(|run| run.case == name);
        let rates: Vec<_> = runs.filter_map(|run| run.keys_per_cpu_s_nodes).collect();
        Spread::of(&rates).map(|spread| spread.median)
    }
}
