//! A second encryptor with the address and the secret of end 0 that appears briefly. Only its
//! protocol affects the other two, so its workers and its KME answer at once.

use std::rc::Rc;
use std::time::Duration;

use rekey::{Action, Rekey, RootSecret};

use super::{Item, World};
use crate::kem::Plain;
use crate::rng::Rng;

/// One run of the twin.
pub(crate) struct Twin {
    rekey: Rekey,
    pub(crate) wake: Option<Duration>,
}

impl World {
    pub(crate) fn twin_appears(&mut self, until: Duration) -> Result<(), String> {
        self.tally.twins += 1;
        let mut entropy = Rng::new(self.plan.seed ^ 0x7717 ^ (self.tally.twins << 32));
        let root = RootSecret::from_slice(&[7; 32]).map_err(|error| error.to_string())?;
        let kem = Box::new(Plain(Rng::new(entropy.next())));
        let fill = Box::new(move |out: &mut [u8]| entropy.fill(out));
        let rekey = Rekey::with_kem(self.plan.config(0), root, fill, kem);
        let rekey = rekey.map_err(|error| error.to_string())?;
        let wake = None;
        self.twin = Some(Twin { rekey, wake });
        self.trace.text(self.now, 0, || "a twin appears".into());
        self.after(until.saturating_sub(self.now), Item::TwinGoes);
        self.with_twin(|rekey, now| rekey.on_start(now));
        Ok(())
    }

    /// Removes the twin. Half of all twins say BYE.
    pub(crate) fn twin_goes(&mut self) {
        if self.rng.permille(500) {
            self.with_twin(|rekey, now| rekey.on_stop(now));
        }
        self.trace.text(self.now, 0, || "the twin is gone".into());
        self.twin = None;
    }

    pub(crate) fn with_twin(&mut self, call: impl FnOnce(&mut Rekey, Duration)) {
        let Some(mut twin) = self.twin.take() else {
            return;
        };
        call(&mut twin.rekey, self.now);
        while let Some(action) = twin.rekey.poll_action() {
            self.twin_acts(&mut twin.rekey, action);
        }
        twin.wake = twin.rekey.next_wake();
        self.twin = Some(twin);
    }

    fn twin_acts(&mut self, rekey: &mut Rekey, action: Action) {
        let (now, step) = (self.now, action.step());
        match action {
            Action::Send(frame) => self.transmit(0, 0, frame.as_bytes()),
            Action::FetchKey => {
                let (_, answer) = self.kmes.enc(now, 0, &self.plan.kme, &mut self.rng);
                rekey.on_key(now, answer);
            }
            Action::FetchKeyById(id) => {
                let (_, answer) = self.kmes.dec(now, 0, id, &self.plan.kme, &mut self.rng);
                rekey.on_key_by_id(now, id, answer);
            }
            Action::InstallTx { sak, .. } | Action::InstallRx { sak, .. } => {
                self.saks.number(&Rc::new(sak));
            }
            Action::RetireTx { .. } | Action::RetireRx { .. } | Action::Event(_) => {}
        }
        if let Some(step) = step {
            rekey.on_done(now, step);
        }
    }
}
