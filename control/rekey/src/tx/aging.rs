//! What happens when no fresh key comes: the key in use ages through the stages of a shortage to its
//! hard limit. And the times at which keys are fetched.

use core::time::Duration;

use super::{InUse, State, Tx};
use crate::action::Action;
use crate::event::{Cause, Event};
use crate::guards::{self, Guard};
use crate::limits;
use crate::reach::Reach;
use crate::shortage::{Input, Supply};

impl Tx {
    /// The stages of a shortage (REKEY-50), and the hard limit (REKEY-28).
    pub(super) fn age(&mut self, now: Duration, reach: &mut Reach<'_>) {
        if matches!(self.state, State::Installing { .. }) {
            return; // a RetireTx now would hit the new SA
        }
        let cause = self.cause(reach.session.agreed());
        if self.alone_at().is_some_and(|at| now >= at) && self.short(cause) {
            self.turn(now, Input::Alone, (self.current, Some(cause)), reach);
            self.due = self.due.min(now);
        }
        while let Some(sa) = self.current {
            let cause = self.cause(reach.session.agreed());
            let age = now.saturating_sub(sa.since);
            match self.shortage.due(age, self.short(cause)) {
                Some(Input::Limit) => self.block(now, cause, reach),
                Some(input) => self.turn(now, input, (Some(sa), Some(cause)), reach),
                None => return,
            }
        }
    }

    /// Fail closed: no frame is sent until a fresh key is agreed.
    pub(super) fn block(&mut self, now: Duration, cause: Cause, reach: &mut Reach<'_>) {
        if matches!(self.state, State::Installing { .. }) {
            return;
        }
        let Some(sa) = self.current.take() else {
            return;
        };
        reach.out.command(Action::RetireTx { id: sa.id });
        self.due = self.due.min(now);
        self.turn(now, Input::Limit, (Some(sa), Some(cause)), reach);
    }

    /// One step along the table of the shortage.
    pub(super) fn turn(
        &mut self,
        now: Duration,
        input: Input,
        (sa, cause): (Option<InUse>, Option<Cause>),
        reach: &mut Reach<'_>,
    ) {
        if cause.is_some_and(|cause| self.short(cause)) {
            self.shortage.lacks();
        }
        let Some((from, to)) = self.shortage.enter(now, input) else {
            return;
        };
        self.shortage.blame(cause);
        let limit = self.current.map(|sa| sa.since + reach.config.hold_max);
        reach.out.event(Event::Supply {
            from,
            to,
            age: sa.map(|sa| now.saturating_sub(sa.since)),
            left: limit.map(|limit| limit.saturating_sub(now)),
            cause,
        });
    }

    /// REKEY-52: from then on keys may come from the root alone. `None`: never, or they do already.
    pub(super) fn alone_at(&self) -> Option<Duration> {
        let after = self.alone_after?;
        let after = if guards::on(Guard::AloneAfterHold) {
            after
        } else {
            Duration::ZERO
        };
        let since = self
            .qkd_until
            .filter(|_| self.shortage.stage() != Supply::Pqc)?;
        Some(since + after)
    }

    /// REKEY-52: the next offer may be of the root alone. Whoever drops offers of QKD keys on the line
    /// does not bring that about: then it is not the KMEs that the next key waits for.
    pub(super) fn alone(&self, agreed: bool) -> bool {
        self.shortage.stage() == Supply::Pqc && self.short(self.cause(agreed))
    }

    /// If a key is here: in time while the one before is still young enough: that may end a stage.
    pub(super) fn stocked(&mut self, now: Duration, reach: &mut Reach<'_>) {
        if self.stock.len() == 0 {
            return;
        }
        let waiting = matches!(self.state, State::Waiting);
        if self.shortage.stage() == Supply::Pqc && !self.denied {
            self.due = self.due.min(now); // back to QKD keys at once
        }
        if let Some(sa) = self.current.filter(|_| waiting)
            && self.shortage.in_time(now)
        {
            self.turn(now, Input::Proved, (Some(sa), None), reach);
            self.due = self.due.min(sa.since + self.shortage.interval());
        }
    }

    /// Whether QKD keys are what the next switch waits for, here or at the peer.
    const fn short(&self, cause: Cause) -> bool {
        match self.state {
            State::Fetching { .. } => cause.is_supply(),
            State::Offering(_) => cause.is_supply() && !matches!(cause, Cause::Key(_)),
            State::Idle | State::Waiting | State::Agreed(_) | State::Installing { .. } => false,
        }
    }

    /// Why the next key is not in use yet.
    fn cause(&self, agreed: bool) -> Cause {
        if !agreed {
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
        if self.shortage.stage() == Supply::Pqc {
            return 1;
        }
        if waiting && now < self.fetch_at() {
            return 0;
        }
        if self.shortage.interval() < Duration::from_secs(1) || self.shortage.wants_proof() {
            limits::KEYS_HELD_MAX
        } else {
            1
        }
    }

    /// When the stock has a key for an offer.
    pub(super) fn key_at(&self, now: Duration) -> Option<Duration> {
        self.stock.take_at(self.timers.retry_last, self.spares(now))
    }

    /// A refusal of this offer delays no switch: there is time for another one.
    pub(super) fn spares(&self, now: Duration) -> bool {
        self.quick() && now + self.timers.lead <= self.due
    }

    pub(super) fn offer_at(&self) -> Duration {
        let trial = self.quick() && self.stock.has_trial();
        let leads = 1 + u32::from(trial);
        self.due.saturating_sub(self.timers.lead * leads)
    }

    /// The peer answers in less time than an offer has, and has not refused.
    fn quick(&self) -> bool {
        self.refusals == 0 && self.patience <= self.timers.patience
    }

    /// The key for the offer after the one under way, if there is one.
    pub(super) fn fetch_at(&self) -> Duration {
        let probe = self.shortage.probe_interval();
        let due = match (&self.state, self.current) {
            (State::Waiting, Some(sa)) => self.due.min(sa.since + probe),
            (State::Waiting, None) => self.due,
            _ => self.due + probe,
        };
        due.saturating_sub(self.timers.lead + self.timers.fetch_lead)
    }

    pub(super) fn trouble(&mut self, now: Duration, cause: Cause) {
        let since = self.trouble.map_or(now, |(_, since)| since);
        self.trouble = Some((cause, since));
    }
}
