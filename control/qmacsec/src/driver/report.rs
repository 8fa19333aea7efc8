//! Builds the status document.

use std::collections::BTreeMap;
use std::time::Duration;

use port::LinkState;
use rekey::{DirectionStatus, Status, SwitchTimes};
use worker::Side;

use super::fleet::Fleet;
use super::links::Links;
use crate::config::EncryptorConfig;
use crate::ledger::LedgerHealth;
use crate::log;
use crate::status::{
    DirectionReport, Facts, Headline, KmeHealth, LedgerReport, Link, Peer, PortFacts, Report, Root,
    Shortfall, Switch, headline,
};

/// The parts that never change.
pub(super) struct Identity {
    name: String,
    suite: String,
    engine: String,
    peer: String,
    sae_id: String,
    started_us: u64,
    /// Life of a key while keys arrive in time.
    interval: Duration,
}

impl Identity {
    /// Identity of an encryptor that starts now.
    pub(super) fn of(config: &EncryptorConfig) -> Self {
        Self {
            started_us: us(clock()),
            interval: config.rekey.interval.0,
            name: config.encryptor.name.clone(),
            suite: config.macsec.suite.0.name().to_owned(),
            engine: config.encryptor.engine.0.name().to_owned(),
            peer: config.the_peer().name.clone(),
            sae_id: config.the_peer().sae_id.clone(),
        }
    }
}

/// The sources of a report.
pub(super) struct Sources<'a> {
    pub(super) identity: &'a Identity,
    pub(super) now: Duration,
    pub(super) rekey: &'a Status,
    pub(super) fleet: &'a Fleet,
    pub(super) kme: KmeHealth,
    /// The ledger, if one is kept.
    pub(super) ledger: Option<LedgerHealth>,
    pub(super) events: Vec<(u64, String)>,
    pub(super) links: &'a Links,
    pub(super) line_tag: Option<String>,
    /// The setting that prevents keys.
    pub(super) disagreement: Option<&'a str>,
    /// The settings for which frames are lost, or frames that are too long.
    pub(super) mismatch: Option<&'a str>,
    /// The port that we hold down.
    pub(super) held: Option<Side>,
}

/// Builds the report of this moment.
pub(super) fn build(sources: Sources<'_>) -> Report {
    let headline = headline_of(&sources);
    let links = links(&sources);
    let Sources {
        identity,
        now,
        rekey,
        fleet,
        kme,
        ledger,
        events,
        held,
        line_tag,
        ..
    } = sources;
    Report {
        state: headline.state,
        reason: headline.reason,
        stops_in_ms: headline.stops_in.map(ms),
        name: identity.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: ms(now),
        started_us: identity.started_us,
        suite: identity.suite.clone(),
        engine: identity.engine.clone(),
        encrypting: headline.state.passes(),
        peer: Peer {
            name: identity.peer.clone(),
            sae_id: identity.sae_id.clone(),
            session: rekey.session.state.name().to_owned(),
            silence_ms: rekey.session.silence.map(ms),
        },
        root: Root {
            policy: rekey.root.policy.name().to_owned(),
            epoch: rekey.root.epoch,
            age_ms: rekey.root.age.map(ms),
            exchanges: rekey.root.exchanges,
            failures: rekey.root.failures,
        },
        tx: direction(now, &rekey.tx, fleet.next_pn()),
        rx: direction(now, &rekey.rx, None),
        keys_in_stock: rekey.keys_held,
        kme,
        ledger: ledger.map(ledger_report),
        memory_locked: crate::harden::memory_locked(),
        held_down: held.map(|side| side.name().to_owned()),
        links,
        line_tag,
        log_lines_lost: log::lost(),
        policy: fleet.policy(),
        workers: fleet.reports(),
        rekey_frames: frames(rekey),
        events,
    }
}

/// Returns the current state, and the reason.
fn headline_of(sources: &Sources<'_>) -> Headline {
    let Sources {
        identity,
        now,
        rekey,
        fleet,
        links,
        ledger,
        held,
        disagreement,
        mismatch,
        ..
    } = sources;
    let states = fleet.links().unwrap_or([LinkState::Gone; 2]);
    let port = |side: Side| PortFacts {
        interface: fleet.interfaces()[side as usize],
        link: states[side as usize],
        since: links.since(*now, side),
        deaf: fleet.deaf(side),
    };
    let counters = &rekey.counters;
    let unrecorded = ledger.as_ref().and_then(|ledger| ledger.failing.as_ref());
    let lost = ledger.as_ref().and_then(|ledger| ledger.replaced.as_ref());
    headline(&Facts {
        uptime: *now,
        fault: (!fleet.is_alive()).then_some("a frame worker has died"),
        ports: Side::BOTH.map(port),
        held: *held,
        disagreement: *disagreement,
        mismatch: *mismatch,
        peer: &identity.peer,
        session: &rekey.session,
        only_forged: counters.forged > 0 && counters.accepted == 0,
        rekey_on_red: fleet.rekey_frames_on_red() > 0,
        tx: &rekey.tx,
        rx: &rekey.rx,
        interval: identity.interval,
        unrecorded: unrecorded.map(|(since, why)| (since.elapsed(), why.as_str())),
        ledger_lost: lost.map(|(since, why)| (since.elapsed(), why.as_str())),
    })
}

fn links(sources: &Sources<'_>) -> BTreeMap<String, Link> {
    let states = sources.fleet.links().unwrap_or([LinkState::Gone; 2]);
    let link = |side: Side| Link {
        interface: sources.fleet.interfaces()[side as usize].to_owned(),
        state: states[side as usize].name().to_owned(),
        since_ms: ms(sources.links.since(sources.now, side)),
        losses: sources.links.losses(side),
    };
    let named = |side: Side| (side.name().to_owned(), link(side));
    Side::BOTH.map(named).into()
}

/// Returns the state of the ledger.
fn ledger_report(health: LedgerHealth) -> LedgerReport {
    let (since, failing) = health.failing.unzip();
    let lost = health.replaced.map(|(_, lost)| lost);
    let state = match (&since, &lost) {
        (Some(_), _) => "failing",
        (None, Some(_)) => "restarted",
        (None, None) => "ok",
    };
    let error = failing.or(lost);
    LedgerReport {
        state: state.to_owned(),
        failing_ms: since.map(|since| ms(since.elapsed())),
        error,
        entries: health.entries,
        segment: health.segment,
        waiting: health.waiting,
        lost: health.lost,
    }
}

fn direction(now: Duration, status: &DirectionStatus, next_pn: Option<u64>) -> DirectionReport {
    let key = status.key.as_ref();
    DirectionReport {
        state: status.stage.to_owned(),
        an: key.map(|key| key.an.value()),
        epoch: key.map(|key| key.epoch),
        key_id: key.map(|key| key.key_id.to_string()),
        key_origin: key.map(|key| key.origin.name().to_owned()),
        key_age_ms: key.map(|key| ms(key.age)),
        supply: status.supply.name().to_owned(),
        supply_ms: status.supply_for.map(ms),
        supply_changes: status.supply_changes,
        interval_ms: status.interval.map(ms),
        shortfall: status.shortfall.as_ref().map(|shortfall| Shortfall {
            cause: shortfall.cause.map(|cause| cause.to_string()),
            in_time: shortfall.in_time,
            needed: shortfall.needed,
            better_in_ms: ms(shortfall.better_in),
            stops_in_ms: shortfall.stops_in.map(ms),
        }),
        switches: status.switches,
        recent: status.recent.iter().map(switch).collect(),
        next_pn,
        trouble: status.trouble.map(|(cause, _)| cause.to_string()),
        trouble_ms: status
            .trouble
            .map(|(_, since)| ms(now.saturating_sub(since))),
    }
}

fn switch(times: &SwitchTimes) -> Switch {
    Switch {
        an: times.id.an.value(),
        epoch: times.id.epoch,
        key_us: us(times.key),
        offered_us: us(times.offered),
        ordered_us: us(times.ordered),
        installed_us: us(times.installed),
        retired_us: times.retired.map(us),
    }
}

fn frames(rekey: &Status) -> BTreeMap<String, u64> {
    let counters = &rekey.counters;
    [
        ("sent", counters.sent),
        ("received", counters.received),
        ("accepted", counters.accepted),
        ("forged", counters.forged),
        ("replayed", counters.replayed),
        ("stale", counters.stale),
        ("malformed", counters.malformed),
        ("unknown_type", counters.unknown_type),
        ("unknown_version", counters.unknown_version),
        ("foreign", counters.foreign),
        ("reflected", counters.reflected),
        ("overflow", counters.overflow),
    ]
    .map(|(name, count)| (name.to_owned(), count))
    .into()
}

/// Reads the monotonic clock. [`std::time::Instant`] uses it too, but does not show its value.
fn clock() -> Duration {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    time.map_or(Duration::ZERO, Duration::from)
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
