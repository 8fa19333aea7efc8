//! A daemon that another process of this program has started, as the lab does: it ends with its
//! parent, and obeys its parent's request to end.

use std::io;

use nix::sys::signal::{SigSet, Signal};

/// Environment variable of a child: the child dies with the process of this ID.
pub const VARIABLE: &str = "QMACSEC_PARENT";

/// In such a child: from now on the kernel kills this process when its parent ends in any way.
/// Elsewhere, does nothing.
pub(crate) fn die_with_it() -> io::Result<()> {
    let Ok(parent) = std::env::var(VARIABLE) else {
        return Ok(());
    };
    unblock_signals()?;
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    if nix::unistd::getppid().to_string() == parent {
        Ok(())
    } else {
        Err(io::Error::other(
            "the lab that started this process is gone",
        ))
    }
}

/// Unblocks all signals. A child inherits the signals that its parent blocks. Without this it would
/// not receive SIGTERM: it would be killed, send no BYE and leave its last keys unrecorded.
fn unblock_signals() -> io::Result<()> {
    Ok(SigSet::empty().thread_set_mask()?)
}

#[cfg(test)]
mod tests;
