//! System calls that `std` does not offer, each with a safe interface.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    ptr::{self, NonNull},
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
#[allow(unsafe_code, reason = "eventfd(2)")]
pub(crate) fn eventfd() -> io::Result<File> {
    // SAFETY: takes two numbers, accesses no memory of ours.
    let fd = checked(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) })?;
    // SAFETY: fresh from the kernel, and nothing else owns it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// A descriptor that is readable when one of these is.
#[allow(unsafe_code, reason = "epoll(7)")]
pub(crate) fn epoll_of<'a>(fds: impl Iterator<Item = BorrowedFd<'a>>) -> io::Result<OwnedFd> {
    // SAFETY: takes a number, accesses no memory of ours.
    let epoll = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    // SAFETY: fresh from the kernel, and nothing else owns it.
    let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
    for fd in fds {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 0,
        };
        let (epoll, fd) = (epoll.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: the kernel reads the event, which lives until the call returns.
        checked(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) })?;
    }
    Ok(epoll)
}

/// A socket that never blocks and does not outlive an exec.
#[allow(unsafe_code, reason = "socket(2)")]
pub(crate) fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<OwnedFd> {
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes three numbers, accesses no memory of ours.
    let fd = checked(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: fresh from the kernel, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
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
    bind(socket, &address)
}

/// Binds a socket to an address of its family.
pub(crate) fn bind<A: Copy>(socket: BorrowedFd<'_>, address: &A) -> io::Result<()> {
    bind_part(socket, address, size_of::<A>())
}

/// Binds a socket to the first `len` octets of an address: abstract names have an explicit length.
#[allow(unsafe_code, reason = "bind(2)")]
pub(crate) fn bind_part<A: Copy>(
    socket: BorrowedFd<'_>,
    address: &A,
    len: usize,
) -> io::Result<()> {
    debug_assert!(len <= size_of::<A>());
    let address = ptr::from_ref(address).cast();
    let len = len.min(size_of::<A>()) as libc::socklen_t;
    // SAFETY: the kernel reads `len` octets at `address`, which an `A` has.
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

/// Connects a socket to an address of its family.
#[allow(unsafe_code, reason = "connect(2)")]
pub(crate) fn connect<A: Copy>(socket: BorrowedFd<'_>, address: &A, len: usize) -> io::Result<()> {
    debug_assert!(len <= size_of::<A>());
    let address = ptr::from_ref(address).cast();
    let len = len.min(size_of::<A>()) as libc::socklen_t;
    // SAFETY: the kernel reads `len` octets at `address`, which an `A` has.
    checked(unsafe { libc::connect(socket.as_raw_fd(), address, len) })?;
    Ok(())
}

/// Makes a bound socket listen.
#[allow(unsafe_code, reason = "listen(2)")]
pub(crate) fn listen(socket: BorrowedFd<'_>, backlog: libc::c_int) -> io::Result<()> {
    // SAFETY: takes two numbers, accesses no memory of ours.
    checked(unsafe { libc::listen(socket.as_raw_fd(), backlog) })?;
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
