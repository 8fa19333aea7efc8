//! Red frames that are longer than `red.mtu`, because the LAN's MTU is larger than the config's.
//! They are dropped; without a report, the hosts only see connections that stall.

use std::time::Duration;

use tracing::Level;

use super::journal::Line;

/// A frame that was too long counts as a present fault for this time.
const PRESENT: Duration = Duration::from_secs(60);

/// The number of frames dropped for their length, and the time of the last ones.
pub(super) struct TooLongWatch {
    mtu: u16,
    dropped: u64,
    last: Option<Duration>,
    text: String,
}

impl TooLongWatch {
    pub(super) const fn new(mtu: u16) -> Self {
        Self {
            mtu,
            dropped: 0,
            last: None,
            text: String::new(),
        }
    }

    /// Takes the number of red frames dropped so far. Returns a log line when the fault begins.
    pub(super) fn on_look(&mut self, now: Duration, dropped: u64) -> Option<Line> {
        if dropped <= self.dropped {
            return None;
        }
        let begins = self.present(now).is_none();
        self.dropped = dropped;
        self.last = Some(now);
        self.text = format!(
            "frames from red are longer than red.mtu = {} allows: {dropped} are dropped; fix: set \
             red.mtu to the MTU of the LAN at both ends, or lower that of the LAN",
            self.mtu
        );
        begins.then(|| Line {
            level: Level::WARN,
            kind: "frames that are too long",
            text: self.text.clone(),
        })
    }

    /// Returns the fault as text, if frames were dropped in the last minute.
    pub(super) fn present(&self, now: Duration) -> Option<&str> {
        let last = self.last?;
        (now < last + PRESENT).then_some(self.text.as_str())
    }
}

#[cfg(test)]
mod tests;
