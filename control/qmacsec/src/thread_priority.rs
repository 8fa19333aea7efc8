//! Frames have priority over keys if both need the same core.
//!
//! A rekey costs its thread a millisecond or two of TLS and JSON. On a worker's core no frame would
//! move during that time. So control moves to other cores if there are any, and always gets a lower
//! priority. It is not starved: at this nice value it still gets a tenth of a core that a
//! worker needs completely.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rustix::process::setpriority_process;
use tracing::debug;

use crate::limits::CONTROL_NICE;

/// Gives the workers priority over this thread and the threads that it starts from now on. `cores`
/// are those of pinned workers, empty if they are not pinned. A refusal by the system is ignored.
pub fn give_way_to(cores: &[usize]) {
    if let Err(error) = leave(cores) {
        debug!(%error, "control cannot leave the workers' cores");
    }
    // Linux sets this per thread.
    if let Err(error) = setpriority_process(None, CONTROL_NICE) {
        debug!(%error, "the priority of control cannot be lowered");
    }
}

/// Leaves these cores. Stays if no other core is allowed.
fn leave(cores: &[usize]) -> nix::Result<()> {
    let this_thread = Pid::from_raw(0);
    let mut others = sched_getaffinity(this_thread)?;
    for &core in cores {
        others.unset(core)?;
    }
    let any = (0..CpuSet::count()).any(|core| others.is_set(core) == Ok(true));
    if any {
        sched_setaffinity(this_thread, &others)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
