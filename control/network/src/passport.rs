//! The passport of a key: the QKD blocks and the nodes that its secrecy depends on.

use std::sync::Arc;

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
    /// The part in the neighbour domain, if its KME has given one.
    pub beyond: Option<Beyond>,
}

/// The part of a passport in the neighbour domain: a text of its KME, which no node here reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond(Arc<str>);

impl Beyond {
    /// Takes a text of at most [`limits::BEYOND_LEN_MAX`] octets.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= limits::BEYOND_LEN_MAX).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
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

    /// Writes a text, empty for none.
    pub(crate) fn beyond(&mut self, beyond: Option<&Beyond>) {
        let text = beyond.map_or("", Beyond::as_str);
        self.count(text.len());
        self.raw(text.as_bytes());
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

    pub(crate) fn beyond(&mut self) -> Result<Option<Beyond>, Malformed> {
        let wrong = self.wrong("passport of the neighbour domain");
        let len = self.count("passport of the neighbour domain", limits::BEYOND_LEN_MAX)?;
        let text = self.raw("passport of the neighbour domain", len)?;
        let text = std::str::from_utf8(text).map_err(|_| wrong)?;
        Ok(Some(text)
            .filter(|text| !text.is_empty())
            .and_then(Beyond::new))
    }
}
