//! The clock of one side. It may run fast or slow and jump ahead, as after a suspend. It never goes
//! back, because the program uses the monotonic clock.

use std::time::Duration;

const RIGHT: u32 = 1_000_000;

/// Converts between the world's time and the side's time.
pub(crate) struct Clock {
    world: Duration,
    local: Duration,
    /// Microseconds of the side in a second of the world.
    rate: u32,
}

impl Clock {
    /// Starts the clock of a process at zero.
    pub(crate) const fn started(now: Duration) -> Self {
        Self {
            world: now,
            local: Duration::ZERO,
            rate: RIGHT,
        }
    }

    /// Returns the side's time at the world's time `now`.
    pub(crate) fn local(&self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.world).as_nanos() * u128::from(self.rate);
        self.local + nanos(passed / u128::from(RIGHT))
    }

    /// Returns the first time of the world at which the side's clock shows `local`.
    pub(crate) fn world(&self, local: Duration) -> Duration {
        let ahead = local.saturating_sub(self.local).as_nanos() * u128::from(RIGHT);
        self.world + nanos(ahead.div_ceil(u128::from(self.rate)))
    }

    /// Jumps ahead, and runs at another rate from now on.
    pub(crate) fn jump(&mut self, now: Duration, ahead: Duration, rate: u32) {
        self.local = self.local(now) + ahead;
        self.world = now;
        self.rate = rate;
    }

    /// Runs at the right rate from now on.
    pub(crate) fn fix(&mut self, now: Duration) {
        self.jump(now, Duration::ZERO, RIGHT);
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
