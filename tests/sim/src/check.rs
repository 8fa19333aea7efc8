//! The checkers. Each sees every frame and every order, and knows nothing of the protocol's state.
//!
//! What is wrong is told as a text that starts with the invariant's name.

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

/// All of them.
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
    /// What the worker held when it sent the frame.
    pub(crate) tx: Option<TxNow>,
    /// It has been told to stop.
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

    /// A frame comes out of a black port.
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

    /// The protocol tells something.
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
        // I9 is about QKD keys.
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
