//! A burst of frames through one half of the SecY, in the buffers where they are.

use arrayvec::ArrayVec;
use port::{BURST_MAX, Burst};
use secy::Slot;

/// Which frames of a burst go round the SecY: one bit each, in their order.
#[derive(Clone, Copy, Default)]
pub(crate) struct Marks {
    round: u64,
    kept: u32,
}

const _: () = assert!(BURST_MAX <= u64::BITS as usize);

impl Marks {
    /// Notes the next frame of the burst, if it is kept.
    #[inline]
    pub(crate) fn keep(&mut self, kept: bool, round: bool) -> bool {
        self.round |= u64::from(round) << self.kept;
        self.kept += u32::from(kept);
        kept
    }

    /// Whether the next frame goes round the SecY.
    #[inline]
    fn next(&mut self) -> bool {
        let round = self.round & 1 == 1;
        self.round >>= 1;
        round
    }
}

/// Takes a burst through one half of the SecY, in place: moves the ends of the frames that pass, and
/// drops those that have a discard, which the SecY has counted. Frames marked go on as they are.
#[inline]
pub(crate) fn through_secy(burst: &mut Burst, marks: Marks, half: impl FnOnce(&mut [Slot<'_>])) {
    // Where each frame of the SecY is afterwards; `None`: it was dropped.
    let mut ends = ArrayVec::<Option<(usize, usize)>, BURST_MAX>::new();
    {
        let mut marks = marks;
        let mut slots: ArrayVec<Slot<'_>, BURST_MAX> = burst
            .iter_mut()
            .filter(|_| !marks.next())
            .map(|frame| {
                let (room, start, end) = frame.room_mut();
                Slot::new(room, start, end)
            })
            .collect();
        half(&mut slots);
        ends.extend(
            slots
                .iter()
                .map(|slot| slot.discard.is_none().then(|| slot.range())),
        );
    }
    let (mut ends, mut marks) = (ends.iter(), marks);
    burst.retain(|frame| {
        if marks.next() {
            return true;
        }
        let end = ends.next().copied().flatten();
        if let Some((start, end)) = end {
            frame.set_range(start, end);
        }
        end.is_some()
    });
}
