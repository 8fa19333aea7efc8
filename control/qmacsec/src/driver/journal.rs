//! What happened, in words: each event of the rekey protocol becomes one log line, and the last
//! few are kept for status.

use std::collections::VecDeque;
use std::time::Duration;

use rekey::{Cause, Direction, Event, Supply};
use tracing::{Level, error, info, warn};

/// Events that status shows.
const KEPT: usize = 12;

/// The last events.
pub(crate) struct Journal {
    kept: VecDeque<(u64, String)>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            kept: VecDeque::with_capacity(KEPT),
        }
    }

    /// Logs an event and keeps it.
    pub(crate) fn enter(&mut self, now: Duration, event: &Event) {
        let (level, text) = words(event);
        match level {
            Level::ERROR => error!("{text}"),
            Level::WARN => warn!("{text}"),
            _ => info!("{text}"),
        }
        // Every change of key is two or three events: status keeps what is rarer.
        if matches!(
            event,
            Event::Installed { .. }
                | Event::Retired { .. }
                | Event::Supply {
                    from: Supply::Starting,
                    ..
                }
                | Event::Switched {
                    previous: Some(_),
                    ..
                }
        ) {
            return;
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept
            .push_back((u64::try_from(now.as_millis()).unwrap_or(u64::MAX), text));
    }

    pub(crate) fn last(&self) -> Vec<(u64, String)> {
        self.kept.iter().cloned().collect()
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Tx => "out",
        Direction::Rx => "in",
    }
}

/// How grave an event is, and the event in words; where a human must act, with the mend.
fn words(event: &Event) -> (Level, String) {
    match event {
        Event::PeerFound { peer, scis, fresh: true } => {
            (Level::INFO, format!("peer {peer} found, it proved the pre-shared secret ({scis} transmit SCs)"))
        }
        Event::PeerFound { peer, fresh: false, .. } => (Level::INFO, format!("peer {peer} is heard again")),
        Event::PeerLost { peer, .. } => {
            (Level::WARN, format!("peer {peer} is silent: is the line up? the keys in use are kept until their limit"))
        }
        Event::SessionEnded { peer, bye: true } => (Level::WARN, format!("peer {peer} stopped")),
        Event::SessionEnded { peer, bye: false } => {
            (Level::WARN, format!("peer {peer} was started anew; its keys and ours for it are wiped"))
        }
        Event::SuiteMismatch { ours, theirs } => (
            Level::ERROR,
            format!("the peer uses {}, we use {}: no key can be agreed; mend: the same macsec.suite at both ends", theirs.name(), ours.name()),
        ),
        Event::PolicyMismatch { ours, theirs } => (
            Level::ERROR,
            format!("the peer's key policy is {theirs}, ours is {ours}: no key can be agreed; mend: the same rekey.policy at both ends"),
        ),
        Event::Ratcheted { root, took } => (
            Level::INFO,
            format!("root {root} in force after an ML-KEM exchange of {took:.1?}; the one before is wiped"),
        ),
        Event::RatchetFailed { root, failure } => (
            Level::WARN,
            format!("ML-KEM exchange for root {root} failed, the root in force stays: {}", failure.text()),
        ),
        Event::WrongSecret { peer, count } => (
            Level::ERROR,
            format!(
                "wrong pre-shared secret: {count} rekey frames of {peer} do not verify, none does; no user frame \
                 passes; mend: the same psk_file at both ends"
            ),
        ),
        Event::OwnAddress => (
            Level::ERROR,
            "rekey frames with our own address arrive: the line is a loop, or both ends have the same encryptor.mac".to_owned(),
        ),
        Event::ForgedFrames { count } => (Level::WARN, format!("{count} rekey frames did not verify: forged, or another pair's")),
        other => key_words(other),
    }
}

/// The events of one direction's keys.
fn key_words(event: &Event) -> (Level, String) {
    match event {
        Event::Installed {
            direction,
            id,
            key_id,
            ..
        } => (
            Level::DEBUG,
            format!(
                "{}: AN {} epoch {} installed, key_ID {key_id}",
                way(*direction),
                id.an,
                id.epoch
            ),
        ),
        Event::Switched {
            direction,
            id,
            key_id,
            origin,
            root,
            previous_age,
            ..
        } => {
            let before = previous_age.map_or_else(
                || "the first".to_owned(),
                |age| format!("the one before was used {age:.1?}"),
            );
            (
                Level::INFO,
                format!(
                    "{}: switched to AN {} epoch {}, key_ID {key_id} ({origin}, root {root}), {before}",
                    way(*direction),
                    id.an,
                    id.epoch
                ),
            )
        }
        Event::Retired { direction, id } => (
            Level::DEBUG,
            format!(
                "{}: AN {} epoch {} retired, its key is wiped",
                way(*direction),
                id.an,
                id.epoch
            ),
        ),
        Event::KeyFailed {
            direction,
            failure,
            key_id,
        } => {
            let of = key_id.map_or_else(String::new, |key_id| format!(" (key_ID {key_id})"));
            (
                Level::WARN,
                format!("{}: no key: {}{of}", way(*direction), failure.text()),
            )
        }
        Event::Supply {
            from,
            to,
            age,
            left,
            cause,
        } => supply_words(*from, *to, (*age, *left), *cause),
        Event::OfferAbandoned { id, key_id, cause } => (
            Level::WARN,
            format!(
                "out: offer of epoch {} given up, key_ID {key_id} is spent: {cause}",
                id.epoch
            ),
        ),
        Event::OfferRefused {
            id,
            key_id,
            refusal,
        } => (
            Level::WARN,
            format!(
                "in: offer of epoch {} refused, key_ID {key_id}: {}",
                id.epoch,
                refusal.text()
            ),
        ),
        Event::KcvMismatch { id, key_id } => (
            Level::ERROR,
            format!(
                "the two KMEs gave different keys under key_ID {key_id} (epoch {}): ask their operator",
                id.epoch
            ),
        ),
        Event::RxExpired { id, age } => (
            Level::ERROR,
            format!(
                "in: the key of epoch {} reached {age:.0?} and is wiped",
                id.epoch
            ),
        ),
        Event::WorkerSlow { direction, id } => (
            Level::ERROR,
            format!(
                "{}: workers do not acknowledge epoch {}: are they starved of CPU?",
                way(*direction),
                id.epoch
            ),
        ),
        // Named in `words`.
        other => (Level::INFO, format!("{other:?}")),
    }
}

/// A change of the stage of our key supply.
fn supply_words(
    from: Supply,
    to: Supply,
    (age, left): (Option<Duration>, Option<Duration>),
    cause: Option<Cause>,
) -> (Level, String) {
    let age = age.map_or_else(String::new, |age| {
        format!(", the one in use is {age:.1?} old")
    });
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    let left = left.unwrap_or_default();
    let better = to < from;
    let (level, what) = match to {
        Supply::Starting | Supply::Normal if from == Supply::Starting => {
            return (Level::DEBUG, "out: the first key is in use".to_owned());
        }
        Supply::Starting | Supply::Normal => (Level::INFO, "keys come in time again".to_owned()),
        Supply::Stretched if better => (
            Level::INFO,
            "keys come again, they are still used longer".to_owned(),
        ),
        Supply::Sparse if better => (
            Level::INFO,
            "a fresh key came; each is used as long as may be".to_owned(),
        ),
        Supply::Stretched => (
            Level::WARN,
            format!("keys are short{age}, the next ones are used longer"),
        ),
        Supply::Sparse => (
            Level::WARN,
            format!("keys are very short{age}, the next ones are used as long as may be"),
        ),
        Supply::Held => (
            Level::ERROR,
            format!("the last key is HELD{age}; without another, traffic stops in {left:.0?}"),
        ),
        Supply::Pqc => (
            Level::ERROR,
            format!(
                "no QKD keys{age}; keys now rest on ML-KEM and the pre-shared secret ALONE, as the policy allows"
            ),
        ),
        Supply::Blocked => (
            Level::ERROR,
            format!("BLOCKED{age} and is wiped; no user frame passes"),
        ),
    };
    (
        level,
        format!(
            "out: {what} ({from} -> {to}){cause}",
            from = from.name(),
            to = to.name()
        ),
    )
}
