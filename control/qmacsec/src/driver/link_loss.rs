//! Link-loss forwarding: when one port loses its link, the other port is taken down, so that the
//! devices behind it see the loss, as on a bare cable. It comes up again when the link returns.
//!
//! ```text
//! both well ── loss ──▶ other held down ── return ──▶ settling ── both up or timeout ──▶ both well
//! ```
//! A port that we hold down does not show its own link, so only the other port is checked while one
//! is held. Losses and returns count only after they have lasted for a while.
//!
//! No IO and no clock: the driver passes in time and links, and carries out the orders.

use std::time::Duration;

use port::LinkState;
use worker::Side;

use crate::limits::{LINK_BACK_AFTER, LINK_LOST_AFTER, LINK_SETTLE};

/// The state of link-loss forwarding of one encryptor.
#[derive(Debug)]
pub(super) struct LinkLoss {
    state: State,
    /// State of red and black (up or not), and the start of this state.
    seen: [(bool, Duration); 2],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No port is held.
    Well,
    /// This port is held down, because the other has lost its link.
    Held(Side),
    /// A port was released, or the program has started. Links take seconds to come up, so a link
    /// that is not up yet does not count as lost.
    Settling { until: Duration },
}

/// Takes this port's link down, or lets it come up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Order {
    pub(super) side: Side,
    pub(super) up: bool,
}

impl LinkLoss {
    /// Starts in the settling state, because links may still be coming up.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            state: State::Settling {
                until: now + LINK_SETTLE,
            },
            seen: [(false, now); 2],
        }
    }

    /// Returns the port that is held down now.
    pub(super) fn held(&self) -> Option<Side> {
        match self.state {
            State::Held(side) => Some(side),
            State::Well | State::Settling { .. } => None,
        }
    }

    /// Takes the state of both links. Returns an order if one is due.
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
