//! The rows of `relay`, as a table and as JSON.

use std::time::Duration;

use serde::Serialize;

use super::peer::Peer;
use super::{Case, NUMBERS, Part, Rig, Sample};
use crate::harness::choice::name;
use crate::harness::error::Error;
use crate::harness::machine::Machine;
use crate::harness::row::met;
use crate::harness::text::{Table, figure, line};
use crate::stats::Spread;

/// The least multiple of the peer's rate.
const LEAST: f64 = 20.0;

/// One case. Its JSON is a promise: scripts read it.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    bench: &'static str,
    #[serde(flatten)]
    case: Case,
    /// Keys for each second of processor time of all nodes.
    keys_per_cpu_s: Spread,
    /// The same of nodes and clients; null without clients.
    with_clients: Option<Spread>,
    /// Keys a second, one request after the other.
    keys_per_s: Spread,
    peer_keys_per_cpu_s: Option<f64>,
    /// The median, by the peer's.
    times_the_peer: Option<f64>,
}

#[derive(Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    rows: &'a [Row],
}

impl Row {
    /// The rows of all cases that were measured.
    pub(super) fn all(samples: &[Sample], peer: Option<&Peer>) -> Vec<Self> {
        let cases = Rig::cells().into_iter().flat_map(|(part, hops)| {
            NUMBERS.map(|keys_per_request| Case {
                part,
                hops,
                keys_per_request,
            })
        });
        cases
            .filter_map(|case| Self::of(case, samples, peer))
            .collect()
    }

    fn of(case: Case, samples: &[Sample], peer: Option<&Peer>) -> Option<Self> {
        let rate = |time: fn(&Sample) -> Duration| {
            let of_case = samples.iter().filter(|sample| sample.case == case);
            let rates: Vec<_> = of_case
                .map(|sample| sample.keys as f64 / time(sample).as_secs_f64())
                .collect();
            Spread::of(&rates)
        };
        let whole = case.part == Part::Node;
        let keys_per_cpu_s = rate(|sample| sample.nodes)?;
        // The core alone does less than the peer.
        let peer = peer.filter(|_| whole);
        let peer_keys_per_cpu_s = peer.and_then(|peer| peer.keys_per_cpu_s(case));
        Some(Self {
            bench: "relay",
            case,
            keys_per_cpu_s,
            with_clients: rate(|sample| sample.nodes + sample.clients).filter(|_| whole),
            keys_per_s: rate(|sample| sample.wall)?,
            peer_keys_per_cpu_s,
            times_the_peer: peer_keys_per_cpu_s.map(|peer| keys_per_cpu_s.median / peer),
        })
    }

    /// False if the peer is too close.
    pub(super) fn fast_enough(&self) -> bool {
        self.times_the_peer.is_none_or(|times| times >= LEAST)
    }
}

pub(super) fn json(machine: &Machine, rows: &[Row]) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(&Document { machine, rows })? + "\n")
}

pub(super) fn text(machine: &Machine, rows: &[Row]) -> String {
    let mut out = String::new();
    machine.head(&mut out, "Relayed keys");
    let spread = |spread: &Spread, of: fn(&Spread) -> f64| figure(Some(of(spread)), 0);
    let table = Table::of::<Row>(
        &[
            ("part", &|row| name(&row.case.part)),
            ("hops", &|row| row.case.hops.to_string()),
            ("keys a request", &|row| {
                row.case.keys_per_request.to_string()
            }),
            ("keys/CPU s", &|row| {
                spread(&row.keys_per_cpu_s, |spread| spread.median)
            }),
            ("min", &|row| {
                spread(&row.keys_per_cpu_s, |spread| spread.min)
            }),
            ("max", &|row| {
                spread(&row.keys_per_cpu_s, |spread| spread.max)
            }),
            ("with clients", &|row| {
                figure(row.with_clients.map(|spread| spread.median), 0)
            }),
            ("keys/s", &|row| {
                spread(&row.keys_per_s, |spread| spread.median)
            }),
            ("peer", &|row| figure(row.peer_keys_per_cpu_s, 2)),
            ("times", &|row| figure(row.times_the_peer, 0)),
        ],
        &rows.iter().collect::<Vec<_>>(),
        |one, next| (one.case.part, one.case.hops) == (next.case.part, next.case.hops),
    );
    table.print(
        &mut out,
        "Keys of 256 bits from end to end, for each second of processor time",
    );
    line!(
        &mut out,
        "
core: the relay protocol alone, in memory. node: whole nodes, with mutual TLS, ETSI 014, modelled
QKD devices and ledgers. CPU s: processor time of all nodes together. with clients: that of the
clients at both ends is added. keys/s: one request after the other, medians as all figures."
    );
    match rows
        .iter()
        .filter_map(|row| row.times_the_peer)
        .reduce(f64::min)
    {
        Some(least) => line!(
            &mut out,
            "peer: its keys for each second of processor time of its nodes alone. At least {LEAST} \
             times its rate: {} ({least:.0}).",
            met(least >= LEAST)
        ),
        None => line!(
            &mut out,
            "No public relay to compare: scripts/trusted-node-peer >peer.json measures one (as \
             root), then --peer peer.json."
        ),
    }
    out
}
