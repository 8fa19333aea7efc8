//! Forged frames: counted, reported seldom, and distinguished from a wrong pre-shared secret.

use core::time::Duration;

use wire::MacAddr;

use crate::event::Event;
use crate::limits;

/// Statistics of frames that do not verify.
#[derive(Default)]
pub(crate) struct Forgeries {
    /// Since the last authentic frame: when they began, how many.
    streak: Option<(Duration, u64)>,
    unreported: u64,
    forged_at: Option<Duration>,
    secret_at: Option<Duration>,
    own_at: Option<Duration>,
}

impl Forgeries {
    /// A frame verified: the secrets are the same.
    pub(crate) fn verified(&mut self) {
        self.streak = None;
    }

    /// A frame did not verify. `heard`: a session is alive.
    pub(crate) fn forged(&mut self, now: Duration, peer: MacAddr, heard: bool) -> Option<Event> {
        let (since, count) = self.streak.unwrap_or((now, 0));
        let count = count.saturating_add(1);
        self.streak = Some((since, count));
        self.unreported = self.unreported.saturating_add(1);
        let long = now >= since + limits::WRONG_SECRET && count >= limits::WRONG_SECRET_FRAMES;
        if long && !heard && due(&mut self.secret_at, now) {
            self.unreported = 0;
            return Some(Event::WrongSecret { peer, count });
        }
        // Without a session it may yet turn out to be a wrong secret: wait for that.
        if heard && due(&mut self.forged_at, now) {
            let count = core::mem::take(&mut self.unreported);
            return Some(Event::ForgedFrames { count });
        }
        None
    }

    /// A frame with our own address came.
    pub(crate) fn own(&mut self, now: Duration) -> Option<Event> {
        due(&mut self.own_at, now).then_some(Event::OwnAddress)
    }
}

/// At most once in [`limits::COMPLAINT_EVERY`].
fn due(last: &mut Option<Duration>, now: Duration) -> bool {
    let due = last.is_none_or(|at| now >= at + limits::COMPLAINT_EVERY);
    if due {
        *last = Some(now);
    }
    due
}
