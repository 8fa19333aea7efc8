//! DPDK's environment (EAL): memory, buses, drivers. It starts once and runs until the process
//! ends.

use std::{
    ffi::{CString, c_int},
    ptr,
    sync::OnceLock,
    thread,
};

use super::{failed, log};
use crate::{PortError, limits};

/// The resources that DPDK takes. All ports of a process share them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EalConfig {
    /// Memory of all mbufs and rings, in MiB.
    pub memory_mb: usize,
    /// Memory is taken from huge pages. Devices on PCI need them; virtual devices do not.
    pub hugepages: bool,
    /// The PCI devices that DPDK may take: addresses, optionally with arguments. If empty, DPDK
    /// does not scan the bus.
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

/// The config of the start, and its result.
static STARTED: OnceLock<(EalConfig, Result<(), Failure>)> = OnceLock::new();

/// The reason of a failed start. It is kept because DPDK cannot start again in this process.
struct Failure {
    errno: c_int,
    what: String,
}

impl Eal {
    /// Starts EAL. If EAL runs already, checks that its config is the same.
    ///
    /// No file holds frames (hugetlbfs included), there is no telemetry socket, and no other
    /// process can attach to the memory.
    ///
    /// # Errors
    /// [`PortError::Range`]; [`PortError::Dpdk`]: EAL cannot start, failed at its first start, or
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

/// Starts EAL on a separate thread, because EAL pins the thread that starts it.
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
    let fix = if config.hugepages {
        "; huge pages: `dpdk-hugepages.py --setup 1G`, or hugepages = false for virtual devices"
    } else {
        ""
    };
    let what = format!("starting EAL{}{fix}", log::last_words());
    Err(failure(errno, what))
}

#[allow(unsafe_code, reason = "a call of DPDK")]
fn call_init(arguments: Vec<CString>) -> c_int {
    let count = arguments.len() as c_int; // a dozen, and two per PCI device
    // EAL keeps pointers to its arguments for ever, so they are leaked.
    let mut pointers: Vec<_> = arguments.into_iter().map(CString::into_raw).collect();
    pointers.push(ptr::null_mut());
    // SAFETY: called once per process, by the `OnceLock`; the strings and the array are leaked.
    unsafe { dpdk_sys::qm_eal_start(count, pointers.leak().as_mut_ptr()) }
}

/// The arguments of `rte_eal_init`. `None` if one has a NUL in it.
fn arguments(config: &EalConfig) -> Option<Vec<CString>> {
    let mut arguments = vec!["qmacsec".to_owned(), "--no-telemetry".into()];
    // One lcore, for the thread that starts EAL. Workers are our own threads and register
    // themselves.
    arguments.extend(["--lcores".into(), format!("0@{}", first_core())]);
    arguments.extend(["-m".into(), config.memory_mb.to_string()]);
    if config.hugepages {
        // No files in hugetlbfs, and nothing that another process could attach to.
        arguments.push("--in-memory".into());
    } else {
        // The same for memory outside hugetlbfs. The two options exclude each other.
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
    // SAFETY: a `cpu_set_t` is an array of numbers, for which all zeros is a valid value.
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
