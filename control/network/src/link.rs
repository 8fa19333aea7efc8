//! One link end: its connection, its pool, and the messages that its key authenticates.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::action::Closed;
use crate::block::Block;
use crate::guards::{Guard, on};
use crate::id::{LinkId, NodeId};
use crate::keys::Keys;
use crate::limits;
use crate::mac;
use crate::message::{self, Body, Course, Hello, Level, Sealed};
use crate::octets::Writer;
use crate::pool::{Pool, Purpose};
use crate::shares::Shares;

/// One end of a link.
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) neighbour: NodeId,
    pub(crate) connection: Connection,
    /// When the last message was sent, and when one came.
    sent: Duration,
    heard: Duration,
    /// Run of the neighbour, once it has said so.
    run: Option<u64>,
    pub(crate) pool: Pool,
    pub(crate) shares: Shares,
    /// Level as last announced, from which the next one follows.
    level: Level,
    pub(crate) forged: u64,
}

/// The state of a connection. Each becomes the next one, or `Down`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    Down,
    /// Our HELLO is sent, that of the neighbour awaited.
    Greeting,
    /// Our list of blocks is sent, that of the neighbour awaited.
    Listing,
    /// Messages pass.
    Up,
}

/// A HELLO that fits.
pub(crate) struct Greeted {
    /// Bits lost, if the neighbour has restarted.
    pub(crate) restarted: Option<u64>,
    /// Clock of the neighbour minus ours, if that is too much.
    pub(crate) skew_ms: Option<i64>,
}

/// An authenticated message that is right.
pub(crate) struct Opened {
    /// The blocks whose key it used.
    pub(crate) blocks: Vec<Block>,
    /// Keys of a RELAY.
    pub(crate) keys: Keys,
}

impl Link {
    pub(crate) fn new(id: LinkId, neighbour: NodeId, first: bool, accounts: Accounts) -> Self {
        Self {
            id,
            neighbour,
            connection: Connection::Down,
            sent: Duration::ZERO,
            heard: Duration::ZERO,
            run: None,
            pool: Pool::new(first, accounts),
            shares: Shares::default(),
            level: Level::Empty,
            forged: 0,
        }
    }

    /// There is a new connection.
    pub(crate) fn connected(&mut self, now: Duration) {
        self.connection = Connection::Greeting;
        (self.sent, self.heard) = (now, now);
    }

    /// The connection is gone. Returns whether messages had passed.
    pub(crate) fn disconnected(&mut self) -> bool {
        let before = std::mem::replace(&mut self.connection, Connection::Down);
        before == Connection::Up
    }

    /// Whether messages pass.
    pub(crate) fn is_up(&self) -> bool {
        self.connection == Connection::Up
    }

    /// Something came.
    pub(crate) const fn heard(&mut self, now: Duration) {
        self.heard = now;
    }

    /// Something is sent.
    pub(crate) const fn sent(&mut self, now: Duration) {
        self.sent = now;
    }

    /// The neighbour introduces itself.
    ///
    /// # Errors
    /// It is not the neighbour of our topology.
    pub(crate) fn on_hello(&mut self, ours: &Hello, theirs: &Hello) -> Result<Greeted, Closed> {
        let first = |digest: &[u8; 32]| [digest[0], digest[1], digest[2], digest[3]];
        if theirs.digest != ours.digest && on(Guard::SameTopology) {
            let (ours, theirs) = (first(&ours.digest), first(&theirs.digest));
            return Err(Closed::Topology { ours, theirs });
        }
        if self.connection != Connection::Greeting {
            return Err(Closed::Malformed);
        }
        if (theirs.node, theirs.link) != (self.neighbour, self.id) {
            return Err(Closed::Stranger {
                node: theirs.node,
                link: theirs.link,
            });
        }
        self.connection = Connection::Listing;
        let before = self.run.replace(theirs.run);
        let restarted = before.is_some_and(|run| run != theirs.run);
        let restarted = restarted.then(|| self.pool.on_restart());
        let skew_ms = i128::from(theirs.unix_ms) - i128::from(ours.unix_ms);
        let skew_ms = i64::try_from(skew_ms).unwrap_or(i64::MAX);
        let most = limits::SKEW_MAX.as_millis();
        let skew_ms = Some(skew_ms).filter(|skew| u128::from(skew.unsigned_abs()) > most);
        Ok(Greeted { restarted, skew_ms })
    }

    /// The neighbour has these blocks: all that it has, if that is its first list on the
    /// connection. Returns whether messages pass from now on.
    pub(crate) fn on_have(&mut self, numbers: &[u64]) -> bool {
        let first = self.connection == Connection::Listing;
        if first {
            self.pool.on_list(numbers);
            self.connection = Connection::Up;
        }
        for number in numbers {
            self.pool.on_have(*number);
        }
        first
    }

    /// Writes an authenticated message and encrypts its keys. `None` if there is too little key.
    pub(crate) fn seal(
        &mut self,
        course: &Course,
        body: &Body,
        keys: Option<&Keys>,
    ) -> Option<Vec<u8>> {
        let pad = self.pool.take(purpose(body))?;
        let Writer { mut octets } = message::unsealed(&pad.segments, course, body);
        if let Some(keys) = keys {
            let mut payload = Zeroizing::new(keys.octets().to_vec());
            pad.apply(&mut payload);
            octets.extend_from_slice(&payload);
        }
        let tag = mac::tag(&pad.r, &pad.s(), &octets);
        octets.extend_from_slice(&tag);
        Some(octets)
    }

    /// Checks an authenticated message and decrypts its keys. `None` if the tag is wrong, or its
    /// key is not here or was used before: then nothing has changed.
    pub(crate) fn open(&mut self, sealed: &Sealed<'_>) -> Option<Opened> {
        let purpose = purpose(&sealed.body);
        let pad = self.pool.expect(&sealed.segments, purpose)?;
        let tag = mac::tag(&pad.r, &pad.s(), sealed.covered);
        if !mac::same(&tag, &sealed.tag) && on(Guard::Tag) {
            return None;
        }
        self.pool.accept(&sealed.segments, purpose);
        let mut octets = Zeroizing::new(sealed.payload.to_vec());
        pad.apply(&mut octets);
        Some(Opened {
            blocks: pad.blocks,
            keys: Keys::new(octets),
        })
    }

    /// The level to announce. It falls at once, and rises when there is half as much again, so
    /// that it does not swing.
    pub(crate) fn level(&mut self) -> Level {
        let level = |octets: usize| match octets {
            0..512 => Level::Empty,
            512..2048 => Level::Low,
            2048..16_384 => Level::Fair,
            _ => Level::Rich,
        };
        let usable = self.pool.usable();
        self.level = level(usable).min(self.level.max(level(usable * 2 / 3)));
        if self.is_up() {
            self.level
        } else {
            Level::Down
        }
    }

    /// Whether a message is due, so that the neighbour sees that we live.
    pub(crate) fn wants_ping(&self, now: Duration) -> bool {
        self.is_up() && self.sent + limits::KEEPALIVE <= now
    }

    /// Whether the neighbour is silent for too long.
    pub(crate) fn is_silent(&self, now: Duration) -> bool {
        self.connection != Connection::Down && self.heard + limits::DEAD <= now
    }

    /// The time at which one of these two changes.
    pub(crate) fn due(&self) -> Option<Duration> {
        let silent = self.heard + limits::DEAD;
        match self.connection {
            Connection::Down => None,
            Connection::Greeting | Connection::Listing => Some(silent),
            Connection::Up => Some(silent.min(self.sent + limits::KEEPALIVE)),
        }
    }
}

/// The purpose of a message's key.
fn purpose(body: &Body) -> Purpose {
    match body {
        Body::Relay(relay) => Purpose::batch(relay.ids.len()),
        _ => Purpose::TAG,
    }
}
