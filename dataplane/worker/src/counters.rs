//! The counters of a worker, besides those of its SecY and its ports.

/// Counters of the poll loop. One worker owns them, so they are plain numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct WorkerCounters {
    /// Rounds of the loop that moved at least one frame.
    pub bursts: u64,
    /// Number of times the worker went to sleep.
    pub idle_waits: u64,
    /// Commands applied.
    pub commands: u64,
    /// Commands refused, which are also in `commands`: installs of an rx SA.
    pub commands_refused: u64,
    /// Dropped: red frames discarded by a line of the policy.
    pub policy_discarded: u64,
    /// Red frames sent to the line in plaintext by a line of the policy.
    pub out_bypass: u64,
    /// Frames from the line that bypassed unchanged to red by a line of the policy.
    pub in_bypass: u64,
    /// Control frames sent to the line.
    pub out_control: u64,
    /// Control frames from the line handed to control.
    pub in_control: u64,
    /// Dropped: control frames from the line that are longer than a buffer of the control link.
    pub in_control_too_long: u64,
    /// Dropped: control frames from the line that found the queue to control full.
    pub in_control_overrun: u64,
    /// MACsec and rekey frames from the line from which VLAN tags of the line were removed.
    pub in_line_tagged: u64,
    /// MACsec frames from the line handed to the worker that owns their SC.
    pub handed_over: u64,
    /// Dropped: frames to be handed over that found the line to the other worker full.
    pub handover_overrun: u64,
    /// MACsec frames from the line taken from other workers.
    pub taken_over: u64,
    /// Dropped: frames taken from another worker that found no buffer.
    pub takeover_no_buffer: u64,
}

impl WorkerCounters {
    /// The names, in the order of [`Self::values`].
    pub const NAMES: [&'static str; 16] = [
        "Bursts",
        "IdleWaits",
        "Commands",
        "CommandsRefused",
        "PolicyDiscarded",
        "OutBypass",
        "InBypass",
        "OutControl",
        "InControl",
        "InControlTooLong",
        "InControlOverrun",
        "InLineTagged",
        "HandedOver",
        "HandoverOverrun",
        "TakenOver",
        "TakeoverNoBuffer",
    ];

    /// All values, in the order of [`Self::NAMES`].
    #[must_use]
    pub const fn values(&self) -> [u64; Self::NAMES.len()] {
        [
            self.bursts,
            self.idle_waits,
            self.commands,
            self.commands_refused,
            self.policy_discarded,
            self.out_bypass,
            self.in_bypass,
            self.out_control,
            self.in_control,
            self.in_control_too_long,
            self.in_control_overrun,
            self.in_line_tagged,
            self.handed_over,
            self.handover_overrun,
            self.taken_over,
            self.takeover_no_buffer,
        ]
    }

    /// Builds the counters from all values, in the order of [`Self::NAMES`].
    #[must_use]
    pub const fn from_values(values: [u64; Self::NAMES.len()]) -> Self {
        let [
            bursts,
            idle_waits,
            commands,
            commands_refused,
            policy_discarded,
            out_bypass,
            in_bypass,
            out_control,
            in_control,
            in_control_too_long,
            in_control_overrun,
            in_line_tagged,
            handed_over,
            handover_overrun,
            taken_over,
            takeover_no_buffer,
        ] = values;
        Self {
            bursts,
            idle_waits,
            commands,
            commands_refused,
            policy_discarded,
            out_bypass,
            in_bypass,
            out_control,
            in_control,
            in_control_too_long,
            in_control_overrun,
            in_line_tagged,
            handed_over,
            handover_overrun,
            taken_over,
            takeover_no_buffer,
        }
    }

    /// Names and values of all counters.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::NAMES.into_iter().zip(self.values())
    }

    /// Control frames from the line that were dropped.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        self.in_control_too_long + self.in_control_overrun
    }
}
