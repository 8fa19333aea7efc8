//! The steps of a rotation, in the order in which a key meets them: offer, give up or install,
//! switch.

use core::time::Duration;

use secy::SaId;
use wire::An;

use super::table::{Input, Stage};
use super::{InUse, Offer, State, Tx};
use crate::action::Action;
use crate::config;
use crate::event::{Cause, Direction, Event, Refusal};
use crate::guards::{self, Guard};
use crate::limits;
use crate::message::Body;
use crate::reach::Reach;
use crate::schedule::pqc_key_id;
use crate::secret::Origin;
use crate::shortage::{self, Supply};
use crate::status::SwitchTimes;
use crate::supply::Key;

impl Tx {
    /// One transition, or one repetition of the OFFER (REKEY-17); false when nothing is due.
    pub(super) fn advance(&mut self, now: Duration, reach: &mut Reach<'_>) -> bool {
        let offer_at = self.offer_at();
        match &mut self.state {
            State::Idle if reach.may_offer() => {
                let fetching = State::Fetching { not_before: now };
                self.due = now;
                self.qkd_until.get_or_insert(now);
                self.enter(Stage::Idle, Input::SessionAgreed, fetching);
                true
            }
            State::Waiting if now >= offer_at => {
                let fetching = State::Fetching { not_before: now };
                self.enter(Stage::Waiting, Input::OfferDue, fetching);
                true
            }
            State::Fetching { not_before } if now >= *not_before && reach.may_offer() => {
                // REKEY-52: a QKD key is offered first, once.
                let alone = self.alone(true);
                let key = match alone && self.refusals > 0 {
                    true => None,
                    false => self
                        .stock
                        .take(now, self.timers.retry_last, self.spares(now)),
                };
                if key.is_none() && !alone {
                    return false;
                }
                self.offer(now, key, reach);
                true
            }
            State::Offering(offer) if now >= offer.begun + self.patience && reach.may_offer() => {
                self.patience = (self.patience * 2).min(limits::PATIENCE_MAX);
                self.give_up(now, Cause::NoReady, reach);
                true
            }
            State::Offering(offer) if now >= offer.send_at => {
                let Offer {
                    id,
                    key_id,
                    origin,
                    root,
                    ..
                } = *offer;
                reach.out.body(Body::Offer {
                    id,
                    key_id,
                    origin,
                    root,
                });
                offer.send_at = now + reach.session.jitter(offer.pause, 20);
                offer.pause = (offer.pause * 2).min(self.timers.offer_repeat_last);
                if !guards::on(Guard::SwitchOnReady)
                    && let State::Offering(offer) = core::mem::replace(&mut self.state, State::Idle)
                {
                    self.enter(Stage::Offering, Input::Ready, State::Agreed(offer));
                }
                true
            }
            State::Agreed(_) if now >= self.due || self.current.is_none() => {
                self.install(now, reach);
                true
            }
            State::Installing {
                sa,
                slow: slow @ Some(_),
                ..
            } if *slow <= Some(now) => {
                *slow = None;
                let id = sa.id;
                reach.out.event(Event::WorkerSlow {
                    direction: Direction::Tx,
                    id,
                });
                self.trouble(now, Cause::WorkerSlow);
                true
            }
            _ => false,
        }
    }

    /// A new offer: the AN after that in use, whatever was offered in between (REKEY-18). Without a
    /// QKD key it is made of the root alone.
    fn offer(&mut self, now: Duration, key: Option<Key>, reach: &mut Reach<'_>) {
        let an = self.an.map_or(An::ZERO, An::next);
        if !guards::on(Guard::SameAn) {
            self.an = Some(an);
        }
        // At ten keys a second the epochs last 13 years; then the peer refuses, and a restart fixes.
        self.epoch = self.epoch.saturating_add(1);
        let id = SaId {
            an,
            epoch: self.epoch,
        };
        let (root, mix) = reach.root.in_force();
        let context = |key_id, origin| reach.tx_context(id, (key_id, origin, root));
        let (key_id, origin, keys, came) = match &key {
            Some(Key { id, key, came, .. }) => {
                let origin = key.origin();
                let keys = mix.sa_keys(key, &context(*id, origin));
                (*id, origin, keys, *came)
            }
            None => {
                let key_id = pqc_key_id(reach.session.id(), id.epoch);
                let keys = mix.sa_keys_alone(&context(key_id, Origin::Pqc));
                (key_id, Origin::Pqc, keys, now)
            }
        };
        let pause = self.timers.offer_repeat;
        let offer = Offer {
            id,
            key_id,
            origin,
            root,
            keys,
            key,
            came,
            offered: now,
            begun: now,
            send_at: now,
            pause,
        };
        self.enter(Stage::Fetching, Input::KeyTaken, State::Offering(offer));
    }

    pub(super) fn give_up(&mut self, now: Duration, cause: Cause, reach: &mut Reach<'_>) {
        let (State::Offering(offer) | State::Agreed(offer)) = &mut self.state else {
            return;
        };
        let (id, key_id) = (offer.id, offer.key_id);
        let kept = match (cause, offer.key.take()) {
            (Cause::Refused(refusal), Some(key)) => self.stock.keep(now, key, refusal),
            _ => false, // the peer may have it
        };
        reach.out.event(Event::OfferAbandoned {
            id,
            key_id,
            cause,
            kept,
        });
        self.failures += 1;
        self.trouble(now, cause);
        let mut not_before = now;
        if !matches!(cause, Cause::NoReady | Cause::PeerDropped) {
            self.denied |= cause.is_supply();
            if cause == Cause::Refused(Refusal::AnInUse) {
                self.an = Some(id.an); // the peer knows better: the next offer takes the next AN
            }
            if self.refusals > 0 {
                let pause = self.timers.retry.saturating_mul(1 << self.refusals.min(16));
                not_before += reach.session.jitter(pause.min(self.timers.retry_last), 20);
            }
            self.refusals = self.refusals.saturating_add(1);
        }
        self.enter(self.stage(), Input::GivenUp, State::Fetching { not_before });
    }

    fn install(&mut self, now: Duration, reach: &mut Reach<'_>) {
        let State::Agreed(offer) = core::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let Offer {
            id,
            key_id,
            origin,
            root,
            keys,
            came,
            offered,
            ..
        } = offer;
        self.an = Some(id.an);
        reach.out.command(Action::InstallTx {
            id,
            sas: config::scs(reach.config.local, reach.config.scis),
            sak: keys.sak,
            salt: keys.salt,
        });
        let sa = InUse {
            id,
            key_id,
            origin,
            root,
            since: now,
        };
        let slow = Some(now + limits::WORKER_SLOW);
        self.enter(
            Stage::Agreed,
            Input::SwitchDue,
            State::Installing {
                sa,
                came,
                offered,
                slow,
            },
        );
    }

    pub(super) fn switched(
        &mut self,
        now: Duration,
        sa: InUse,
        (key, offered): (Duration, Duration),
        reach: &mut Reach<'_>,
    ) {
        let InUse {
            id,
            key_id,
            origin,
            root,
            since,
        } = sa;
        let previous = self.current.replace(sa);
        self.switches += 1;
        self.recent.switched(SwitchTimes {
            id,
            previous: previous.map(|sa| sa.id),
            key,
            offered,
            told: since,
            installed: now,
            retired: previous.map(|_| now), // each worker has one tx SA: the next wipes it
        });
        self.trouble = None;
        let direction = Direction::Tx;
        reach.out.event(Event::Installed {
            direction,
            id,
            key_id,
            origin,
            root,
        });
        reach.out.event(Event::Switched {
            direction,
            id,
            key_id,
            origin,
            root,
            previous: previous.map(|sa| sa.id),
            previous_age: previous.map(|sa| since.saturating_sub(sa.since)),
        });
        if let Some(previous) = previous {
            reach.out.event(Event::Retired {
                direction,
                id: previous.id,
            });
        }
        self.enter(Stage::Installing, Input::Installed, State::Waiting);
        if origin == Origin::Pqc {
            self.turn(now, shortage::Input::Alone, (previous, None), reach);
        } else {
            self.qkd_until = Some(now);
            self.denied = false;
            let fresh = self.shortage.on_switch();
            self.turn(now, fresh, (previous, None), reach);
        }
        let interval = self.shortage.interval();
        let yields = reach.yields() && self.shortage.stage() == Supply::Normal;
        self.due = since + self.stagger.time(since, interval, yields);
        self.stocked(now, reach);
        reach.session.hello_now(now); // REKEY-27: announce the switch
    }
}
