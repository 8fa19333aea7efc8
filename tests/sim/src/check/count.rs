//! I8: every received frame is sent or counted in one named counter.

use rekey::Rekey;
use std::time::Duration;
use worker::StatsSnapshot;

/// Checks the counters of a worker that holds no frames.
pub(crate) fn worker(n: &StatsSnapshot) -> Result<(), String> {
    let equal = |what: &str, left: u64, right: u64| {
        if left == right {
            Ok(())
        } else {
            Err(format!("I8: {what}: {left} are not {right}: {n:?}"))
        }
    };
    let hits: u64 = n.policy.red.iter().sum();
    equal("policy", n.red.rx_frames, hits)?;
    let worker = &n.worker;
    let out = worker.policy_discarded + worker.out_bypass + n.tx.discarded() + n.tx.passed();
    equal("red in", n.red.rx_frames, out)?;
    let sent = n.tx.passed() + worker.out_bypass + worker.out_control;
    equal("black out", sent, n.black.tx_frames + n.black.tx_dropped())?;
    let sorted = worker.in_control
        + worker.in_bypass
        + worker.discarded()
        + worker.handed_over
        + worker.handover_overrun
        + n.rx.discarded()
        + n.rx.passed();
    equal("black in", n.black.rx_frames + worker.taken_over, sorted)?;
    let out = n.red.tx_frames + n.red.tx_dropped();
    equal("red out", n.rx.passed() + worker.in_bypass, out)
}

/// Checks the counters of rekey frames.
pub(crate) fn rekey(rekey: &Rekey, local: Duration) -> Result<(), String> {
    let counters = rekey.status(local).counters;
    let sorted: u64 = counters
        .iter()
        .filter(|(name, _)| !["sent", "received", "overflow"].contains(name))
        .map(|(_, count)| count)
        .sum();
    if sorted == counters.received && counters.overflow == 0 {
        Ok(())
    } else {
        Err(format!("I8: rekey frames: {counters:?}"))
    }
}
