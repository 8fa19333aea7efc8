//! The counters of a worker, besides those of its SecY and its ports.

wire::counters! {
    /// Counters of the poll loop. One worker owns them, so they are plain numbers.
    WorkerCounters {
        /// Rounds of the loop that moved at least one frame.
        bursts = "Bursts",
        /// Number of times the worker went to sleep.
        idle_waits = "IdleWaits",
        /// Commands applied.
        commands = "Commands",
        /// Commands refused, which are also in `commands`: installs of an rx SA.
        commands_refused = "CommandsRefused",
        /// Dropped: red frames discarded by a line of the policy.
        policy_discarded = "PolicyDiscarded",
        /// Red frames sent to the line in plaintext by a line of the policy.
        out_bypass = "OutBypass",
        /// Frames from the line that bypassed unchanged to red by a line of the policy.
        in_bypass = "InBypass",
        /// Control frames sent to the line.
        out_control = "OutControl",
        /// Control frames from the line handed to control.
        in_control = "InControl",
        /// Dropped: control frames from the line that are longer than a buffer of the control link.
        in_control_too_long = "InControlTooLong",
        /// Dropped: control frames from the line that found the queue to control full.
        in_control_overrun = "InControlOverrun",
        /// MACsec and rekey frames from the line from which VLAN tags of the line were removed.
        in_line_tagged = "InLineTagged",
        /// MACsec frames from the line handed to the worker that owns their SC.
        handed_over = "HandedOver",
        /// Dropped: frames to be handed over that found the line to the other worker full.
        handover_overrun = "HandoverOverrun",
        /// MACsec frames from the line taken from other workers.
        taken_over = "TakenOver",
        /// Dropped: frames taken from another worker that found no buffer.
        takeover_no_buffer = "TakeoverNoBuffer",
    }
}

impl WorkerCounters {
    /// Control frames from the line that were dropped.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        self.in_control_too_long + self.in_control_overrun
    }
}
