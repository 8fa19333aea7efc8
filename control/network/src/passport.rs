//! The passport of a key: the QKD blocks and the nodes that its secrecy depends on.

use crate::block::Block;
use crate::id::{LinkId, NodeId};
use crate::octets::{Reader, Writer};

/// Everything that the secrecy of the keys of one batch depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Passport {
    /// One path: each relay on it saw the keys in clear. Two paths: the keys are the XOR of two
    /// shares, and each relay saw one share.
    pub paths: Vec<PathPassport>,
}

/// One path of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct PathPassport {
    /// From the origin to the far node. All but these two are relays.
    pub nodes: Vec<NodeId>,
    /// One hop for each link, in the direction of the keys.
    pub hops: Vec<Hop>,
}

/// One link of a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    /// The link.
    pub link: LinkId,
    /// The blocks whose bits encrypted and authenticated the keys there.
    pub blocks: Vec<Block>,
}

/// Octets that do not follow the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what} at octet {at}")]
pub struct Malformed {
    /// The field.
    pub what: &'static str,
    /// Where it stands.
    pub at: usize,
}

impl PathPassport {
    /// The nodes between the ends.
    #[must_use]
    pub fn relays(&self) -> &[NodeId] {
        let end = self.nodes.len().saturating_sub(1);
        self.nodes.get(1..end).unwrap_or_default()
    }
}

impl Passport {
    /// Whether these nodes together know the keys: with two paths, one relay of each.
    #[must_use]
    pub fn readable_by(&self, nodes: &[NodeId]) -> bool {
        let sees = |path: &PathPassport| path.nodes.iter().any(|node| nodes.contains(node));
        !self.paths.is_empty() && self.paths.iter().all(sees)
    }

    /// Encodes the passport in compact octets.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.passport(self);
        out.octets
    }

    /// # Errors
    /// The octets are no passport.
    pub fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(octets);
        let passport = reader.passport()?;
        reader.end()?;
        Ok(passport)
    }
}
