//! I4, I6, I7 and the life of a key: which ends hold it, and which may still use it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rekey::{Direction, Event};
use secy::SaId;
use wire::{KeyId, Sci};

use super::Sealed;
use crate::end::End;
use crate::fleet::{Order, TxNow};
use crate::limits::LAG;
use crate::plan::Plan;
use crate::saks::SakNo;

/// The state of this checker.
#[derive(Default)]
pub(crate) struct Keys {
    /// I4: the end, and its run, that had a SAK for an SC in the worker that owns the SC.
    received_by: BTreeMap<(SakNo, Sci), (usize, u32)>,
    /// I6, over all runs: only a broken KME delivers a key twice.
    tx_key_ids: BTreeSet<(u32, KeyId)>,
    rx_key_ids: BTreeSet<(usize, u32, KeyId)>,
    /// Time of the order of each tx SAK: in the world, and by its side's clock.
    tx_ordered: BTreeMap<SakNo, (Duration, Duration)>,
    rx_ordered: BTreeMap<(usize, u32, SaId), Duration>,
    /// Time at which a key exceeded its limit at its sender or receiver, by that side's clock.
    tx_expired: BTreeMap<SakNo, Duration>,
    rx_expired: BTreeMap<(usize, u32, SaId), Duration>,
    /// Time since when a key is used that its receiver has dropped.
    dropped: BTreeMap<SakNo, Duration>,
    /// SAs ordered before this time belong to a session that has ended.
    void_before: [Option<Duration>; 2],
}

impl Keys {
    /// The protocol ordered a tx SA.
    pub(crate) fn ordered_tx(&mut self, now: Duration, local: Duration, sak: SakNo) {
        self.tx_ordered.insert(sak, (now, local));
    }

    /// The protocol ordered an rx SA.
    pub(crate) fn ordered_rx(&mut self, local: Duration, side: usize, run: u32, id: SaId) {
        self.rx_ordered.insert((side, run, id), local);
    }

    /// A worker has carried out an order.
    pub(crate) fn carried_out(&mut self, order: Order, side: usize, run: u32) {
        if let Order::InstallRx(sci, _, sak) = order {
            self.received_by.insert((sak, sci), (side, run));
        }
    }

    /// A user frame is sent under this SA: its receiver must hold the key, and its sender must be
    /// allowed to use it.
    pub(crate) fn sends(
        &mut self,
        now: Duration,
        sealed: &Sealed<'_>,
        tx: TxNow,
        sci: Sci,
        ends: &[End; 2],
        plan: &Plan,
    ) -> Result<(), String> {
        if sealed.stopping {
            return Ok(()); // a frame sent now may be lost, which is allowed
        }
        let (side, id) = (sealed.side, tx.id);
        let far = &ends[1 - side];
        match (self.received_by.get(&(tx.sak, sci)), &far.process) {
            _ if plan.excused(now) => {}
            (None, _) => return Err(format!("I4: {id} is used and no receiver ever had it")),
            (Some((at, _)), _) if *at == side => {
                return Err(format!("I4: {id} was received by its own sender"));
            }
            (Some((_, run)), Some(process))
                if *run == far.run && !process.fleet.holds(sci, id, tx.sak) =>
            {
                let since = self.dropped.entry(tx.sak).or_insert(now);
                if !plan.delivers() {
                    *since = now; // the HELLO that reports it may be lost
                }
                let healed = if now >= plan.calm { plan.calm } else { *since };
                let since = healed.max(*since);
                if !excused(now - since, plan) {
                    return Err(format!("I4: {id} is used and its receiver has dropped it"));
                }
            }
            _ => {}
        }
        let Some(&(ordered, local)) = self.tx_ordered.get(&tx.sak) else {
            return Err(format!("I4: {id} is used and nobody ordered it"));
        };
        if self.void_before[side].is_some_and(|end| ordered < end && now > end + LAG) {
            return Err(format!("I4: {id} is used and its session has ended"));
        }
        let Some(process) = &ends[side].process else {
            return Ok(());
        };
        if process.clock.local(now) > local + plan.hold_max {
            let since = *self.tx_expired.entry(tx.sak).or_insert(now);
            if now > since + LAG {
                return Err(format!("hold: {id} is used {:?} too long", now - since));
            }
        }
        Ok(())
    }

    /// Checks an event of the protocol.
    pub(crate) fn event(
        &mut self,
        now: Duration,
        side: usize,
        event: &Event,
        ends: &[End; 2],
        plan: &Plan,
    ) -> Result<(), String> {
        let run = ends[side].run;
        match event {
            Event::Installed {
                direction: Direction::Tx,
                key_id,
                ..
            } => {
                // A KME that repeats keys after a restart cannot be detected. With such KMEs, the
                // check is per run.
                let repeats = plan.kme.repeats || plan.kme.fault > 0;
                let run = if repeats { run * 2 + side as u32 } else { 0 };
                if !self.tx_key_ids.insert((run, *key_id)) {
                    return Err(format!("I6: {key_id} is used twice to send"));
                }
            }
            Event::Installed {
                direction: Direction::Rx,
                key_id,
                ..
            } => {
                if !self.rx_key_ids.insert((side, run, *key_id)) {
                    return Err(format!("I6: {key_id} is used twice to receive"));
                }
                if self
                    .rx_key_ids
                    .contains(&(1 - side, ends[1 - side].run, *key_id))
                {
                    return Err(format!("I6: {key_id} is used in both directions"));
                }
            }
            Event::SessionEnded { .. } => self.void_before[side] = Some(now),
            Event::Retired { direction, id } => {
                return gone(&ends[side], *direction, *id);
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that keys end, with and without traffic.
    pub(crate) fn audit(
        &mut self,
        now: Duration,
        side: usize,
        ends: &[End; 2],
        plan: &Plan,
    ) -> Result<(), String> {
        let Some(process) = &ends[side].process else {
            return Ok(());
        };
        let (local, run) = (process.clock.local(now), ends[side].run);
        let rx_limit = plan.hold_max + Duration::from_secs(11);
        for member in &process.fleet.crew {
            if let Some(tx) = member.tx
                && let Some((_, ordered)) = self.tx_ordered.get(&tx.sak)
                && local > *ordered + plan.hold_max
            {
                let since = *self.tx_expired.entry(tx.sak).or_insert(now);
                if now > since + LAG {
                    return Err(format!("hold: tx {} is held too long", tx.id));
                }
            }
            for (id, _) in member.rx.values() {
                let ordered = self.rx_ordered.get(&(side, run, *id));
                if ordered.is_some_and(|ordered| local > *ordered + rx_limit) {
                    let since = *self.rx_expired.entry((side, run, *id)).or_insert(now);
                    if now > since + LAG {
                        return Err(format!("hold: rx {id} is held too long"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A receiver whose clock jumps drops a key early. It informs its sender (REKEY-48) as fast as the
/// line lets a HELLO through.
fn excused(dropped_for: Duration, plan: &Plan) -> bool {
    let told = plan.latency + plan.skew + (plan.worker_lag + plan.driver_lag) * 2;
    // Two HELLO periods: the first HELLO may come in the middle of an install.
    plan.clocks_err && dropped_for < Duration::from_millis(600) + told
}

/// I7: by the statistics of the workers, no worker holds an SA that was reported as retired.
fn gone(end: &End, direction: Direction, id: SaId) -> Result<(), String> {
    let Some(process) = &end.process else {
        return Ok(());
    };
    for member in &process.fleet.crew {
        let stats = member.stats.snapshot();
        let has = match direction {
            Direction::Tx => stats.tx_sa == Some(id),
            Direction::Rx => stats.rx_sas.iter().any(|sa| sa.id == id),
        };
        if has {
            return Err(format!("I7: {id} is called retired, a worker still has it"));
        }
    }
    Ok(())
}
