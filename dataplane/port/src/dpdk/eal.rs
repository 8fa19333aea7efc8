//! DPDK's environment (EAL): memory, buses, drivers. Once per process, and until its end.

use std::{
    ffi::{CString, c_int},
    ptr,
    sync::OnceLock,
    thread,
};

use super::{failed, log};
use crate::{PortError, limits};

/// What DPDK takes of the machine. The same for all its ports in a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EalConfig {
    /// Memory of all mbufs and rings, in MiB.
    pub memory_mb: usize,
    /// Memory is taken from huge pages. Devices on PCI need them; virtual devices do not.
    pub hugepages: bool,
    /// The devices on PCI that DPDK may take, addresses or addresses with arguments, and no others.
    /// Empty: it does not look at the bus.
    pub pci: Vec<String>,
}

impl Default for EalConfig {
    fn default() -> Self {
        Self {
            memory_mb: limits::DPDK_MEMORY_MB,
            hugepages: true,
            pci: Vec::new(),
        }
    }
}

/// Proof that EAL has started in this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Eal(());

/// The config it was started with, and how that ended.
static STARTED: OnceLock<(EalConfig, Result<(), Failure>)> = OnceLock::new();

/// DPDK cannot start anew after it failed, so the reason is kept.
struct Failure {
    errno: c_int,
    what: String,
}

impl Eal {
    /// Starts EAL, or finds it started with the same config.
    ///
    /// No frame is in a file (hugetlbfs included), there is no telemetry socket, and no other process
    /// can attach to its memory.
    ///
    /// # Errors
    /// [`PortError::Range`]; [`PortError::Dpdk`]: it cannot start, it could not the first time, or it
    /// runs with another config.
    pub fn start(config: &EalConfig) -> Result<Self, PortError> {
        let (min, max) = (limits::DPDK_MEMORY_MB_MIN, limits::DPDK_MEMORY_MB_MAX);
        if !(min..=max).contains(&config.memory_mb) {
            let (what, have) = ("memory_mb", config.memory_mb);
            return Err(PortError::Range {
                what,
                have,
                min,
                max,
            });
        }
        let (running, outcome) = STARTED.get_or_init(|| (config.clone(), launch(config)));
        if let Err(failure) = outcome {
            return Err(PortError::Dpdk {
                what: failure.what.clone(),
                source: std::io::Error::from_raw_os_error(failure.errno),
            });
        }
        if running != config {
            let what = format!("EAL runs with {running:?}, and starts once per process");
            return Err(failed(what, -libc::EALREADY));
        }
        Ok(Self(()))
    }
}

/// Starts EAL on a thread of its own, because it pins the thread that starts it.
fn launch(config: &EalConfig) -> Result<(), Failure> {
    let failure = |errno: c_int, what: String| Failure { errno, what };
    let arguments = arguments(config)
        .ok_or_else(|| failure(libc::EINVAL, "a PCI address with a NUL in it".to_owned()))?;
    let body = move || {
        let heard = log::take_over();
        if heard != 0 {
            return heard;
        }
        call_init(arguments)
    };
    let name = "dpdk-start".to_owned();
    let returned = thread::Builder::new()
        .name(name)
        .spawn(body)
        .map(thread::JoinHandle::join);
    let errno = match returned {
        Ok(Ok(0)) => return Ok(()),
        Ok(Ok(negative)) => -negative,
        Ok(Err(_)) | Err(_) => libc::EAGAIN,
    };
    let mend = if config.hugepages {
        "; huge pages: `dpdk-hugepages.py --setup 1G`, or hugepages = false for virtual devices"
    } else {
        ""
    };
    let what = format!("starting EAL{}{mend}", log::last_words());
    Err(failure(errno, what))
}

#[allow(unsafe_code, reason = "a call of DPDK")]
fn call_init(arguments: Vec<CString>) -> c_int {
    let count = arguments.len() as c_int; // a dozen, and two per PCI device
    // EAL keeps pointers to its arguments for good: so they are given away.
    let mut pointers: Vec<_> = arguments.into_iter().map(CString::into_raw).collect();
    pointers.push(ptr::null_mut());
    // SAFETY: once per process, by the `OnceLock`; the strings and the array are leaked.
    unsafe { dpdk_sys::qm_eal_start(count, pointers.leak().as_mut_ptr()) }
}

/// The arguments of `rte_eal_init`. `None` if one has a NUL in it.
fn arguments(config: &EalConfig) -> Option<Vec<CString>> {
    let mut arguments = vec!["qmacsec".to_owned(), "--no-telemetry".into()];
    // One lcore, for the thread that starts EAL: workers are threads of ours that register.
    arguments.extend(["--lcores".into(), format!("0@{}", first_core())]);
    arguments.extend(["-m".into(), config.memory_mb.to_string()]);
    if config.hugepages {
        // No files in hugetlbfs, nothing that another process could attach to.
        arguments.push("--in-memory".into());
    } else {
        // The same where memory is not from hugetlbfs: the two options exclude each other.
        arguments.extend(["--no-huge".into(), "--no-shconf".into()]);
    }
    if config.pci.is_empty() {
        arguments.push("--no-pci".into());
    }
    for address in &config.pci {
        arguments.extend(["-a".into(), address.clone()]);
    }
    arguments
        .into_iter()
        .map(|argument| CString::new(argument).ok())
        .collect()
}

/// The lowest core that this process may run on.
#[allow(
    unsafe_code,
    reason = "sched_getaffinity(2), and the macros that read its set"
)]
fn first_core() -> usize {
    // SAFETY: a `cpu_set_t` is an array of numbers, for which zeros are a value.
    let mut cores: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes at most as many octets as the set has.
    let known = unsafe { libc::sched_getaffinity(0, size_of_val(&cores), &raw mut cores) };
    (0..libc::CPU_SETSIZE as usize)
        // SAFETY: below CPU_SETSIZE, the number of bits of the set.
        .find(|&core| known == 0 && unsafe { libc::CPU_ISSET(core, &cores) })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
