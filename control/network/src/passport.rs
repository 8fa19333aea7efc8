//! The passport of a key: the QKD blocks and the nodes that its secrecy depends on.

use crate::block::{Block, Label};
use crate::id::{LinkId, NodeId};
use crate::limits;
use crate::octets::{Malformed, Reader, Writer};

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

impl Writer {
    pub(crate) fn block(&mut self, block: &Block) {
        self.u64(block.number);
        self.u8(match block.label {
            Label::Unlabelled => 0,
            Label::Modelled => 1,
            Label::Distilled => 2,
        });
        self.u64(block.epsilon.to_bits());
        self.u64(block.excess_noise.to_bits());
    }

    pub(crate) fn hops(&mut self, hops: &[Hop]) {
        self.count(hops.len());
        for hop in hops {
            self.u16(hop.link.0);
            self.count(hop.blocks.len());
            for block in &hop.blocks {
                self.block(block);
            }
        }
    }

    pub(crate) fn passport(&mut self, passport: &Passport) {
        self.count(passport.paths.len());
        for path in &passport.paths {
            self.count(path.nodes.len());
            for node in &path.nodes {
                self.u16(node.0);
            }
            self.hops(&path.hops);
        }
    }
}

impl Reader<'_> {
    pub(crate) fn block(&mut self) -> Result<Block, Malformed> {
        let number = self.u64("block number")?;
        let label = match self.u8("label")? {
            0 => Label::Unlabelled,
            1 => Label::Modelled,
            2 => Label::Distilled,
            _ => return Err(self.wrong("label")),
        };
        let epsilon = self.probability("epsilon")?;
        let excess_noise = self.probability("excess noise")?;
        Ok(Block {
            number,
            label,
            epsilon,
            excess_noise,
        })
    }

    /// Takes a finite number that is not negative.
    fn probability(&mut self, what: &'static str) -> Result<f64, Malformed> {
        let wrong = self.wrong(what);
        let value = f64::from_bits(self.u64(what)?);
        if value.is_finite() && value.is_sign_positive() {
            Ok(value)
        } else {
            Err(wrong)
        }
    }

    pub(crate) fn hops(&mut self) -> Result<Vec<Hop>, Malformed> {
        self.list("hops", limits::HOPS_MAX, |reader| {
            let link = LinkId(reader.u16("link")?);
            let blocks = reader.list("blocks", limits::SEGMENTS_MAX, Self::block)?;
            Ok(Hop { link, blocks })
        })
    }

    pub(crate) fn passport(&mut self) -> Result<Passport, Malformed> {
        let paths = self.list("paths", 2, |reader| {
            let node = |reader: &mut Self| reader.u16("node").map(NodeId);
            let nodes = reader.list("nodes", limits::HOPS_MAX + 1, node)?;
            let hops = reader.hops()?;
            Ok(PathPassport { nodes, hops })
        })?;
        Ok(Passport { paths })
    }
}
