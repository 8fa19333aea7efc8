//! The slow path: a burst whose frames belong to several SAs, or include frames that are not
//! opened.

use arrayvec::ArrayVec;
use gcm::Job;

use super::{Sealed, discard, early_replay_test, job, settle};
use crate::buffer::frame_of;
use crate::limits::BURST_MAX;
use crate::tagged::{Checked, SaIndex, Tagged};
use crate::{Buffer, Discard, RxSa, RxScs};

/// A sealed frame and the index of its buffer.
struct Placed {
    sealed: Sealed,
    buffer: u8,
}

impl RxScs {
    pub(super) fn validate_mixed<B: Buffer>(&mut self, burst: &mut [B]) -> usize {
        let mut discarded = 0;
        // Parallel arrays, one entry per sealed frame. A burst is no longer than the arrays.
        let mut jobs = ArrayVec::<Job<'_>, BURST_MAX>::new();
        let mut frames = ArrayVec::<Placed, BURST_MAX>::new();
        for (index, buffer) in (0..).zip(burst.iter_mut()) {
            let tagged = match self.tagged(buffer) {
                Ok(Some(tagged)) => tagged,
                Ok(None) => continue,
                Err(reason) => {
                    discarded += discard(buffer, &mut self.counters, reason);
                    continue;
                }
            };
            let Some(sa) = self.sa_mut(tagged.sa) else {
                discarded += discard(buffer, &mut self.counters, Discard::InPktsNotUsingSa);
                continue;
            };
            match early_replay_test(sa, tagged.pn_low) {
                Ok(pn) => {
                    jobs.push(job(frame_of(buffer), &tagged, sa.nonce(pn)));
                    let sealed = Sealed {
                        pn,
                        tagged,
                        authentic: false,
                    };
                    frames.push(Placed {
                        sealed,
                        buffer: index,
                    });
                }
                Err(reason) => discarded += discard(buffer, &mut self.counters, reason),
            }
        }
        self.open(&mut jobs, &mut frames);
        drop(jobs);
        for Placed { sealed, buffer } in &frames {
            let buffer = &mut burst[usize::from(*buffer)];
            let SaIndex { sc, an } = sealed.tagged.sa;
            discarded += match &mut self.scs[usize::from(sc)].sas[an.index()] {
                Some(sa) => settle(&self.config, &mut self.counters, sa, buffer, sealed),
                None => discard(buffer, &mut self.counters, Discard::InPktsNotUsingSa),
            };
        }
        discarded
    }

    /// The tag of a frame to open; `None` if the frame is passed on without that.
    fn tagged(&mut self, buffer: &mut impl Buffer) -> Result<Option<Tagged>, Discard> {
        let before = self.before.as_ref();
        let frame = frame_of(buffer);
        if let Some(tagged) = before.and_then(|before| before.alike(frame)) {
            return Ok(Some(tagged));
        }
        match self.check(frame)? {
            Checked::Tagged(tagged) => Ok(Some(tagged)),
            Checked::Unkeyed(unkeyed) => {
                self.let_through(buffer, unkeyed);
                Ok(None)
            }
        }
    }

    /// Opens all jobs, with one call per SA.
    fn open(&mut self, jobs: &mut [Job<'_>], frames: &mut [Placed]) {
        // Job n belongs to frame order[n]. For each SA in turn, its jobs are moved to the front of
        // the remaining ones. The frames stay in the order of arrival.
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
