//! The frames of one secure channel in the order of the capture: when its sender changed the AN.

use super::CAPTURE_ORDER_MS;

/// A channel without frames for this time may have changed its key several times. It is shorter
/// than two of the shortest intervals of keys.
const SILENCE_MS: u64 = 100;

/// Places of a frame among the frames of other ANs on its channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Visit {
    /// Since this time the channel had frames of this AN only, without a silence.
    pub(super) since_ms: u64,
    /// The last time before at which the channel had a frame of another AN; 0 if there was none.
    /// Frames that may only be out of order do not count.
    pub(super) other_ms: u64,
}

/// State of a secure channel.
#[derive(Default)]
pub(super) struct Order {
    an: Option<u8>,
    since_ms: u64,
    last_ms: u64,
    /// Time of the last frame of each AN.
    seen_ms: [u64; 4],
}

impl Order {
    /// Takes the next frame of the capture.
    pub(super) fn on_frame(&mut self, an: u8, at_ms: u64) -> Visit {
        let an = an & 3;
        let silent = at_ms > self.last_ms.saturating_add(SILENCE_MS);
        // Parts of a capture may be in any order: here an earlier part follows.
        let back = at_ms.saturating_add(CAPTURE_ORDER_MS) < self.last_ms;
        if self.an != Some(an) || silent || back {
            self.an = Some(an);
            self.since_ms = at_ms;
            self.last_ms = at_ms;
        }
        self.last_ms = self.last_ms.max(at_ms);
        self.seen_ms[usize::from(an)] = at_ms;
        let others = (0_u8..).zip(self.seen_ms).filter(|(other, seen_ms)| {
            *other != an && seen_ms.saturating_add(CAPTURE_ORDER_MS) < at_ms
        });
        Visit {
            since_ms: self.since_ms,
            other_ms: others.map(|(_, seen_ms)| seen_ms).max().unwrap_or(0),
        }
    }
}
