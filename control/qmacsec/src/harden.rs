//! What the process does against leaking keys: no core dump, no tracer, no swap.

use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use tracing::warn;

/// Forbids core dumps and tracing, and keeps memory out of swap where that is allowed.
///
/// Called before the first key exists. What the system refuses is logged and gone on without:
/// a laptop's RLIMIT_MEMLOCK is no reason not to encrypt.
pub fn process() {
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        warn!(%error, "core dumps could not be forbidden: a crash could write keys to disk");
    }
    if let Err(error) = prctl::set_dumpable(false) {
        warn!(%error, "tracing could not be forbidden: another process of this user could read keys");
    }
    let flags =
        nix::sys::mman::MlockAllFlags::MCL_CURRENT | nix::sys::mman::MlockAllFlags::MCL_FUTURE;
    // Under a limit not only this call could fail, but every later allocation, too.
    let unlimited = nix::unistd::geteuid().is_root()
        || getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft == RLIM_INFINITY);
    if unlimited && let Err(error) = nix::sys::mman::mlockall(flags) {
        warn!(%error, "memory could not be locked: keys could reach the swap");
    }
}
