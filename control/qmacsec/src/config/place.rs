//! The place of a port: an interface of the machine, or a device of DPDK. Also `[dpdk]`, which all
//! DPDK ports share.

use std::path::Path;

use port::limits;
use serde::Deserialize;

use super::ConfigError;
use super::value::DeviceText;

/// The way of frames from an interface to the worker and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortKind {
    /// A TAP device that this daemon creates. Hosts behind it use it as their interface.
    Tap,
    /// An existing interface, by AF_PACKET: works everywhere.
    Packet,
    /// An existing interface, by AF_XDP: bypasses the kernel's stack; one process for each
    /// interface.
    Xdp,
    /// A device that the kernel has handed over to DPDK, or a virtual device of DPDK.
    Dpdk,
}

impl PortKind {
    /// Returns the name in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tap => "tap",
            Self::Packet => "packet",
            Self::Xdp => "xdp",
            Self::Dpdk => "dpdk",
        }
    }
}

/// `[dpdk]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dpdk {
    /// Memory of all its buffers and rings, in MiB.
    pub memory_mb: usize,
    /// Takes memory from huge pages, which devices on PCI need.
    pub hugepages: bool,
    /// Buffers of a worker, for red and black together.
    pub mbufs: usize,
}

impl Default for Dpdk {
    fn default() -> Self {
        Self {
            memory_mb: limits::DPDK_MEMORY_MB,
            hugepages: true,
            mbufs: limits::MBUFS,
        }
    }
}

impl Dpdk {
    pub(super) fn check(&self, file: &Path) -> Result<(), ConfigError> {
        let memory = limits::DPDK_MEMORY_MB_MIN..=limits::DPDK_MEMORY_MB_MAX;
        let mbufs = limits::MBUFS_MIN..=limits::MBUFS_MAX;
        for (key, value, range) in [
            ("dpdk.memory_mb", self.memory_mb, memory),
            ("dpdk.mbufs", self.mbufs, mbufs),
        ] {
            if !range.contains(&value) {
                return Err(ConfigError::new(file, key, "is out of range")
                    .value(value)
                    .fix(format!("{} to {}", range.start(), range.end())));
            }
        }
        Ok(())
    }
}

/// Place and kind of one port, from its section.
pub(super) struct PortSection<'a> {
    /// `red` or `black`.
    pub(super) section: &'static str,
    pub(super) kind: PortKind,
    pub(super) interface: &'a str,
    pub(super) device: Option<&'a DeviceText>,
}

impl<'a> PortSection<'a> {
    /// Returns the name for messages.
    pub(super) fn name(&self) -> &'a str {
        self.device
            .map_or(self.interface, |device| device.0.devargs())
    }

    /// Returns the key that names the place.
    pub(super) fn key(&self) -> &'static str {
        self.device.map_or("interface", |_| "device")
    }

    /// Checks that the section has the keys that its kind needs, and no others.
    pub(super) fn check(&self, file: &Path) -> Result<(), ConfigError> {
        let key = |name: &str| format!("{}.{name}", self.section);
        if self.kind == PortKind::Dpdk {
            return self.check_device(file);
        }
        if let Some(device) = self.device {
            return Err(
                ConfigError::new(file, key("device"), "is for port = \"dpdk\" only")
                    .value(device.0.devargs())
                    .fix("write port = \"dpdk\", or interface = ... in its place"),
            );
        }
        if self.interface.is_empty() {
            return Err(ConfigError::new(
                file,
                key("interface"),
                "missing field, or an empty name",
            )
            .value("\"\"")
            .fix("add the line interface = ..., a name as `ip link` shows it"));
        }
        let valid = self.interface.len() <= crate::limits::INTERFACE_NAME_MAX
            && (self.interface.bytes()).all(|b| b.is_ascii_graphic() && b != b'/');
        if !valid {
            return Err(ConfigError::new(
                file,
                key("interface"),
                "is not the name of an interface",
            )
            .value(format!("{:?}", self.interface))
            .fix("1 to 15 visible characters without a slash, as `ip link` shows it"));
        }
        Ok(())
    }

    fn check_device(&self, file: &Path) -> Result<(), ConfigError> {
        let key = |name: &str| format!("{}.{name}", self.section);
        if !cfg!(feature = "dpdk") {
            return Err(
                ConfigError::new(file, key("port"), "this program is built without DPDK")
                    .value("dpdk")
                    .fix("cargo build --release --features dpdk, or port = \"xdp\""),
            );
        }
        if !self.interface.is_empty() {
            return Err(
                ConfigError::new(file, key("interface"), "is not for port = \"dpdk\"")
                    .value(self.interface)
                    .fix("write device = ... in its place: a PCI address, or a virtual device"),
            );
        }
        if self.device.is_none() {
            return Err(ConfigError::new(file, key("device"), "missing field").fix(
                "add the line device = \"0000:3b:00.0\", a PCI address from \
                 `dpdk-devbind.py --status`",
            ));
        }
        Ok(())
    }
}
