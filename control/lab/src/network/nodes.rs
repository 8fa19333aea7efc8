//! The processes of the nodes: certificates, configs, start, reports, orders, end.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kme::pki::{KmeName, LabPki, make_lab_pki};
use network::topology::Topology;
use network::{LinkId, NodeId};
use node::ledger::SUFFIX;
use node::{NodeReport, sae_of, sites};
use qmacsec::config::Span;
use qmacsec::status::{Done, Request, query, request};

use super::places::Places;
use crate::child::Child;

/// Time limit for the start of all processes.
const START: Duration = Duration::from_secs(30);

/// All nodes of the network, by number.
pub(super) struct Nodes {
    nodes: Vec<Process>,
    places: Places,
    folder: PathBuf,
}

struct Process {
    name: String,
    child: Child,
    /// Processor time of the process until now, without that before the start of the demand.
    cpu: Cpu,
    killed: bool,
}

/// Processor time of one process.
#[derive(Clone, Copy, Debug, Default)]
struct Cpu {
    at_start: Duration,
    now: Duration,
}

/// The input of the processes at their start.
pub(super) struct Setup<'a> {
    pub(super) topology: &'a Topology,
    /// The topology, as the user named it.
    pub(super) named: &'a str,
    /// Blocks of each link at the start.
    pub(super) blocks: u32,
    /// Each node keeps a ledger in the folder.
    pub(super) ledgers: bool,
    /// An empty folder for all files.
    pub(super) folder: PathBuf,
    /// Addresses of the KMEs of some nodes, if not on the loopback.
    pub(super) kmes: BTreeMap<NodeId, SocketAddr>,
}

impl Nodes {
    /// Writes certificates and configs, and starts all processes. Waits until each answers.
    pub(super) fn start(setup: Setup<'_>) -> io::Result<Self> {
        let topology = setup.topology;
        let places = Places::find(topology.nodes().len())?;
        setup.make_pki(&places)?;
        let mut nodes = Vec::new();
        for node in topology.node_ids() {
            let name = topology.node_name(node);
            setup.write_config(&places, node)?;
            let config = setup
                .folder
                .join(format!("{name}.toml"))
                .display()
                .to_string();
            let log = setup.folder.join(format!("{name}.log"));
            let child = Child::start_here(name, &["network", "node", "--config", &config], &log)?;
            nodes.push(Process {
                name: name.to_owned(),
                child,
                cpu: Cpu::default(),
                killed: false,
            });
        }
        let mut nodes = Self {
            nodes,
            places,
            folder: setup.folder,
        };
        nodes.wait_for_all()?;
        Ok(nodes)
    }

    fn wait_for_all(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START;
        while let Some(silent) = self.reports().iter().position(Option::is_none) {
            self.all_alive()?;
            if Instant::now() > deadline {
                let words = self.last_words(silent);
                let text =
                    format!("a node does not answer within {START:?}; it said last:\n  {words}");
                return Err(io::Error::other(text));
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Returns an error with the last lines of its log if a process has ended by itself.
    pub(super) fn all_alive(&mut self) -> io::Result<()> {
        for node in self.nodes.iter_mut().filter(|node| !node.killed) {
            if let Some(status) = node.child.ended()? {
                let words = node.child.last_words();
                let text = format!(
                    "node {} ended ({status}); it said last:\n  {words}",
                    node.name
                );
                return Err(io::Error::other(text));
            }
        }
        Ok(())
    }

    fn last_words(&self, node: usize) -> String {
        let process = self.nodes.get(node);
        process.map_or_else(String::new, |process| process.child.last_words())
    }

    /// Returns the present reports; `None` for a node that was killed or does not answer.
    pub(super) fn reports(&self) -> Vec<Option<NodeReport>> {
        self.nodes.iter().map(|node| self.report_of(node)).collect()
    }

    /// Returns the present report of one node.
    pub(super) fn report(&self, node: NodeId) -> Option<NodeReport> {
        self.report_of(self.nodes.get(node.index())?)
    }

    fn report_of(&self, node: &Process) -> Option<NodeReport> {
        match node.killed {
            true => None,
            false => query(&self.socket(&node.name)).ok(),
        }
    }

    /// Kills a node, like a crash.
    pub(super) fn kill(&mut self, node: NodeId) -> io::Result<()> {
        self.take_cpu();
        match self.nodes.get_mut(node.index()) {
            Some(process) => {
                process.killed = true;
                process.child.kill()
            }
            None => Ok(()),
        }
    }

    /// Orders both ends to end a link.
    pub(super) fn cut(&self, topology: &Topology, link: LinkId) -> io::Result<()> {
        let ends = topology.links().get(link.index()).map(|link| link.ends);
        let Some((a, b)) = ends else {
            return Ok(());
        };
        for end in [a, b] {
            let Some(process) = self
                .nodes
                .get(end.index())
                .filter(|process| !process.killed)
            else {
                continue;
            };
            let socket = self.socket(&process.name);
            let done: Done = request(&socket, Request::Cut(link.0)).map_err(io::Error::other)?;
            if !done.done {
                return Err(io::Error::other(done.text));
            }
        }
        Ok(())
    }

    /// Notes the processor time of each process as that before the demand.
    pub(super) fn demand_starts(&mut self) {
        self.take_cpu();
        for node in &mut self.nodes {
            node.cpu.at_start = node.cpu.now;
        }
    }

    /// Returns the processor time of all nodes since the start of the demand.
    pub(super) fn cpu(&mut self) -> Duration {
        self.take_cpu();
        let used = |node: &Process| node.cpu.now.saturating_sub(node.cpu.at_start);
        self.nodes.iter().map(used).sum()
    }

    fn take_cpu(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| !node.killed) {
            if let Some(cpu) = node.child.cpu() {
                node.cpu.now = cpu;
            }
        }
    }

    /// Requests the end of all processes, then waits for each.
    pub(super) fn stop(&mut self) -> io::Result<()> {
        for node in self.nodes.iter_mut().filter(|node| !node.killed) {
            node.child.request_end()?;
        }
        for node in self.nodes.iter_mut().filter(|node| !node.killed) {
            node.child.stop()?;
        }
        Ok(())
    }

    /// The addresses of the nodes.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// The folder with certificates, configs, logs and sockets.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of each node's ledger, if they keep one.
    pub(super) fn ledgers(&self) -> Vec<PathBuf> {
        let names = self.nodes.iter().map(|node| &node.name);
        let files = names.map(|name| self.folder.join(format!("{name}{SUFFIX}")));
        files.filter(|file| file.exists()).collect()
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sock"))
    }
}

impl Setup<'_> {
    fn make_pki(&self, places: &Places) -> io::Result<()> {
        let name = |node: NodeId| {
            let own = self.kmes.get(&node).map(SocketAddr::ip);
            let addresses = [Some(places.ip(node.index())), own];
            KmeName {
                id: self.topology.node_name(node).to_owned(),
                hosts: addresses
                    .into_iter()
                    .flatten()
                    .map(|ip| ip.to_string())
                    .collect(),
            }
        };
        let saes = sites(self.topology).map(|site| sae_of(self.topology.node_name(site)));
        let pki = LabPki {
            kmes: self.topology.node_ids().map(name).collect(),
            saes: saes.collect(),
            ..LabPki::default()
        };
        make_lab_pki(&self.folder.join("pki"), &pki).map_err(io::Error::other)?;
        Ok(())
    }

    fn write_config(&self, places: &Places, node: NodeId) -> io::Result<()> {
        let name = self.topology.node_name(node);
        let mut neighbours = BTreeMap::new();
        for link in self.topology.links() {
            let neighbour = match link.ends {
                (a, b) if a == node => b,
                (a, b) if b == node => a,
                _ => continue,
            };
            let address = places.neighbours(neighbour.index());
            neighbours.insert(self.topology.node_name(neighbour), address);
        }
        let named = match Path::new(self.named).canonicalize() {
            Ok(file) if Topology::built_in(self.named).is_none() => file.display().to_string(),
            _ => self.named.to_owned(),
        };
        let kme = self.kmes.get(&node).copied();
        let mut text = format!(
            "name = {name:?}\ntopology = {named:?}\ninterval = \"{}\"\nlisten = \"{}\"\n\
             kme_listen = \"{}\"\nca = \"pki/ca.pem\"\ncert = \"pki/{name}.pem\"\n\
             key = \"pki/{name}.key\"\nblocks_at_start = {}\nstatus_socket = \"{name}.sock\"\n",
            Span(self.topology.demand().interval),
            places.neighbours(node.index()),
            kme.unwrap_or_else(|| places.kme(node.index())),
            self.blocks,
        );
        if self.ledgers {
            text += &format!("ledger = \"{name}{SUFFIX}\"\n");
        }
        text += "\n[neighbours]\n";
        for (name, address) in neighbours {
            text += &format!("{name} = \"{address}\"\n");
        }
        fs::write(self.folder.join(format!("{name}.toml")), text)
    }
}
