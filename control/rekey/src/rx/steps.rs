//! The steps of an rx SA, in the order in which a key meets them: look up, install, promote, retire.

use core::time::Duration;

use super::{Candidate, Held, Offer, Rx};
use crate::action::Action;
use crate::config;
use crate::event::{Cause, Direction, Event, Refusal};
use crate::guards::{self, Guard};
use crate::limits;
use crate::message::{Answer, Body};
use crate::reach::Reach;
use crate::schedule::{MixKey, SaKeys};
use crate::shortage::Supply;
use crate::status::{DirectionStatus, KeyStatus, SwitchTimes};
use wire::KeyId;

impl Rx {
    pub(super) fn look_up(&mut self, now: Duration, key_id: KeyId, reach: &mut Reach<'_>) {
        self.lookups.push((key_id, now));
        reach.out.command(Action::FetchKeyById(key_id));
    }

    /// REKEY-52: a key that no KME need be asked for.
    pub(super) fn alone(
        &mut self,
        now: Duration,
        offer: Offer,
        mix: &MixKey,
        reach: &mut Reach<'_>,
    ) {
        let context = reach.rx_context(offer.id, (offer.key_id, offer.origin, offer.root));
        let keys = Box::new(mix.sa_keys_alone(&context));
        let slow = Some(now + limits::WORKER_SLOW);
        self.candidate = Candidate::Clearing {
            offer,
            keys,
            found: now,
            slow,
        };
        self.install(now, reach);
    }

    /// REKEY-25: not before everything retired is wiped.
    pub(super) fn install(&mut self, now: Duration, reach: &mut Reach<'_>) {
        if !self.wiping.is_empty() && guards::on(Guard::RetireBeforeInstall) {
            return;
        }
        if !matches!(self.candidate, Candidate::Clearing { .. }) {
            return;
        }
        let cleared = core::mem::replace(&mut self.candidate, Candidate::Nothing);
        let Candidate::Clearing {
            offer, keys, found, ..
        } = cleared
        else {
            return;
        };
        let SaKeys { sak, salt, kcv } = *keys;
        let sas = config::scs(offer.sci.mac(), offer.scs);
        reach.out.command(Action::InstallRx {
            id: offer.id,
            sas,
            sak,
            salt,
        });
        let sa = Held {
            offer,
            kcv,
            found,
            since: now,
            installed: now,
            active_since: now,
        };
        let slow = Some(now + limits::WORKER_SLOW);
        self.candidate = Candidate::Installing { sa, slow };
        if !guards::on(Guard::ReadyAfterInstall) {
            ready(&sa, reach);
        }
    }

    /// The candidate becomes active, the active one retires after the grace time, and one that is
    /// still retiring goes now: never more than three.
    pub(super) fn promote(&mut self, now: Duration, reach: &mut Reach<'_>) {
        let Candidate::Pending(mut sa) = self.candidate else {
            return;
        };
        self.candidate = Candidate::Nothing;
        sa.active_since = now;
        if let Some((oldest, _)) = self.retiring.take() {
            self.retire(&oldest.offer, reach);
        }
        let previous = self.active.replace(sa);
        self.switches += 1;
        self.recent.switched(SwitchTimes {
            id: sa.offer.id,
            previous: previous.map(|sa| sa.offer.id),
            key: sa.found,
            offered: sa.offer.came,
            told: sa.since,
            installed: sa.installed,
            retired: None,
        });
        self.trouble = None;
        let Offer {
            id,
            key_id,
            origin,
            root,
            ..
        } = sa.offer;
        reach.out.event(Event::Switched {
            direction: Direction::Rx,
            id,
            key_id,
            origin,
            root,
            previous: previous.map(|sa| sa.offer.id),
            previous_age: previous.map(|sa| now.saturating_sub(sa.active_since)),
        });
        match previous {
            Some(previous) if guards::on(Guard::Grace) => {
                self.retiring = Some((previous, None));
            }
            Some(previous) => self.retire(&previous.offer, reach),
            None => {}
        }
    }

    /// REKEY-29: an rx SA also has a hard limit, a little later than that of its sender. It is
    /// reached while the sender uses the SA only if a clock jumps. A pending SA ends with an active
    /// one that the sender still uses: the sender learns only the highest epoch held, and assumes
    /// that the lower one is held too. A sender that has stopped switches to the pending SA next.
    pub(super) fn expire(&mut self, now: Duration, reach: &mut Reach<'_>) {
        if !guards::on(Guard::RxHoldLimit) {
            return;
        }
        let over = |sa: &Held| now >= sa.since + self.timers.hold_max;
        let active = self.active.take_if(|sa| over(sa));
        let retiring = self.retiring.take_if(|(sa, _)| over(sa)).map(|(sa, _)| sa);
        let used = active
            .as_ref()
            .is_some_and(|sa| sa.offer.id.epoch == self.announced);
        let all = used && guards::on(Guard::PendingEndsToo);
        let pending = match &self.candidate {
            Candidate::Pending(sa) if all || over(sa) => Some(*sa),
            _ => None,
        };
        for sa in active.into_iter().chain(retiring).chain(pending) {
            let age = now.saturating_sub(sa.since);
            reach.out.event(Event::RxExpired {
                id: sa.offer.id,
                age,
            });
            self.retire(&sa.offer, reach);
            reach.session.hello_now(now); // REKEY-48: the sender may count on it
        }
        if pending.is_some() {
            self.candidate = Candidate::Nothing;
        }
    }

    /// Forgets the candidate, and takes it out of the workers if it is there.
    pub(super) fn drop_candidate(&mut self, reach: &mut Reach<'_>) {
        match core::mem::replace(&mut self.candidate, Candidate::Nothing) {
            Candidate::Installing { sa, .. } | Candidate::Pending(sa) => {
                self.retire(&sa.offer, reach);
            }
            Candidate::Nothing
            | Candidate::Looking { .. }
            | Candidate::Clearing { .. }
            | Candidate::Refused(..) => {}
        }
    }

    pub(super) fn retire(&mut self, offer: &Offer, reach: &mut Reach<'_>) {
        debug_assert!(
            self.wiping.len() < limits::WIPING_MAX,
            "installs wait for wiping"
        );
        self.wiping.push(offer.id);
        let scis = config::scs(offer.sci.mac(), offer.scs)
            .into_iter()
            .map(|(sci, _)| sci)
            .collect();
        reach.out.command(Action::RetireRx { id: offer.id, scis });
    }

    pub(super) fn refuse(
        &mut self,
        now: Duration,
        offer: Offer,
        refusal: Refusal,
        reach: &mut Reach<'_>,
    ) {
        let Offer { id, key_id, .. } = offer;
        self.failures += 1;
        self.trouble(now, Cause::Refused(refusal));
        self.candidate = Candidate::Refused(offer, refusal);
        reach.out.event(Event::OfferRefused {
            id,
            key_id,
            refusal,
        });
        reach.out.body(Body::Ready {
            id,
            key_id,
            answer: Answer::Refused(refusal),
        });
    }

    /// The same offer again: the same answer again (REKEY-21).
    pub(super) fn repeat(&self, offer: &Offer, reach: &mut Reach<'_>) {
        let same = |other: &Offer| other.id == offer.id && other.key_id == offer.key_id;
        match (&self.candidate, &self.active) {
            (Candidate::Pending(sa), _) if same(&sa.offer) => ready(sa, reach),
            (_, Some(sa)) if same(&sa.offer) => ready(sa, reach),
            (Candidate::Refused(refused, refusal), _) if same(refused) => {
                let Offer { id, key_id, .. } = *offer;
                reach.out.body(Body::Ready {
                    id,
                    key_id,
                    answer: Answer::Refused(*refusal),
                });
            }
            _ => {}
        }
    }

    pub(super) fn holds(&self, offer: &Offer) -> bool {
        let same = |sa: &Held| sa.offer.id == offer.id && sa.offer.key_id == offer.key_id;
        matches!(&self.candidate, Candidate::Pending(sa) if same(sa))
            || self.active.as_ref().is_some_and(same)
    }

    pub(super) fn trouble(&mut self, now: Duration, cause: Cause) {
        let since = self.trouble.map_or(now, |(_, since)| since);
        self.trouble = Some((cause, since));
    }

    pub(crate) fn status(&self, now: Duration) -> DirectionStatus {
        let stage = match &self.candidate {
            Candidate::Nothing => "waiting",
            Candidate::Looking { .. } => "looking",
            Candidate::Clearing { .. } => "clearing",
            Candidate::Installing { .. } => "installing",
            Candidate::Pending(_) => "pending",
            Candidate::Refused(..) => "refused",
        };
        let blocked = if self.switches == 0 {
            Supply::Starting
        } else {
            Supply::Blocked
        };
        DirectionStatus {
            stage,
            supply: if self.active.is_some() {
                Supply::Normal
            } else {
                blocked
            },
            supply_for: None,
            supply_changes: None,
            interval: None,
            shortfall: None,
            key: self.active.as_ref().map(|sa| KeyStatus {
                an: sa.offer.id.an,
                epoch: sa.offer.id.epoch,
                key_id: sa.offer.key_id,
                origin: sa.offer.origin,
                root: sa.offer.root,
                age: now.saturating_sub(sa.active_since),
            }),
            switches: self.switches,
            recent: self.recent.times(),
            failures: self.failures,
            trouble: self.trouble,
        }
    }
}

pub(super) fn ready(sa: &Held, reach: &mut Reach<'_>) {
    let Offer { id, key_id, .. } = sa.offer;
    reach.out.body(Body::Ready {
        id,
        key_id,
        answer: Answer::Installed(sa.kcv),
    });
}
