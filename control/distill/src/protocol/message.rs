//! The messages of the classical channel. All numbers are big-endian.
//!
//! A message of a block has a header: kind, block, and its number among those of its direction.

use crate::authentication::{Address, Incarnation, TAG_OCTETS};
use crate::code::{Code, LANES, Syndrome};
use crate::confirmation;
use crate::rotation::{DIMENSIONS, Rotation};

use super::MAX_MESSAGE;

/// The version of this protocol.
pub(super) const VERSION: u16 = 1;
/// Octets of kind, block and number.
pub(super) const HEADER: usize = 13;
/// Octets of a MAC of the greeting.
const MAC: usize = 32;
/// Octets of a rotation with its norm.
const GROUP: usize = 2 * DIMENSIONS + 4;
/// Words of the seed in a message at most.
pub(super) const SEED_WORDS: usize = 1 << 16;
/// A component of a rotation as an integer: this is 1.
const UNIT: f64 = 32_767.0;

/// The kind of a message. None is zero: the transcript needs this.
pub(super) mod kind {
    pub(in super::super) const HELLO: u8 = 1;
    pub(in super::super) const READY: u8 = 2;
    pub(in super::super) const FRAME: u8 = 3;
    pub(in super::super) const QUESTION: u8 = 4;
    pub(in super::super) const DISCLOSURE: u8 = 5;
    pub(in super::super) const TAG: u8 = 6;
    pub(in super::super) const FAILED: u8 = 7;
    pub(in super::super) const SKIP: u8 = 8;
    pub(in super::super) const CONFIRMED: u8 = 9;
    pub(in super::super) const VALUES: u8 = 10;
    pub(in super::super) const SEED: u8 = 11;
    pub(in super::super) const END: u8 = 12;
    pub(in super::super) const NO_KEY: u8 = 13;
    pub(in super::super) const DONE: u8 = 14;
    pub(in super::super) const HELD: u8 = 15;
    pub(in super::super) const ABORT: u8 = 16;
}

/// The first message of each end on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hello {
    pub(super) version: u16,
    pub(super) incarnation: Incarnation,
    pub(super) setup: [u8; 32],
    /// The next block that this end has not begun.
    pub(super) next_block: u64,
    /// First slot of the pre-shared secret that this end has not used.
    pub(super) position: u64,
    pub(super) nonce: [u8; 16],
}

impl Hello {
    /// Without its MAC.
    pub(super) fn octets(&self) -> Vec<u8> {
        let mut octets = vec![kind::HELLO];
        octets.extend(self.version.to_be_bytes());
        octets.extend(self.incarnation.0);
        octets.extend(self.setup);
        octets.extend(self.next_block.to_be_bytes());
        octets.extend(self.position.to_be_bytes());
        octets.extend(self.nonce);
        octets
    }

    /// The greeting, its octets that the MAC covers, and the MAC.
    pub(super) fn parse(message: &[u8]) -> Option<(Self, &[u8], &[u8; MAC])> {
        let (octets, mac) = message.split_last_chunk()?;
        let mut reader = Reader(octets);
        let [kind::HELLO] = reader.take()? else {
            return None;
        };
        let hello = Self {
            version: u16::from_be_bytes(reader.take()?),
            incarnation: Incarnation(reader.take()?),
            setup: reader.take()?,
            next_block: reader.number()?,
            position: reader.number()?,
            nonce: reader.take()?,
        };
        reader.end()?;
        Some((hello, octets, mac))
    }
}

/// The proof that an end has heard the greeting of the other.
pub(super) fn ready(mac: [u8; MAC]) -> Vec<u8> {
    [&[kind::READY][..], &mac].concat()
}

/// The MAC of such a proof.
pub(super) fn parse_ready(message: &[u8]) -> Option<&[u8; MAC]> {
    let (&first, mac) = message.split_first()?;
    (first == kind::READY)
        .then(|| mac.try_into().ok())
        .flatten()
}

/// The message of a frame: all that Bob publishes about it.
pub(super) struct Frame {
    /// On the quantum channel.
    pub(super) number: u64,
    pub(super) rotations: Vec<Rotation>,
    pub(super) syndrome: Syndrome,
}

impl Frame {
    /// The body of a frame: `groups` as of [`group`].
    pub(super) fn body(number: u64, groups: &[[u8; GROUP]], syndrome: &Syndrome) -> Vec<u8> {
        let words = syndrome.words();
        let mut body = Vec::with_capacity(8 + size_of_val(groups) + size_of_val(words));
        body.extend(number.to_be_bytes());
        body.extend(groups.as_flattened());
        body.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        body
    }

    fn parse(body: &[u8], code: &Code) -> Option<Self> {
        let (number, rest) = body.split_first_chunk()?;
        let groups = code.word_len() / DIMENSIONS;
        let (groups, syndrome) = rest.split_at_checked(groups * GROUP)?;
        let groups = groups.as_chunks().0;
        let mut rotations = Vec::with_capacity(groups.len());
        for group in groups {
            rotations.push(rotation(group)?);
        }
        Some(Self {
            number: u64::from_be_bytes(*number),
            rotations,
            syndrome: code.parse_syndrome(words(syndrome)?)?,
        })
    }

    /// The sum of the squares of Bob's quadratures. Both ends add in the same order.
    pub(super) fn norms_squared(rotations: impl Iterator<Item = f64>) -> f64 {
        rotations.map(|norm| norm * norm).sum()
    }
}

/// A rotation as both ends use it, rounded. `None` if its norm does not survive.
pub(super) fn group(rotation: &Rotation) -> Option<([u8; GROUP], f64)> {
    let mut octets = [0; GROUP];
    let (components, norm) = octets.split_last_chunk_mut::<4>()?;
    for (octets, component) in components.chunks_exact_mut(2).zip(rotation.direction()) {
        octets.copy_from_slice(&((component * UNIT).round() as i16).to_be_bytes());
    }
    *norm = (rotation.norm() as f32).to_be_bytes();
    let rounded = self::rotation(&octets)?.norm();
    Some((octets, rounded))
}

fn rotation(octets: &[u8; GROUP]) -> Option<Rotation> {
    let (components, norm) = octets.split_last_chunk::<4>()?;
    let mut direction = [0.0; DIMENSIONS];
    for (component, octets) in direction.iter_mut().zip(components.as_chunks().0) {
        *component = f64::from(i16::from_be_bytes(*octets)) / UNIT;
    }
    Rotation::parse(direction, f32::from_be_bytes(*norm).into())
}

/// The end of a block with a key, as Alice chooses it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct End {
    pub(super) sent_squared: f64,
    pub(super) product: f64,
    pub(super) key_bits: u64,
    /// Slots that the first bits of the key become.
    pub(super) slots: u64,
    pub(super) address: Address,
}

impl End {
    /// Without its tag.
    pub(super) fn body(&self) -> Vec<u8> {
        let numbers = [
            self.sent_squared.to_bits(),
            self.product.to_bits(),
            self.key_bits,
            self.slots,
            self.address.block,
            self.address.index,
        ];
        numbers
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect()
    }
}

/// A message of a block.
pub(super) enum Body {
    Frame(Box<Frame>),
    Question(Vec<usize>),
    Disclosure(Vec<bool>),
    Tag(confirmation::Point, confirmation::Tag),
    Failed,
    Skip,
    Confirmed,
    Values(Vec<u32>),
    Seed(Vec<u64>),
    End(End, [u8; TAG_OCTETS]),
    NoKey { sent_squared: f64, product: f64 },
    Done([u8; TAG_OCTETS]),
    Held([u8; TAG_OCTETS]),
    Abort,
}

/// A message of a block, parsed.
pub(super) struct Message {
    pub(super) block: u64,
    pub(super) number: u32,
    pub(super) body: Body,
    /// Octets of the message without its tag, if it has one.
    pub(super) covered: usize,
}

/// Whether this gives up a block that is over at this end.
pub(super) fn is_old_abort(message: &[u8], next_block: u64) -> bool {
    let mut reader = Reader(message);
    let kind = reader.take() == Some([kind::ABORT]);
    kind && reader.number().is_some_and(|block| block < next_block)
}

/// The header of a message.
pub(super) fn header(kind: u8, block: u64, number: u32) -> Vec<u8> {
    let mut octets = vec![kind];
    octets.extend(block.to_be_bytes());
    octets.extend(number.to_be_bytes());
    octets
}

impl Message {
    pub(super) fn parse(message: &[u8], code: &Code) -> Option<Self> {
        let mut reader = Reader(message);
        let [kind] = reader.take()?;
        let block = reader.number()?;
        let number = u32::from_be_bytes(reader.take()?);
        let body = match kind {
            _ if message.len() > MAX_MESSAGE => return None,
            kind::FRAME => Body::Frame(Box::new(Frame::parse(reader.rest(), code)?)),
            kind::QUESTION => {
                let positions = words(reader.rest())?.into_iter().map(|at| at as usize);
                Body::Question(positions.collect())
            }
            kind::DISCLOSURE => {
                let bits = reader.rest().iter().map(|&octet| match octet {
                    0 | 1 => Some(octet == 1),
                    _ => None,
                });
                Body::Disclosure(bits.collect::<Option<_>>()?)
            }
            kind::TAG => {
                let point = confirmation::Point(reader.take()?);
                Body::Tag(point, confirmation::Tag::received(reader.take()?))
            }
            kind::FAILED => Body::Failed,
            kind::SKIP => Body::Skip,
            kind::CONFIRMED => Body::Confirmed,
            kind::VALUES => {
                let words = words(reader.rest())?;
                (words.len() * LANES == code.word_len()).then_some(Body::Values(words))?
            }
            kind::SEED => {
                let (words, []) = reader.rest().as_chunks() else {
                    return None;
                };
                Body::Seed(words.iter().map(|&word| u64::from_be_bytes(word)).collect())
            }
            kind::END => {
                let end = End {
                    sent_squared: f64::from_bits(reader.number()?),
                    product: f64::from_bits(reader.number()?),
                    key_bits: reader.number()?,
                    slots: reader.number()?,
                    address: Address {
                        block: reader.number()?,
                        index: reader.number()?,
                    },
                };
                Body::End(end, reader.take()?)
            }
            kind::NO_KEY => Body::NoKey {
                sent_squared: f64::from_bits(reader.number()?),
                product: f64::from_bits(reader.number()?),
            },
            kind::DONE => Body::Done(reader.take()?),
            kind::HELD => Body::Held(reader.take()?),
            kind::ABORT => Body::Abort,
            _ => return None,
        };
        reader.end()?;
        let tag = match body {
            Body::End(..) | Body::Done(_) | Body::Held(_) => TAG_OCTETS,
            _ => 0,
        };
        Some(Self {
            block,
            number,
            body,
            covered: message.len() - tag,
        })
    }
}

/// Octets that are words.
fn words(octets: &[u8]) -> Option<Vec<u32>> {
    let (words, []) = octets.as_chunks() else {
        return None;
    };
    Some(words.iter().map(|&word| u32::from_be_bytes(word)).collect())
}

/// The octets that are still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests;
