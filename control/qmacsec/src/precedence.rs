//! Frames before keys, where they want the same core.
//!
//! A rekey costs its thread a millisecond or two of TLS and JSON. On a worker's core that is a
//! millisecond in which no frame moves; so control goes elsewhere where there is an elsewhere, and
//! gives way where there is none. It is not starved: at this nice value it still gets a tenth of a
//! core that a worker would like to have for itself.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rustix::process::setpriority_process;
use tracing::debug;

use crate::limits::CONTROL_NICE;

/// This thread, and those that it starts from now on, give way to the workers, which have `cores`;
/// none where they are not pinned. What the system refuses is gone on without.
pub fn give_way_to(cores: &[usize]) {
    if let Err(error) = leave(cores) {
        debug!(%error, "control stays on the workers' cores");
    }
    // Linux has it by the thread.
    if let Err(error) = setpriority_process(None, CONTROL_NICE) {
        debug!(%error, "control does not give way to the workers");
    }
}

/// Where no other core is allowed, stays.
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
