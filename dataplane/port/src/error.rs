//! The reasons why a port cannot be opened, each with its fix.

use std::io;

/// Why a port could not be opened. Sorted by blame: the config, the machine, the kernel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// Config: the name cannot be that of an interface.
    #[error("interface name {name:?}: must be 1 to 15 octets, without '/', ':' or white space")]
    Name {
        /// As given.
        name: String,
    },
    /// Config: a value is out of its range.
    #[error("{what} is {have}: must be {min} to {max}")]
    Range {
        /// The config key.
        what: &'static str,
        /// As given.
        have: usize,
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
    /// Config: there is no such interface.
    #[error("no interface {ifname}: `ip link` lists those of this network namespace")]
    NoInterface {
        /// As given.
        ifname: String,
    },
    /// Config: the interface is of a kind that carries no Ethernet frames.
    #[error("interface {ifname} is no Ethernet interface (hardware type {hardware_type})")]
    NotEthernet {
        /// As given.
        ifname: String,
        /// `ARPHRD_*`.
        hardware_type: u16,
    },
    /// Machine: a device node is missing.
    #[error("{path} is missing: {mend}")]
    NoDevice {
        /// The device node.
        path: &'static str,
        /// What to do.
        mend: &'static str,
    },
    /// Machine: a right is missing.
    #[error("{what}: not permitted; {mend}")]
    NotPermitted {
        /// What was tried.
        what: String,
        /// What to do.
        mend: &'static str,
    },
    /// Machine: somebody else has it.
    #[error("interface {ifname} is busy: {mend}")]
    Busy {
        /// The interface.
        ifname: String,
        /// What to do.
        mend: &'static str,
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
    /// Machine: an interface has fewer queues than workers share it.
    #[error(
        "interface {ifname} has fewer than {need} queues, one for each worker: \
         `ethtool -L {ifname} combined {need}`, or fewer workers"
    )]
    TooFewQueues {
        /// The interface.
        ifname: String,
        /// Workers.
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
        /// Octets now.
        have: usize,
        /// Octets needed.
        need: usize,
        /// What the kernel said.
        source: io::Error,
    },
    /// Machine: DPDK could not do something.
    #[error("DPDK: {what}: {source}")]
    Dpdk {
        /// What was tried, on what, what DPDK said of it, and the mend where it is known.
        what: String,
        /// The error that it returned.
        source: io::Error,
    },
    /// Kernel: a call failed that should not.
    #[error("{what}: {source}")]
    System {
        /// What was tried, and on what.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl PortError {
    /// A failed call; permission is told apart because its mend is another one.
    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::NotPermitted {
                what: what.into(),
                mend: "run as root, or grant CAP_NET_ADMIN and CAP_NET_RAW in this namespace",
            },
            _ => Self::System {
                what: what.into(),
                source,
            },
        }
    }
}
