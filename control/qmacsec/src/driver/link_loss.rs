//! Link-loss forwarding: when one port loses its link the other is taken down, so that the devices
//! behind it see that the way is gone, as they would on a bare cable; and back.
//!
//! ```text
//! both well ── one lost ──▶ other held down ── the one is back ──▶ settling ── both up, or time ──▶ both well
//! ```
//! A port that we hold down tells nothing of its own link; so while one is held only the other is
//! looked at. Losses and returns count only after they have lasted.
//!
//! Without IO and clock: the driver tells time and links, and carries out the orders.

use std::time::Duration;

use port::LinkState;
use worker::Side;

use crate::limits::{LINK_BACK_AFTER, LINK_LOST_AFTER, LINK_SETTLE};

/// What the ports of one encryptor are told.
#[derive(Debug)]
pub(super) struct LinkLoss {
    state: State,
    /// Since when red and black are as they are.
    seen: [(bool, Duration); 2],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No port is held.
    Well,
    /// This port is held down, for the loss of the other.
    Held(Side),
    /// A port was let go, or the program has started: links take seconds to come up, and one that
    /// is not up yet is not lost.
    Settling { until: Duration },
}

/// Take this port's link down, or let it come up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Order {
    pub(super) side: Side,
    pub(super) up: bool,
}

impl LinkLoss {
    /// At the start links may still be coming up.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            state: State::Settling {
                until: now + LINK_SETTLE,
            },
            seen: [(false, now); 2],
        }
    }

    /// Whether a port is held down now, and which.
    pub(super) fn held(&self) -> Option<Side> {
        match self.state {
            State::Held(side) => Some(side),
            State::Well | State::Settling { .. } => None,
        }
    }

    /// Takes a look at both links; says what is to be done.
    pub(super) fn on_look(&mut self, now: Duration, links: [LinkState; 2]) -> Option<Order> {
        for ((up, since), link) in self.seen.iter_mut().zip(links) {
            let is_up = link == LinkState::Up;
            if *up != is_up {
                (*up, *since) = (is_up, now);
            }
        }
        let lasting = |side: Side, wanted: bool, time: Duration| {
            let (up, since) = self.seen[side as usize];
            up == wanted && now.saturating_sub(since) >= time
        };
        let lost = |side| lasting(side, false, LINK_LOST_AFTER);
        let up = |side: Side| self.seen[side as usize].0;
        let (next, order) = match self.state {
            State::Settling { until } if now >= until || Side::BOTH.into_iter().all(up) => {
                (State::Well, None)
            }
            State::Well => {
                let one = Side::BOTH
                    .into_iter()
                    .find(|&side| lost(side) && up(side.other()))?;
                let side = one.other();
                (State::Held(side), Some(Order { side, up: false }))
            }
            State::Held(side) if lasting(side.other(), true, LINK_BACK_AFTER) => (
                State::Settling {
                    until: now + LINK_SETTLE,
                },
                Some(Order { side, up: true }),
            ),
            State::Settling { .. } | State::Held(_) => return None,
        };
        self.state = next;
        order
    }
}

#[cfg(test)]
mod tests;
