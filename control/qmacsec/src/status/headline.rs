//! The headline, one word and one sentence: whether the box carries frames now, and why not.
//!
//! Several reasons can hold at the same time. The order of [`State`] decides: the first one that
//! holds is shown, since it explains the others. A cut line also means a lost peer and missing
//! keys, and "keys run short" would send the operator to the wrong place.
//!
//! No IO and no clock: the driver passes in the facts.

use std::time::Duration;

use port::LinkState;
use rekey::{DirectionStatus, SessionState, SessionStatus, ShortageStage};
use serde::{Deserialize, Serialize};
use worker::Side;

use crate::limits;

/// The current state of the box. The first state that holds is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The operator ordered the wiping of all keys.
    Zeroised,
    /// A thread of the program has died; the process is about to end.
    Faulty,
    /// The black port has no link.
    LineDown,
    /// The red port has no link.
    RedDown,
    /// A port does not receive the frames of its interface.
    CannotHear,
    /// The settings of the two ends differ.
    Disagree,
    /// The box has just started.
    #[default]
    Starting,
    /// No peer has proved the pair's secret.
    NoPeer,
    /// The peer is silent.
    PeerLost,
    /// A direction has no key.
    NoKey,
    /// Frames pass, protected, but keys run short.
    Degraded,
    /// Frames pass, protected, and keys come in time.
    Encrypting,
}

/// Names and properties of a state.
struct Shown {
    /// Name in JSON and metrics.
    name: &'static str,
    /// Text in the first line of the status.
    words: &'static str,
    /// User frames pass, protected, in both directions.
    passes: bool,
}

const fn shown(name: &'static str, words: &'static str, passes: bool) -> Shown {
    Shown {
        name,
        words,
        passes,
    }
}

/// One row per state, in the order of the states.
const TABLE: [Shown; State::ALL.len()] = [
    shown("zeroised", "ZEROISED", false),
    shown("faulty", "FAULTY", false),
    shown("line-down", "LINE DOWN", false),
    shown("red-down", "RED DOWN", false),
    shown("cannot-hear", "CANNOT HEAR", false),
    shown("disagree", "ENDS DISAGREE", false),
    shown("starting", "STARTING", false),
    shown("no-peer", "NO PEER", false),
    shown("peer-lost", "PEER LOST", false),
    shown("no-key", "NO KEY", false),
    shown("degraded", "DEGRADED", true),
    shown("encrypting", "ENCRYPTING", true),
];

impl State {
    /// All states, in their order.
    pub const ALL: [Self; 12] = [
        Self::Zeroised,
        Self::Faulty,
        Self::LineDown,
        Self::RedDown,
        Self::CannotHear,
        Self::Disagree,
        Self::Starting,
        Self::NoPeer,
        Self::PeerLost,
        Self::NoKey,
        Self::Degraded,
        Self::Encrypting,
    ];

    /// Name in JSON and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        TABLE[self as usize].name
    }

    /// Text in the first line of the status.
    #[must_use]
    pub const fn words(self) -> &'static str {
        TABLE[self as usize].words
    }

    /// True if user frames pass, protected, in both directions.
    #[must_use]
    pub const fn passes(self) -> bool {
        TABLE[self as usize].passes
    }
}

/// The current state, and the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headline {
    pub(crate) state: State,
    /// One sentence; `None` if there is no problem.
    pub(crate) reason: Option<String>,
    /// Time until the keys in use reach their limit and traffic stops, unless a new key arrives.
    pub(crate) stops_in: Option<Duration>,
}

/// Facts about one port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortFacts<'a> {
    /// The interface; empty if there is none.
    pub(crate) interface: &'a str,
    pub(crate) link: LinkState,
    /// Time since the last change of the link.
    pub(crate) since: Duration,
    /// The reason why the port does not receive from its interface, if any.
    pub(crate) deaf: Option<&'a str>,
}

/// The input of the headline.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) uptime: Duration,
    /// The thread that has died, and the reason.
    pub(crate) fault: Option<&'a str>,
    /// Red, black.
    pub(crate) ports: [PortFacts<'a>; 2],
    /// The port that we hold down because the other one has lost its link.
    pub(crate) held: Option<Side>,
    /// The settings in which the two ends differ.
    pub(crate) disagreement: Option<&'a str>,
    /// The settings for which some frames are lost, or the frames that are too long.
    pub(crate) mismatch: Option<&'a str>,
    /// Name of the peer in the config.
    pub(crate) peer: &'a str,
    pub(crate) session: &'a SessionStatus,
    /// Rekey frames arrived, but none of them verified.
    pub(crate) only_forged: bool,
    /// Rekey frames arrive at red.
    pub(crate) rekey_on_red: bool,
    pub(crate) tx: &'a DirectionStatus,
    pub(crate) rx: &'a DirectionStatus,
    /// Life of a key while keys arrive in time.
    pub(crate) interval: Duration,
    /// Time since the ledger's disk refuses writes, and the reason.
    pub(crate) unrecorded: Option<(Duration, &'a str)>,
    /// Time since the ledger's live file was found lost, and what happened.
    pub(crate) ledger_lost: Option<(Duration, &'a str)>,
}

/// Chooses the state and the reason.
pub(crate) fn headline(facts: &Facts<'_>) -> Headline {
    let (state, reason) = facts
        .fault
        .map(|fault| (State::Faulty, format!("{fault}; the process ends")))
        .or_else(|| link_down(facts))
        .or_else(|| deaf(facts))
        .or_else(|| disagreement(facts))
        .or_else(|| peer(facts))
        .or_else(|| no_key(facts))
        .or_else(|| short_of_keys(facts))
        .or_else(|| mismatch(facts))
        .or_else(|| unrecorded(facts))
        .or_else(|| ledger_lost(facts))
        .map_or((State::Encrypting, None), |(state, reason)| {
            (state, Some(reason))
        });
    Headline {
        state,
        reason,
        stops_in: facts
            .tx
            .shortfall
            .and_then(|shortfall| shortfall.stops_in)
            .filter(|_| state == State::Degraded),
    }
}

/// A link that we hold down ourselves is not the reason; the other link is.
fn link_down(facts: &Facts<'_>) -> Option<(State, String)> {
    let down = |side: Side| {
        let port = facts.ports[side as usize];
        port.link != LinkState::Up && facts.held != Some(side)
    };
    let side = [Side::Black, Side::Red]
        .into_iter()
        .find(|&side| down(side))
        .or(facts.held.map(Side::other))?;
    let port = facts.ports[side as usize];
    let name = match port.interface {
        "" => side.name().to_owned(),
        interface => format!("{} ({interface})", side.name()),
    };
    let since = time(port.since);
    let what = match port.link {
        LinkState::Up => format!("{name} has been up for {since} and does not count as stable yet"),
        LinkState::Down => format!("{name} has had no link for {since}"),
        LinkState::Gone => format!("the interface of {name} has been gone for {since}"),
    };
    let held = facts.held.map_or_else(String::new, |held| {
        format!(
            "; {} is held down for this reason (link_loss_forwarding)",
            held.name()
        )
    });
    let state = match side {
        Side::Black => State::LineDown,
        Side::Red => State::RedDown,
    };
    Some((state, what + &held))
}

fn deaf(facts: &Facts<'_>) -> Option<(State, String)> {
    let mut sides = [Side::Black, Side::Red].into_iter();
    sides.find_map(|side| {
        let why = facts.ports[side as usize].deaf?;
        Some((State::CannotHear, format!("{}: {why}", side.name())))
    })
}

fn disagreement(facts: &Facts<'_>) -> Option<(State, String)> {
    let on = facts.disagreement?;
    Some((State::Disagree, on.to_owned()))
}

fn peer(facts: &Facts<'_>) -> Option<(State, String)> {
    let name = facts.peer;
    let forged = if facts.only_forged {
        "; frames arrive, but none is authentic: is pair.psk the same at both ends?"
    } else {
        ""
    };
    let cables = if facts.rekey_on_red {
        "; rekey frames arrive at red: are the cables of red and black swapped?"
    } else {
        ""
    };
    match facts.session.state {
        SessionState::Searching | SessionState::Adopted if facts.uptime < limits::STARTING => {
            Some((
                State::Starting,
                format!(
                    "looking for {name} for {}{forged}{cables}",
                    time(facts.uptime)
                ),
            ))
        }
        SessionState::Searching | SessionState::Adopted => Some((
            State::NoPeer,
            format!("{name} has not proved the pair's secret{forged}{cables}"),
        )),
        SessionState::Lost => {
            let silence = facts.session.silence.unwrap_or_default();
            Some((
                State::PeerLost,
                format!(
                    "no frame from {name} for {}: does it run, and does the line pass frames?",
                    time(silence)
                ),
            ))
        }
        SessionState::Agreed => None,
    }
}

fn no_key(facts: &Facts<'_>) -> Option<(State, String)> {
    let missing = |status: &DirectionStatus| status.key.is_none();
    let (way, status) = match (missing(facts.tx), missing(facts.rx)) {
        (true, _) => ("to send under", facts.tx),
        (false, true) => ("to receive under", facts.rx),
        (false, false) => return None,
    };
    let cause = status
        .trouble
        .map(|(cause, _)| cause)
        .or(status.shortfall.and_then(|shortfall| shortfall.cause));
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    let first = status.switches == 0 && facts.uptime < limits::STARTING;
    let state = if first { State::Starting } else { State::NoKey };
    Some((state, format!("there is no key {way}{cause}")))
}

/// Frames pass, but fresh keys are late or missing.
fn short_of_keys(facts: &Facts<'_>) -> Option<(State, String)> {
    let tx = facts.tx;
    let age = tx.key.map_or(Duration::ZERO, |key| key.age);
    let late = age > facts.interval * 3 / 2 + limits::KEY_LATE;
    let cause = tx
        .shortfall
        .and_then(|shortfall| shortfall.cause)
        .or(tx.trouble.map(|(cause, _)| cause));
    let cause = cause.map_or_else(String::new, |cause| format!(" ({cause})"));
    let reason = match (tx.supply, tx.shortfall) {
        (ShortageStage::Stretched | ShortageStage::Sparse, Some(shortfall)) => {
            let more = shortfall.needed.saturating_sub(shortfall.in_time);
            let keys = if more == 1 { "key has" } else { "keys have" };
            let earliest = match shortfall.better_in {
                Duration::ZERO => String::new(),
                better_in => format!(", in {} at the earliest", time(better_in)),
            };
            format!(
                "keys arrive late{cause}: each is used for {} instead of {}, until {more} more \
                 {keys} arrived in time{earliest}",
                time(tx.interval.unwrap_or_default()),
                time(facts.interval),
            )
        }
        (ShortageStage::Held, Some(shortfall)) => format!(
            "no fresh key{cause}: the last one is {} old; traffic stops in {}",
            time(age),
            time(shortfall.stops_in.unwrap_or_default()),
        ),
        (ShortageStage::Pqc, _) => format!(
            "no QKD keys{cause}: keys depend on ML-KEM and the pre-shared secret alone until QKD \
             keys arrive again"
        ),
        _ if late => format!(
            "the key for direction out is {} old; a fresh one is late{cause}",
            time(age)
        ),
        _ => {
            let (cause, since) = facts.rx.trouble?;
            let lasted = facts.uptime.saturating_sub(since);
            (lasted > facts.interval * 2 + limits::KEY_LATE).then(|| {
                format!(
                    "no fresh key for direction in for {}: {cause}",
                    time(lasted)
                )
            })?
        }
    };
    Some((State::Degraded, reason))
}

/// Keys are agreed, but not all frames pass.
fn mismatch(facts: &Facts<'_>) -> Option<(State, String)> {
    let on = facts.mismatch?;
    Some((State::Degraded, on.to_owned()))
}

/// Frames pass, but the ledger does not record their keys.
fn unrecorded(facts: &Facts<'_>) -> Option<(State, String)> {
    let (since, why) = facts.unrecorded?;
    Some((
        State::Degraded,
        format!(
            "keys have gone unrecorded for {}: {why}; fix: make room on the disk of the ledger, \
             and do not remove its folder",
            time(since)
        ),
    ))
}

/// A part of the ledger may be missing. The ledger itself records that for ever. The status shows
/// it for an hour.
fn ledger_lost(facts: &Facts<'_>) -> Option<(State, String)> {
    let lost = facts.ledger_lost;
    let (since, what) = lost.filter(|(since, _)| *since < limits::LEDGER_LOSS_SHOWN)?;
    let text = format!(
        "the file of the ledger was lost {} ago: {what}; fix: if you have it, put it back under \
         the name in the log",
        time(since)
    );
    Some((State::Degraded, text))
}

/// Formats a time in whole seconds; below 10 s in tenths.
fn time(time: Duration) -> String {
    let seconds = Duration::from_secs(time.as_secs());
    if time < Duration::from_secs(10) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        humantime::format_duration(seconds).to_string()
    }
}

#[cfg(test)]
mod tests;
