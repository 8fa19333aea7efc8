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

use crate::action::{Action, Step};
use crate::config::{self, RxTimers};
use crate::context::Context;
use crate::event::{Cause, Direction, Event, KeyFailure, Refusal};
use crate::guards::{self, Guard};
use crate::limits;
use crate::message::{Answer, Body, Header};
use crate::schedule::{Kcv, MixKey, SaKeys, pqc_key_id};
use crate::secret::{Origin, QkdKey};
use crate::shortage_stage::ShortageStage;
use crate::status::{DirectionStatus, KeyStatus, RecentSwitches, SwitchTimes};

/// The receive direction.
pub(crate) struct Rx {
    timers: RxTimers,
    /// Highest epoch accepted; grows over sessions, so that no [`SaId`] comes back.
    seen: u32,
    /// The epoch that the peer transmits under, as its last frame says; 0: none.
    announced: u32,
    candidate: Candidate,
    active: Option<RxSaRecord>,
    /// The one before, and when its grace time ends: that begins when the peer says that all its
    /// workers have switched.
    retiring: Option<(RxSaRecord, Option<Duration>)>,
    /// Retired, not yet acknowledged by all workers.
    wiping: Vec<SaId>,
    /// Keys asked for by `key_ID`, without an answer yet.
    lookups: Vec<(KeyId, Duration)>,
    trouble: Option<(Cause, Duration)>,
    switches: u64,
    recent: RecentSwitches,
    failures: u64,
}

/// The SA to come.
enum Candidate {
    Nothing,
    /// The KME is asked for the key, or will be again at `retry`.
    Looking {
        offer: RxOffer,
        /// The mix key of the root that the offer names.
        mix: MixKey,
        deadline: Duration,
        pause: Duration,
        retry: Option<Duration>,
    },
    /// The key is here; the workers still wipe what had its place.
    Clearing {
        offer: RxOffer,
        keys: Box<SaKeys>,
        found: Duration,
        slow: Option<Duration>,
    },
    /// The workers install it.
    Installing {
        sa: RxSaRecord,
        slow: Option<Duration>,
    },
    /// All workers have it, READY is out.
    Pending(RxSaRecord),
    /// It will not be installed; each repeated OFFER is answered with the reason.
    Refused(RxOffer, Refusal),
}

/// An offer of the peer, and whose.
#[derive(Clone, Copy)]
struct RxOffer {
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
struct RxSaRecord {
    offer: RxOffer,
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
            recent: RecentSwitches::default(),
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
        cx: &mut Context<'_>,
    ) {
        let offer = RxOffer {
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
            return self.repeat(&offer, cx);
        }
        // The workers are given one thing at a time; the peer will ask again.
        if matches!(self.candidate, Candidate::Installing { .. }) {
            return;
        }
        if self.lookups.len() >= limits::LOOKUPS_MAX {
            return;
        }
        self.seen = id.epoch;
        self.drop_candidate(cx);
        if header.suite != cx.config.suite {
            return self.refuse(now, offer, Refusal::Suite, cx);
        }
        if header.policy != cx.config.policy {
            return self.refuse(now, offer, Refusal::Policy, cx);
        }
        // REKEY-41, REKEY-46
        let Some(mix) = cx.root.mix(root).map(MixKey::for_offer) else {
            return self.refuse(now, offer, Refusal::Root, cx);
        };
        cx.root.on_used(root);
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
            return self.refuse(now, offer, Refusal::AnInUse, cx);
        }
        // REKEY-52
        let alone = origin == Origin::Pqc;
        let allowed = cx.config.policy.allows_pqc_alone() || !guards::on(Guard::AloneByPolicy);
        if alone && !(allowed && key_id == pqc_key_id(header.src, id.epoch)) {
            return self.refuse(now, offer, Refusal::Origin, cx);
        }
        if !cx.used.take(key_id) {
            return self.refuse(now, offer, Refusal::KeyIdUsed, cx);
        }
        if alone {
            return self.alone(now, offer, &mix, cx);
        }
        self.candidate = Candidate::Looking {
            offer,
            mix,
            deadline: now + self.timers.lookup_budget,
            pause: self.timers.lookup_budget / limits::LOOKUP_STEPS,
            retry: None,
        };
        self.look_up(now, key_id, cx);
    }

    pub(crate) fn on_key(
        &mut self,
        now: Duration,
        key_id: KeyId,
        answer: Result<QkdKey, KeyFailure>,
        cx: &mut Context<'_>,
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
                self.refuse(now, offer, Refusal::Origin, cx);
            }
            Ok(key) => {
                let context = cx.rx_context(offer.id, (key_id, offer.origin, offer.root));
                let keys = mix.sa_keys(&key, &context);
                self.clear(now, offer, keys, cx);
            }
            Err(failure) => {
                let again = now + *pause;
                if !failure.is_final() && again <= *deadline {
                    *retry = Some(again);
                    *pause *= 2;
                    return;
                }
                let (direction, key_id) = (Direction::Rx, Some(key_id));
                cx.out.event(Event::KeyFailed {
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
                    cx.used.release(offer.key_id); // REKEY-59: it may be offered again
                }
                self.refuse(now, offer, refusal, cx);
                self.trouble(now, Cause::Key(failure));
            }
        }
    }

    pub(crate) fn on_done(&mut self, now: Duration, step: Step, cx: &mut Context<'_>) {
        match (step, &self.candidate) {
            (Step::InstallRx(id), &Candidate::Installing { mut sa, .. }) if sa.offer.id == id => {
                let direction = Direction::Rx;
                sa.installed = now;
                self.candidate = Candidate::Pending(sa);
                cx.out.event(Event::Installed {
                    direction,
                    id,
                    key_id: sa.offer.key_id,
                    origin: sa.offer.origin,
                    root: sa.offer.root,
                });
                ready(&sa, cx); // REKEY-24
            }
            (Step::RetireRx(id), _) => {
                self.wiping.retain(|wiping| *wiping != id);
                self.recent.retired(now, id);
                cx.out.event(Event::Retired {
                    direction: Direction::Rx,
                    id,
                });
                self.install(now, cx);
            }
            _ => {} // of a session that ended
        }
    }

    /// An authentic frame came under this SA, so the peer has switched.
    pub(crate) fn on_used(&mut self, now: Duration, id: SaId, cx: &mut Context<'_>) {
        if matches!(&self.candidate, Candidate::Pending(sa) if sa.offer.id == id) {
            self.promote(now, cx);
        }
    }

    /// REKEY-27: the peer says which epoch it transmits under, so a quiet line rotates too.
    pub(crate) fn on_announced(&mut self, now: Duration, epoch: u32, cx: &mut Context<'_>) {
        self.announced = epoch;
        if matches!(&self.candidate, Candidate::Pending(sa) if sa.offer.id.epoch == epoch) {
            self.promote(now, cx);
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
    pub(crate) fn reset(&mut self, cx: &mut Context<'_>) {
        self.drop_candidate(cx);
        if let Some((sa, _)) = self.retiring.take() {
            self.retire(&sa.offer, cx);
        }
        if let Some(sa) = self.active.take() {
            self.retire(&sa.offer, cx);
        }
        self.announced = 0;
        self.trouble = None;
    }

    /// Lets time pass: everything that is due happens.
    pub(crate) fn on_time(&mut self, now: Duration, cx: &mut Context<'_>) {
        self.lookups
            .retain(|(_, since)| now < *since + limits::FETCH_ANSWER);
        if let Candidate::Looking { offer, retry, .. } = &mut self.candidate
            && retry.is_some_and(|at| now >= at)
        {
            *retry = None;
            let key_id = offer.key_id;
            self.look_up(now, key_id, cx);
        }
        if let Candidate::Clearing { offer, slow, .. }
        | Candidate::Installing {
            sa: RxSaRecord { offer, .. },
            slow,
        } = &mut self.candidate
            && slow.is_some_and(|at| now >= at)
        {
            *slow = None;
            let id = offer.id;
            cx.out.event(Event::WorkerSlow {
                direction: Direction::Rx,
                id,
            });
            self.trouble(now, Cause::WorkerSlow);
        }
        if let Some((sa, _)) = self
            .retiring
            .take_if(|(_, until)| until.is_some_and(|at| now >= at))
        {
            self.retire(&sa.offer, cx);
        }
        self.expire(now, cx);
    }

    fn look_up(&mut self, now: Duration, key_id: KeyId, cx: &mut Context<'_>) {
        self.lookups.push((key_id, now));
        cx.out.command(Action::FetchKeyById(key_id));
    }

    /// REKEY-52: a key that no KME need be asked for.
    fn alone(&mut self, now: Duration, offer: RxOffer, mix: &MixKey, cx: &mut Context<'_>) {
        let context = cx.rx_context(offer.id, (offer.key_id, offer.origin, offer.root));
        self.clear(now, offer, mix.sa_keys_alone(&context), cx);
    }

    /// The keys of an offer are here. They are installed once the place for them is free.
    fn clear(&mut self, now: Duration, offer: RxOffer, keys: SaKeys, cx: &mut Context<'_>) {
        self.candidate = Candidate::Clearing {
            offer,
            keys: Box::new(keys),
            found: now,
            slow: Some(now + limits::WORKER_SLOW),
        };
        self.install(now, cx);
    }

    /// REKEY-25: not before everything retired is wiped.
    fn install(&mut self, now: Duration, cx: &mut Context<'_>) {
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
        cx.out.command(Action::InstallRx {
            id: offer.id,
            sas,
            sak,
            salt,
        });
        let sa = RxSaRecord {
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
            ready(&sa, cx);
        }
    }

    /// The candidate becomes active, the active one retires after the grace time, and one that is
    /// still retiring goes now: never more than three.
    fn promote(&mut self, now: Duration, cx: &mut Context<'_>) {
        let Candidate::Pending(mut sa) = self.candidate else {
            return;
        };
        self.candidate = Candidate::Nothing;
        sa.active_since = now;
        if let Some((oldest, _)) = self.retiring.take() {
            self.retire(&oldest.offer, cx);
        }
        let previous = self.active.replace(sa);
        self.switches += 1;
        self.recent.switched(SwitchTimes {
            id: sa.offer.id,
            previous: previous.map(|sa| sa.offer.id),
            key: sa.found,
            offered: sa.offer.came,
            ordered: sa.since,
            installed: sa.installed,
            retired: None,
        });
        self.trouble = None;
        let RxOffer {
            id,
            key_id,
            origin,
            root,
            ..
        } = sa.offer;
        cx.out.event(Event::Switched {
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
            Some(previous) => self.retire(&previous.offer, cx),
            None => {}
        }
    }

    /// REKEY-29: an rx SA also has a hard limit, a little later than that of its sender. It is
    /// reached while the sender uses the SA only if a clock jumps. A pending SA ends with an active
    /// one that the sender still uses: the sender learns only the highest epoch held, and assumes
    /// that the lower one is held too. A sender that has stopped switches to the pending SA next.
    fn expire(&mut self, now: Duration, cx: &mut Context<'_>) {
        if !guards::on(Guard::RxHoldLimit) {
            return;
        }
        let over = |sa: &RxSaRecord| now >= sa.since + self.timers.hold_max;
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
            cx.out.event(Event::RxExpired {
                id: sa.offer.id,
                age,
            });
            self.retire(&sa.offer, cx);
            cx.session.hello_now(now); // REKEY-48: the sender may count on it
        }
        if pending.is_some() {
            self.candidate = Candidate::Nothing;
        }
    }

    /// Forgets the candidate, and takes it out of the workers if it is there.
    fn drop_candidate(&mut self, cx: &mut Context<'_>) {
        match core::mem::replace(&mut self.candidate, Candidate::Nothing) {
            Candidate::Installing { sa, .. } | Candidate::Pending(sa) => {
                self.retire(&sa.offer, cx);
            }
            Candidate::Nothing
            | Candidate::Looking { .. }
            | Candidate::Clearing { .. }
            | Candidate::Refused(..) => {}
        }
    }

    fn retire(&mut self, offer: &RxOffer, cx: &mut Context<'_>) {
        debug_assert!(
            self.wiping.len() < limits::WIPING_MAX,
            "installs wait for wiping"
        );
        self.wiping.push(offer.id);
        let scis = config::scs(offer.sci.mac(), offer.scs)
            .into_iter()
            .map(|(sci, _)| sci)
            .collect();
        cx.out.command(Action::RetireRx { id: offer.id, scis });
    }

    fn refuse(&mut self, now: Duration, offer: RxOffer, refusal: Refusal, cx: &mut Context<'_>) {
        let RxOffer { id, key_id, .. } = offer;
        self.failures += 1;
        self.trouble(now, Cause::Refused(refusal));
        self.candidate = Candidate::Refused(offer, refusal);
        cx.out.event(Event::OfferRefused {
            id,
            key_id,
            refusal,
        });
        cx.out.body(Body::Ready {
            id,
            key_id,
            answer: Answer::Refused(refusal),
        });
    }

    /// The same offer again: the same answer again (REKEY-21).
    fn repeat(&self, offer: &RxOffer, cx: &mut Context<'_>) {
        let same = |other: &RxOffer| other.id == offer.id && other.key_id == offer.key_id;
        match (&self.candidate, &self.active) {
            (Candidate::Pending(sa), _) if same(&sa.offer) => ready(sa, cx),
            (_, Some(sa)) if same(&sa.offer) => ready(sa, cx),
            (Candidate::Refused(refused, refusal), _) if same(refused) => {
                let RxOffer { id, key_id, .. } = *offer;
                cx.out.body(Body::Ready {
                    id,
                    key_id,
                    answer: Answer::Refused(*refusal),
                });
            }
            _ => {}
        }
    }

    fn holds(&self, offer: &RxOffer) -> bool {
        let same = |sa: &RxSaRecord| sa.offer.id == offer.id && sa.offer.key_id == offer.key_id;
        matches!(&self.candidate, Candidate::Pending(sa) if same(sa))
            || self.active.as_ref().is_some_and(same)
    }

    fn trouble(&mut self, now: Duration, cause: Cause) {
        let since = self.trouble.map_or(now, |(_, since)| since);
        self.trouble = Some((cause, since));
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
            ShortageStage::Starting
        } else {
            ShortageStage::Blocked
        };
        DirectionStatus {
            stage,
            supply: if self.active.is_some() {
                ShortageStage::Normal
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

fn ready(sa: &RxSaRecord, cx: &mut Context<'_>) {
    let RxOffer { id, key_id, .. } = sa.offer;
    cx.out.body(Body::Ready {
        id,
        key_id,
        answer: Answer::Installed(sa.kcv),
    });
}

#[cfg(test)]
mod tests;
