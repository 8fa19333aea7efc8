//! A burst of frames that are not all like the one before: of several SAs, or not to be opened.

use arrayvec::ArrayVec;
use gcm::Job;

use super::{Sealed, discard, early_replay_test, job, settle};
use crate::limits::BURST_MAX;
use crate::tagged::{Checked, SaIndex, Tagged};
use crate::{Discard, RxSa, RxScs, Slot};

/// Which slot a sealed frame is in.
struct Placed {
    sealed: Sealed,
    slot: u8,
}

impl RxScs {
    pub(super) fn validate_mixed(&mut self, burst: &mut [Slot<'_>]) {
        // Side by side, one entry a sealed frame; a burst is no longer than the arrays.
        let mut jobs = ArrayVec::<Job<'_>, BURST_MAX>::new();
        let mut frames = ArrayVec::<Placed, BURST_MAX>::new();
        for (index, slot) in (0..).zip(burst.iter_mut()) {
            if slot.discard.is_some() {
                continue;
            }
            let Some(tagged) = self.tagged(slot) else {
                continue;
            };
            let Some(sa) = self.sa_mut(tagged.sa) else {
                discard(slot, &mut self.counters, Discard::InPktsNotUsingSa);
                continue;
            };
            match early_replay_test(sa, tagged.pn_low) {
                Ok(pn) => {
                    jobs.push(job(slot, &tagged, sa.nonce(pn)));
                    frames.push(Placed {
                        sealed: Sealed::new(pn, tagged),
                        slot: index,
                    });
                }
                Err(reason) => discard(slot, &mut self.counters, reason),
            }
        }
        self.open(&mut jobs, &mut frames);
        drop(jobs);
        for Placed { sealed, slot } in &frames {
            let slot = &mut burst[usize::from(*slot)];
            let SaIndex { sc, an } = sealed.tagged.sa;
            match &mut self.scs[usize::from(sc)].sas[an.index()] {
                Some(sa) => settle(&self.config, &mut self.counters, sa, slot, sealed),
                None => discard(slot, &mut self.counters, Discard::InPktsNotUsingSa),
            }
        }
    }

    /// What is to be opened; `None` when the slot is done with.
    fn tagged(&mut self, slot: &mut Slot<'_>) -> Option<Tagged> {
        let before = self.before.as_ref();
        if let Some(tagged) = before.and_then(|before| before.alike(slot.frame())) {
            return Some(tagged);
        }
        match self.check(slot.frame()) {
            Ok(Checked::Tagged(tagged)) => return Some(tagged),
            Ok(Checked::Unkeyed(unkeyed)) => self.let_through(slot, unkeyed),
            Err(reason) => discard(slot, &mut self.counters, reason),
        }
        None
    }

    /// Opens all, those of one SA in one call.
    fn open(&mut self, jobs: &mut [Job<'_>], frames: &mut [Placed]) {
        // Job n is that of frame order[n]. The jobs of each SA in turn are brought to the front of
        // what is left; the frames stay in the order of arrival.
        let mut order: [u8; BURST_MAX] = core::array::from_fn(|n| n as u8);
        let mut from = 0;
        while from < jobs.len() {
            let group = frames[usize::from(order[from])].sealed.tagged.sa;
            let mut to = from;
            for n in from..jobs.len() {
                if frames[usize::from(order[n])].sealed.tagged.sa == group {
                    jobs.swap(n, to);
                    order.swap(n, to);
                    to += 1;
                }
            }
            if let Some(sa) = self.sa_mut(group) {
                sa.key.open(&mut jobs[from..to]);
            }
            for (job, &index) in jobs[from..to].iter().zip(&order[from..to]) {
                frames[usize::from(index)].sealed.authentic = job.authentic;
            }
            from = to;
        }
    }

    fn sa_mut(&mut self, SaIndex { sc, an }: SaIndex) -> Option<&mut RxSa> {
        self.scs[usize::from(sc)].sas[an.index()].as_mut()
    }
}
