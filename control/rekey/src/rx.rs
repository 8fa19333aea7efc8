//! Our receive direction: the peer drives its rekeying, we follow (spec, section 6.2).
//!
//! ```text
//!             OFFER        key here        old one gone       all workers have it
//! Nothing ───────▶ Looking ───────▶ Clearing ───────▶ Installing ───────▶ Pending ──▶ active
//!                     └── no key: Refused, READY says why                READY     used, or
//!                                                                                  announced
//! ```
//! At most three SAs: retiring (for the grace time), active, and the candidate. No SA in use is
//! ever written over: what goes is retired first, and the next install waits until all workers have
//! wiped it.

use core::time::Duration;

use secy::SaId;
use wire::{KeyId, Sci};

use crate::action::Step;
use crate::config::RxTimers;
use crate::event::{Cause, Direction, Event, KeyFailure, Refusal};
use crate::guards::{self, Guard};
use crate::limits;
use crate::message::Header;
use crate::reach::Reach;
use crate::recent::Recent;
use crate::schedule::{Kcv, MixKey, SaKeys, pqc_key_id};
use crate::secret::{Origin, QkdKey};

mod steps;

use steps::ready;

/// The receive direction.
pub(crate) struct Rx {
    timers: RxTimers,
    /// Highest epoch accepted; grows over sessions, so that no [`SaId`] comes back.
    seen: u32,
    /// The epoch that the peer transmits under, as its last frame says; 0: none.
    announced: u32,
    candidate: Candidate,
    active: Option<Held>,
    /// The one before, and when its grace time ends: that begins when the peer says that all its
    /// workers have switched.
    retiring: Option<(Held, Option<Duration>)>,
    /// Retired, not yet acknowledged by all workers.
    wiping: Vec<SaId>,
    /// Keys asked for by `key_ID`, without an answer yet.
    lookups: Vec<(KeyId, Duration)>,
    trouble: Option<(Cause, Duration)>,
    switches: u64,
    recent: Recent,
    failures: u64,
}

/// The SA to come.
enum Candidate {
    Nothing,
    /// The KME is asked for the key, or will be again at `retry`.
    Looking {
        offer: Offer,
        /// Of the root that the offer names.
        mix: MixKey,
        deadline: Duration,
        pause: Duration,
        retry: Option<Duration>,
    },
    /// The key is here; the workers still wipe what had its place.
    Clearing {
        offer: Offer,
        keys: Box<SaKeys>,
        found: Duration,
        slow: Option<Duration>,
    },
    /// The workers install it.
    Installing {
        sa: Held,
        slow: Option<Duration>,
    },
    /// All workers have it, READY is out.
    Pending(Held),
    /// It will not be; the peer is told each time it asks.
    Refused(Offer, Refusal),
}

/// An offer of the peer, and whose.
#[derive(Clone, Copy)]
struct Offer {
    id: SaId,
    key_id: KeyId,
    origin: Origin,
    /// Epoch of the root the keys are made with.
    root: u32,
    sci: Sci,
    scs: u16,
    /// When it came.
    came: Duration,
}

/// An rx SA in the workers, without its key.
#[derive(Clone, Copy)]
struct Held {
    offer: Offer,
    kcv: Kcv,
    /// The key was here then.
    found: Duration,
    /// Given to the workers then.
    since: Duration,
    /// All workers had it then.
    installed: Duration,
    /// Became active then.
    active_since: Duration,
}

impl Rx {
    /// The time of the switch to the key in use.
    pub(crate) fn switched_at(&self) -> Option<Duration> {
        self.active.as_ref().map(|sa| sa.active_since)
    }

    pub(crate) fn new(timers: RxTimers) -> Self {
        Self {
            timers,
            seen: 0,
            announced: 0,
            candidate: Candidate::Nothing,
            active: None,
            retiring: None,
            wiping: Vec::new(),
            lookups: Vec::new(),
            trouble: None,
            switches: 0,
            recent: Recent::default(),
            failures: 0,
        }
    }

    /// Highest epoch accepted, for the header of our frames.
    pub(crate) const fn epoch_seen(&self) -> u32 {
        self.seen
    }

    /// Highest epoch that frames can come under, for the header of our frames (REKEY-48).
    pub(crate) fn epoch_held(&self) -> u32 {
        let early = !guards::on(Guard::ReadyAfterInstall);
        let candidate = match &self.candidate {
            Candidate::Pending(sa) => Some(sa),
            Candidate::Installing { sa, .. } if early => Some(sa),
            _ => None,
        };
        let held = candidate.into_iter().chain(&self.active);
        held.map(|sa| sa.offer.id.epoch).max().unwrap_or(0)
    }

    /// The peer's timers, as its frames tell its interval.
    pub(crate) const fn set_timers(&mut self, timers: RxTimers) {
        self.timers = timers;
    }

    pub(crate) fn on_offer(
        &mut self,
        now: Duration,
        header: &Header,
        (id, key_id, origin, root): (SaId, KeyId, Origin, u32),
        reach: &mut Reach<'_>,
    ) {
        let offer = Offer {
            id,
            key_id,
            origin,
            root,
            sci: header.sci,
            scs: header.tx_scs,
            came: now,
        };
        // REKEY-21
        if id.epoch < self.seen && guards::on(Guard::EpochGrows) {
            return;
        }
        if id.epoch == self.seen || self.holds(&offer) {
            return self.repeat(&offer, reach);
        }
        // The workers are given one thing at a time; the peer will ask again.
        if matches!(self.candidate, Candidate::Installing { .. }) {
            return;
        }
        if self.lookups.len() >= limits::LOOKUPS_MAX {
            return;
        }
        self.seen = id.epoch;
        self.drop_candidate(reach);
        if header.suite != reach.config.suite {
            return self.refuse(now, offer, Refusal::Suite, reach);
        }
        if header.policy != reach.config.policy {
            return self.refuse(now, offer, Refusal::Policy, reach);
        }
        // REKEY-41, REKEY-46
        let Some(mix) = reach.root.mix(root).map(MixKey::for_offer) else {
            return self.refuse(now, offer, Refusal::Root, reach);
        };
        reach.root.on_used(root);
        // REKEY-23
        let in_use = [
            self.active.as_ref(),
            self.retiring.as_ref().map(|(sa, _)| sa),
        ];
        let taken = in_use
            .into_iter()
            .flatten()
            .any(|sa| sa.offer.id.an == id.an);
        if taken && guards::on(Guard::AnFree) {
            return self.refuse(now, offer, Refusal::AnInUse, reach);
        }
        // REKEY-52
        let alone = origin == Origin::Pqc;
        let allowed = reach.config.policy.allows_pqc_alone() || !guards::on(Guard::AloneByPolicy);
        if alone && !(allowed && key_id == pqc_key_id(header.src, id.epoch)) {
            return self.refuse(now, offer, Refusal::Origin, reach);
        }
        if !reach.used.take(key_id) {
            return self.refuse(now, offer, Refusal::KeyIdUsed, reach);
        }
        if alone {
            return self.alone(now, offer, &mix, reach);
        }
        self.candidate = Candidate::Looking {
            offer,
            mix,
            deadline: now + self.timers.lookup_budget,
            pause: self.timers.lookup_budget / limits::LOOKUP_STEPS,
            retry: None,
        };
        self.look_up(now, key_id, reach);
    }

    pub(crate) fn on_key(
        &mut self,
        now: Duration,
        key_id: KeyId,
        answer: Result<QkdKey, KeyFailure>,
        reach: &mut Reach<'_>,
    ) {
        if let Some(at) = self.lookups.iter().position(|(asked, _)| *asked == key_id) {
            self.lookups.swap_remove(at);
        }
        let Candidate::Looking {
            offer,
            mix,
            deadline,
            pause,
            retry,
        } = &mut self.candidate
        else {
            return; // of an offer that was replaced: the key is wiped here
        };
        let offer = *offer;
        if offer.key_id != key_id {
            return;
        }
        match answer {
            Ok(key) if key.origin() != offer.origin => {
                self.refuse(now, offer, Refusal::Origin, reach);
            }
            Ok(key) => {
                let context = reach.rx_context(offer.id, (key_id, offer.origin, offer.root));
                let keys = Box::new(mix.sa_keys(&key, &context));
                let slow = Some(now + limits::WORKER_SLOW);
                self.candidate = Candidate::Clearing {
                    offer,
                    keys,
                    found: now,
                    slow,
                };
                self.install(now, reach);
            }
            Err(failure) => {
                let again = now + *pause;
                if !failure.is_final() && again <= *deadline {
                    *retry = Some(again);
                    *pause *= 2;
                    return;
                }
                let (direction, key_id) = (Direction::Rx, Some(key_id));
                reach.out.event(Event::KeyFailed {
                    direction,
                    failure,
                    key_id,
                });
                let refusal = match failure {
                    KeyFailure::NotFound | KeyFailure::NoKeys => Refusal::KeyNotFound,
                    KeyFailure::Unreachable
                    | KeyFailure::Unavailable
                    | KeyFailure::Refused
                    | KeyFailure::CertificateRefused
                    | KeyFailure::Untrusted => Refusal::KmeFailed,
                    KeyFailure::Nonsense | KeyFailure::Unusable => Refusal::KeyUnusable,
                };
                if refusal != Refusal::KeyUnusable {
                    reach.used.release(offer.key_id); // REKEY-59: it may be offered again
                }
                self.refuse(now, offer, refusal, reach);
                self.trouble(now, Cause::Key(failure));
            }
        }
    }

    pub(crate) fn on_done(&mut self, now: Duration, step: Step, reach: &mut Reach<'_>) {
        match (step, &self.candidate) {
            (Step::InstallRx(id), &Candidate::Installing { mut sa, .. }) if sa.offer.id == id => {
                let direction = Direction::Rx;
                sa.installed = now;
                self.candidate = Candidate::Pending(sa);
                reach.out.event(Event::Installed {
                    direction,
                    id,
                    key_id: sa.offer.key_id,
                    origin: sa.offer.origin,
                    root: sa.offer.root,
                });
                ready(&sa, reach); // REKEY-24
            }
            (Step::RetireRx(id), _) => {
                self.wiping.retain(|wiping| *wiping != id);
                self.recent.retired(now, id);
                reach.out.event(Event::Retired {
                    direction: Direction::Rx,
                    id,
                });
                self.install(now, reach);
            }
            _ => {} // of a session that ended
        }
    }

    /// An authentic frame came under this SA, so the peer has switched.
    pub(crate) fn on_used(&mut self, now: Duration, id: SaId, reach: &mut Reach<'_>) {
        if matches!(&self.candidate, Candidate::Pending(sa) if sa.offer.id == id) {
            self.promote(now, reach);
        }
    }

    /// REKEY-27: the peer says which epoch it transmits under, so a quiet line rotates too.
    pub(crate) fn on_announced(&mut self, now: Duration, epoch: u32, reach: &mut Reach<'_>) {
        self.announced = epoch;
        if matches!(&self.candidate, Candidate::Pending(sa) if sa.offer.id.epoch == epoch) {
            self.promote(now, reach);
        }
        // REKEY-26: a slow worker of the peer may send under the old key until now.
        if self
            .active
            .as_ref()
            .is_some_and(|sa| sa.offer.id.epoch == epoch)
            && let Some((_, until @ None)) = &mut self.retiring
        {
            *until = Some(now + self.timers.grace);
        }
    }

    /// The session ended, here or there: nothing will come under these keys (REKEY-7).
    pub(crate) fn reset(&mut self, reach: &mut Reach<'_>) {
        self.drop_candidate(reach);
        if let Some((sa, _)) = self.retiring.take() {
            self.retire(&sa.offer, reach);
        }
        if let Some(sa) = self.active.take() {
            self.retire(&sa.offer, reach);
        }
        self.announced = 0;
        self.trouble = None;
    }

    /// Lets time pass: everything that is due happens.
    pub(crate) fn on_time(&mut self, now: Duration, reach: &mut Reach<'_>) {
        self.lookups
            .retain(|(_, since)| now < *since + limits::FETCH_ANSWER);
        if let Candidate::Looking { offer, retry, .. } = &mut self.candidate
            && retry.is_some_and(|at| now >= at)
        {
            *retry = None;
            let key_id = offer.key_id;
            self.look_up(now, key_id, reach);
        }
        if let Candidate::Clearing { offer, slow, .. }
        | Candidate::Installing {
            sa: Held { offer, .. },
            slow,
        } = &mut self.candidate
            && slow.is_some_and(|at| now >= at)
        {
            *slow = None;
            let id = offer.id;
            reach.out.event(Event::WorkerSlow {
                direction: Direction::Rx,
                id,
            });
            self.trouble(now, Cause::WorkerSlow);
        }
        if let Some((sa, _)) = self
            .retiring
            .take_if(|(_, until)| until.is_some_and(|at| now >= at))
        {
            self.retire(&sa.offer, reach);
        }
        self.expire(now, reach);
    }

    pub(crate) fn next_wake(&self) -> Option<Duration> {
        let (step, pending) = match &self.candidate {
            Candidate::Looking { retry, .. } => (*retry, None),
            Candidate::Clearing { slow, .. } | Candidate::Installing { slow, .. } => (*slow, None),
            Candidate::Pending(sa) => (None, Some(sa)),
            Candidate::Nothing | Candidate::Refused(..) => (None, None),
        };
        let grace = self.retiring.as_ref().and_then(|(_, until)| *until);
        let held = [
            pending,
            self.retiring.as_ref().map(|(sa, _)| sa),
            self.active.as_ref(),
        ];
        let oldest = held.into_iter().flatten().map(|sa| sa.since).min();
        let limit = oldest.filter(|_| guards::on(Guard::RxHoldLimit));
        let limit = limit.map(|since| since + self.timers.hold_max);
        let lookup = self
            .lookups
            .iter()
            .map(|(_, since)| *since + limits::FETCH_ANSWER)
            .min();
        [step, grace, limit, lookup].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
