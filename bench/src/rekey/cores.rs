//! Which core does what: frames have theirs, everything else is on the others.
//!
//! An appliance gives its workers cores of their own; so does this bench, where it may use two or more: what
//! control, KMEs, and the bench's own looks at them take, they do not take from frames. With
//! four or more the hosts and each encryptor have their own, with less these take turns on one.

use core::fmt::{self, Display, Formatter};
use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use port::PortError;
use qmacsec::ports::Opener;

/// The cores of frames; none where everything shares one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Cores {
    frames: Option<OfFrames>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct OfFrames {
    hosts: usize,
    boxes: [usize; 2],
}

const THIS_THREAD: Pid = Pid::from_raw(0);

impl Cores {
    /// Parts those that this thread may use; this thread, and those that it starts from now on, leave those of
    /// the frames.
    pub(super) fn part() -> io::Result<Self> {
        let mut others = sched_getaffinity(THIS_THREAD)?;
        let cores = Self::of(&in_set(&others));
        if cores.frames.is_some() {
            for core in cores.of_frames()? {
                others.unset(core)?;
            }
            sched_setaffinity(THIS_THREAD, &others)?;
        }
        Ok(cores)
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
        }
    }

    /// The same ports; whoever opens them, red first, stays on the core of this box.
    pub(super) fn keep(self, index: usize, [red, black]: [Opener; 2]) -> [Opener; 2] {
        let Some(OfFrames { boxes, .. }) = self.frames else {
            return [red, black];
        };
        let red_there = move || {
            pin(boxes[index]).map_err(|source| PortError::System {
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
        pin(hosts)?;
        let done = work();
        sched_setaffinity(THIS_THREAD, &before)?;
        Ok(done)
    }
}

impl Display for Cores {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.frames {
            None => write!(
                f,
                "one core, which all share: what control does when a key changes, frames wait for"
            ),
            Some(OfFrames { hosts, boxes }) if boxes == [hosts; 2] => write!(
                f,
                "hosts and both boxes take turns on core {hosts}; control, KMEs and all else have the others"
            ),
            Some(OfFrames {
                hosts,
                boxes: [a, b],
            }) => write!(
                f,
                "hosts on core {hosts}, boxes on {a} and {b}; control, KMEs and all else have the others"
            ),
        }
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

#[cfg(test)]
mod tests;
