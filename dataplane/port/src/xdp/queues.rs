//! Several workers on one interface share one program; each worker has some of the queues.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use super::{
    XdpMode, btf,
    code::Parts,
    program::{AttachPoint, Attachment, Loaded, SocketMap, lacking},
    socket::Options,
    tally::Tally,
};
use crate::{PortError, hearing::Hearing, iface::Interface, offload, sole::SharedSole};

/// The queues of a port: all queues of an interface, or every n-th.
#[derive(Clone, Debug)]
pub struct Queues {
    first: u32,
    step: u32,
    program: Arc<Mutex<Weak<Program>>>,
    /// The reservation of the interface, which the workers share.
    pub(super) sole: SharedSole,
    /// The interface and queues that the workers have bound.
    pub(super) hearing: Arc<Hearing>,
}

/// The settings for binding an interface.
pub(super) struct BindSettings<'a> {
    pub(super) mode: XdpMode,
    pub(super) queues: &'a Queues,
    /// Octets of the longest frame that the port accepts.
    pub(super) frame_len_max: usize,
    /// See [`XdpConfig::tags_in_frames`](super::XdpConfig::tags_in_frames).
    pub(super) tags_in_frames: bool,
    pub(super) options: &'a Options,
}

/// The program on an interface, with the map of its sockets.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) map: SocketMap,
    pub(super) tally: Tally,
    pub(super) place: AttachPoint,
    index: u32,
    loaded: Loaded,
    /// `None`: the program could not be attached again.
    attached: Mutex<Option<Attachment>>,
}

impl Default for Queues {
    fn default() -> Self {
        Self {
            first: 0,
            step: 1,
            program: Arc::default(),
            sole: SharedSole::default(),
            hearing: Arc::default(),
        }
    }
}

impl Queues {
    /// Creates one share for each worker on one interface.
    #[must_use]
    pub fn split(workers: u32) -> Vec<Self> {
        let whole = Self::default();
        let share = |first| Self {
            first,
            step: workers,
            ..whole.clone()
        };
        (0..workers).map(share).collect()
    }

    /// The queue numbers of this share below `most`.
    pub(super) fn numbers(&self, most: u32) -> impl Iterator<Item = u32> {
        (self.first..most).step_by(self.step.max(1) as usize)
    }

    /// The minimum number of queues of the interface.
    pub(super) fn least(&self) -> u32 {
        self.step
    }

    /// Returns whether this share reports the program's drops on behalf of all shares.
    pub(super) fn tells(&self) -> bool {
        self.first == 0
    }

    /// The program of the interface with this index: the one that another worker has attached, or a
    /// new one. It is detached with the last worker that holds it.
    pub(super) fn program(
        &self,
        interface: &Interface,
        index: u32,
        way: &BindSettings<'_>,
    ) -> Result<Arc<Program>, PortError> {
        // A worker that panicked left the value valid: a program or none.
        let mut shared = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = shared.upgrade().filter(|program| program.index == index) {
            return Ok(program);
        }
        let program = Arc::new(Program::attach(interface, index, way)?);
        *shared = Arc::downgrade(&program);
        Ok(program)
    }
}

impl Program {
    /// Attaches the program in the first place of the mode that the interface supports.
    fn attach(
        interface: &Interface,
        index: u32,
        way: &BindSettings<'_>,
    ) -> Result<Self, PortError> {
        let BindSettings {
            mode,
            frame_len_max,
            tags_in_frames,
            ..
        } = *way;
        let map = SocketMap::new().map_err(|source| lacking(interface, "BPF map", source))?;
        let tally = Tally::new().map_err(|source| lacking(interface, "BPF map", source))?;
        // A veth strips no tag, but passes on a tag that its peer left beside a frame, and reports
        // it. No device that keeps stripping tags is known to report them.
        let is_veth = interface.driver().as_deref() == Some("veth");
        let beside = is_veth || offload::strips_vlan_tags(interface);
        let rx_vlan_tag = btf::rx_vlan_tag().filter(|_| is_veth);
        let mut failed = None;
        let ways = mode.places().iter().flat_map(|&place| {
            let with_tags = rx_vlan_tag.filter(|_| place == AttachPoint::Driver);
            [
                with_tags.map(|function| (place, Some(function))),
                Some((place, None)),
            ]
        });
        for (place, rx_vlan_tag) in ways.flatten() {
            if beside && rx_vlan_tag.is_none() && !tags_in_frames {
                failed = failed.or(Some(PortError::TagsLost {
                    ifname: interface.name().to_owned(),
                }));
                continue;
            }
            let parts = Parts {
                sockets: map.number(),
                tally: tally.number(),
                frame_len_max: frame_len_max as i32,
                rx_vlan_tag,
            };
            let attached = Loaded::new(parts, index)
                .and_then(|loaded| Ok((loaded.attach(index, place)?, loaded)));
            match attached {
                Ok((attached, loaded)) => {
                    return Ok(Self {
                        map,
                        tally,
                        place,
                        index,
                        loaded,
                        attached: Mutex::new(Some(attached)),
                    });
                }
                Err(source) => failed = Some(lacking(interface, "XDP program", source)),
            }
        }
        Err(failed.unwrap_or_else(|| {
            let source = io::ErrorKind::Unsupported.into();
            lacking(interface, "XDP program", source)
        }))
    }

    /// Attaches the program again after the driver has opened queues: a veth (Linux 6.18) runs it
    /// only on the queues that existed before.
    pub(super) fn attach_again(&self) -> io::Result<()> {
        let mut attached = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
        // Only one program can be attached at a time.
        *attached = None;
        *attached = Some(self.loaded.attach(self.index, self.place)?);
        Ok(())
    }
}
