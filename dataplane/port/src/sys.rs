//! System calls that `std` does not offer, each with a safe interface: by `rustix` where it has
//! them, else by `libc`.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    ptr::{self, NonNull},
};

use rustix::{
    event::{self, EventfdFlags, epoll},
    net::{self, AddressFamily, SocketFlags, SocketType, sockopt},
};

/// The return value of a call, or the error that it left in `errno`.
pub(crate) fn checked(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}

/// An eventfd that never blocks: a write of a u64 makes it readable, a read clears it.
pub(crate) fn eventfd() -> io::Result<File> {
    let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
    Ok(event::eventfd(0, flags)?.into())
}

/// A descriptor that is readable when one of these is.
pub(crate) fn epoll_of<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>) -> io::Result<OwnedFd> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for fd in fds {
        epoll::add(
            &epoll,
            fd,
            epoll::EventData::new_u64(0),
            epoll::EventFlags::IN,
        )?;
    }
    Ok(epoll)
}

/// A socket that never blocks and does not outlive an exec.
pub(crate) fn socket(family: AddressFamily, kind: SocketType) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(net::socket_with(family, kind, flags, None)?)
}

/// Clears the error of a socket; returns whether there was one.
pub(crate) fn had_error(socket: BorrowedFd<'_>) -> bool {
    !matches!(sockopt::socket_error(socket), Ok(Ok(())))
}

/// Sets a socket option to a value of plain numbers.
#[allow(unsafe_code, reason = "setsockopt(2)")]
pub(crate) fn set_option<T: Copy>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: &T,
) -> io::Result<()> {
    let value = ptr::from_ref(value).cast();
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `len` octets at `value`, which is the size of a `T`.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value, len) })?;
    Ok(())
}

/// Reads a socket option of `N` 32-bit numbers.
#[allow(unsafe_code, reason = "getsockopt(2)")]
pub(crate) fn option<const N: usize>(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
) -> io::Result<[u32; N]> {
    let mut value = [0u32; N];
    let mut len = size_of_val(&value) as libc::socklen_t;
    let place = value.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `len` octets at `place`, which is the size of `value`.
    checked(unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, place, &raw mut len) })?;
    Ok(value)
}

/// Binds a packet socket to an interface. Protocol 0 receives nothing.
#[allow(unsafe_code, reason = "bind(2)")]
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, index: u32, protocol: u16) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: protocol.to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = size_of_val(&address) as libc::socklen_t;
    let address = ptr::from_ref(&address).cast();
    // SAFETY: the kernel reads `len` octets at `address`, which is the size of a `sockaddr_ll`.
    checked(unsafe { libc::bind(socket.as_raw_fd(), address, len) })?;
    Ok(())
}

/// An ioctl whose argument is an `ifreq` without pointers.
#[allow(unsafe_code, reason = "ioctl(2)")]
pub(crate) fn interface_ioctl(
    fd: BorrowedFd<'_>,
    operation: libc::c_ulong,
    request: &mut libc::ifreq,
) -> io::Result<()> {
    // SAFETY: the operations of this crate read and write one `ifreq`.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), operation as libc::Ioctl, &raw mut *request) })?;
    Ok(())
}

/// TUNSETCARRIER: sets the carrier that the host behind a TAP interface sees. Linux 5.0 and later.
#[allow(unsafe_code, reason = "ioctl(2)")]
pub(crate) fn tap_carrier(fd: BorrowedFd<'_>, up: bool) -> io::Result<()> {
    let carrier = libc::c_int::from(up);
    let operation = libc::TUNSETCARRIER as libc::Ioctl;
    // SAFETY: the kernel reads one number, which lives until the call returns.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), operation, &raw const carrier) })?;
    Ok(())
}

/// SIOCETHTOOL: the first number of `argument` is the command. The kernel reads and writes the
/// rest.
#[allow(unsafe_code, reason = "ioctl(2) with a pointer in its argument")]
pub(crate) fn ethtool_ioctl<const N: usize>(
    fd: BorrowedFd<'_>,
    request: &mut libc::ifreq,
    argument: &mut [u32; N],
) -> io::Result<()> {
    request.ifr_ifru.ifru_data = argument.as_mut_ptr().cast();
    let operation = libc::SIOCETHTOOL as libc::Ioctl;
    // SAFETY: the kernel reads and writes one `ifreq` and the structure that it points to. The
    // commands of this crate have structures of at most `N` numbers, and these live until the call
    // returns.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), operation, &raw mut *request) })?;
    Ok(())
}

/// Memory shared with the kernel, or private memory; unmapped on drop.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

impl Mapping {
    /// Maps `len` octets of `fd` at `offset`, readable and writable.
    #[allow(unsafe_code, reason = "mmap(2)")]
    pub(crate) fn new(fd: BorrowedFd<'_>, len: usize, offset: libc::off_t) -> io::Result<Self> {
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        let fd = fd.as_raw_fd();
        // SAFETY: a new mapping at an address of the kernel's choice; it overlaps nothing of ours.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, rights, flags, fd, offset) };
        Self::mapped(base, len)
    }

    /// Maps `len` octets of private zeros, with all pages populated.
    #[allow(unsafe_code, reason = "mmap(2)")]
    pub(crate) fn anonymous(len: usize) -> io::Result<Self> {
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice; it overlaps nothing of ours.
        let base = unsafe { libc::mmap(ptr::null_mut(), len, rights, flags, -1, 0) };
        Self::mapped(base, len)
    }

    fn mapped(base: *mut libc::c_void, len: usize) -> io::Result<Self> {
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at 0"))?;
        Ok(Self { base, len })
    }

    /// The address of the first octet.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Length in octets.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    #[allow(unsafe_code, reason = "munmap(2)")]
    fn drop(&mut self) {
        // SAFETY: exactly the mapping of `new`; every holder of a pointer into it also holds the
        // mapping.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
