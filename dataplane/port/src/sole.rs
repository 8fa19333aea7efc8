//! One process uses an interface: a second encryptor on the same ports is refused at its start.
//!
//! Two encryptors on one interface both receive its frames and both answer. The kernel permits this
//! with AF_PACKET and with multi-queue TAPs. So each port holds a name that only one socket can
//! hold: an abstract Unix address derived from the interface index. Such names belong to the
//! network namespace, as indices do. They leave no file, and the kernel frees them when the process
//! ends, also when it is killed. Workers of one process share the name.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
};

use rustix::{
    io::Errno,
    net::{self, AddressFamily, SocketAddrUnix, SocketType},
};

use crate::{PortError, iface::Interface, limits, sys};

/// Reserves the interface with this index for this process until it is dropped.
#[derive(Debug)]
pub(crate) struct Sole {
    index: u32,
    _name: OwnedFd,
}

/// The reservation that the workers on one interface share: the first to open takes the name, the
/// others join.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedSole(Arc<Mutex<Weak<Sole>>>);

/// The backlog: connections are never accepted, so only this many processes learn the holder.
const ASKERS_MAX: i32 = 64;

impl SharedSole {
    /// The same as [`SharedSole::take`], but waits a moment until a process that is ending releases
    /// the name. It waits longer if this process holds the name: a child process keeps closed
    /// descriptors open until it has executed its own program.
    pub(crate) fn take_patiently(
        &self,
        interface: &Interface,
        index: u32,
    ) -> Result<Arc<Sole>, PortError> {
        let ifname = match self.take(interface, index) {
            Err(PortError::InUse { ifname, .. }) => ifname,
            other => return other,
        };
        let holder = holder(index);
        let ours = holder == Some(std::process::id());
        for _ in 0..limits::BUSY_TRIES * if ours { 4 } else { 1 } {
            thread::sleep(limits::BUSY_PAUSE);
            match self.take(interface, index) {
                Err(PortError::InUse { .. }) => {}
                other => return other,
            }
        }
        Err(PortError::InUse { ifname, holder })
    }

    /// Reserves the interface, or joins another worker that has reserved it.
    pub(crate) fn take(&self, interface: &Interface, index: u32) -> Result<Arc<Sole>, PortError> {
        // A worker that panicked left the value valid: a name or none.
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sole) = shared.upgrade().filter(|sole| sole.index == index) {
            return Ok(sole);
        }
        let sole = Arc::new(Sole::take(interface, index)?);
        *shared = Arc::downgrade(&sole);
        Ok(sole)
    }
}

impl Sole {
    /// Reserves the interface.
    ///
    /// # Errors
    /// [`PortError::InUse`]: another process, or another port of this one, uses it.
    pub(crate) fn take(interface: &Interface, index: u32) -> Result<Self, PortError> {
        let failed = |source| interface.failed("taking it for one process", source);
        let socket = sys::socket(AddressFamily::UNIX, SocketType::SEQPACKET).map_err(failed)?;
        let address = address(index).map_err(failed)?;
        match net::bind(&socket, &address) {
            Ok(()) => {
                // A process that is refused connects here to learn the holder.
                net::listen(&socket, ASKERS_MAX).map_err(|error| failed(error.into()))?;
                Ok(Self {
                    index,
                    _name: socket,
                })
            }
            Err(Errno::ADDRINUSE) => Err(PortError::InUse {
                ifname: interface.name().to_owned(),
                holder: None,
            }),
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// The process that uses the interface, if the kernel reports one.
fn holder(index: u32) -> Option<u32> {
    let asker = sys::socket(AddressFamily::UNIX, SocketType::SEQPACKET).ok()?;
    net::connect(&asker, &address(index).ok()?).ok()?;
    // struct ucred: pid, uid, gid. A process of another PID namespace has pid 0, which the type of
    // rustix cannot hold.
    let [pid, _, _] = sys::option::<3>(asker.as_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED).ok()?;
    (pid != 0).then_some(pid)
}

/// The name: abstract, so it leaves no file.
fn address(index: u32) -> io::Result<SocketAddrUnix> {
    let name = format!("qmacsec-port-{index}");
    Ok(SocketAddrUnix::new_abstract_name(name.as_bytes())?)
}
