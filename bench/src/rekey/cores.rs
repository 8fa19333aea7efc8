//! Which core does what: frames have theirs, everything else is on the others.
//!
//! An appliance gives its workers cores of their own; so does this bench, where it may use two or more: what
//! control, KMEs, and the bench's own looks at them take, they do not take from frames. With
//! four or more the hosts and each encryptor have their own, with less these take turns on one.
//!
//! Where they take turns, fair shares are in their way: a thread that lets go of the core forfeits a slice of a
//! millisecond, and one of the system's that comes between keeps it until the next tick, four. Real-time threads of one
//! priority go round, each as long as it takes.

use core::fmt::{self, Display, Formatter};
use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use port::PortError;
use qmacsec::ports::Opener;
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

use super::Error;

/// The cores of frames; none where everything shares one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Cores {
    frames: Option<OfFrames>,
    /// Hosts and boxes go before all else there.
    realtime: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct OfFrames {
    hosts: usize,
    boxes: [usize; 2],
}

const THIS_THREAD: Pid = Pid::from_raw(0);
/// Real-time priorities: of hosts and boxes, and of the witness that interrupts them.
const OF_FRAMES: u8 = 1;
pub(super) const OF_WITNESSES: u8 = 2;
/// Of each second real-time threads get so many microseconds, and nothing in the rest; -1: all of it.
const THROTTLE: &str = "/proc/sys/kernel/sched_rt_runtime_us";
const NO_THROTTLE: &str = "-1";

impl Cores {
    /// Parts those that this thread may use; this thread, and those that it starts from now on, leave those of
    /// the frames. Whoever passes frames does it with real-time priority, if that is asked for.
    pub(super) fn part(realtime: bool) -> Result<Self, Error> {
        let mut others = sched_getaffinity(THIS_THREAD).map_err(io::Error::from)?;
        let cores = Self {
            realtime,
            ..Self::of(&in_set(&others))
        };
        if realtime {
            cores.may_be_realtime()?;
        }
        if cores.frames.is_some() {
            for core in cores.of_frames()? {
                others.unset(core).map_err(io::Error::from)?;
            }
            sched_setaffinity(THIS_THREAD, &others).map_err(io::Error::from)?;
        }
        Ok(cores)
    }

    /// What is in the way would stop frames for 50 ms of each second, or everything else for good.
    fn may_be_realtime(self) -> Result<(), Error> {
        if self.frames.is_none() {
            return Err(Error::Realtime("a core for everything else"));
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

    /// Those that frames pass; none where that is not known: all share, and there are several.
    pub(super) fn of_frames(self) -> io::Result<Vec<usize>> {
        let Some(OfFrames { hosts, boxes }) = self.frames else {
            let mut shared = in_set(&sched_getaffinity(THIS_THREAD)?);
            if shared.len() > 1 {
                shared.clear();
            }
            return Ok(shared);
        };
        let mut cores = vec![hosts, boxes[0], boxes[1]];
        cores.sort_unstable();
        cores.dedup();
        Ok(cores)
    }

    /// The last ones: a system's own work tends to be on the first.
    fn of(allowed: &[usize]) -> Self {
        let frames = match allowed {
            [] | [_] => None,
            [_, .., a, b, hosts] => Some(([*a, *b], *hosts)),
            [.., last] => Some(([*last; 2], *last)),
        };
        Self {
            frames: frames.map(|(boxes, hosts)| OfFrames { hosts, boxes }),
            realtime: false,
        }
    }

    /// The same ports; whoever opens them, red first, stays on the core of this box.
    pub(super) fn keep(self, index: usize, [red, black]: [Opener; 2]) -> [Opener; 2] {
        let Some(OfFrames { boxes, .. }) = self.frames else {
            return [red, black];
        };
        let red_there = move || {
            self.settle(boxes[index])
                .map_err(|source| PortError::System {
                    what: "the core of a box".to_owned(),
                    source,
                })?;
            red()
        };
        [Box::new(red_there), black]
    }

    /// Does the hosts' work on their core, and comes back.
    pub(super) fn as_hosts<T>(self, work: impl FnOnce() -> T) -> io::Result<T> {
        let Some(OfFrames { hosts, .. }) = self.frames else {
            return Ok(work());
        };
        let before = sched_getaffinity(THIS_THREAD)?;
        self.settle(hosts)?;
        let done = work();
        if self.realtime {
            fair()?;
        }
        sched_setaffinity(THIS_THREAD, &before)?;
        Ok(done)
    }

    /// This thread passes frames on that core.
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
        match self.frames {
            None => write!(
                f,
                "one core, which all share: what control does when a key changes, frames wait for"
            )?,
            Some(OfFrames { hosts, boxes }) if boxes == [hosts; 2] => write!(
                f,
                "hosts and both boxes take turns on core {hosts}; control, KMEs and all else have the others"
            )?,
            Some(OfFrames {
                hosts,
                boxes: [a, b],
            }) => write!(
                f,
                "hosts on core {hosts}, boxes on {a} and {b}; control, KMEs and all else have the others"
            )?,
        }
        if self.realtime {
            f.write_str("; hosts and boxes are real-time threads (SCHED_FIFO)")?;
        }
        Ok(())
    }
}

fn in_set(set: &CpuSet) -> Vec<usize> {
    let cores = 0..CpuSet::count();
    cores.filter(|core| set.is_set(*core) == Ok(true)).collect()
}

/// This thread stays there from now on.
pub(super) fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(THIS_THREAD, &set)?)
}

/// This thread goes before all that are fair, and below a higher priority, from now on (`SCHED_FIFO`).
pub(super) fn realtime(priority: u8) -> io::Result<()> {
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    scheduled(priority, fifo)
}

/// And has its usual share again.
fn fair() -> io::Result<()> {
    let other = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    scheduled(USUAL, other)
}

/// Half of the scale is nice 0.
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
