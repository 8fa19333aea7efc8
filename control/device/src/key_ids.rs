//! The IDs of the keys of a block. Both ends derive them from public data, so no message carries
//! them.

use sha2::{Digest, Sha256};
use wire::KeyId;

use crate::role::Role;

/// Separates this use of the hash from others.
const DOMAIN: &[u8] = b"qmacsec distilled key 1";

/// A block, by what both ends know of it. No two blocks have the same name: an incarnation is a
/// random number of a process, and a process never uses a block number again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockName {
    /// Incarnation of Alice's process.
    pub(crate) alice: [u8; 16],
    /// Incarnation of Bob's process.
    pub(crate) bob: [u8; 16],
    /// Number of the block.
    pub(crate) number: u64,
}

/// The ID of a key of a block: a UUID of version 4, as of any KME.
pub(crate) fn key_id(block: &BlockName, master: Role, index: u32) -> KeyId {
    let digest = Sha256::new()
        .chain_update(DOMAIN)
        .chain_update(block.alice)
        .chain_update(block.bob)
        .chain_update(block.number.to_be_bytes())
        .chain_update([u8::from(master == Role::Bob)])
        .chain_update(index.to_be_bytes())
        .finalize();
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    let uuid = uuid::Builder::from_random_bytes(octets).into_uuid();
    KeyId::new(&uuid.hyphenated().to_string()).expect("a UUID is a key_ID")
}
