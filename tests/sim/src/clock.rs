//! The clock of one side: it may run fast or slow and jump ahead, as after a suspend. It never goes
//! back: the program uses the monotonic clock.

use std::time::Duration;

const RIGHT: u32 = 1_000_000;

/// Maps the world's time to the side's.
pub(crate) struct Clock {
    world: Duration,
    local: Duration,
    /// Microseconds of the side in a second of the world.
    rate: u32,
}

impl Clock {
    /// A process starts its clock at zero.
    pub(crate) const fn started(now: Duration) -> Self {
        Self {
            world: now,
            local: Duration::ZERO,
            rate: RIGHT,
        }
    }

    /// The side's time when it is `now` in the world.
    pub(crate) fn local(&self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.world).as_nanos() * u128::from(self.rate);
        self.local + nanos(passed / u128::from(RIGHT))
    }

    /// The first time of the world at which the side's clock shows `local`.
    pub(crate) fn world(&self, local: Duration) -> Duration {
        let ahead = local.saturating_sub(self.local).as_nanos() * u128::from(RIGHT);
        self.world + nanos(ahead.div_ceil(u128::from(self.rate)))
    }

    /// Jumps ahead, and runs at another pace from now on.
    pub(crate) fn jump(&mut self, now: Duration, ahead: Duration, rate: u32) {
        self.local = self.local(now) + ahead;
        self.world = now;
        self.rate = rate;
    }

    /// Runs right from now on.
    pub(crate) fn mend(&mut self, now: Duration) {
        self.jump(now, Duration::ZERO, RIGHT);
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
