//! The links of both ports: the state of each, its start, and its log lines.
//!
//! A loss or return is logged once it has lasted, so that a flapping link does not fill the log.
//! Status shows the current state.
//!
//! No IO and no clock: the driver passes in time and link states. [`super::link_loss`] decides how
//! to react to a lost link.

use std::time::Duration;

use port::LinkState;
use tracing::Level;
use worker::Side;

use super::journal::Line;
use crate::limits::{LINK_BACK_AFTER, LINK_LOST_AFTER};

/// Both links.
#[derive(Debug)]
pub(super) struct Links([Link; 2]);

/// One link.
#[derive(Clone, Copy, Debug)]
struct Link {
    state: LinkState,
    /// Start of this state.
    since: Duration,
    /// The last state logged, and its start.
    reported: (LinkState, Duration),
    /// Number of losses that lasted.
    losses: u64,
}

/// A change of a link that lasted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Change {
    pub(super) side: Side,
    pub(super) state: LinkState,
    /// Duration of the state before.
    pub(super) after: Duration,
}

impl Links {
    /// A link is assumed up at the start, so that a link that is down is logged.
    pub(super) fn new(now: Duration) -> Self {
        let link = Link {
            state: LinkState::Up,
            since: now,
            reported: (LinkState::Up, now),
            losses: 0,
        };
        Self([link; 2])
    }

    /// Takes the state of both links. Does not log a port that we hold down (`held`).
    pub(super) fn on_look(
        &mut self,
        now: Duration,
        links: [LinkState; 2],
        held: Option<Side>,
    ) -> impl Iterator<Item = Change> {
        let mut changes = [None; 2];
        for (side, change) in Side::BOTH.into_iter().zip(&mut changes) {
            let link = &mut self.0[side as usize];
            if link.state != links[side as usize] {
                (link.state, link.since) = (links[side as usize], now);
            }
            let lasted = if link.state == LinkState::Up {
                LINK_BACK_AFTER
            } else {
                LINK_LOST_AFTER
            };
            let (reported, reported_at) = link.reported;
            if held == Some(side) || reported == link.state || now < link.since + lasted {
                continue;
            }
            link.losses += u64::from(reported == LinkState::Up);
            link.reported = (link.state, link.since);
            *change = Some(Change {
                side,
                state: link.state,
                after: link.since.saturating_sub(reported_at),
            });
        }
        changes.into_iter().flatten()
    }

    /// Returns the duration of the current state of this link.
    pub(super) fn since(&self, now: Duration, side: Side) -> Duration {
        now.saturating_sub(self.0[side as usize].since)
    }

    /// Returns the number of losses of this link since the start.
    pub(super) fn losses(&self, side: Side) -> u64 {
        self.0[side as usize].losses
    }
}

impl Change {
    /// Returns the log line of this change.
    pub(super) fn line(&self, interface: &str) -> Line {
        let side = self.side.name();
        let name = match interface {
            "" => format!("the {side} link"),
            interface => format!("the {side} link ({interface})"),
        };
        let after = self.after;
        let (level, text) = match self.state {
            LinkState::Up => (
                Level::INFO,
                format!("{name} is up again, after {after:.1?}"),
            ),
            LinkState::Down => (Level::WARN, format!("{name} is down: no user frame passes")),
            LinkState::Gone => (
                Level::WARN,
                format!("{name} is down, the interface is gone: no user frame passes"),
            ),
        };
        let kind = match self.side {
            Side::Red => "the red link",
            Side::Black => "the black link",
        };
        Line { level, kind, text }
    }
}

#[cfg(test)]
mod tests;
