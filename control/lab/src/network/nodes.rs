//! The processes of the nodes: certificates, configs, start, reports, orders, end.

use std::collections::BTreeMap;
use std::fs;
use std::io;
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
use tempfile::TempDir;

use super::args::Args;
use super::places::Places;
use crate::child::Child;

/// Time limit for the start of all processes.
const START: Duration = Duration::from_secs(30);

/// All nodes of the network, by number.
pub(super) struct Nodes {
    nodes: Vec<Process>,
    places: Places,
    folder: PathBuf,
    /// Removes the folder at the end, if it is ours.
    _own: Option<TempDir>,
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

impl Nodes {
    /// Writes certificates and configs, and starts all processes. Waits until each answers.
    pub(super) fn start(args: &Args, topology: &Topology) -> io::Result<Self> {
        let (folder, own) = folder(args)?;
        let places = Places::find(topology.nodes().len())?;
        make_pki(&folder, topology, &places)?;
        let mut nodes = Vec::new();
        for node in topology.node_ids() {
            let name = topology.node_name(node);
            write_config(&folder, args, topology, &places, node)?;
            let config = folder.join(format!("{name}.toml")).display().to_string();
            let log = folder.join(format!("{name}.log"));
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
            folder,
            _own: own,
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
        let report = |node: &Process| match node.killed {
            true => None,
            false => query(&self.socket(&node.name)).ok(),
        };
        self.nodes.iter().map(report).collect()
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

    fn socket(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sock"))
    }
}

/// Returns the folder to use, which is empty, and its guard if it is temporary.
fn folder(args: &Args) -> io::Result<(PathBuf, Option<TempDir>)> {
    let Some(folder) = &args.folder else {
        // Private keys belong into memory, where that is possible.
        let memory = Path::new("/dev/shm");
        let place = match memory.is_dir() {
            true => memory.to_path_buf(),
            false => std::env::temp_dir(),
        };
        let own = tempfile::Builder::new()
            .prefix("qmacsec-network-")
            .tempdir_in(place)?;
        return Ok((own.path().to_path_buf(), Some(own)));
    };
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        let text = format!(
            "{} is not empty; fix: name another folder",
            folder.display()
        );
        return Err(io::Error::other(text));
    }
    Ok((folder.canonicalize()?, None))
}

fn make_pki(folder: &Path, topology: &Topology, places: &Places) -> io::Result<()> {
    let name = |(at, node): (usize, &network::topology::Node)| KmeName {
        id: node.name.clone(),
        hosts: vec![places.ip(at).to_string()],
    };
    let saes = sites(topology).map(|site| sae_of(topology.node_name(site)));
    let pki = LabPki {
        kmes: topology.nodes().iter().enumerate().map(name).collect(),
        saes: saes.collect(),
        ..LabPki::default()
    };
    make_lab_pki(&folder.join("pki"), &pki).map_err(io::Error::other)?;
    Ok(())
}

fn write_config(
    folder: &Path,
    args: &Args,
    topology: &Topology,
    places: &Places,
    node: NodeId,
) -> io::Result<()> {
    let name = topology.node_name(node);
    let mut neighbours = BTreeMap::new();
    for link in topology.links() {
        let neighbour = match link.ends {
            (a, b) if a == node => b,
            (a, b) if b == node => a,
            _ => continue,
        };
        let address = places.neighbours(neighbour.index());
        neighbours.insert(topology.node_name(neighbour), address);
    }
    let named = match Path::new(&args.topology).canonicalize() {
        Ok(file) if Topology::built_in(&args.topology).is_none() => file.display().to_string(),
        _ => args.topology.clone(),
    };
    let mut text = format!(
        "name = {name:?}\ntopology = {named:?}\ninterval = \"{}\"\nlisten = \"{}\"\n\
         kme_listen = \"{}\"\nca = \"pki/ca.pem\"\ncert = \"pki/{name}.pem\"\n\
         key = \"pki/{name}.key\"\nblocks_at_start = {}\nstatus_socket = \"{name}.sock\"\n",
        Span(topology.demand().interval),
        places.neighbours(node.index()),
        places.kme(node.index()),
        args.blocks,
    );
    if args.folder.is_some() {
        text += &format!("ledger = \"{name}{SUFFIX}\"\n");
    }
    text += "\n[neighbours]\n";
    for (name, address) in neighbours {
        text += &format!("{name} = \"{address}\"\n");
    }
    fs::write(folder.join(format!("{name}.toml")), text)
}
