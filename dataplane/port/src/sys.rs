//! System calls that `std` does not have, each made safe on its own.

use std::{fs::File, io, os::fd::FromRawFd};

/// What a call returned, or the error that it left in `errno`.
pub(crate) fn checked(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}

/// A non-blocking eventfd: a write of a u64 makes it readable, a read clears it.
#[allow(unsafe_code, reason = "eventfd(2)")]
pub(crate) fn eventfd() -> io::Result<File> {
    // SAFETY: takes two numbers, touches no memory of ours.
    let fd = checked(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) })?;
    // SAFETY: fresh from the kernel, owned by nobody else.
    Ok(unsafe { File::from_raw_fd(fd) })
}
