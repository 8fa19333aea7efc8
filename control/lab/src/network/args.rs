//! Arguments of `qmacsec network run`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use network::LinkId;
use network::topology::Topology;
use node::link_name;

use super::layout::{KmeId, Layout};

/// Arguments of `qmacsec network run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Each node is a process on an address of the loopback; an interworking node of two domains is two, \
NAME.DOMAIN each. The demand of the topology is asked for by \
ETSI GS QKD 014 at both ends of each pair, and the keys are compared. QKD devices are modelled.

Exit code: 0 if every key of a reachable pair came in time, once, with the same bits at both ends, \
and the accounts of each link close to the bit at both ends; 1 otherwise.

Examples:
  qmacsec network run --topology metro-12
  qmacsec network run --topology metro-12 --kill exchange@20s --cut harbour-airport@40s
  qmacsec network run --topology two-domains --kill gate.east@20s --kill weir@40s
  qmacsec network run --topology metro-12-fast --json")]
pub struct Args {
    /// Topology: a file, or the name of a built-in one
    #[arg(long, value_name = "FILE|NAME", default_value = "metro-12")]
    pub(crate) topology: String,
    /// Duration of the demand
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) duration: Duration,
    /// Time from switch to switch of each direction; default: that of the topology
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) interval: Option<Duration>,
    /// Kill a node, or one KME of an interworking node, at a time of the run, like a crash; may be
    /// given more than once
    #[arg(long, value_name = "NODE@TIME")]
    kill: Vec<Order>,
    /// Cut a link, named by its ends, at a time of the run; may be given more than once
    #[arg(long, value_name = "NODE-NODE@TIME")]
    cut: Vec<Order>,
    /// Blocks of key of each modelled link at the start, as if it had run before
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) blocks: u32,
    /// Folder to keep configs, logs, ledgers and status sockets in; it must be empty or absent
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Print the verdict as JSON in the last line of standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// A name and a time: `exchange@20s`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Order {
    what: String,
    at: Duration,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: write what and when, like exchange@20s");
        let (what, at) = text.rsplit_once('@').ok_or_else(wrong)?;
        let at = humantime::parse_duration(at).map_err(|_| wrong())?;
        let what = what.to_owned();
        Ok(Self { what, at })
    }
}

/// A fault on order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Duration,
    pub(super) what: What,
}

/// The kind of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The processes of a node, or one of them, are killed.
    Kill(Vec<KmeId>),
    /// Both ends end these links, which join the same nodes.
    Cut(Vec<LinkId>),
}

impl Args {
    /// Returns the faults in the order of their times.
    pub(super) fn faults(
        &self,
        topology: &Topology,
        layout: &Layout,
    ) -> Result<Vec<Fault>, String> {
        let mut faults = Vec::new();
        for Order { what, at } in &self.kill {
            let kmes = layout.named(topology, what);
            if kmes.is_empty() {
                let names: Vec<_> = topology.nodes().iter().map(|node| &*node.name).collect();
                let names = names.join(", ");
                return Err(format!(
                    "--kill {what}: there is no such node; fix: name one of {names}"
                ));
            }
            let what = What::Kill(kmes);
            faults.push(Fault { at: *at, what });
        }
        for Order { what, at } in &self.cut {
            let named = |link: &LinkId| {
                let ends = topology.links().get(link.index()).map(|link| link.ends);
                ends.is_some_and(|(a, b)| {
                    let (a, b) = (topology.node_name(a), topology.node_name(b));
                    *what == format!("{a}-{b}") || *what == format!("{b}-{a}")
                })
            };
            let links: Vec<_> = topology.link_ids().filter(named).collect();
            if links.is_empty() {
                let names = topology.link_ids().map(|link| link_name(topology, link));
                let names = names.collect::<Vec<_>>().join(", ");
                return Err(format!(
                    "--cut {what}: there is no such link; fix: name one of {names}"
                ));
            }
            let what = What::Cut(links);
            faults.push(Fault { at: *at, what });
        }
        if let Some(late) = faults.iter().find(|fault| fault.at >= self.duration) {
            let (at, duration) = (late.at, self.duration);
            return Err(format!(
                "a fault at {at:?} comes after the end of the run ({duration:?}); fix: a longer \
                 --duration, or an earlier fault"
            ));
        }
        faults.sort_by_key(|fault| fault.at);
        Ok(faults)
    }
}

#[cfg(test)]
mod tests;
