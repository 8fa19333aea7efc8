//! A network interface of the machine, identified by its name: index, address, MTU, carrier.
//!
//! An [`Interface`] belongs to the network namespace of the thread that made it and need not exist.
//! Each request asks the kernel, so it reports an interface that is gone or has come back.

use std::{
    cell::Cell,
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::net::{AddressFamily, SocketType};

use crate::{LinkState, PortError, limits, sys};

/// A name, and the socket for requests about it.
pub struct Interface {
    name: String,
    socket: OwnedFd,
    /// We took the interface down on purpose; it is taken up again on drop.
    held: Cell<bool>,
}

impl Interface {
    /// Names an interface of this thread's network namespace. It need not exist.
    ///
    /// # Errors
    /// [`PortError::Name`]; [`PortError::System`] if no socket can be opened.
    pub fn named(name: &str) -> Result<Self, PortError> {
        let fits = !name.is_empty() && name.len() < libc::IFNAMSIZ && name != "." && name != "..";
        let clean = !name.bytes().any(|octet| {
            octet == b'/' || octet == b':' || octet == 0 || octet.is_ascii_whitespace()
        });
        if !fits || !clean {
            return Err(PortError::Name { name: name.into() });
        }
        // Interface ioctls work on a socket of any family, and every kernel has this one.
        let socket = sys::socket(AddressFamily::UNIX, SocketType::DGRAM)
            .map_err(|source| PortError::system("socket for interface requests", source))?;
        Ok(Self {
            name: name.into(),
            socket,
            held: Cell::new(false),
        })
    }

    /// The given name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its present index. An interface that is deleted and created again has another index.
    ///
    /// # Errors
    /// [`PortError::NoInterface`] if it does not exist.
    #[allow(unsafe_code, reason = "reads a field of a union")]
    pub fn index(&self) -> Result<u32, PortError> {
        let request = self.ask(libc::SIOCGIFINDEX, "index")?;
        // SAFETY: SIOCGIFINDEX fills this field.
        Ok(unsafe { request.ifr_ifru.ifru_ifindex }.cast_unsigned())
    }

    /// Its MAC address.
    ///
    /// # Errors
    /// [`PortError::NotEthernet`], or there is no such interface.
    #[allow(unsafe_code, reason = "reads a field of a union")]
    pub fn mac(&self) -> Result<[u8; 6], PortError> {
        let request = self.ask(libc::SIOCGIFHWADDR, "address")?;
        // SAFETY: SIOCGIFHWADDR fills this field.
        let address = unsafe { request.ifr_ifru.ifru_hwaddr };
        if address.sa_family != libc::ARPHRD_ETHER {
            let hardware_type = address.sa_family;
            return Err(PortError::NotEthernet {
                ifname: self.name.clone(),
                hardware_type,
            });
        }
        Ok(core::array::from_fn(|i| address.sa_data[i].cast_unsigned()))
    }

    /// Its MTU in octets.
    ///
    /// # Errors
    /// There is no such interface.
    #[allow(unsafe_code, reason = "reads a field of a union")]
    pub fn mtu(&self) -> Result<usize, PortError> {
        let request = self.ask(libc::SIOCGIFMTU, "MTU")?;
        // SAFETY: SIOCGIFMTU fills this field.
        Ok(usize::try_from(unsafe { request.ifr_ifru.ifru_mtu }).unwrap_or(0))
    }

    /// Sets the MTU.
    ///
    /// # Errors
    /// [`PortError::Mtu`] if the kernel or the device does not allow it.
    pub fn set_mtu(&self, need: usize) -> Result<(), PortError> {
        if !(limits::MTU_MIN..=limits::MTU_MAX).contains(&need) {
            let (min, max) = (limits::MTU_MIN, limits::MTU_MAX);
            return Err(PortError::Range {
                what: "mtu",
                have: need,
                min,
                max,
            });
        }
        let have = self.mtu()?;
        let mut request = self.request();
        request.ifr_ifru.ifru_mtu = need as libc::c_int;
        sys::interface_ioctl(self.socket.as_fd(), libc::SIOCSIFMTU as _, &mut request).map_err(
            |source| PortError::Mtu {
                ifname: self.name.clone(),
                have,
                need,
                source,
            },
        )
    }

    /// Raises the MTU to `need` if it is smaller. Returns the MTU.
    ///
    /// # Errors
    /// The errors of [`Interface::set_mtu`].
    pub fn raise_mtu(&self, need: usize) -> Result<usize, PortError> {
        if self.mtu()? < need {
            self.set_mtu(need)?;
        }
        self.mtu()
    }

    /// Takes the interface up, if it is down.
    ///
    /// # Errors
    /// There is no such interface, or it is not permitted.
    pub fn take_up(&self) -> Result<(), PortError> {
        self.held.set(false);
        self.set_up(true)
    }

    /// Takes the interface down, and keeps it down until it is taken up or this value is dropped.
    ///
    /// # Errors
    /// There is no such interface, or it is not permitted.
    pub fn hold_down(&self) -> Result<(), PortError> {
        self.held.set(true);
        self.set_up(false)
    }

    fn set_up(&self, up: bool) -> Result<(), PortError> {
        let flag = libc::IFF_UP as libc::c_short;
        let flags = self.flags()?;
        let wanted = if up { flags | flag } else { flags & !flag };
        if flags == wanted {
            return Ok(());
        }
        let mut request = self.request();
        request.ifr_ifru.ifru_flags = wanted;
        let what = if up { "taking up" } else { "taking down" };
        sys::interface_ioctl(self.socket.as_fd(), libc::SIOCSIFFLAGS as _, &mut request)
            .map_err(|source| self.failed(what, source))
    }

    /// Takes the interface up, unless it is held down.
    pub(crate) fn take_up_unless_held(&self) -> Result<(), PortError> {
        self.set_up(!self.held.get())
    }

    /// Up with a carrier, down, or gone.
    #[must_use]
    pub fn link_state(&self) -> LinkState {
        let both = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        match self.flags() {
            Ok(flags) if flags & both == both => LinkState::Up,
            Ok(_) => LinkState::Down,
            Err(_) => LinkState::Gone,
        }
    }

    /// SIOCETHTOOL with one number as argument.
    pub(crate) fn ethtool(&self, command: u32, value: u32) -> io::Result<u32> {
        let mut argument = [command, value];
        self.ethtool_of(&mut argument)?;
        Ok(argument[1])
    }

    /// SIOCETHTOOL with several numbers, the first of which is the command.
    pub(crate) fn ethtool_of<const N: usize>(&self, argument: &mut [u32; N]) -> io::Result<()> {
        sys::ethtool_ioctl(self.socket.as_fd(), &mut self.request(), argument)
    }

    /// The driver's name, as `ethtool -i` shows it.
    pub(crate) fn driver(&self) -> Option<String> {
        const ETHTOOL_GDRVINFO: u32 = 3;
        // struct ethtool_drvinfo: cmd, driver[32], and further fields.
        let mut info = [0; 49];
        info[0] = ETHTOOL_GDRVINFO;
        self.ethtool_of(&mut info).ok()?;
        let octets = info[1..9].iter().flat_map(|word| word.to_ne_bytes());
        let name: Vec<u8> = octets.take_while(|&octet| octet != 0).collect();
        String::from_utf8(name).ok()
    }

    /// The same interface, for another thread. It restores no setting when it is dropped.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            name: self.name.clone(),
            socket: self.socket.try_clone()?,
            held: Cell::new(false),
        })
    }

    pub(crate) fn failed(&self, what: &str, source: io::Error) -> PortError {
        match source.raw_os_error() {
            Some(libc::ENODEV | libc::ENXIO) => PortError::NoInterface {
                ifname: self.name.clone(),
            },
            _ => PortError::system(format!("interface {}: {what}", self.name), source),
        }
    }

    /// An `ifreq` that contains only this name.
    pub(crate) fn request(&self) -> libc::ifreq {
        let mut name = [0; libc::IFNAMSIZ];
        for (place, octet) in name.iter_mut().zip(self.name.bytes()) {
            *place = octet.cast_signed();
        }
        let addr = libc::sockaddr {
            sa_family: 0,
            sa_data: [0; 14],
        };
        let mut request = libc::ifreq {
            ifr_name: name,
            ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_addr: addr },
        };
        request.ifr_ifru.ifru_map = libc::__c_anonymous_ifru_map {
            mem_start: 0,
            mem_end: 0,
            base_addr: 0,
            irq: 0,
            dma: 0,
            port: 0,
        };
        request
    }

    #[allow(unsafe_code, reason = "reads a field of a union")]
    fn flags(&self) -> Result<libc::c_short, PortError> {
        let request = self.ask(libc::SIOCGIFFLAGS, "flags")?;
        // SAFETY: SIOCGIFFLAGS fills this field.
        Ok(unsafe { request.ifr_ifru.ifru_flags })
    }

    fn ask(&self, operation: libc::c_ulong, what: &str) -> Result<libc::ifreq, PortError> {
        let mut request = self.request();
        sys::interface_ioctl(self.socket.as_fd(), operation, &mut request)
            .map_err(|source| self.failed(what, source))?;
        Ok(request)
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        if self.held.get() {
            // The interface is gone or the permission is lost: there is nobody to report it to.
            let _ = self.take_up();
        }
    }
}
