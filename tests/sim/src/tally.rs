//! Totals of one run or of many.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use rekey::{Direction, Event, Origin, ShortageStage};

/// Totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Virtual time that passed.
    pub virtual_time: Duration,
    /// Key switches, both directions.
    pub switches: u64,
    /// Ends that crashed.
    pub crashes: u64,
    /// Clocks that jumped.
    pub jumps: u64,
    /// User frames handed to red ports.
    pub sent: u64,
    /// User frames that came out at the other side.
    pub received: u64,
    /// Frames of all kinds that the encryptors put on the line.
    pub black: u64,
    /// Frames that the adversary injected.
    pub injected: u64,
    /// Offers refused or given up.
    pub refused: u64,
    /// Sessions that ended.
    pub sessions_ended: u64,
    /// Directions that stopped because of missing keys.
    pub blocked: u64,
    /// Switches to keys of the root alone, and new roots in force.
    pub alone: u64,
    /// See `alone`.
    pub ratcheted: u64,
    /// Changes of the stage of a key shortage.
    pub stages: u64,
    /// Number of times that a twin of end 0 appeared.
    pub twins: u64,
}

impl Tally {
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::OfferAbandoned { .. } | Event::OfferRefused { .. } => self.refused += 1,
            Event::SessionEnded { .. } => self.sessions_ended += 1,
            Event::Ratcheted { .. } => self.ratcheted += 1,
            Event::Switched {
                direction: Direction::Tx,
                origin: Origin::Pqc,
                ..
            } => self.alone += 1,
            Event::Shortage { from, to, .. } => {
                self.blocked += u64::from(*to == ShortageStage::Blocked);
                self.stages += u64::from(*from != ShortageStage::Starting);
            }
            _ => {}
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.virtual_time += more.virtual_time;
        self.switches += more.switches;
        self.crashes += more.crashes;
        self.jumps += more.jumps;
        self.sent += more.sent;
        self.received += more.received;
        self.black += more.black;
        self.injected += more.injected;
        self.refused += more.refused;
        self.sessions_ended += more.sessions_ended;
        self.blocked += more.blocked;
        self.alone += more.alone;
        self.ratcheted += more.ratcheted;
        self.stages += more.stages;
        self.twins += more.twins;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} s of virtual time, {} switches, {} crashes, {} clock jumps, {} sessions ended, \
             {} offers refused or given up, {} times blocked, {} user frames sent, {} received, \
             {} frames on the line, {} injected",
            self.virtual_time.as_secs(),
            self.switches,
            self.crashes,
            self.jumps,
            self.sessions_ended,
            self.refused,
            self.blocked,
            self.sent,
            self.received,
            self.black,
            self.injected
        )
    }
}
