//! Numbers of nodes and links: their positions in the topology, the same at every node.

/// A node, by its position in the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

/// A link, by its position in the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u16);

impl NodeId {
    /// The position, as an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl LinkId {
    /// The position, as an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}
