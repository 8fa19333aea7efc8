//! The reasons why a port cannot be opened, each with its fix.

use std::io;

/// The reason why a port cannot be opened. The order is by origin: config, machine, kernel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// Config: the name is not a valid interface name.
    #[error("interface name {name:?}: must be 1 to 15 octets, without '/', ':' or white space")]
    Name {
        /// The given name.
        name: String,
    },
    /// Config: a value is out of its range.
    #[error("{what} is {have}: must be {min} to {max}")]
    Range {
        /// The config key.
        what: &'static str,
        /// The given value.
        have: usize,
        /// The least valid value.
        min: usize,
        /// The greatest valid value.
        max: usize,
    },
    /// Config: there is no such interface.
    #[error("no interface {ifname}: `ip link` lists those of this network namespace")]
    NoInterface {
        /// The given name.
        ifname: String,
    },
    /// Config: the interface carries no Ethernet frames.
    #[error("interface {ifname} is no Ethernet interface (hardware type {hardware_type})")]
    NotEthernet {
        /// The given name.
        ifname: String,
        /// `ARPHRD_*`.
        hardware_type: u16,
    },
    /// Machine: a device node is missing.
    #[error("{path} is missing: {fix}")]
    NoDevice {
        /// The device node.
        path: &'static str,
        /// The fix.
        fix: &'static str,
    },
    /// Machine: a permission is missing.
    #[error("{what}: not permitted; {fix}")]
    NotPermitted {
        /// The operation that failed.
        what: String,
        /// The fix.
        fix: &'static str,
    },
    /// Machine: another program uses the interface.
    #[error("interface {ifname} is busy: {fix}")]
    Busy {
        /// The interface.
        ifname: String,
        /// The fix.
        fix: &'static str,
    },
    /// Machine: another encryptor uses the interface.
    #[error(
        "interface {ifname} is in use by {}: stop that one (`systemctl stop qmacsec`), or name another interface",
        match holder {
            Some(pid) if *pid == std::process::id() => "another port of this process".to_owned(),
            Some(pid) => format!("another encryptor, process {pid}"),
            None => "another encryptor".to_owned(),
        }
    )]
    InUse {
        /// The interface.
        ifname: String,
        /// The process that uses it, if the kernel reports one.
        holder: Option<u32>,
    },
    /// Machine: VLAN tags that the kernel holds beside a frame would be lost.
    #[error(
        "interface {ifname}: its XDP program cannot see VLAN tags that the kernel holds beside a frame, \
         so frames of a VLAN would lose their tag: use `port = \"packet\"`, or on a veth xdp_mode native \
         or auto with Linux 6.8 or later; or turn `txvlan` off at the other end of the veth \
         (`ethtool -K … txvlan off`) and say `xdp_tags_in_frames = true`"
    )]
    TagsLost {
        /// The interface.
        ifname: String,
    },
    /// Machine: the interface has fewer queues than workers.
    #[error(
        "interface {ifname} has fewer than {need} queues, one for each worker: \
         `ethtool -L {ifname} combined {need}`, or fewer workers"
    )]
    TooFewQueues {
        /// The interface.
        ifname: String,
        /// Number of workers.
        need: u32,
    },
    /// Machine: the MTU is too small and cannot be raised.
    #[error(
        "interface {ifname} has MTU {have}, {need} is needed and could not be set ({source}): \
         `ip link set {ifname} mtu {need}`, or lower the MTU of the other port by {}",
        need - have
    )]
    Mtu {
        /// The interface.
        ifname: String,
        /// Octets of the present MTU.
        have: usize,
        /// Octets needed.
        need: usize,
        /// The kernel's error.
        source: io::Error,
    },
    /// Machine: a DPDK call failed.
    #[error("DPDK: {what}: {source}")]
    Dpdk {
        /// The operation, its object, DPDK's log lines about it, and the fix if it is known.
        what: String,
        /// The error that DPDK returned.
        source: io::Error,
    },
    /// Kernel: a call failed unexpectedly.
    #[error("{what}: {source}")]
    System {
        /// The operation and its object.
        what: String,
        /// The kernel's error.
        source: io::Error,
    },
}

impl PortError {
    /// A failed call. A missing permission is a separate error because it has another fix.
    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::NotPermitted {
                what: what.into(),
                fix: "run as root, or grant CAP_NET_ADMIN and CAP_NET_RAW in this namespace",
            },
            _ => Self::System {
                what: what.into(),
                source,
            },
        }
    }
}
