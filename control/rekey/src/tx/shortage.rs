//! What happens when no fresh key comes: the stages of a shortage, the hard limit, and the times
//! at which keys are fetched.

use core::time::Duration;

use super::{State, Tx};
use crate::action::Action;
use crate::event::{Cause, Event};
use crate::guards::{self, Guard};
use crate::limits;
use crate::reach::Reach;
use crate::status::Supply;

impl Tx {
    /// The stages of a shortage, and the hard limit (REKEY-28).
    pub(super) fn age(&mut self, now: Duration, reach: &mut Reach<'_>) {
        let Some(sa) = self.current else { return };
        if matches!(self.state, State::Installing { .. }) {
            return; // a RetireTx now would hit the new SA
        }
        let age = now.saturating_sub(sa.since);
        let cause = self.cause(reach);
        if age >= self.timers.hold_max && guards::on(Guard::HoldLimit) {
            self.block(now, None, reach);
        } else if age >= self.timers.held_after && self.supply < Supply::Held {
            self.supply = Supply::Held;
            let limit = sa.since + self.timers.hold_max;
            reach.out.event(Event::Held { age, limit, cause });
        } else if age >= self.timers.short_after && self.supply < Supply::Short {
            self.supply = Supply::Short;
            reach.out.event(Event::KeyShort { age, cause });
        }
    }

    /// Fail closed: no frame is sent until a fresh key is agreed.
    pub(super) fn block(&mut self, now: Duration, cause: Option<Cause>, reach: &mut Reach<'_>) {
        if matches!(self.state, State::Installing { .. }) {
            return;
        }
        let Some(sa) = self.current.take() else {
            return;
        };
        let cause = cause.unwrap_or_else(|| self.cause(reach));
        reach.out.command(Action::RetireTx { id: sa.id });
        self.supply = Supply::Blocked;
        self.due = self.due.min(now);
        reach.out.event(Event::Blocked {
            age: now.saturating_sub(sa.since),
            cause,
        });
    }

    /// Why the next key is not in use yet.
    fn cause(&self, reach: &Reach<'_>) -> Cause {
        if !reach.session.agreed() {
            return Cause::PeerSilent;
        }
        match (&self.state, self.stock.last_failure, self.trouble) {
            (State::Fetching { .. }, Some(failure), _) => Cause::Key(failure),
            (State::Installing { .. }, ..) => Cause::WorkerSlow,
            (_, _, Some((cause, _))) => cause,
            (State::Fetching { .. }, None, None) => Cause::KmeSlow,
            _ => Cause::NoReady,
        }
    }

    /// Keys to hold now: one in time for the next offer, two when the interval is short.
    pub(super) fn wanted(&self, now: Duration) -> usize {
        let waiting = matches!(
            self.state,
            State::Waiting | State::Offering(_) | State::Agreed(_) | State::Installing { .. }
        );
        if waiting && now < self.fetch_at() {
            return 0;
        }
        if self.timers.interval < Duration::from_secs(1) {
            limits::KEYS_HELD_MAX
        } else {
            1
        }
    }

    pub(super) fn offer_at(&self) -> Duration {
        self.due.saturating_sub(self.timers.lead)
    }

    /// The key for the offer after the one under way, if there is one.
    pub(super) fn fetch_at(&self) -> Duration {
        let due = match self.state {
            State::Waiting => self.due,
            _ => self.due + self.timers.interval,
        };
        due.saturating_sub(self.timers.lead + self.timers.fetch_lead)
    }

    pub(super) fn trouble(&mut self, now: Duration, cause: Cause) {
        let since = self.trouble.map_or(now, |(_, since)| since);
        self.trouble = Some((cause, since));
    }
}
