//! Cores: frames have their own, everything else runs on the others.
//!
//! An appliance gives its workers cores of their own. This bench does the same where it may use two
//! or more: control, KMEs and the bench's own observation take no time from frames. With four or
//! more cores, the hosts and each device have their own; with less they share one.
//!
//! Fair scheduling disturbs threads that share a core: a thread that yields loses a slice of a
//! millisecond, and a thread of the system keeps the core until the next tick, for up to 4 ms.
//! Real-time threads of one priority take turns, each for as long as it needs.

use core::fmt::{self, Display, Formatter};
use std::io;

use port::PortError;
use qmacsec::ports::Opener;
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

use crate::harness::cores::{allowed, pin, stay_on};
use crate::harness::error::Error;

/// The cores of frames; none where all threads share one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Cores {
    frames: Option<OfFrames>,
    /// Hosts and devices run before all other threads there.
    realtime: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct OfFrames {
    hosts: usize,
    devices: [usize; 2],
}

/// Real-time priorities: of hosts and devices, and of the witness that interrupts them.
const OF_FRAMES: u8 = 1;
pub(crate) const OF_WITNESSES: u8 = 2;
/// Microseconds of each second in which real-time threads may run; -1 is all of them.
const THROTTLE: &str = "/proc/sys/kernel/sched_rt_runtime_us";
const NO_THROTTLE: &str = "-1";

impl Cores {
    /// Divides the cores of this thread. This thread and its later children leave the cores of
    /// frames. Hosts and devices have real-time priority where `realtime` is set.
    pub(crate) fn part(realtime: bool) -> Result<Self, Error> {
        let mut others = allowed()?;
        let cores = Self {
            realtime,
            ..Self::of(&others)
        };
        if realtime {
            cores.may_be_realtime()?;
        }
        if cores.frames.is_some() {
            let of_frames = cores.of_frames()?;
            others.retain(|core| !of_frames.contains(core));
            stay_on(&others)?;
        }
        Ok(cores)
    }

    /// Refuses a system that would stop frames for 50 ms of each second, or all else for good.
    fn may_be_realtime(self) -> Result<(), Error> {
        if self.frames.is_none() {
            return Err(Error::Realtime("a core for all other threads"));
        }
        if std::fs::read_to_string(THROTTLE)?.trim() != NO_THROTTLE {
            return Err(Error::Realtime("`sysctl kernel.sched_rt_runtime_us=-1`"));
        }
        let tried = std::thread::spawn(|| realtime(OF_FRAMES));
        match tried.join() {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::Realtime("CAP_SYS_NICE")),
        }
    }

    /// The cores of frames; empty where several cores are shared by all threads.
    pub(crate) fn of_frames(self) -> io::Result<Vec<usize>> {
        let Some(OfFrames { hosts, devices }) = self.frames else {
            let shared = allowed()?;
            return Ok(if shared.len() > 1 { Vec::new() } else { shared });
        };
        let mut cores = vec![hosts, devices[0], devices[1]];
        cores.sort_unstable();
        cores.dedup();
        Ok(cores)
    }

    /// The last cores: the system's own work tends to run on the first.
    fn of(allowed: &[usize]) -> Self {
        let frames = match allowed {
            [] | [_] => None,
            [_, .., a, b, hosts] => Some(([*a, *b], *hosts)),
            [.., last] => Some(([*last; 2], *last)),
        };
        Self {
            frames: frames.map(|(devices, hosts)| OfFrames { hosts, devices }),
            realtime: false,
        }
    }

    /// The same ports. The thread that opens them, red first, moves to the core of this device.
    pub(crate) fn keep(self, index: usize, [red, black]: [Opener; 2]) -> [Opener; 2] {
        let Some(OfFrames { devices, .. }) = self.frames else {
            return [red, black];
        };
        let red_there = move || {
            self.settle(devices[index])
                .map_err(|source| PortError::System {
                    what: "the core of a device".to_owned(),
                    source,
                })?;
            red()
        };
        [Box::new(red_there), black]
    }

    /// Does the hosts' work on their core, and returns to the cores of this thread.
    pub(crate) fn as_hosts<T>(self, work: impl FnOnce() -> T) -> io::Result<T> {
        let Some(OfFrames { hosts, .. }) = self.frames else {
            return Ok(work());
        };
        let before = allowed()?;
        self.settle(hosts)?;
        let done = work();
        if self.realtime {
            fair()?;
        }
        stay_on(&before)?;
        Ok(done)
    }

    fn settle(self, core: usize) -> io::Result<()> {
        pin(core)?;
        if self.realtime {
            realtime(OF_FRAMES)?;
        }
        Ok(())
    }
}

impl Display for Cores {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let others = "control, KMEs and all else have the others";
        match self.frames {
            None => f.write_str(
                "all threads share the cores: frames wait while control works on a change of key",
            )?,
            Some(OfFrames { hosts, devices }) if devices == [hosts; 2] => {
                write!(f, "hosts and both devices share core {hosts}; {others}")?;
            }
            Some(OfFrames { hosts, devices }) => {
                let [a, b] = devices;
                write!(f, "hosts on core {hosts}, devices on {a} and {b}; {others}")?;
            }
        }
        if self.realtime {
            f.write_str("; hosts and devices are real-time threads (SCHED_FIFO)")?;
        }
        Ok(())
    }
}

/// Gives this thread a real-time priority (`SCHED_FIFO`).
pub(crate) fn realtime(priority: u8) -> io::Result<()> {
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    scheduled(priority, fifo)
}

/// Gives this thread the usual priority again.
fn fair() -> io::Result<()> {
    let other = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    scheduled(USUAL, other)
}

/// Nice 0 on the scale of the crate.
const USUAL: u8 = 50;

fn scheduled(priority: u8, policy: ThreadSchedulePolicy) -> io::Result<()> {
    let priority = ThreadPriorityValue::try_from(priority).map_err(io::Error::other)?;
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(priority),
        policy,
    )
    .map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
