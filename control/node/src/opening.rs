//! The first frames of a connection: what it is for, and whether both ends mean the same link of
//! the same topology. It comes before the messages of `network`, because numbers of links mean
//! nothing between two topologies.

use network::LinkId;

/// Begins every opening: the protocol and its version.
const MAGIC: [u8; 8] = *b"qmnode\x00\x01";
/// Octets of an opening.
pub(crate) const OPENING_LEN: usize = MAGIC.len() + 1 + 2 + DIGEST_LEN;
/// Octets of an answer.
pub(crate) const ANSWER_LEN: usize = 1 + DIGEST_LEN;
const DIGEST_LEN: usize = 32;

/// The use of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Messages of the relay protocol.
    Messages,
    /// The modelled quantum channel: blocks of key.
    Quantum,
}

/// The request of the end that connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) purpose: Purpose,
    pub(crate) link: LinkId,
    /// Hash of the topology.
    pub(crate) digest: [u8; DIGEST_LEN],
}

/// The answer of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    /// It has a topology with this hash.
    OtherTopology([u8; DIGEST_LEN]),
    /// It has no such link with the node that asks.
    NoSuchLink,
    /// It has been told to keep the link down.
    Cut,
}

impl Opening {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(OPENING_LEN);
        octets.extend_from_slice(&MAGIC);
        octets.push(match self.purpose {
            Purpose::Messages => 1,
            Purpose::Quantum => 2,
        });
        octets.extend_from_slice(&self.link.0.to_be_bytes());
        octets.extend_from_slice(&self.digest);
        octets
    }

    /// Reads an opening. `None`: this is another protocol or version.
    pub(crate) fn decode(octets: &[u8]) -> Option<Self> {
        let rest = octets.strip_prefix(&MAGIC)?;
        let (&[purpose, high, low], digest) = rest.split_first_chunk()?;
        Some(Self {
            purpose: match purpose {
                1 => Purpose::Messages,
                2 => Purpose::Quantum,
                _ => return None,
            },
            link: LinkId(u16::from_be_bytes([high, low])),
            digest: digest.try_into().ok()?,
        })
    }
}

impl Answer {
    pub(crate) fn encode(self) -> [u8; ANSWER_LEN] {
        let mut octets = [0; ANSWER_LEN];
        octets[0] = match self {
            Self::Accepted => 0,
            Self::OtherTopology(digest) => {
                octets[1..].copy_from_slice(&digest);
                1
            }
            Self::NoSuchLink => 2,
            Self::Cut => 3,
        };
        octets
    }

    pub(crate) fn decode(octets: &[u8]) -> Option<Self> {
        let octets: &[u8; ANSWER_LEN] = octets.try_into().ok()?;
        let (&kind, digest) = octets.split_first()?;
        Some(match kind {
            0 => Self::Accepted,
            1 => Self::OtherTopology(digest.try_into().ok()?),
            2 => Self::NoSuchLink,
            3 => Self::Cut,
            _ => return None,
        })
    }
}

/// Describes the difference of two topologies.
pub(crate) fn other_topology(neighbour: &str, theirs: &[u8], ours: &[u8]) -> String {
    let hex = |digest: &[u8]| -> String {
        let octets = digest.iter().take(4);
        octets.map(|octet| format!("{octet:02x}")).collect()
    };
    format!(
        "{neighbour} has another topology (hash {}, ours {}); fix: give both nodes the same file",
        hex(theirs),
        hex(ours)
    )
}

#[cfg(test)]
mod tests;
