//! The checkers: each sees everything that happens, and knows nothing of the protocol's state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rekey::{Cause, Direction, Ended, Event, RatchetFailure, Refusal, SessionState, ShortageStage};
use secy::SaId;
use wire::{KeyId, Sci, Ssci};

use super::End;
use super::plan::Plan;
use super::saks::SakNo;
use super::stages::{Due, Stages};
use super::workers::{Command, TxSa};

/// The memory of the checkers.
#[derive(Default)]
pub struct Check {
    /// I1: each pair starts at PN 1 once.
    sealing: BTreeSet<(SakNo, Ssci)>,
    /// I4: the run of which end had a SAK in all its workers.
    received_by: BTreeMap<SakNo, (usize, u32)>,
    /// I6.
    tx_key_ids: BTreeSet<(u32, KeyId)>,
    rx_key_ids: BTreeSet<(usize, u32, KeyId)>,
    /// When each SAK was given to the workers, and to which end.
    posted: BTreeMap<SakNo, Duration>,
    rx_posted: BTreeMap<(usize, SaId), Duration>,
    /// SAs given out before this belong to a session that ended.
    void_before: [Option<Duration>; 2],
    /// I9: times of the switches of each direction.
    pub switches: [Vec<Duration>; 2],
    pub rx_switches: [u32; 2],
    /// The stages of supply of each sender, and since when.
    pub stages: [Stages; 2],
    /// Roots of before still held: side, run, epoch, and since when.
    old_roots: BTreeMap<(usize, u32, u32), Duration>,
    /// Times at which each end took a new root into force.
    pub ratcheted: [Vec<Duration>; 2],
    pub events: BTreeMap<&'static str, u64>,
    pub sent: u64,
    pub undecipherable: u64,
    /// Keys kept for another offer.
    pub kept: u64,
    /// The times at which the peer's KME did not know a sender's key.
    unknown_keys: [Vec<Duration>; 2],
}

/// Keys of a sender that a KME may have lost before the faults stop: one on offer, two in stock.
const STALE_KEYS_MAX: usize = 3;
/// Time a worker may take for a command, and a bit.
const LAG: Duration = Duration::from_millis(2500);

impl Check {
    pub fn posted_tx(&mut self, now: Duration, sak: SakNo) {
        self.posted.insert(sak, now);
    }

    pub fn posted_rx(&mut self, now: Duration, side: usize, id: SaId) {
        self.rx_posted.insert((side, id), now);
    }

    /// A worker applied a command.
    pub fn applied(
        &mut self,
        (now, plan): (Duration, &Plan),
        command: &Command,
        side: usize,
        ends: &[End; 2],
    ) -> Result<(), String> {
        match command {
            Command::InstallTx(id, sci, ssci, sak) => {
                if !self.sealing.insert((*sak, *ssci)) {
                    return Err(format!(
                        "I1: SAK {sak} of {id} starts again at PN 1 for {ssci:?}"
                    ));
                }
                let held = self.held_by_peer(side, *sci, *id, *sak, ends);
                held.or_else(|violation| self.excused(now, *sak, plan).ok_or(violation))
            }
            Command::InstallRx(id, scis, sak) => {
                let end = &ends[side];
                if end.workers.all_hold(scis[0], *id, *sak) {
                    self.received_by.insert(*sak, (side, end.run));
                }
                Ok(())
            }
            Command::RetireRx(..) | Command::RetireTx => Ok(()),
        }
    }

    /// Ends that differ are excused, and so are their commands, which a worker may apply later.
    fn excused(&self, now: Duration, sak: SakNo, plan: &Plan) -> Option<()> {
        let posted = self.posted.get(&sak).copied().unwrap_or(now);
        let late = plan.excused(posted) && now <= posted + LAG;
        (late || plan.excused(now)).then_some(())
    }

    /// I2, I4: the receiver has the key in all workers, and has it still if it is the same run.
    fn held_by_peer(
        &self,
        side: usize,
        sci: Sci,
        id: SaId,
        sak: SakNo,
        ends: &[End; 2],
    ) -> Result<(), String> {
        let peer = &ends[1 - side];
        match self.received_by.get(&sak) {
            None => Err(format!("I4: {id} is used and no receiver ever had it")),
            Some((at, _)) if *at == side => Err(format!("I4: {id} was received by its own sender")),
            Some((_, run)) if *run == peer.run && !peer.workers.all_hold(sci, id, sak) => {
                Err(format!("I2: {id} is used and its receiver has dropped it"))
            }
            Some(_) => Ok(()),
        }
    }

    /// A user frame is sent.
    pub fn sends(
        &mut self,
        now: Duration,
        side: usize,
        sa: &TxSa,
        ends: &[End; 2],
        plan: &Plan,
    ) -> Result<(), String> {
        self.sent += 1;
        let held = self.held_by_peer(side, sa.sci, sa.id, sa.sak, ends);
        held.or_else(|violation| self.excused(now, sa.sak, plan).ok_or(violation))?;
        let posted = self.posted[&sa.sak];
        let void = self.void_before[side].filter(|end| posted < *end && now > *end + LAG);
        if void.is_some() {
            return Err(format!("I2: {} is used and its session has ended", sa.id));
        }
        if now > posted + plan.hold_max + LAG {
            return Err(format!(
                "hold: {} is used {:?} after its install",
                sa.id,
                now - posted
            ));
        }
        Ok(())
    }

    pub fn event(
        &mut self,
        now: Duration,
        side: usize,
        event: &Event,
        ends: &[End; 2],
        plan: &Plan,
    ) -> Result<(), String> {
        *self.events.entry(name(event)).or_default() += 1;
        match event {
            Event::Installed {
                direction: Direction::Tx,
                key_id,
                ..
            } => {
                // A KME that repeats itself over restarts cannot be found out: then once per run.
                let run = if plan.kme_repeats { ends[side].run } else { 0 };
                if !self.tx_key_ids.insert((run, *key_id)) {
                    return Err(format!("I6: {key_id} is used twice to send"));
                }
            }
            Event::Installed {
                direction: Direction::Rx,
                key_id,
                ..
            } if !self.rx_key_ids.insert((side, ends[side].run, *key_id)) => {
                return Err(format!("I6: {key_id} is used twice to receive"));
            }
            Event::Switched { id, root: 0, .. } if plan.policy.ratchets() => {
                return Err(format!("root: {id} rests on the pre-shared secret alone"));
            }
            Event::OfferRefused {
                id,
                refusal: Refusal::Root,
                ..
            } if !plan.excused(now) => {
                return Err(format!(
                    "root: {id} names a root that the other end does not hold"
                ));
            }
            Event::RatchetFailed { root, failure }
                if *failure != RatchetFailure::Late && !plan.excused(now) =>
            {
                return Err(format!("root: {root} fails: {failure:?}"));
            }
            Event::OfferAbandoned { kept, cause, .. } => {
                self.kept += u64::from(*kept);
                if *cause == Cause::Refused(Refusal::KeyNotFound) {
                    self.unknown_keys[side].push(now);
                }
            }
            Event::Ratcheted { .. } => self.ratcheted[side].push(now),
            Event::Switched {
                direction: Direction::Tx,
                ..
            } => self.switches[side].push(now),
            Event::Switched {
                direction: Direction::Rx,
                ..
            } => self.rx_switches[side] += 1,
            Event::SessionEnded { why, .. }
                if !plan.differs() && !matches!(why, Ended::Bye | Ended::Renewed) =>
            {
                return Err(format!("sessions: one ended at end {side}: {why:?}"));
            }
            Event::SessionEnded { .. } => {
                self.void_before[side] = Some(now);
                self.stages[side].0.push((now, ShortageStage::Starting));
            }
            Event::Shortage { to, .. } => self.stages[side].0.push((now, *to)),
            Event::Retired { direction, id }
                if ends[side].workers.any_has(*id, *direction == Direction::Tx) =>
            {
                return Err(format!("I7: {id} is called retired, a worker still has it"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Rx SAs come to an end too, and roots.
    pub fn audit(
        &mut self,
        now: Duration,
        side: usize,
        ends: &[End; 2],
        plan: &Plan,
    ) -> Result<(), String> {
        if let Some(rekey) = &ends[side].rekey {
            let before = rekey.status(now).root.previous;
            self.old_roots
                .retain(|(at, _, epoch), _| *at != side || Some(*epoch) == before);
            if let Some(epoch) = before {
                let of = (side, ends[side].run, epoch);
                let since = *self.old_roots.entry(of).or_insert(now);
                if now > since + Duration::from_secs(11) {
                    return Err(format!("root: {epoch} is held {:?} too long", now - since));
                }
            }
        }
        let limit = plan.hold_max + Duration::from_secs(11) + LAG;
        for (id, _) in ends[side]
            .workers
            .each
            .iter()
            .flat_map(|worker| worker.rx.values())
        {
            let posted = self.rx_posted[&(side, *id)];
            if now > posted + limit {
                return Err(format!(
                    "rx {id} is held {:?} after its install",
                    now - posted
                ));
            }
        }
        Ok(())
    }

    /// A dead peer is reported, whatever an adversary replays.
    pub fn heard(
        &self,
        now: Duration,
        side: usize,
        ends: &[End; 2],
        plan: &Plan,
    ) -> Result<(), String> {
        let Some(rekey) = &ends[side].rekey else {
            return Ok(());
        };
        let late = Duration::from_secs(2) + plan.latency + plan.jitter;
        let dead = ends[1 - side].down.is_some_and(|since| now > since + late);
        if dead && plan.dies.is_some() && rekey.status(now).session.state == SessionState::Agreed {
            return Err(format!("end {side} takes a dead peer for alive"));
        }
        Ok(())
    }

    /// I9: fresh keys within two intervals (and the time of an offer), and regularly after that.
    pub fn liveness(&self, plan: &Plan) -> Result<(), String> {
        if plan.dies.is_some() {
            return Ok(());
        }
        for side in 0..2 {
            let unknown = self.unknown_keys[side].iter();
            let stale = unknown.filter(|at| **at > plan.calm).take(STALE_KEYS_MAX);
            let due = Due {
                stale: stale.last().copied().unwrap_or_default(),
                calm: plan.calm,
                end: plan.end,
                intervals: plan.config(side).intervals(),
                slack: Duration::from_secs(3) + plan.latency * 8,
                more: plan.latency * 4,
            };
            self.stages[side].keep_switching(side, &self.switches[side], &due)?;
            self.fresh_root(side, plan)?;
        }
        Ok(())
    }

    /// The root is renewed for as long as both ends live.
    fn fresh_root(&self, side: usize, plan: &Plan) -> Result<(), String> {
        let period = plan.ratchet * 11 / 10 + plan.latency * 8 + Duration::from_secs(1);
        let due = (plan.end - plan.calm).as_millis() / period.as_millis();
        let after = self.ratcheted[side].iter().filter(|at| **at > plan.calm);
        let n = after.count() as u128;
        if plan.policy.ratchets() && n + 1 < due {
            return Err(format!(
                "root: end {side} ratcheted {n} times, {due} were due"
            ));
        }
        if !plan.policy.ratchets() && !self.ratcheted[side].is_empty() {
            return Err(format!("root: end {side} ratchets, its policy does not"));
        }
        Ok(())
    }
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::PeerFound { .. } => "peer found",
        Event::PeerLost { .. } => "peer lost",
        Event::SessionEnded { .. } => "session ended",
        Event::SuiteMismatch { .. } => "suite mismatch",
        Event::PolicyMismatch { .. } => "policy mismatch",
        Event::SettingsMismatch { .. } => "settings mismatch",
        Event::Ratcheted { .. } => "ratcheted",
        Event::RatchetFailed { .. } => "ratchet failed",
        Event::Installed { .. } => "installed",
        Event::Switched { .. } => "switched",
        Event::Retired { .. } => "retired",
        Event::KeyFailed { .. } => "key failed",
        Event::Shortage { to, .. } => to.name(),
        Event::OfferAbandoned { .. } => "abandoned",
        Event::OfferRefused { .. } => "refused",
        Event::KcvMismatch { .. } => "kcv mismatch",
        Event::RxExpired { .. } => "rx expired",
        Event::ForgedFrames { .. } => "forged",
        Event::WrongSecret { .. } => "wrong secret",
        Event::OwnAddress => "own address",
        Event::WorkerSlow { .. } => "worker slow",
    }
}
