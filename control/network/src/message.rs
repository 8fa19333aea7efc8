//! The messages between neighbours, as octets. The parser is strict: it takes only what the writer
//! writes, and every list has a limit.
//!
//! ```text
//! HELLO  0, version u16, node u16, link u16, topology 32, run u64, unix_ms u64
//! PING   1
//! HAVE   2, list of block number u64
//! STATE  3, node u16, run u64, seq u64, age_ms u32, list of (link u16, level u8)
//! sealed 4, list of segment (block u64, at u32, len u32), course, body, [payload], tag 16
//! course    batch (origin u16, run u64, number u64), share u8, list of node u16, list of link u16,
//!           position u8
//! RELAY     0, initiator, target (u8 and characters), list of key_ID 16, list of hop, beyond
//! ACK       1, run u64, confirmation 16, list of hop, beyond
//! NACK      2, position u8, reason u8
//! VOID      3, list of key_ID 16
//! WITHDRAW  4, initiator, target, key_ID 16
//! WITHDRAWN 5, key_ID 16, answer u8
//! beyond    u16 and characters: the neighbour domain's part of the passport
//! hop       link u16, list of (block u64, label u8, epsilon f64, excess noise f64)
//! ```
//! A list is a u16 and its elements. `position` is that of the node that gets the message.

use std::sync::Arc;

use crate::action::Reason;
use crate::graph::Path;
use crate::id::{LinkId, NodeId};
use crate::key::{BatchId, KeyId};
use crate::limits::{self, TAG_LEN};
use crate::mac::Tag;
use crate::octets::{Malformed, Reader, Writer};
use crate::passport::{Beyond, Hop};
use crate::pool::Segment;
use crate::withdrawal::Withdrawal;
use kme_api::etsi020::SaeId;

/// A message between neighbours.
#[derive(Debug, PartialEq)]
pub(crate) enum Message<'a> {
    /// The first message of each side on a connection.
    Hello(Hello),
    /// A HELLO of another version of the protocol.
    OtherVersion(u16),
    /// The neighbour lives.
    Ping,
    /// Blocks that the neighbour has: all in the first HAVE on a connection, then each new one.
    Have(Vec<u64>),
    /// The link state of some node.
    State(State),
    /// A message that key of the link authenticates.
    Sealed(Sealed<'a>),
}

/// Introduction of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) node: NodeId,
    pub(crate) link: LinkId,
    pub(crate) digest: [u8; 32],
    pub(crate) run: u64,
    pub(crate) unix_ms: u64,
}

/// The links of one node, as it sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) node: NodeId,
    pub(crate) run: u64,
    pub(crate) seq: u64,
    pub(crate) age_ms: u32,
    pub(crate) levels: Vec<(LinkId, Level)>,
}

/// How much key a link has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// No messages pass.
    Down,
    /// Too little for a batch.
    Empty,
    /// Enough for a few batches.
    Low,
    /// Enough for seconds.
    Fair,
    /// Plenty.
    Rich,
}

/// An authenticated message.
#[derive(Debug, PartialEq)]
pub(crate) struct Sealed<'a> {
    pub(crate) segments: Vec<Segment>,
    pub(crate) course: Course,
    pub(crate) body: Body,
    /// Encrypted keys of a RELAY, else empty.
    pub(crate) payload: &'a [u8],
    /// Everything that the tag covers: the message without it.
    pub(crate) covered: &'a [u8],
    pub(crate) tag: Tag,
}

/// The batch of a message, and its place on the route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) batch: BatchId,
    pub(crate) share: Share,
    /// From the origin to the far node, whichever way the message goes.
    pub(crate) route: Arc<Path>,
    /// Index of the node that gets the message.
    pub(crate) position: usize,
}

/// The share of the keys that a route carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Share {
    /// The keys themselves.
    Whole,
    /// The first of two shares.
    First,
    /// The second of two shares.
    Second,
}

/// The kinds of authenticated messages.
#[derive(Debug, PartialEq)]
pub(crate) enum Body {
    /// Keys on their way.
    Relay(Relay),
    /// The far node holds the keys.
    Ack(Ack),
    /// A node on the route refuses the batch.
    Nack {
        /// Position of that node.
        at: usize,
        reason: Reason,
    },
    /// The origin gives these keys up.
    Void(Vec<KeyId>),
    /// An interworking node asks whether an SAE at the far node has a key, and takes it back.
    Withdraw(Withdraw),
    /// The answer.
    Withdrawn(KeyId, Withdrawal),
}

impl Body {
    /// Whether the message goes from the origin of its route to the far node.
    pub(crate) const fn goes_forth(&self) -> bool {
        match self {
            Self::Relay(_) | Self::Void(_) | Self::Withdraw(_) => true,
            Self::Ack(_) | Self::Nack { .. } | Self::Withdrawn(..) => false,
        }
    }
}

/// The key that is taken back, and its SAEs.
#[derive(Debug, PartialEq)]
pub(crate) struct Withdraw {
    pub(crate) initiator: SaeId,
    pub(crate) target: SaeId,
    pub(crate) key: KeyId,
}

/// A batch.
#[derive(Debug, PartialEq)]
pub(crate) struct Relay {
    pub(crate) initiator: SaeId,
    pub(crate) target: SaeId,
    pub(crate) ids: Vec<KeyId>,
    /// All links before that on which the message comes: its receiver adds that one.
    pub(crate) hops: Vec<Hop>,
    /// The way of the keys to this domain.
    pub(crate) beyond: Option<Beyond>,
}

/// The proof that the far node holds the keys.
#[derive(Debug, PartialEq)]
pub(crate) struct Ack {
    /// Run of the far node.
    pub(crate) run: u64,
    /// Tag over the keys and their names, with the key that came with them.
    pub(crate) confirmation: Tag,
    /// All links of the route.
    pub(crate) hops: Vec<Hop>,
    /// The way of the keys on from this domain.
    pub(crate) beyond: Option<Beyond>,
}

const HELLO: u8 = 0;
const PING: u8 = 1;
const HAVE: u8 = 2;
const STATE: u8 = 3;
const SEALED: u8 = 4;

const RELAY: u8 = 0;
const ACK: u8 = 1;
const NACK: u8 = 2;
const VOID: u8 = 3;
const WITHDRAW: u8 = 4;
const WITHDRAWN: u8 = 5;

const REASONS: [Reason; 12] = [
    Reason::NoKey,
    Reason::OverShare,
    Reason::LinkDown,
    Reason::Timeout,
    Reason::UnknownPair,
    Reason::Full,
    Reason::NotFresh,
    Reason::Corrupt,
    Reason::FarRestarted,
    Reason::Expired,
    Reason::NotCrossed,
    Reason::Withdrawn,
];
const WITHDRAWALS: [Withdrawal; 3] = [Withdrawal::Done, Withdrawal::Taken, Withdrawal::Unknown];
const LEVELS: [Level; 5] = [
    Level::Down,
    Level::Empty,
    Level::Low,
    Level::Fair,
    Level::Rich,
];

impl Course {
    /// The link on which the keys come to the node at this position, and the node before it.
    pub(crate) fn before(&self) -> Option<(LinkId, NodeId)> {
        let before = self.position.checked_sub(1)?;
        Some((
            *self.route.links.get(before)?,
            *self.route.nodes.get(before)?,
        ))
    }

    /// The link on which the keys leave the node at this position, and the node after it.
    pub(crate) fn after(&self) -> Option<(LinkId, NodeId)> {
        let link = self.route.links.get(self.position)?;
        Some((*link, *self.route.nodes.get(self.position + 1)?))
    }

    /// The same batch at another place.
    pub(crate) fn at(&self, position: usize) -> Self {
        Self {
            position,
            ..self.clone()
        }
    }

    /// The far node.
    pub(crate) fn far(&self) -> NodeId {
        self.route.nodes[self.route.links.len()]
    }
}

impl Share {
    /// Index of its route.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Whole | Self::First => 0,
            Self::Second => 1,
        }
    }

    /// As "n of m".
    pub(crate) const fn of(self) -> (u8, u8) {
        match self {
            Self::Whole => (1, 1),
            Self::First => (1, 2),
            Self::Second => (2, 2),
        }
    }
}

/// Writes a HELLO.
pub(crate) fn hello(hello: &Hello) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(HELLO);
    out.u16(limits::VERSION);
    out.u16(hello.node.0);
    out.u16(hello.link.0);
    out.raw(&hello.digest);
    out.u64(hello.run);
    out.u64(hello.unix_ms);
    out.octets
}

/// Writes a PING.
pub(crate) fn ping() -> Vec<u8> {
    vec![PING]
}

/// Writes a HAVE.
pub(crate) fn have(numbers: &[u64]) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(HAVE);
    out.count(numbers.len());
    for number in numbers {
        out.u64(*number);
    }
    out.octets
}

/// Writes a STATE.
pub(crate) fn state(state: &State) -> Vec<u8> {
    let mut out = Writer::default();
    out.u8(STATE);
    out.u16(state.node.0);
    out.u64(state.run);
    out.u64(state.seq);
    out.u32(state.age_ms);
    out.count(state.levels.len());
    for (link, level) in &state.levels {
        out.u16(link.0);
        out.u8(code(&LEVELS, level));
    }
    out.octets
}

/// Writes an authenticated message without payload and tag.
pub(crate) fn unsealed(segments: &[Segment], course: &Course, body: &Body) -> Writer {
    let mut out = Writer::default();
    out.u8(SEALED);
    out.count(segments.len());
    for segment in segments {
        out.u64(segment.block);
        out.u32(segment.at);
        out.u32(segment.len);
    }
    out.course(course);
    match body {
        Body::Relay(relay) => {
            out.u8(RELAY);
            out.sae(&relay.initiator);
            out.sae(&relay.target);
            out.ids(&relay.ids);
            out.hops(&relay.hops);
            out.beyond(relay.beyond.as_ref());
        }
        Body::Ack(ack) => {
            out.u8(ACK);
            out.u64(ack.run);
            out.raw(&ack.confirmation);
            out.hops(&ack.hops);
            out.beyond(ack.beyond.as_ref());
        }
        Body::Nack { at, reason } => {
            out.u8(NACK);
            out.position(*at);
            out.u8(code(&REASONS, reason));
        }
        Body::Void(ids) => {
            out.u8(VOID);
            out.ids(ids);
        }
        Body::Withdraw(withdraw) => {
            out.u8(WITHDRAW);
            out.sae(&withdraw.initiator);
            out.sae(&withdraw.target);
            out.raw(&withdraw.key.0);
        }
        Body::Withdrawn(key, answer) => {
            out.u8(WITHDRAWN);
            out.raw(&key.0);
            out.u8(code(&WITHDRAWALS, answer));
        }
    }
    out
}

/// The number of a value in its table.
fn code<T: PartialEq>(table: &[T], value: &T) -> u8 {
    let at = table.iter().position(|entry| entry == value);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

impl Writer {
    fn course(&mut self, course: &Course) {
        self.u16(course.batch.origin.0);
        self.u64(course.batch.run);
        self.u64(course.batch.number);
        self.u8(match course.share {
            Share::Whole => 0,
            Share::First => 1,
            Share::Second => 2,
        });
        self.count(course.route.nodes.len());
        for node in &course.route.nodes {
            self.u16(node.0);
        }
        self.count(course.route.links.len());
        for link in &course.route.links {
            self.u16(link.0);
        }
        self.position(course.position);
    }

    /// A position is at most [`limits::HOPS_MAX`].
    fn position(&mut self, position: usize) {
        self.u8(u8::try_from(position).unwrap_or(u8::MAX));
    }

    fn sae(&mut self, sae: &SaeId) {
        let name = sae.as_str();
        self.u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        self.raw(name.as_bytes());
    }

    fn ids(&mut self, ids: &[KeyId]) {
        self.count(ids.len());
        for id in ids {
            self.raw(&id.0);
        }
    }
}

impl<'a> Message<'a> {
    /// # Errors
    /// The octets are no message.
    pub(crate) fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(octets);
        if octets.len() > limits::MESSAGE_LEN_MAX {
            return Err(reader.wrong("length"));
        }
        let message = match reader.u8("type")? {
            HELLO => match reader.u16("version")? {
                limits::VERSION => Self::Hello(reader.hello()?),
                other => return Ok(Self::OtherVersion(other)),
            },
            PING => Self::Ping,
            HAVE => {
                let max = limits::BLOCKS_MAX;
                let numbers = reader.list("blocks", max, |reader| reader.u64("block"))?;
                Self::Have(numbers)
            }
            STATE => Self::State(reader.state()?),
            SEALED => Self::Sealed(reader.sealed(octets)?),
            _ => return Err(reader.wrong("type")),
        };
        reader.end()?;
        Ok(message)
    }
}

impl<'a> Reader<'a> {
    fn hello(&mut self) -> Result<Hello, Malformed> {
        Ok(Hello {
            node: NodeId(self.u16("node")?),
            link: LinkId(self.u16("link")?),
            digest: self.array("topology")?,
            run: self.u64("run")?,
            unix_ms: self.u64("time")?,
        })
    }

    fn state(&mut self) -> Result<State, Malformed> {
        let state = State {
            node: NodeId(self.u16("node")?),
            run: self.u64("run")?,
            seq: self.u64("seq")?,
            age_ms: self.u32("age")?,
            levels: self.list("levels", limits::LINKS_PER_NODE_MAX, |reader| {
                let link = LinkId(reader.u16("link")?);
                Ok((link, reader.coded("level", &LEVELS)?))
            })?,
        };
        // Links rise, so that no node speaks for both ends of one.
        let rise = state.levels.windows(2).all(|two| two[0].0 < two[1].0);
        rise.then_some(state).ok_or_else(|| self.wrong("levels"))
    }

    fn sealed(&mut self, octets: &'a [u8]) -> Result<Sealed<'a>, Malformed> {
        let segments = self.list("segments", limits::SEGMENTS_MAX, |reader| {
            let block = reader.u64("block")?;
            let at = reader.u32("octet")?;
            let len = reader.u32("octets")?;
            Ok(Segment { block, at, len })
        })?;
        let course = self.course()?;
        let body = match self.u8("kind")? {
            RELAY => Body::Relay(self.relay()?),
            ACK => Body::Ack(Ack {
                run: self.u64("run")?,
                confirmation: self.array("confirmation")?,
                hops: self.hops()?,
                beyond: self.beyond()?,
            }),
            NACK => {
                let at = self.position(course.route.links.len())?;
                Body::Nack {
                    at,
                    reason: self.coded("reason", &REASONS)?,
                }
            }
            VOID => Body::Void(self.ids()?),
            WITHDRAW => Body::Withdraw(Withdraw {
                initiator: self.sae()?,
                target: self.sae()?,
                key: KeyId(self.array("key_ID")?),
            }),
            WITHDRAWN => {
                let key = KeyId(self.array("key_ID")?);
                Body::Withdrawn(key, self.coded("answer", &WITHDRAWALS)?)
            }
            _ => return Err(self.wrong("kind")),
        };
        let payload = match &body {
            Body::Relay(relay) => relay.ids.len() * limits::KEY_LEN + limits::CONFIRMATION_LEN,
            _ => 0,
        };
        let payload = self.raw("keys", payload)?;
        let covered = &octets[..self.at()];
        let tag = self.array::<TAG_LEN>("tag")?;
        Ok(Sealed {
            segments,
            course,
            body,
            payload,
            covered,
            tag,
        })
    }

    /// A route leads over one link from each node to the next, and never twice to a node.
    fn course(&mut self) -> Result<Course, Malformed> {
        let batch = BatchId {
            origin: NodeId(self.u16("origin")?),
            run: self.u64("run")?,
            number: self.u64("number")?,
        };
        let share = self.coded("share", &[Share::Whole, Share::First, Share::Second])?;
        let node = |reader: &mut Self| reader.u16("node").map(NodeId);
        let link = |reader: &mut Self| reader.u16("link").map(LinkId);
        let nodes = self.list("nodes", limits::HOPS_MAX + 1, node)?;
        let links = self.list("links", limits::HOPS_MAX, link)?;
        let mut sorted = nodes.clone();
        sorted.sort_unstable();
        let twice = sorted.windows(2).any(|two| two[0] == two[1]);
        if links.is_empty()
            || nodes.len() != links.len() + 1
            || twice
            || nodes.first() != Some(&batch.origin)
        {
            return Err(self.wrong("route"));
        }
        let position = self.position(links.len())?;
        let route = Arc::new(Path { nodes, links });
        Ok(Course {
            batch,
            share,
            route,
            position,
        })
    }

    fn relay(&mut self) -> Result<Relay, Malformed> {
        Ok(Relay {
            initiator: self.sae()?,
            target: self.sae()?,
            ids: self.ids()?,
            hops: self.hops()?,
            beyond: self.beyond()?,
        })
    }

    fn position(&mut self, max: usize) -> Result<usize, Malformed> {
        let wrong = self.wrong("position");
        let position = usize::from(self.u8("position")?);
        if position <= max {
            Ok(position)
        } else {
            Err(wrong)
        }
    }

    fn coded<T: Copy>(&mut self, what: &'static str, table: &[T]) -> Result<T, Malformed> {
        let wrong = self.wrong(what);
        let code = usize::from(self.u8(what)?);
        table.get(code).copied().ok_or(wrong)
    }

    fn sae(&mut self) -> Result<SaeId, Malformed> {
        let wrong = self.wrong("SAE");
        let len = usize::from(self.u8("SAE")?);
        let name = std::str::from_utf8(self.raw("SAE", len)?).map_err(|_| wrong)?;
        SaeId::parse(name).map_err(|_| wrong)
    }

    /// At least one name, and none twice.
    fn ids(&mut self) -> Result<Vec<KeyId>, Malformed> {
        let wrong = self.wrong("key_IDs");
        let id = |reader: &mut Self| reader.array("key_ID").map(KeyId);
        let ids = self.list("key_IDs", limits::BATCH_KEYS_MAX, id)?;
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        let twice = sorted.windows(2).any(|two| two[0] == two[1]);
        if ids.is_empty() || twice {
            Err(wrong)
        } else {
            Ok(ids)
        }
    }
}

#[cfg(test)]
mod tests;
