//! NUMA placement: the frames of a device are in the memory of its node, and a worker on a core of
//! another node fetches each frame across the interconnect.

use std::fs;
use std::path::Path;

use tracing::warn;

use crate::config::{EncryptorConfig, PortKind};

const INTERFACES: &str = "/sys/class/net";
const NODES: &str = "/sys/devices/system/node";

/// Warns if a worker is pinned far from a device that it reads. Does nothing if the system does not
/// report the nodes, or has only one.
pub(crate) fn warn_of_distance(config: &EncryptorConfig, core: Option<usize>) {
    let Some(core) = core else { return };
    let ports = [
        ("red", config.red.port, &config.red.interface),
        ("black", config.black.port, &config.black.interface),
    ];
    for (side, _, interface) in ports.iter().filter(|(_, kind, _)| *kind != PortKind::Tap) {
        let paths = (Path::new(INTERFACES), Path::new(NODES));
        if let Some(node) = distant(paths, interface, core) {
            warn!(
                "worker.cores: core {core} is not on NUMA node {node} of the {side} interface \
                 {interface}, so each frame crosses between nodes; fix: choose cores of \
                 `lscpu | grep node{node}`"
            );
        }
    }
}

/// Returns the node of the interface, if the core is on another one.
fn distant((interfaces, nodes): (&Path, &Path), interface: &str, core: usize) -> Option<usize> {
    let node = fs::read_to_string(interfaces.join(interface).join("device/numa_node")).ok()?;
    let node: usize = node.trim().parse().ok()?; // -1: not reported
    let cores = fs::read_to_string(nodes.join(format!("node{node}/cpulist"))).ok()?;
    (!holds(&cores, core)).then_some(node)
}

/// True if a list like `0-3,8` holds the core.
pub(crate) fn holds(list: &str, core: usize) -> bool {
    let mut ranges = list.trim().split(',');
    ranges.any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&core),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests;
