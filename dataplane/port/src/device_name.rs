//! The name of a DPDK device, in DPDK's notation: a PCI address, or a virtual device with
//! arguments.
//!
//! It is available without the feature `dpdk`, so that a config can be checked in a build without
//! DPDK.

use std::{fmt, str::FromStr};

use crate::limits;

/// A device's name, in the form of DPDK's devargs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceName {
    /// The full text, in the form that DPDK keeps.
    devargs: String,
    is_pci: bool,
}

impl DeviceName {
    /// The address of a device on PCI, which DPDK must be allowed to take.
    #[must_use]
    pub fn pci(&self) -> Option<&str> {
        self.is_pci.then(|| self.device())
    }

    /// The device without its arguments.
    #[must_use]
    pub fn device(&self) -> &str {
        self.devargs.split(',').next().unwrap_or_default()
    }

    /// The text that DPDK takes.
    #[must_use]
    pub fn devargs(&self) -> &str {
        &self.devargs
    }

    /// The existing interface of the machine on which the device works, if it does.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        self.is_on_interface()
            .then(|| self.argument("iface"))
            .flatten()
    }

    /// Octets of a slot of the device's ring, if it has slots (`net_af_packet`). The driver
    /// truncates a longer frame.
    #[must_use]
    pub fn slot_len(&self) -> Option<usize> {
        let slot_len = |text: &str| text.parse().unwrap_or(0);
        self.device()
            .starts_with("net_af_packet")
            .then(|| self.argument("framesz").map_or(2048, slot_len))
    }

    /// Returns whether the device works on an interface of the machine, so that hosts behind it may
    /// leave checksums unfinished.
    #[must_use]
    pub fn is_on_interface(&self) -> bool {
        self.device().starts_with("net_af_")
    }

    fn argument(&self, key: &str) -> Option<&str> {
        let pairs = self.devargs.split(',').skip(1);
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| Err(why.to_owned());
        if text.is_empty() || text.len() > limits::DPDK_DEVARGS_LEN {
            return wrong("must be 1 to 256 octets");
        }
        if !text.bytes().all(|octet| octet.is_ascii_graphic()) {
            return wrong("must be visible ASCII characters, without a space");
        }
        let (device, arguments) = text.split_once(',').map_or((text, ""), |(a, b)| (a, b));
        let name = |device: &str, is_pci| Self {
            devargs: if arguments.is_empty() {
                device.to_owned()
            } else {
                format!("{device},{arguments}")
            },
            is_pci,
        };
        if let Some(address) = full_pci_address(device) {
            return Ok(name(&address, true));
        }
        let virtual_device = device.starts_with("net_")
            && device
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
        if !virtual_device {
            return wrong("must be a PCI address (0000:3b:00.0) or a virtual device (net_tap0,…)");
        }
        let name = name(device, false);
        if name.is_on_interface() && name.argument("iface").is_none() {
            return wrong("needs the interface it works on: append \",iface=eth1\"");
        }
        // With several sockets the kernel reassembles IP fragments, and the driver truncates the
        // result to a slot.
        if name.slot_len().is_some() && name.argument("qpairs").is_some_and(|count| count != "1") {
            return wrong("net_af_packet joins fragments with qpairs; use net_af_xdp, queue_count");
        }
        Ok(name)
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.devargs)
    }
}

/// Parses `[dddd:]bb:dd.f` in hexadecimal digits, and adds the domain if it is missing.
fn full_pci_address(text: &str) -> Option<String> {
    let (slot, function) = text.rsplit_once('.')?;
    let mut parts = slot.rsplit(':');
    let (device, bus) = (parts.next()?, parts.next()?);
    let domain = parts.next().unwrap_or("0000");
    let is_hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|octet| octet.is_ascii_hexdigit())
    };
    let is_address = parts.next().is_none()
        && is_hex(domain, 4)
        && is_hex(bus, 2)
        && is_hex(device, 2)
        && is_hex(function, 1);
    is_address.then(|| format!("{domain}:{bus}:{device}.{function}").to_lowercase())
}

#[cfg(test)]
mod tests;
