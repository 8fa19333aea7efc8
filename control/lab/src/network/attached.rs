//! A network behind the lab: its nodes take the place of the two KMEs, and the lab's encryptors are
//! the SAEs of two of its sites.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use network::NodeId;
use network::topology::Topology;
use node::{sae_of, sites};
use qmacsec::config::topology;
use qmacsec::status::KmeReport;

use super::layout::{KmeId, Layout};
use super::nodes::{Nodes, Setup};

/// Blocks of key of each link at the start.
const BLOCKS: u32 = 4;
/// Time limit for keys of both sites.
const FIRST_KEYS: Duration = Duration::from_secs(30);

/// A topology and the two sites of the lab in it.
pub(crate) struct Choice {
    topology: Topology,
    layout: Layout,
    named: String,
    sites: [NodeId; 2],
    /// Mean rate of each link in bit/s.
    rates: Vec<f64>,
}

/// The running nodes.
pub(crate) struct Attached {
    choice: Choice,
    nodes: Nodes,
}

impl Choice {
    /// Finds the topology and the sites. Without names, it takes the pair with the most relays
    /// between.
    pub(crate) fn of(
        named: &str,
        names: Option<&[String]>,
        interval: Duration,
    ) -> Result<Self, String> {
        let topology = topology(Path::new(""), named).map_err(|error| error.to_string())?;
        let topology = topology.with_interval(interval);
        let sites = match names {
            None => farthest(&topology)?,
            Some([a, b]) => pair(&topology, a, b)?,
            Some(_) => return Err("--sites takes two names; fix: --sites NAME,NAME".to_owned()),
        };
        let rates = topology
            .links()
            .iter()
            .map(|link| link.source.supply().bit_s());
        Ok(Self {
            named: named.to_owned(),
            rates: rates.collect(),
            layout: Layout::of(&topology),
            topology,
            sites,
        })
    }

    /// Names of the two sites.
    pub(crate) fn names(&self) -> [String; 2] {
        self.sites
            .map(|site| self.topology.node_name(site).to_owned())
    }

    /// The rate of the slowest link of a path.
    fn rate_bit_s(&self, path: &[String]) -> f64 {
        let node = |name: &str| {
            let kme = self.layout.named(&self.topology, name).first().copied()?;
            Some(self.layout.kmes().get(kme.0)?.node)
        };
        let ends = |hop: &[String]| match hop {
            [a, b] => Some([node(a)?, node(b)?]),
            _ => None,
        };
        let hops: Vec<_> = path.windows(2).filter_map(ends).collect();
        let links = self.topology.links().iter().zip(&self.rates);
        let on_path = links.filter(|(link, _)| {
            let (a, b) = link.ends;
            hops.contains(&[a, b]) || hops.contains(&[b, a])
        });
        let rates = on_path.map(|(_, rate)| *rate);
        rates.min_by(f64::total_cmp).unwrap_or(0.0)
    }

    /// The KMEs with this name, or of the node with this name, if no encryptor is there.
    pub(crate) fn spare(&self, name: &str) -> Result<Vec<KmeId>, String> {
        let kmes = self.layout.named(&self.topology, name);
        if kmes.is_empty() {
            let nodes: Vec<_> = self
                .topology
                .nodes()
                .iter()
                .map(|node| &*node.name)
                .collect();
            return Err(format!(
                "--kill {name}: no such node; fix: a, b, or one of {}",
                nodes.join(", ")
            ));
        }
        let sites = self.sites.map(|site| self.layout.at(site));
        if kmes.iter().any(|kme| sites.contains(&Some(*kme))) {
            return Err(format!(
                "--kill {name}: an encryptor is there; fix: name a relay"
            ));
        }
        Ok(kmes)
    }
}

/// Two sites that the topology wants keys for.
fn pair(topology: &Topology, a: &str, b: &str) -> Result<[NodeId; 2], String> {
    let find = |name: &str| {
        topology.node(name).ok_or_else(|| {
            let names: Vec<_> = sites(topology)
                .map(|site| topology.node_name(site))
                .collect();
            format!(
                "--sites {name}: no such site; fix: one of {}",
                names.join(", ")
            )
        })
    };
    let (a, b) = (find(a)?, find(b)?);
    let pairs = &topology.demand().pairs;
    match pairs.contains(&(a, b)) || pairs.contains(&(b, a)) {
        true => Ok([a, b]),
        false => Err("--sites: the topology wants no keys for this pair; fix: another pair".into()),
    }
}

/// The pair with the most relays between.
fn farthest(topology: &Topology) -> Result<[NodeId; 2], String> {
    let graph = topology.graph();
    let hops = |&&(a, b): &&(NodeId, NodeId)| {
        let path = graph.cheapest(a, b, |_| Some(1));
        // The first of equal ones.
        (path.map(|path| path.hops()), std::cmp::Reverse((a, b)))
    };
    let farthest = topology.demand().pairs.iter().max_by_key(hops);
    farthest
        .map(|&(a, b)| [a, b])
        .ok_or_else(|| "the topology has no pair of sites".to_owned())
}

impl Attached {
    /// Starts all nodes in `folder`, and waits until the two sites have keys for each other. The
    /// KMEs of the two sites have these addresses.
    pub(crate) fn start(choice: Choice, folder: &Path, kmes: [SocketAddr; 2]) -> io::Result<Self> {
        let nodes = Nodes::start(Setup {
            topology: &choice.topology,
            named: &choice.named,
            blocks: BLOCKS,
            ledgers: true,
            folder: folder.to_path_buf(),
            kmes: choice
                .sites
                .into_iter()
                .zip(kmes)
                .collect::<BTreeMap<_, _>>(),
        })?;
        let mut attached = Self { choice, nodes };
        let deadline = Instant::now() + FIRST_KEYS;
        while attached.report().pool_keys == 0 {
            attached.all_alive()?;
            if Instant::now() > deadline {
                let text = format!("the two sites have no keys within {FIRST_KEYS:?}");
                return Err(io::Error::other(text));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(attached)
    }

    /// The state of the network as that of the KMEs of one link: the keys of the two sites for each
    /// other.
    pub(crate) fn report(&self) -> KmeReport {
        let names = self.choice.names();
        let mut report = KmeReport {
            link: format!(
                "{} from {} to {}",
                self.choice.topology.name(),
                names[0],
                names[1]
            ),
            origin: "modelled".to_owned(),
            ..KmeReport::default()
        };
        let mut stocks = BTreeSet::new();
        for (site, peer) in [(0, 1), (1, 0)] {
            let at = self.choice.sites[site];
            let found = self.nodes.report(at);
            let pairs = found.as_ref().map_or(&[][..], |found| &found.pairs);
            let target = sae_of(&names[peer]);
            let Some(pair) = pairs.iter().find(|pair| pair.target == target) else {
                stocks.insert(0);
                continue;
            };
            stocks.insert(pair.stock as u64);
            if let Some(path) = pair.paths.first() {
                report.rate_bit_s = self.choice.rate_bit_s(path);
            }
            report.keys_delivered += pair.delivered;
            report.keys_expired += pair.voided;
        }
        // The keys of the poorer direction.
        report.pool_keys = stocks.first().copied().unwrap_or(0);
        report.pool_bits = report.pool_keys * 256;
        report
    }

    /// Returns an error if a node has ended by itself.
    pub(crate) fn all_alive(&mut self) -> io::Result<()> {
        self.nodes.all_alive()
    }

    /// Kills the node with this name, like a crash. It stays down.
    pub(crate) fn kill(&mut self, name: &str) -> io::Result<()> {
        let kmes = self.choice.spare(name).map_err(io::Error::other)?;
        kmes.into_iter().try_for_each(|kme| self.nodes.kill(kme))
    }

    /// The files of the nodes' ledgers.
    pub(crate) fn ledgers(&self) -> Vec<PathBuf> {
        self.nodes.ledgers()
    }

    /// Ends all nodes.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        self.nodes.stop()
    }
}

#[cfg(test)]
mod tests;
