//! Reading and writing of octets: big-endian, bounded, and strict. Each value has one encoding.

use crate::block::{Block, Label};
use crate::id::{LinkId, NodeId};
use crate::limits;
use crate::passport::{Hop, Malformed, Passport, PathPassport};

/// Appends fields to a message.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) octets: Vec<u8>,
}

/// Takes fields off a message.
pub(crate) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) {
        self.octets.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn raw(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Writes a number of elements. Every list of a node is shorter than its limit, so that the
    /// number fits.
    pub(crate) fn count(&mut self, count: usize) {
        self.u16(u16::try_from(count).unwrap_or(u16::MAX));
    }

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

impl<'a> Reader<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn wrong(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.at }
    }

    /// Takes `len` octets.
    pub(crate) fn raw(&mut self, what: &'static str, len: usize) -> Result<&'a [u8], Malformed> {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let taken = rest.get(..len).ok_or_else(|| self.wrong(what))?;
        self.at += len;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], Malformed> {
        let wrong = self.wrong(what);
        self.raw(what, N)?.try_into().map_err(|_| wrong)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        self.array(what).map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, Malformed> {
        self.array(what).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Malformed> {
        self.array(what).map(u64::from_be_bytes)
    }

    /// Takes a number of elements, at most `max`.
    pub(crate) fn count(&mut self, what: &'static str, max: usize) -> Result<usize, Malformed> {
        let wrong = self.wrong(what);
        let count = usize::from(self.u16(what)?);
        if count <= max { Ok(count) } else { Err(wrong) }
    }

    /// Takes a list of at most `max` elements.
    pub(crate) fn list<T>(
        &mut self,
        what: &'static str,
        max: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.count(what, max)?;
        (0..count).map(|_| element(self)).collect()
    }

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

    /// Accepts the end of the message, and nothing else.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.at == self.octets.len() {
            Ok(())
        } else {
            Err(self.wrong("end"))
        }
    }
}
