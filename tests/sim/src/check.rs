//! The checkers. They see every frame and every order, and do not use the protocol's state.
//!
//! A violation is a text that begins with the name of the invariant.

pub(crate) mod count;
pub(crate) mod key;
pub(crate) mod live;
pub(crate) mod nonce;
pub(crate) mod red;
pub(crate) mod stage;

use std::time::Duration;

use rekey::{Direction, Event, Origin};
use wire::{ETHERTYPE_MACSEC, ETHERTYPE_REKEY};

use crate::end::End;
use crate::fleet::TxNow;
use crate::frames::is_marked;
use crate::plan::Plan;

/// All checkers.
pub(crate) struct Check {
    pub(crate) nonces: nonce::Nonces,
    pub(crate) keys: key::Keys,
    pub(crate) red: red::Red,
    pub(crate) live: live::Live,
    pub(crate) stages: stage::Stages,
}

/// A frame on its way from a worker to the line.
pub(crate) struct Sealed<'a> {
    pub(crate) side: usize,
    pub(crate) worker: usize,
    /// The tx SA of the worker when it sent the frame.
    pub(crate) tx: Option<TxNow>,
    /// The worker has an order to retire its tx SA.
    pub(crate) stopping: bool,
    pub(crate) frame: &'a [u8],
}

impl Check {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            nonces: nonce::Nonces::new(plan.suite),
            keys: key::Keys::default(),
            red: red::Red::new(plan),
            live: live::Live::default(),
            stages: stage::Stages::default(),
        }
    }

    /// Checks a frame that leaves a black port.
    pub(crate) fn black(
        &mut self,
        now: Duration,
        sealed: &Sealed<'_>,
        ends: &[End; 2],
        plan: &Plan,
    ) -> Result<(), String> {
        if is_marked(sealed.frame) {
            return Err("I2: the mark of a user frame is on the line".into());
        }
        match wire::ethertype(sealed.frame) {
            Some(ETHERTYPE_REKEY) => return Ok(()),
            Some(ETHERTYPE_MACSEC) => {}
            other => return Err(format!("I2: a frame of EtherType {other:x?} on the line")),
        }
        let Some(tx) = sealed.tx else {
            return Err("I2: a worker without a tx SA sends".into());
        };
        let sci = self.nonces.sealed(sealed, tx)?;
        self.keys.sends(now, sealed, tx, sci, ends, plan)
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
        self.keys.event(now, side, event, ends, plan)?;
        let local = ends[side].process.as_ref();
        let local = local.map_or(now, |process| process.clock.local(now));
        self.stages.event((now, local), side, event, plan)?;
        // I9 applies to QKD keys.
        if let Event::Switched {
            direction: Direction::Tx,
            origin,
            ..
        } = event
            && *origin != Origin::Pqc
        {
            self.live.switched(now, side);
        }
        Ok(())
    }
}
