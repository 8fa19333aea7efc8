//! The cores of this process.

use std::io;
use std::path::Path;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::error::Error;

const THIS_THREAD: Pid = Pid::from_raw(0);

/// The cores that this thread may use, in order.
pub(crate) fn allowed() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(THIS_THREAD)?;
    let cores = 0..CpuSet::count();
    Ok(cores.filter(|core| set.is_set(*core) == Ok(true)).collect())
}

/// Keeps this thread and its later children on these cores.
pub(crate) fn stay_on(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core)?;
    }
    Ok(sched_setaffinity(THIS_THREAD, &set)?)
}

pub(crate) fn pin(core: usize) -> io::Result<()> {
    stay_on(&[core])
}

/// Pins this thread to the core asked for, if one was.
pub(crate) fn pin_if(core: Option<usize>) -> Result<(), Error> {
    core.map_or(Ok(()), |core| pin(core).map_err(|_| Error::Core(core)))
}

/// The cores of this process: `first`, or else the last, and then the others.
pub(crate) fn cores(first: Option<usize>) -> Result<Vec<usize>, Error> {
    let mut cores = allowed()?;
    cores.reverse();
    if let Some(first) = first {
        let place = cores.iter().position(|&core| core == first);
        cores[..=place.ok_or(Error::Core(first))?].rotate_right(1);
    }
    Ok(cores)
}

/// Time that a thread has had its core, by its schedstat.
pub(crate) fn core_time(schedstat: &Path) -> io::Result<Duration> {
    let text = std::fs::read_to_string(schedstat)?;
    let ns = text.split_whitespace().next().map(str::parse);
    let Some(Ok(ns)) = ns else {
        let path = schedstat.display();
        return Err(io::Error::other(format!("{path} has no time in it")));
    };
    Ok(Duration::from_nanos(ns))
}
