//! Protects the process against leaking keys: no core dump, no tracer, no swap.

use std::sync::OnceLock;

use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use tracing::warn;

/// True if memory is locked; set by [`process`].
static MEMORY_LOCKED: OnceLock<bool> = OnceLock::new();
/// Capability bit for locking memory beyond the limit.
const CAP_IPC_LOCK: u32 = 14;
/// The user ID map of the initial user namespace.
const EVERY_USER: [&str; 3] = ["0", "0", "4294967295"];

/// Forbids core dumps and tracing, and keeps memory out of swap where that is allowed.
///
/// Called before the first key exists. A refusal by the system is logged and ignored: a low
/// RLIMIT_MEMLOCK, as on a laptop, is no reason not to encrypt.
pub fn process() {
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        warn!(%error, "core dumps cannot be forbidden: a crash can write keys to disk");
    }
    if let Err(error) = prctl::set_dumpable(false) {
        warn!(%error, "tracing cannot be forbidden: another process of this user can read keys");
    }
    let locked = lock_memory();
    if let Err(why) = &locked {
        warn!(
            "memory is not locked ({why}): keys can reach the swap; fix: grant CAP_IPC_LOCK, or \
             set `ulimit -l unlimited` (systemd: LimitMEMLOCK=infinity), or use no swap"
        );
    }
    let _first = MEMORY_LOCKED.set(locked.is_ok());
}

/// True if keys cannot reach the swap; `None` if [`process`] was not called.
#[must_use]
pub fn memory_locked() -> Option<bool> {
    MEMORY_LOCKED.get().copied()
}

fn lock_memory() -> Result<(), String> {
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft);
    // With a limit, not only this call but every later allocation could fail.
    if limit != RLIM_INFINITY && !may_lock_any() {
        return Err(format!("RLIMIT_MEMLOCK is {limit} octets"));
    }
    let flags =
        nix::sys::mman::MlockAllFlags::MCL_CURRENT | nix::sys::mman::MlockAllFlags::MCL_FUTURE;
    nix::sys::mman::mlockall(flags).map_err(|error| error.to_string())
}

/// True if CAP_IPC_LOCK is effective. Inside a user namespace it lifts no limit.
fn may_lock_any() -> bool {
    let users = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if !users.split_whitespace().eq(EVERY_USER) {
        return false;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    effective.is_some_and(|mask| mask >> CAP_IPC_LOCK & 1 == 1)
}
