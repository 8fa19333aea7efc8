//! The processes of the KMEs: certificates, configs, start, reports, orders, end.

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

use super::layout::{KmeId, Layout};
use super::places::Places;
use crate::child::Child;

/// Time limit for the start of all processes.
const START: Duration = Duration::from_secs(30);

/// All KMEs of the network.
pub(super) struct Nodes {
    layout: Layout,
    /// The processes, in the order of the layout.
    processes: Vec<Process>,
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
    /// Each KME keeps a ledger in the folder.
    pub(super) ledgers: bool,
    /// An empty folder for all files.
    pub(super) folder: PathBuf,
    /// Addresses of the KMEs of some sites, if not on the loopback.
    pub(super) kmes: BTreeMap<NodeId, SocketAddr>,
}

impl Nodes {
    /// Writes certificates and configs, and starts all processes. Waits until each answers.
    pub(super) fn start(setup: Setup<'_>) -> io::Result<Self> {
        let layout = Layout::of(setup.topology);
        let places = Places::find(layout.kmes().len())?;
        setup.make_pki(&layout, &places)?;
        let mut processes = Vec::new();
        for (kme, id) in layout.kmes().iter().zip((0..).map(KmeId)) {
            let name = &kme.name;
            setup.write_config(&layout, &places, id)?;
            let config = setup
                .folder
                .join(format!("{name}.toml"))
                .display()
                .to_string();
            let log = setup.folder.join(format!("{name}.log"));
            let child = Child::start_here(name, &["network", "node", "--config", &config], &log)?;
            processes.push(Process {
                name: name.clone(),
                child,
                cpu: Cpu::default(),
                killed: false,
            });
        }
        let mut nodes = Self {
            layout,
            processes,
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
        for node in self.processes.iter_mut().filter(|node| !node.killed) {
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
        let process = self.processes.get(node);
        process.map_or_else(String::new, |process| process.child.last_words())
    }

    /// Returns the present reports; `None` for a KME that was killed or does not answer.
    pub(super) fn reports(&self) -> Vec<Option<NodeReport>> {
        let processes = self.processes.iter();
        processes.map(|process| self.report_of(process)).collect()
    }

    /// Returns the present report of the KME of a site.
    pub(super) fn report(&self, site: NodeId) -> Option<NodeReport> {
        self.report_of(self.processes.get(self.layout.at(site)?.0)?)
    }

    fn report_of(&self, node: &Process) -> Option<NodeReport> {
        match node.killed {
            true => None,
            false => query(&self.socket(&node.name)).ok(),
        }
    }

    /// Kills a KME, like a crash.
    pub(super) fn kill(&mut self, kme: KmeId) -> io::Result<()> {
        self.take_cpu();
        match self.processes.get_mut(kme.0) {
            Some(process) => {
                process.killed = true;
                process.child.kill()
            }
            None => Ok(()),
        }
    }

    /// Orders both ends to end a link.
    pub(super) fn cut(&self, link: LinkId) -> io::Result<()> {
        let Some((ends, number)) = self.layout.link(link) else {
            return Ok(());
        };
        for end in ends {
            let Some(process) = self.processes.get(end.0).filter(|process| !process.killed) else {
                continue;
            };
            let socket = self.socket(&process.name);
            let done: Done = request(&socket, Request::Cut(number.0)).map_err(io::Error::other)?;
            if !done.done {
                return Err(io::Error::other(done.text));
            }
        }
        Ok(())
    }

    /// Notes the processor time of each process as that before the demand.
    pub(super) fn demand_starts(&mut self) {
        self.take_cpu();
        for node in &mut self.processes {
            node.cpu.at_start = node.cpu.now;
        }
    }

    /// Returns the processor time of all nodes since the start of the demand.
    pub(super) fn cpu(&mut self) -> Duration {
        self.take_cpu();
        let used = |node: &Process| node.cpu.now.saturating_sub(node.cpu.at_start);
        self.processes.iter().map(used).sum()
    }

    fn take_cpu(&mut self) {
        for node in self.processes.iter_mut().filter(|node| !node.killed) {
            if let Some(cpu) = node.child.cpu() {
                node.cpu.now = cpu;
            }
        }
    }

    /// Requests the end of all processes, then waits for each.
    pub(super) fn stop(&mut self) -> io::Result<()> {
        for node in self.processes.iter_mut().filter(|node| !node.killed) {
            node.child.request_end()?;
        }
        for node in self.processes.iter_mut().filter(|node| !node.killed) {
            node.child.stop()?;
        }
        Ok(())
    }

    /// The KMEs of the network.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The addresses of the KMEs.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// The folder with certificates, configs, logs and sockets.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of each KME's ledger, if they keep one.
    pub(super) fn ledgers(&self) -> Vec<PathBuf> {
        let names = self.processes.iter().map(|node| &node.name);
        let files = names.map(|name| self.folder.join(format!("{name}{SUFFIX}")));
        files.filter(|file| file.exists()).collect()
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sock"))
    }
}

impl Setup<'_> {
    fn make_pki(&self, layout: &Layout, places: &Places) -> io::Result<()> {
        let kmes = layout.kmes().iter().zip((0..).map(KmeId));
        let kmes = kmes.map(|(kme, id)| {
            let own = self.kmes.get(&kme.node).map(SocketAddr::ip);
            let addresses = [Some(places.ip(id)), own].into_iter().flatten();
            KmeName {
                id: kme.name.clone(),
                hosts: addresses.map(|ip| ip.to_string()).collect(),
            }
        });
        let saes = sites(self.topology).map(|site| sae_of(self.topology.node_name(site)));
        let pki = LabPki {
            kmes: kmes.collect(),
            saes: saes.collect(),
            ..LabPki::default()
        };
        make_lab_pki(&self.folder.join("pki"), &pki).map_err(io::Error::other)?;
        Ok(())
    }

    fn write_config(&self, layout: &Layout, places: &Places, id: KmeId) -> io::Result<()> {
        let (Some(kme), Some(network)) = (layout.kmes().get(id.0), layout.network(id)) else {
            return Ok(());
        };
        let name = &kme.name;
        let named = match Path::new(self.named).canonicalize() {
            Ok(file) if Topology::built_in(self.named).is_none() => file.display().to_string(),
            _ => self.named.to_owned(),
        };
        let saes = self.kmes.get(&kme.node).copied();
        let mut text = format!(
            "name = {name:?}\ntopology = {named:?}\ninterval = \"{}\"\nlisten = \"{}\"\n\
             kme_listen = \"{}\"\nca = \"pki/ca.pem\"\ncert = \"pki/{name}.pem\"\n\
             key = \"pki/{name}.key\"\nblocks_at_start = {}\nstatus_socket = \"{name}.sock\"\n",
            Span(self.topology.demand().interval),
            places.neighbours(id),
            saes.unwrap_or_else(|| places.saes(id)),
            self.blocks,
        );
        if self.ledgers {
            text += &format!("ledger = \"{name}{SUFFIX}\"\n");
        }
        if let Some(other) = layout.neighbour_domain(id) {
            text += &format!(
                "\n[interworking]\nlisten = \"{}\"\nneighbour = \"{}\"\n\
                 journal = \"{name}.journal\"\n",
                places.interworking(id),
                places.interworking(other)
            );
        }
        text += "\n[neighbours]\n";
        let address = |other: &str| layout.by_name(other).map(|other| places.neighbours(other));
        for (neighbour, address) in neighbours(network, name, address) {
            text += &format!("{neighbour:?} = \"{address}\"\n");
        }
        fs::write(self.folder.join(format!("{name}.toml")), text)
    }
}

/// The neighbours of a KME in its network, with their addresses.
fn neighbours(
    network: &Topology,
    name: &str,
    address: impl Fn(&str) -> Option<SocketAddr>,
) -> BTreeMap<String, SocketAddr> {
    let links = network.links().iter();
    let ends = links.map(|link| [link.ends.0, link.ends.1].map(|end| network.node_name(end)));
    let others = ends.filter_map(|[a, b]| match (a == name, b == name) {
        (true, _) => Some(b),
        (_, true) => Some(a),
        _ => None,
    });
    others
        .filter_map(|other| Some((other.to_owned(), address(other)?)))
        .collect()
}
