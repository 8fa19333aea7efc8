//! Frames that are longer than an MTU: that of red, because the LAN's MTU is larger than the
//! config's, or that of the line. They are dropped; without a report, the hosts only see
//! connections that stall.

use std::time::Duration;

use tracing::Level;

use super::journal::Line;

/// A frame that was too long counts as a present fault for this time.
const PRESENT: Duration = Duration::from_secs(60);

/// Numbers of frames dropped for their length.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// Longer than `red.mtu` allows.
    pub(crate) red: u64,
    /// Protected frames that are longer than the MTU of the black interface.
    pub(crate) black: u64,
}

impl TooLong {
    /// Returns the counter that grew since `before`, as a report. The line's MTU counts first: a
    /// larger `red.mtu` would only make it worse.
    fn report(self, before: Self, mtu: u16) -> Option<String> {
        if self.black > before.black {
            return Some(format!(
                "protected frames are longer than the MTU of black: {} are dropped; fix: raise the \
                 MTU of the line to red.mtu = {mtu} plus the octets that MACsec adds, or lower \
                 red.mtu at both ends",
                self.black
            ));
        }
        (self.red > before.red).then(|| {
            format!(
                "frames from red are longer than red.mtu = {mtu} allows: {} are dropped; fix: set \
                 red.mtu to the MTU of the LAN at both ends, or lower the MTU of the LAN",
                self.red
            )
        })
    }
}

/// The frames dropped for their length so far, and the time of the last ones.
pub(super) struct TooLongWatch {
    mtu: u16,
    dropped: TooLong,
    last: Option<Duration>,
    text: String,
}

impl TooLongWatch {
    pub(super) fn new(mtu: u16) -> Self {
        Self {
            mtu,
            dropped: TooLong::default(),
            last: None,
            text: String::new(),
        }
    }

    /// Takes the frames dropped so far. Returns a log line when the fault begins.
    pub(super) fn on_look(&mut self, now: Duration, dropped: TooLong) -> Option<Line> {
        let text = dropped.report(self.dropped, self.mtu)?;
        let begins = self.present(now).is_none();
        self.dropped = dropped;
        self.last = Some(now);
        self.text = text;
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
