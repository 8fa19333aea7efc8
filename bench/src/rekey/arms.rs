//! Peers in the same run: what else could stand between the hosts. Under the same load, over the same
//! ports, in the same rounds.
//!
//! ```text
//! host a ═ [box a] ═══ line ═══ [box b] ═ host b
//! ```
//! Each box has a thread of its own and idles as our workers do. Our own suite without rekeying,
//! `xpn-256`, stands in the same rounds already: the runs with the interval "off".

use std::time::{Duration, Instant};

use port::Port;
use serde::Serialize;

use super::account::Account;
use super::cables::{Cables, Place, PortKind};
use super::latency::quantile_us;
use super::leg::merge;
use super::load::{FLOWS, Hosts, Offer};
use super::pair::{Drops, NEVER, port_drops};
use super::rates::XPN_256;
use super::rows::Row;
use super::{Error, length};
use crate::frame_size::FrameSize;
use crate::text::{figure, line};
use boxes::Boxes;

mod boxes;
mod data_plane;
#[cfg(feature = "wireguard")]
mod wireguard;

/// Our encryptors at an interval, among peers.
pub(super) const OURS: &str = "qmacsec";
/// Keys change as fast as this where no protocol has to keep up.
const SHORTEST: Duration = Duration::from_millis(10);

/// What stands between the hosts instead of our encryptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Arm {
    /// Forwarders: what the ports and the hosts cost alone
    NoOp,
    /// XPN-256, authenticated only, under one key
    Integrity,
    /// Our workers under keys that this bench makes, without protocol and KMEs; also at 0.01 s
    DataPlane,
    /// WireGuard in user space (boringtun); a handshake at each interval instead of every 120 s
    #[cfg(feature = "wireguard")]
    #[value(name = "wireguard")]
    WireGuard,
}

impl Arm {
    /// All that this build has.
    pub(super) fn all() -> Vec<Self> {
        <Self as clap::ValueEnum>::value_variants().to_vec()
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Integrity => "integrity",
            Self::DataPlane => "data-plane",
            #[cfg(feature = "wireguard")]
            Self::WireGuard => "wireguard",
        }
    }

    /// Stands between hosts, under keys that stay, while these do `work`.
    pub(super) fn between<T>(
        self,
        cables: Cables,
        work: impl FnOnce(&mut Hosts<Box<dyn Port>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (boxes, mut hosts) = Boxes::start(cables, self, None)?;
        let done = work(&mut hosts);
        boxes.end()?;
        done
    }

    /// At which it is measured: each of these where it changes keys.
    pub(super) fn intervals(self, intervals: &[Duration]) -> Vec<Option<Duration>> {
        let shorter: &[Duration] = match self {
            Self::NoOp | Self::Integrity => return vec![None],
            Self::DataPlane => &[SHORTEST],
            #[cfg(feature = "wireguard")]
            Self::WireGuard => &[],
        };
        intervals.iter().chain(shorter).copied().map(Some).collect()
    }

    /// What it carries without a change of key is not what another arm does.
    pub(super) fn has_a_rate_of_its_own(self) -> bool {
        self != Self::DataPlane // `xpn-256`, with the same workers
    }
}

/// One peer at one offer, at one interval of its keys or without a change of key.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    who: Who,
    port: PortKind,
    offer: Offer,
    load_percent: u32,
    pub(super) interval: Option<Duration>,
    account: Account,
    drops: Drops,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Arm(Arm),
    /// Our encryptors without rekeying: measured by the rows.
    Xpn256,
}

impl Peer {
    fn new(who: Who, cell: (PortKind, Offer, u32), interval: Option<Duration>) -> Self {
        let (port, offer, load_percent) = cell;
        Self {
            who,
            port,
            offer,
            load_percent,
            interval,
            account: Account::new(interval.unwrap_or(NEVER)),
            drops: Drops::new(),
        }
    }

    /// All that are to run at this offer: who changes keys, at each of these intervals.
    pub(super) fn of_cell(
        arms: &[Arm],
        intervals: &[Duration],
        cell: (PortKind, Offer, u32),
    ) -> Vec<Self> {
        let of_arm = |arm: &Arm| {
            let who = Who::Arm(*arm);
            let peer = move |interval| Self::new(who, cell, interval);
            arm.intervals(intervals).into_iter().map(peer)
        };
        arms.iter().flat_map(of_arm).collect()
    }

    /// Where it stood: port, size and load.
    pub(super) fn cell(&self) -> (&'static str, FrameSize, u32) {
        (self.port.as_str(), self.offer.size, self.load_percent)
    }

    /// Who it is, in a legend.
    pub(super) fn label(&self) -> String {
        match self.interval {
            None => self.name().to_owned(),
            Some(interval) => label(self.name(), interval),
        }
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Changes of key so far.
    pub(super) fn switches(&self) -> u64 {
        self.account.switches
    }

    /// Our encryptors without rekeying, as measured beside the rows.
    pub(super) fn xpn_256(cell: (PortKind, Offer, u32), off: &Account) -> Self {
        Self {
            account: off.clone(),
            ..Self::new(Who::Xpn256, cell, None)
        }
    }

    fn name(&self) -> &'static str {
        match self.who {
            Who::Arm(arm) => arm.as_str(),
            Who::Xpn256 => XPN_256,
        }
    }

    /// One run more, of this length, over boxes of its own.
    pub(super) fn measure(&mut self, place: &Place, time: Duration) -> Result<(), Error> {
        let Who::Arm(arm) = self.who else {
            return Ok(());
        };
        let interval = self.interval;
        let offer = Offer { time, ..self.offer };
        let run = move |place: &Place| run(place.cables()?, arm, interval, offer);
        let (account, drops) = place.run(run)??;
        self.account.merge(&account);
        merge(&mut self.drops, &drops);
        Ok(())
    }
}

fn run(
    cables: Cables,
    arm: Arm,
    interval: Option<Duration>,
    offer: Offer,
) -> Result<(Account, Drops), Error> {
    let (boxes, mut hosts) = Boxes::start(cables, arm, interval)?;
    let mut account = Account::new(interval.unwrap_or(NEVER));
    for time in length::slices(offer.time, offer.rate) {
        boxes.take_switches();
        let run = hosts.carry(Offer { time, ..offer })?;
        let switches: [Vec<Instant>; FLOWS] = boxes.take_switches();
        account.add(&run, &switches);
    }
    let mut drops = boxes.end()?;
    for end in hosts.ends() {
        merge(&mut drops, &port_drops("host", &end.counters()));
    }
    drops.retain(|_, frames| *frames > 0);
    Ok((account, drops))
}

/// Who changes keys at this interval, in a legend.
pub(super) fn label(name: &str, interval: Duration) -> String {
    format!("{name}, {} s", interval.as_secs_f64())
}

/// T3 PEERS: all arms of an offer, and ours at each interval among them.
pub(super) fn table(out: &mut String, peers: &[Peer], rows: &[Row]) {
    if peers.is_empty() {
        return;
    }
    line!(
        out,
        "\nT3 PEERS, same ports, load and rounds; windows around changes of key as in T3"
    );
    line!(
        out,
        "port           size  load%  arm        T_s    switches     frames   lost  lost_in  reord    dup  p50_us  p99.99_us: in      out  max_us: in       out  dropped by name"
    );
    for peer in peers {
        let who = (peer.name(), peer.interval);
        put(out, peer.cell(), who, &peer.account, &peer.drops);
        // The last of its offer.
        if peer.who == Who::Xpn256 {
            let ours = |row: &&Row| row.cell() == peer.cell();
            for row in rows.iter().filter(ours) {
                let who = (OURS, Some(row.interval));
                put(out, peer.cell(), who, &row.on, &row.drops);
            }
        }
    }
    #[cfg(feature = "wireguard")]
    line!(
        out,
        "wireguard: boringtun, a handshake forced at each interval (its own default is 120 s); its line carries its datagrams without IP and UDP headers"
    );
}

fn put(
    out: &mut String,
    (port, size, load): (&str, FrameSize, u32),
    (name, interval): (&str, Option<Duration>),
    account: &Account,
    drops: &Drops,
) {
    let a = account;
    let interval = interval.map_or("off".to_owned(), |t| t.as_secs_f64().to_string());
    let drops = drops
        .iter()
        .map(|(name, frames)| format!("{name} {frames}"));
    line!(
        out,
        "{port:<14} {size:<5} {load:>5}  {name:<10} {interval:<5} {:>9} {:>10} {:>6} {:>8} {:>6} {:>6} {:>7} {:>14} {:>8} {:>11} {:>9}  {}",
        a.switches,
        a.frames,
        a.lost,
        a.lost_inside,
        a.disordered,
        a.duplicated,
        figure(quantile_us(&a.outside.undisturbed, 0.5), 0),
        figure(a.inside.tail_us(), 0),
        figure(a.outside.tail_us(), 0),
        figure(a.inside.max_us(), 0),
        figure(a.outside.max_us(), 0),
        drops.collect::<Vec<_>>().join(", ")
    );
}

/// A peer in the JSON, under `peers`.
#[derive(Serialize)]
pub(super) struct JsonPeer {
    port: &'static str,
    arm: &'static str,
    /// None: one key all the time.
    interval_s: Option<f64>,
    size: FrameSize,
    load_percent: u32,
    switches: u64,
    frames: u64,
    lost: u64,
    lost_in_windows: u64,
    duplicated: u64,
    reordered: u64,
    loss_upper_95: f64,
    p50_us: Option<f64>,
    p9999_in_us: Option<f64>,
    p9999_out_us: Option<f64>,
    max_in_us: Option<f64>,
    max_out_us: Option<f64>,
    p9999_in_undisturbed_us: Option<f64>,
    p9999_out_undisturbed_us: Option<f64>,
    dropped: Drops,
}

impl From<&Peer> for JsonPeer {
    fn from(peer: &Peer) -> Self {
        let a = &peer.account;
        Self {
            port: peer.port.as_str(),
            arm: peer.name(),
            interval_s: peer.interval.map(|interval| interval.as_secs_f64()),
            size: peer.offer.size,
            load_percent: peer.load_percent,
            switches: a.switches,
            frames: a.frames,
            lost: a.lost,
            lost_in_windows: a.lost_inside,
            duplicated: a.duplicated,
            reordered: a.disordered,
            loss_upper_95: a.loss_upper_95(),
            p50_us: quantile_us(&a.outside.all, 0.5),
            p9999_in_us: a.inside.tail_of_all_us(),
            p9999_out_us: a.outside.tail_of_all_us(),
            max_in_us: a.inside.max_us(),
            max_out_us: a.outside.max_us(),
            p9999_in_undisturbed_us: a.inside.tail_us(),
            p9999_out_undisturbed_us: a.outside.tail_us(),
            dropped: peer.drops.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
