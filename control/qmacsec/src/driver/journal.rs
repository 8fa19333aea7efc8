//! Log lines for events of the rekey protocol, the KME and the links. The last rare ones are kept
//! for status.
//!
//! A box that works logs little. Each change of key is a line at DEBUG only; at INFO one line per
//! minute gives their number. A failure and its end are a line each. Lines of one kind above the
//! limit ([`LINES_MAX`]) are counted, and the line of that minute gives the count.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rekey::{Cause, Direction, Ended, Event, ShortageStage};
use tracing::{Level, debug, error, info, warn};
use wire::MacAddr;

/// Events that status shows.
const KEPT: usize = 12;
/// Time between two summary lines.
const SUM_UP_EVERY: Duration = Duration::from_secs(60);
/// Limit of lines of one kind and level between two summaries; more are counted. The level keeps
/// failures apart from recoveries, so that many of one do not hide the other.
const LINES_MAX: u32 = 5;

/// The last events, and the counts for the next summary.
pub(crate) struct Journal {
    kept: VecDeque<(u64, String)>,
    /// Time of the last summary.
    summed_up: Duration,
    /// Changes of key since then: tx, rx.
    keys: [u32; 2],
    /// The root in force, if it has changed since then.
    root: Option<u32>,
    /// Lines of each kind and level since then.
    lines: BTreeMap<(&'static str, Level), u32>,
    /// The setting in which this session's peer differs from ours, so that no key can be agreed.
    disagreement: Option<String>,
    /// The settings in which its data plane differs from ours: keys are agreed, frames are lost.
    mismatch: Option<String>,
}

/// One line for the log.
pub(crate) struct Line {
    pub(crate) level: Level,
    /// Kind of the event, as the summary names it.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            kept: VecDeque::with_capacity(KEPT),
            summed_up: Duration::ZERO,
            keys: [0; 2],
            root: None,
            lines: BTreeMap::new(),
            disagreement: None,
            mismatch: None,
        }
    }

    /// Logs an event of the rekey protocol, and keeps it if it is rare.
    pub(crate) fn enter(&mut self, now: Duration, event: &Event) {
        match event {
            Event::Switched {
                direction,
                previous: Some(_),
                ..
            } => self.keys[*direction as usize] += 1,
            Event::Ratcheted { root, .. } => self.root = Some(*root),
            _ => {}
        }
        let (level, text) = event_text(event);
        match event {
            Event::SuiteMismatch { .. } | Event::PolicyMismatch { .. } => {
                self.disagreement = Some(text.clone());
            }
            // A new session may have another peer, or the same one with a new config.
            Event::SessionEnded { .. } => {
                self.disagreement = None;
                self.mismatch = None;
            }
            Event::SettingsMismatch { .. } => self.mismatch = Some(text.clone()),
            _ => {}
        }
        if level == Level::DEBUG {
            return debug!("{text}");
        }
        let kind = kind(event);
        self.log(now, Line { level, kind, text });
    }

    /// Logs a line, unless there were too many of its kind, and keeps it.
    pub(crate) fn log(&mut self, now: Duration, Line { level, kind, text }: Line) {
        let lines = self.lines.entry((kind, level)).or_default();
        *lines += 1;
        match level {
            _ if *lines > LINES_MAX => debug!("{text}"),
            Level::ERROR => error!("{text}"),
            Level::WARN => warn!("{text}"),
            _ => info!("{text}"),
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept
            .push_back((u64::try_from(now.as_millis()).unwrap_or(u64::MAX), text));
    }

    /// Logs the summary once a minute, if there is one.
    pub(crate) fn on_time(&mut self, now: Duration) {
        let span = now.saturating_sub(self.summed_up);
        if span < SUM_UP_EVERY {
            return;
        }
        if let Some(text) = self.sum_up(span) {
            info!("{text}");
        }
        self.summed_up = now;
    }

    /// Describes the events since the last summary, and resets the counts.
    fn sum_up(&mut self, span: Duration) -> Option<String> {
        let mut parts = Vec::new();
        let [keys_out, keys_in] = std::mem::take(&mut self.keys);
        if keys_out + keys_in > 0 {
            parts.push(format!("keys: {keys_out} out, {keys_in} in"));
        }
        if let Some(root) = self.root.take() {
            parts.push(format!("root {root}"));
        }
        let mut more: BTreeMap<&str, u32> = BTreeMap::new();
        for ((kind, _), lines) in std::mem::take(&mut self.lines) {
            *more.entry(kind).or_default() += lines.saturating_sub(LINES_MAX);
        }
        for (kind, lines) in more.into_iter().filter(|(_, lines)| *lines > 0) {
            parts.push(format!("{lines} more lines on {kind}"));
        }
        let seconds = span.as_secs();
        (!parts.is_empty()).then(|| format!("in the last {seconds} s: {}", parts.join("; ")))
    }

    /// The setting that prevents keys, as text.
    pub(crate) fn disagreement(&self) -> Option<&str> {
        self.disagreement.as_deref()
    }

    /// The settings for which frames are lost, as text.
    pub(crate) fn mismatch(&self) -> Option<&str> {
        self.mismatch.as_deref()
    }

    pub(crate) fn last(&self) -> Vec<(u64, String)> {
        self.kept.iter().cloned().collect()
    }
}

/// Name of a kind of event in the summary, for events that repeat.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::PeerFound { .. } | Event::PeerLost { .. } | Event::SessionEnded { .. } => "the peer",
        Event::SuiteMismatch { .. }
        | Event::PolicyMismatch { .. }
        | Event::SettingsMismatch { .. } => "settings that differ",
        Event::Ratcheted { .. } | Event::RatchetFailed { .. } => "ML-KEM exchanges",
        Event::WrongSecret { .. } | Event::ForgedFrames { .. } | Event::OwnAddress => {
            "rekey frames of others"
        }
        Event::Installed { .. } | Event::Switched { .. } | Event::Retired { .. } => "key changes",
        Event::KeyFailed { .. } => "failed key requests",
        Event::Shortage { .. } => "the supply of keys",
        Event::OfferAbandoned { .. } | Event::OfferRefused { .. } => "failed offers",
        Event::KcvMismatch { .. } => "keys that differ between the KMEs",
        Event::RxExpired { .. } => "expired keys",
        Event::WorkerSlow { .. } => "slow workers",
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Tx => "out",
        Direction::Rx => "in",
    }
}

/// The reason why a session ended.
fn ended(peer: MacAddr, why: Ended) -> String {
    match why {
        Ended::Bye => format!("peer {peer} stopped"),
        Ended::Renewed => {
            format!(
                "peer {peer} begins a new session, because it was restarted or lost the old one; \
                 the keys of both directions are wiped"
            )
        }
        Ended::Returned => format!(
            "two encryptors use the address of peer {peer}: it returns to a session that another \
             one has replaced; all keys of this peer are wiped; fix: stop one of the two"
        ),
        Ended::Forgotten => {
            format!(
                "peer {peer} has left our session for another one; all keys of this peer are \
                 wiped, and new keys are agreed"
            )
        }
        Ended::Roots => {
            format!(
                "peer {peer} and this end hold different roots; all keys and roots are wiped, and \
                 new ones are agreed"
            )
        }
    }
}

/// Returns the level of an event and its text, with the fix where an operator must act.
fn event_text(event: &Event) -> (Level, String) {
    match event {
        Event::PeerFound {
            peer,
            scis,
            fresh: true,
        } => (
            Level::INFO,
            format!("peer {peer} has proved the pre-shared secret ({scis} transmit SCs)"),
        ),
        Event::PeerFound { peer, .. } => {
            (Level::INFO, format!("frames of peer {peer} arrive again"))
        }
        Event::PeerLost { peer, .. } => {
            let text = format!(
                "peer {peer} is silent; the keys in use stay in use until their limit; fix: check \
                 the line and the peer"
            );
            (Level::WARN, text)
        }
        Event::SessionEnded { peer, why } => (Level::WARN, ended(*peer, *why)),
        Event::SuiteMismatch { ours, theirs } => (
            Level::ERROR,
            format!(
                "the peer uses {}, this end uses {}: no key can be agreed; fix: set the same \
                 macsec.suite at both ends",
                theirs.name(),
                ours.name()
            ),
        ),
        Event::PolicyMismatch { ours, theirs } => (
            Level::ERROR,
            format!(
                "the key policy of the peer is {theirs}, that of this end is {ours}: no key can be \
                 agreed; fix: set the same rekey.policy at both ends"
            ),
        ),
        Event::SettingsMismatch { ours, theirs } => {
            let all: Vec<_> = ours
                .differences(*theirs)
                .iter()
                .map(ToString::to_string)
                .collect();
            let which = all.join("; ");
            (
                Level::ERROR,
                format!(
                    "frames are lost because the ends differ: {which}; fix: set the same values at \
                     both ends"
                ),
            )
        }
        Event::Ratcheted { root, took } => (
            // The first root is worth a line at INFO; each minute brings another.
            if *root == 1 {
                Level::INFO
            } else {
                Level::DEBUG
            },
            format!(
                "root {root} is in force after an ML-KEM exchange of {took:.1?}; the previous root \
                 is wiped"
            ),
        ),
        Event::RatchetFailed { root, failure } => (
            Level::WARN,
            format!(
                "the ML-KEM exchange for root {root} failed: {}; the root in force stays",
                failure.text()
            ),
        ),
        Event::WrongSecret { peer, count } => (
            Level::ERROR,
            format!(
                "wrong pre-shared secret: all {count} rekey frames of {peer} fail verification; no \
                 user frame passes; fix: use the same psk_file at both ends"
            ),
        ),
        Event::OwnAddress => (
            Level::ERROR,
            "rekey frames with the address of this end arrive: the line is a loop, or both ends \
             have the same encryptor.mac"
                .to_owned(),
        ),
        Event::ForgedFrames { count } => (
            Level::WARN,
            format!(
                "{count} rekey frames fail verification: they are forged or belong to another pair"
            ),
        ),
        other => key_event_text(other),
    }
}

/// The events of one direction's keys.
fn key_event_text(event: &Event) -> (Level, String) {
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
            previous,
            previous_age,
        } => {
            let before = previous_age.map_or_else(
                || "the first key".to_owned(),
                |age| format!("the previous key was in use for {age:.1?}"),
            );
            (
                if previous.is_some() {
                    Level::DEBUG
                } else {
                    Level::INFO
                },
                format!(
                    "{}: switched to AN {} epoch {}, key_ID {key_id} ({origin}, root {root}), \
                     {before}",
                    way(*direction),
                    id.an,
                    id.epoch
                ),
            )
        }
        Event::Retired { direction, id } => (
            Level::DEBUG,
            format!(
                "{}: AN {} epoch {} is retired, and its key is wiped",
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
        Event::Shortage {
            from,
            to,
            age,
            left,
            cause,
        } => supply_text(*from, *to, (*age, *left), *cause),
        Event::OfferAbandoned {
            id,
            key_id,
            cause,
            kept,
        } => (
            Level::WARN,
            format!(
                "out: offer of epoch {} is abandoned, key_ID {key_id} is {}: {cause}",
                id.epoch,
                if *kept {
                    "kept for another offer"
                } else {
                    "discarded"
                }
            ),
        ),
        Event::OfferRefused {
            id,
            key_id,
            refusal,
        } => (
            Level::WARN,
            format!(
                "in: offer of epoch {} is refused, key_ID {key_id}: {}",
                id.epoch,
                refusal.text()
            ),
        ),
        Event::KcvMismatch { id, key_id } => (
            Level::ERROR,
            format!(
                "the two KMEs gave different keys for key_ID {key_id} (epoch {}); fix: report this \
                 to their operator",
                id.epoch
            ),
        ),
        Event::RxExpired { id, age } => (
            Level::ERROR,
            format!(
                "in: the key of epoch {} is wiped at its limit, an age of {age:.0?}",
                id.epoch
            ),
        ),
        Event::WorkerSlow { direction, id } => (
            Level::ERROR,
            format!(
                "{}: the workers do not acknowledge epoch {}; fix: give them more CPU time",
                way(*direction),
                id.epoch
            ),
        ),
        // Named in `event_text`.
        other => (Level::INFO, format!("{other:?}")),
    }
}

/// A change of the stage of our key supply.
fn supply_text(
    from: ShortageStage,
    to: ShortageStage,
    (age, left): (Option<Duration>, Option<Duration>),
    cause: Option<Cause>,
) -> (Level, String) {
    let age = age.map_or_else(String::new, |age| {
        format!(", the key in use is {age:.1?} old")
    });
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    let left = left.unwrap_or_default();
    let better = to < from;
    let (level, what) = match to {
        ShortageStage::Starting | ShortageStage::Normal if from == ShortageStage::Starting => {
            return (Level::DEBUG, "out: the first key is in use".to_owned());
        }
        ShortageStage::Starting | ShortageStage::Normal => {
            (Level::INFO, "keys arrive in time again".to_owned())
        }
        ShortageStage::Stretched if better => (
            Level::INFO,
            "keys arrive again; each is still used longer".to_owned(),
        ),
        ShortageStage::Sparse if better => (
            Level::INFO,
            "a fresh key has arrived; each key is used as long as allowed".to_owned(),
        ),
        ShortageStage::Stretched => (
            Level::WARN,
            format!("keys are short{age}; the next keys are used longer"),
        ),
        ShortageStage::Sparse => (
            Level::WARN,
            format!("keys are very short{age}; the next keys are used as long as allowed"),
        ),
        ShortageStage::Held => (
            Level::ERROR,
            format!("the last key is HELD{age}; without another key, traffic stops in {left:.0?}"),
        ),
        ShortageStage::Pqc => (
            Level::ERROR,
            format!(
                "no QKD keys{age}; keys now depend on ML-KEM and the pre-shared secret ALONE, as \
                 the policy allows"
            ),
        ),
        ShortageStage::Blocked => (
            Level::ERROR,
            format!("BLOCKED{age}; the key is wiped, and no user frame passes"),
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

#[cfg(test)]
mod tests;
