//! Config files in TOML: one kind for an encryptor, one for lab KMEs, one for a node of a network,
//! one for a QKD device.
//!
//! They are parsed into types that cannot hold an invalid value. An unknown key is a mistake. A
//! mistake names file, key, value and fix. The use of the values is elsewhere.

mod distill;
mod encryptor;
mod error;
mod file;
mod kme;
mod name;
mod node;
mod place;
mod policy;
mod psk;
mod rekey;
mod restart;
mod source;
mod topology;
mod value;
mod worker;

pub use self::node::NodeFile;
pub use self::rekey::Rekey;
pub use self::worker::{Idle, Worker};
pub use distill::{DistillFile, create_link_secret};
pub use encryptor::{Black, Encryptor, EncryptorConfig, Macsec, Peer, Red};
pub use error::{ConfigError, Mistakes};
pub use kme::{Kme as LabKme, KmeFile, Link};
pub use place::{Dpdk, PortKind};
pub use policy::{PolicyRule, PolicySection};
pub use psk::Psk;
pub use restart::Document;
pub use source::{KeyProtocol, Kme, RequestForm};
pub use topology::{TopologyError, topology};
pub use value::{
    ActionName, Addresses, DeviceText, EngineName, Mac, ProtocolName, Span, SuiteName, XdpModeName,
};

#[cfg(test)]
mod tests;
