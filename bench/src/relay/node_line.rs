//! Whole nodes of this process, on loopback: mutual TLS between neighbours, ETSI 014 over mutual
//! TLS at both ends, modelled QKD devices, ledgers. The calling thread is the clients; the nodes
//! have a thread of their own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use kme::pki::{KmeName, LabPki, make_lab_pki};
use lab::network::client::Sae;
use network::topology::Topology;
use node::ledger::SUFFIX;
use node::{Identity, Running, Settings, sae_of};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::Line;
use crate::harness::error::Error;

/// Time limit for blocks and first keys.
const START: Duration = Duration::from_secs(30);
/// Pauses between two looks, and between two attempts of a client.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const RETRY: Duration = Duration::from_millis(1);
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Nodes in a line, and an SAE at each end.
pub(super) struct NodeLine {
    near: Sae,
    far: Sae,
    clients: Runtime,
    /// Kept: they end with it.
    _nodes: Vec<Running>,
    _runtime: Runtime,
    _folder: TempDir,
}

impl NodeLine {
    /// Starts all nodes, and waits until the pools are full and the ends have keys.
    pub(super) fn start(hops: usize) -> Result<Self, Error> {
        let topology = line(hops)?;
        let names: Vec<_> = topology.nodes().iter().map(|node| &*node.name).collect();
        let ends = [names[0], names[hops]];
        let folder = tempfile::tempdir()?;
        let pki = LabPki {
            kmes: names.iter().map(|name| kme_name(name)).collect(),
            saes: ends.map(sae_of).into(),
            ..LabPki::default()
        };
        make_lab_pki(folder.path(), &pki).map_err(setup)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let mut nodes: Vec<Running> = Vec::new();
        // The far end first: each node but that connects to the next one.
        for name in names.iter().rev() {
            let next = nodes
                .last()
                .map(|next| (next.map().name().to_owned(), next.address()));
            let settings = settings(&topology, name, folder.path(), next.into_iter().collect());
            let node = runtime.block_on(Running::start(settings)).map_err(setup)?;
            nodes.push(node);
        }
        wait_for_blocks(&topology, &nodes)?;
        let sae = |name: &str, node: Option<&Running>| {
            let address = node.and_then(Running::kme_address);
            let address = address.ok_or_else(|| setup("an end without a KME"))?;
            Sae::new(folder.path(), &sae_of(name), address).map_err(setup)
        };
        let mut line = Self {
            near: sae(ends[0], nodes.last())?,
            far: sae(ends[1], nodes.first())?,
            clients: Builder::new_current_thread().enable_all().build()?,
            _nodes: nodes,
            _runtime: runtime,
            _folder: folder,
        };
        line.transfer(1)?;
        Ok(line)
    }
}

impl Line for NodeLine {
    fn transfer(&mut self, number: usize) -> Result<(), Error> {
        let Self {
            near, far, clients, ..
        } = self;
        let keys = u32::try_from(number).map_err(setup)?;
        clients.block_on(async {
            let deadline = Instant::now() + START;
            // Without stock the next batch is on its way.
            let drawn = loop {
                let drawn = near.enc_keys(&far.id, keys).await.map_err(setup)?;
                if drawn.status != 503 || Instant::now() > deadline {
                    break drawn;
                }
                tokio::time::sleep(RETRY).await;
            };
            let drawn = drawn.keys().map_err(setup)?.keys;
            let ids: Vec<_> = drawn.iter().map(|key| key.id.to_owned()).collect();
            let fetched = far.dec_keys(&near.id, &ids).await.map_err(setup)?;
            let fetched = fetched.keys().map_err(setup)?.keys;
            let mut both = drawn.iter().zip(&fetched);
            match fetched.len() == number && both.all(|(one, other)| one.key == other.key) {
                true => Ok(()),
                false => Err(Error::Wrong("the ends have different keys".to_owned())),
            }
        })
    }
}

/// A line whose links fill their pools with their first block. The next one comes after the round.
fn line(hops: usize) -> Result<Topology, Error> {
    let mut text =
        "name = \"line\"\n[demand]\ninterval = \"100ms\"\nkeys_per_switch = 64\n".to_owned();
    for node in 0..=hops {
        let kind = if node == 0 || node == hops {
            "site"
        } else {
            "relay"
        };
        text +=
            &format!("[[node]]\nname = \"n{node}\"\nx_km = {node}\ny_km = 0\nkind = \"{kind}\"\n");
    }
    for node in 0..hops {
        text += &format!(
            "[[link]]\nends = [\"n{node}\", \"n{}\"]\npreset = \"modern-llo-50km\"\n\
             block_symbols = 1e10\n",
            node + 1
        );
    }
    Topology::parse(&text, "line").map_err(setup)
}

fn kme_name(name: &str) -> KmeName {
    KmeName {
        id: name.to_owned(),
        hosts: Vec::new(),
    }
}

fn settings(
    topology: &Topology,
    name: &str,
    folder: &Path,
    neighbours: BTreeMap<String, SocketAddr>,
) -> Settings {
    Settings {
        name: name.to_owned(),
        topology: topology.clone(),
        listen: ANY,
        neighbours,
        identity: Identity {
            ca: folder.join("ca.pem"),
            cert: folder.join(format!("{name}.pem")),
            key: folder.join(format!("{name}.key")),
        },
        kme_listen: ANY,
        blocks_at_start: 1,
        interworking: None,
        ledger: Some(folder.join(format!("{name}{SUFFIX}"))),
    }
}

fn wait_for_blocks(topology: &Topology, nodes: &[Running]) -> Result<(), Error> {
    let supplies = topology.links().iter().map(|link| link.source.supply());
    let first: Vec<_> = supplies
        .map(|supply| 8 * supply.block_octets() as u64)
        .collect();
    let deadline = Instant::now() + START;
    let filled = |node: &Running| {
        let links = node.report().links;
        links
            .iter()
            .all(|link| link.accounts.bits_in >= first[usize::from(link.link)])
    };
    while !nodes.iter().all(filled) {
        if Instant::now() > deadline {
            return Err(setup(format!("no blocks within {START:?}")));
        }
        sleep(LOOK_EVERY);
    }
    Ok(())
}

fn setup(error: impl std::fmt::Display) -> Error {
    Error::Nodes(error.to_string())
}
