//! The passport of a key as JSON, for its `key_extension` and the ledgers.

use network::Passport;
use serde_json::{Value, json};

use crate::map::Map;

/// Name of the member for the part in the neighbour domain.
const NEIGHBOUR: &str = "neighbour";

/// Writes a passport with names of nodes: for each path its nodes, and for each link the blocks
/// that were used. `neighbour` is the part in the neighbour domain.
pub(crate) fn to_json(passport: &Passport, map: &Map) -> Value {
    let paths = passport.paths.iter().map(|path| {
        let nodes: Vec<_> = path.nodes.iter().map(|node| map.node_name(*node)).collect();
        let hops = path.hops.iter().map(|hop| {
            let blocks = hop.blocks.iter().map(|block| {
                json!({
                    "number": block.number,
                    "label": block.label.name(),
                    "epsilon": block.epsilon,
                    "excess_noise_snu": block.excess_noise,
                })
            });
            json!({ "link": map.link_name(hop.link), "blocks": blocks.collect::<Vec<_>>() })
        });
        json!({ "nodes": nodes, "links": hops.collect::<Vec<_>>() })
    });
    let mut fields = json!({ "paths": paths.collect::<Vec<_>>() });
    let beyond = passport.beyond.as_ref();
    if let Some(beyond) = beyond.and_then(|text| serde_json::from_str(text.as_str()).ok()) {
        fields[NEIGHBOUR] = beyond;
    }
    fields
}

/// The way of a key through one domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// The paths with their links and blocks, as in the passport.
    pub passport: Value,
    /// The nodes of each path.
    pub paths: Vec<Vec<String>>,
}

/// The ways of a key through the domain of the node that wrote the passport, and then through the
/// neighbour domain if it names one; `None` for another form, or without a path.
#[must_use]
pub fn legs(passport: &Value) -> Option<Vec<Leg>> {
    let own = leg(passport)?;
    match passport.get(NEIGHBOUR) {
        None => Some(vec![own]),
        Some(neighbour) => Some(vec![own, leg(neighbour)?]),
    }
}

fn leg(passport: &Value) -> Option<Leg> {
    let name = |node: &Value| node.as_str().map(str::to_owned);
    let path = |path: &Value| -> Option<Vec<String>> {
        path.get("nodes")?.as_array()?.iter().map(name).collect()
    };
    let paths = passport.get("paths")?;
    let nodes: Option<Vec<_>> = paths.as_array()?.iter().map(path).collect();
    Some(Leg {
        passport: paths.clone(),
        paths: nodes.filter(|nodes| !nodes.is_empty())?,
    })
}
