//! The rig: cores, ports and cables, probes, and the two devices between the hosts.

pub(crate) mod cabling;
pub(crate) mod cores;
pub(crate) mod devices;
pub(crate) mod encryptors;
pub(crate) mod probe;
pub(crate) mod replaceable;
