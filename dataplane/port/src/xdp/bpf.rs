//! The system call bpf(2), which creates maps and programs.

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
};

use crate::sys;

pub(super) const MAP_CREATE: libc::c_int = 0;
pub(super) const MAP_UPDATE: libc::c_int = 2;
pub(super) const PROGRAM_LOAD: libc::c_int = 5;
pub(super) const LINK_CREATE: libc::c_int = 28;

/// Runs a command that creates an object and returns its descriptor.
#[allow(unsafe_code, reason = "bpf(2)")]
pub(super) fn descriptor<A: Copy>(command: libc::c_int, attributes: &A) -> io::Result<OwnedFd> {
    let fd = call(command, attributes)?;
    // SAFETY: the kernel has just created the descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[allow(unsafe_code, reason = "bpf(2)")]
pub(super) fn call<A: Copy>(command: libc::c_int, attributes: &A) -> io::Result<libc::c_int> {
    let (attributes, len) = (&raw const *attributes, size_of::<A>());
    // SAFETY: the kernel reads `len` octets of attributes. Their pointers are to values that live
    // in the caller until the call returns, and the kernel only reads those.
    let returned = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, len) };
    // Descriptors and error codes fit into the type.
    sys::checked(returned as libc::c_int)
}
