//! Builds the status document.

use std::collections::BTreeMap;
use std::time::Duration;

use rekey::{DirectionStatus, Status, SwitchTimes};

use super::fleet::Fleet;
use crate::config::EncryptorConfig;
use crate::status::{Direction, KmeHealth, Peer, Report, Root, Switch};

/// What never changes.
pub(super) struct Identity {
    name: String,
    suite: String,
    engine: String,
    peer: String,
    sae_id: String,
    started_us: u64,
}

impl Identity {
    /// Of an encryptor that starts now.
    pub(super) fn of(config: &EncryptorConfig) -> Self {
        Self {
            started_us: us(clock()),
            name: config.encryptor.name.clone(),
            suite: config.macsec.suite.0.name().to_owned(),
            engine: config.encryptor.engine.0.name().to_owned(),
            peer: config.the_peer().name.clone(),
            sae_id: config.the_peer().sae_id.clone(),
        }
    }
}

pub(super) fn build(
    identity: &Identity,
    now: Duration,
    rekey: &Status,
    fleet: &Fleet,
    kme: KmeHealth,
    events: Vec<(u64, String)>,
) -> Report {
    let workers = fleet.reports();
    let alive = workers.iter().all(|worker| worker.alive);
    Report {
        name: identity.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: ms(now),
        started_us: identity.started_us,
        suite: identity.suite.clone(),
        engine: identity.engine.clone(),
        encrypting: rekey.tx.key.is_some() && rekey.rx.key.is_some() && alive,
        peer: Peer {
            name: identity.peer.clone(),
            sae_id: identity.sae_id.clone(),
            session: rekey.session.state.name().to_owned(),
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
        held_down: None,
        policy: fleet.policy(),
        workers,
        rekey_frames: frames(rekey),
        events,
    }
}

fn direction(now: Duration, status: &DirectionStatus, next_pn: Option<u64>) -> Direction {
    let key = status.key.as_ref();
    Direction {
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
        told_us: us(times.told),
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

/// This machine's monotonic clock, which [`std::time::Instant`] reads, too, but does not tell.
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
