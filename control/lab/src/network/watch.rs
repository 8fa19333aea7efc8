//! The run itself: start, live table, faults on order, end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io};

use network::topology::{Paths, Topology};
use network::{LinkId, NodeId};
use nix::sys::resource::{UsageWho, getrusage};
use node::{LinkReport, NodeReport, link_name, sae_of};
use qmacsec::output::note;

use super::args::{Args, Fault, What};
use super::books;
use super::demand::Demand;
use super::layout::KmeId;
use super::nodes::{Nodes, Setup};
use super::table::{Table, View};
use super::verdict::{Evidence, Verdict};
use crate::stop::Stop;
use crate::vault::Vault;
use crate::{done, while_doing};

/// Time limit for the first keys of all pairs.
const FIRST_KEYS: Duration = Duration::from_secs(30);
/// Interval of the live table.
const SHOW_EVERY: Duration = Duration::from_secs(1);
/// Longest sleep between two looks at the orders.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A running network.
pub(super) struct Watch<'a> {
    args: &'a Args,
    topology: Topology,
    faults: Vec<Fault>,
    stop: Stop,
    nodes: Nodes,
    /// Removes the folder of the nodes at the end, if it is temporary.
    _folder: Option<Vault>,
    demand: Demand,
    started: Instant,
    /// Processor time of this process before the demand.
    own_cpu: Duration,
    table: Table,
    dead: BTreeSet<KmeId>,
    cut: BTreeSet<LinkId>,
    /// Effects of the faults, for the verdict.
    effects: Vec<String>,
}

impl<'a> Watch<'a> {
    /// Starts all nodes, and the demand when every pair has keys.
    pub(super) fn start(
        args: &'a Args,
        topology: Topology,
        faults: Vec<Fault>,
        stop: Stop,
    ) -> Result<Self, String> {
        note!("starting the network {}:", topology.name());
        let (folder, temporary) = folder(args).map_err(while_doing("the folder"))?;
        let setup = Setup {
            topology: &topology,
            named: &args.topology,
            blocks: args.blocks,
            ledgers: args.folder.is_some(),
            folder,
            kmes: BTreeMap::new(),
        };
        let mut nodes = Nodes::start(setup).map_err(while_doing("starting the nodes"))?;
        // After the processes: it starts a thread.
        stop.watch(args.json)
            .map_err(while_doing("watching for signals"))?;
        let number = nodes.layout().kmes().len();
        done(&format!("{number} nodes, in {}", nodes.folder().display()));
        wait_for_keys(&mut nodes, &topology, args.blocks, &stop)?;
        let pairs = topology.demand().pairs.len();
        done(&format!("{pairs} pairs have keys in both directions"));
        nodes.demand_starts();
        let own_cpu = own_cpu();
        let pki = nodes.folder().join("pki");
        let demand = Demand::start(&topology, nodes.layout(), nodes.places(), &pki)
            .map_err(while_doing("starting the demand"))?;
        Ok(Self {
            args,
            topology,
            faults,
            stop,
            nodes,
            _folder: temporary,
            demand,
            started: Instant::now(),
            own_cpu,
            table: Table::new(),
            dead: BTreeSet::new(),
            cut: BTreeSet::new(),
            effects: Vec::new(),
        })
    }

    /// Runs to the end of the duration, and judges.
    pub(super) fn run(mut self) -> Result<Verdict, String> {
        let mut shown = None;
        loop {
            let elapsed = self.started.elapsed();
            if elapsed >= self.args.duration || self.stop.asked() {
                break;
            }
            while let Some(fault) = self.faults.first().filter(|fault| fault.at <= elapsed) {
                let fault = fault.clone();
                self.faults.remove(0);
                self.carry_out(&fault)?;
            }
            self.nodes.all_alive().map_err(|error| error.to_string())?;
            if shown.is_none_or(|shown: Instant| shown.elapsed() >= SHOW_EVERY) {
                shown = Some(Instant::now());
                self.show();
            }
            let left = self.args.duration.saturating_sub(self.started.elapsed());
            sleep(LOOK_EVERY.min(left));
        }
        self.conclude()
    }

    fn show(&mut self) {
        let reports = self.nodes.reports();
        let view = View {
            topology: &self.topology,
            layout: self.nodes.layout(),
            reports: &reports,
            dead: &self.dead,
            elapsed: self.started.elapsed(),
            left: self.args.duration.saturating_sub(self.started.elapsed()),
        };
        self.table.show(&view, &self.demand.tally());
    }

    /// Kills KMEs or cuts a link. The pairs that it parts stop to count before it happens.
    fn carry_out(&mut self, fault: &Fault) -> Result<(), String> {
        let name = match &fault.what {
            What::Kill(kmes) => {
                self.dead.extend(kmes);
                let all = self.nodes.layout().kmes();
                let name = match kmes[..] {
                    [one] => all.get(one.0).map(|kme| &*kme.name),
                    _ => {
                        let first = kmes.first().and_then(|first| all.get(first.0));
                        first.map(|kme| self.topology.node_name(kme.node))
                    }
                };
                format!("node {} is killed", name.unwrap_or("?"))
            }
            What::Cut(links) => {
                self.cut.extend(links);
                let first = links.first().copied().unwrap_or(LinkId(0));
                format!("link {} is cut", link_name(&self.topology, first))
            }
        };
        let parted = self.part_pairs();
        match &fault.what {
            What::Kill(kmes) => {
                for kme in kmes {
                    self.nodes
                        .kill(*kme)
                        .map_err(while_doing("killing a node"))?;
                }
            }
            What::Cut(links) => {
                for link in links {
                    self.nodes
                        .cut(*link)
                        .map_err(while_doing("cutting a link"))?;
                }
            }
        }
        let pairs = match parted.is_empty() {
            true => "every other pair stays reachable".to_owned(),
            false => format!("unreachable from now on: {}", parted.join(", ")),
        };
        let text = format!("{:.1} s: {name}; {pairs}", fault.at.as_secs_f64());
        self.table.note(&format!("  ! {text}"));
        self.effects.push(text);
        Ok(())
    }

    /// Notes the pairs that became unreachable, and returns their names.
    fn part_pairs(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut tally = self.demand.tally();
        tally.longest_since_fault.get_or_insert(Duration::ZERO);
        for pair in tally.pairs.iter_mut().filter(|pair| pair.reachable) {
            pair.reachable = self.reachable(pair.from, pair.to);
            if !pair.reachable && pair.from < pair.to {
                let name = |node| self.topology.node_name(node);
                names.push(format!("{}-{}", name(pair.from), name(pair.to)));
            }
        }
        names
    }

    /// True if the living KMEs and links join two sites as the demand wants it.
    fn reachable(&self, from: NodeId, to: NodeId) -> bool {
        let lives = |kme: &KmeId| !self.dead.contains(kme);
        let usable = |link: LinkId| {
            let found = self.nodes.layout().link(link);
            !self.cut.contains(&link) && found.is_some_and(|(ends, _)| ends.iter().all(lives))
        };
        let graph = self.topology.graph();
        let cost = |link| usable(link).then_some(1);
        match self.topology.demand().paths {
            Paths::One => graph.cheapest(from, to, cost).is_some(),
            Paths::Two => graph.disjoint_pair(from, to, cost).is_some(),
        }
    }

    /// Ends the demand, waits until the books of all links close, ends the nodes, and judges.
    fn conclude(mut self) -> Result<Verdict, String> {
        let duration = self.started.elapsed();
        let stopped = self.stop.asked() && duration < self.args.duration;
        self.table.note("  … the demand ends");
        let cpu = [self.nodes.cpu(), own_cpu().saturating_sub(self.own_cpu)];
        let tally = self
            .demand
            .stop()
            .map_err(while_doing("ending the demand"))?;
        let books = books::settle(&self.nodes, &self.topology, &self.cut);
        let reports = self.nodes.reports();
        self.nodes.all_alive().map_err(|error| error.to_string())?;
        self.nodes.stop().map_err(while_doing("ending the nodes"))?;
        Ok(Verdict::of(Evidence {
            topology: &self.topology,
            layout: self.nodes.layout(),
            tally,
            books,
            reports,
            duration,
            stopped_before: stopped.then_some(self.args.duration),
            cpu,
            faults: self.effects,
        }))
    }
}

/// Returns the folder to use, which is empty, and its owner if it is temporary.
fn folder(args: &Args) -> io::Result<(PathBuf, Option<Vault>)> {
    let Some(folder) = &args.folder else {
        let own = Vault::new("qmacsec-network-")?;
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

/// Waits until every ordered pair has keys in stock.
fn wait_for_keys(
    nodes: &mut Nodes,
    topology: &Topology,
    blocks: u32,
    stop: &Stop,
) -> Result<(), String> {
    let supplies = topology.links().iter().map(|link| link.source.supply());
    let first_bits: Vec<_> = supplies
        .map(|supply| 8 * supply.block_octets() as u64 * u64::from(blocks))
        .collect();
    let deadline = Instant::now() + FIRST_KEYS;
    let wanted = topology.demand().pairs.len() * 2;
    loop {
        let reports = nodes.reports();
        // An interworking node also draws keys, for the sites of the other domain.
        let own = |report: &NodeReport| {
            let sae = sae_of(&report.node);
            let pairs = report.pairs.clone().into_iter();
            pairs.filter(move |pair| pair.initiator == sae)
        };
        let pairs: Vec<_> = reports.iter().flatten().flat_map(own).collect();
        let without = pairs.iter().find(|pair| pair.stock == 0);
        // The blocks at the start are all there: they cost more time than the demand.
        let filled = topology.link_ids().zip(&first_bits).all(|(link, first)| {
            let ends = nodes.layout().ends(&reports, link);
            let filled = |end: &LinkReport| end.accounts.bits_in >= *first;
            ends.into_iter().flatten().all(filled)
        });
        if pairs.len() == wanted && without.is_none() && filled {
            return Ok(());
        }
        nodes.all_alive().map_err(|error| error.to_string())?;
        if stop.asked() {
            return Err("stopped before every pair had a key".to_owned());
        }
        if Instant::now() > deadline {
            let number = pairs.iter().filter(|pair| pair.stock == 0).count();
            let example = without.map_or_else(String::new, |pair| {
                let reason = pair
                    .without_keys
                    .as_deref()
                    .unwrap_or("keys are on their way");
                format!(", such as {} for {}: {reason}", pair.initiator, pair.target)
            });
            return Err(format!(
                "{number} of {wanted} directions have no key within {FIRST_KEYS:?}{example}; fix: \
                 look at `qmacsec network plan --topology {}`, or start with more --blocks",
                topology.name()
            ));
        }
        sleep(Duration::from_millis(50));
    }
}

/// Processor time of this process.
fn own_cpu() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    let times = [usage.user_time(), usage.system_time()];
    let micros = times.map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Duration::from_micros(u64::try_from(micros.iter().sum::<i64>()).unwrap_or(0))
}
