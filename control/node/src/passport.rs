//! The passport of a key as JSON, for its `key_extension`.

use network::Passport;
use serde_json::{Value, json};

use crate::map::Map;

/// Name of the member for the part in the neighbour domain.
pub(crate) const NEIGHBOUR: &str = "neighbour";

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
