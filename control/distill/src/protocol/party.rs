//! The part that both ends have in common: the greeting, and the reserve of key for authentication.

use crate::authentication::{Direction, Incarnation, Reserve, Secret};

use super::message::{Hello, VERSION, parse_ready, ready};
use super::{Action, Closed, Random, Session, Setup};

/// An end.
pub(super) struct Party {
    pub(super) setup: Setup,
    pub(super) secret: Secret,
    pub(super) reserve: Reserve,
    pub(super) random: Random,
    /// The next block that is not begun.
    pub(super) next_block: u64,
    /// The direction in which this end sends.
    outbound: Direction,
    incarnation: Incarnation,
    /// The last run of the other end.
    peer: Option<Incarnation>,
    link: Link,
}

/// The connection.
enum Link {
    Down,
    /// `theirs` has come, but not their proof that they have heard ours.
    Greeting {
        ours: Hello,
        theirs: Option<Hello>,
    },
    Up(Session),
}

/// A message during the greeting.
pub(super) enum Greeted {
    /// The greeting goes on.
    On(Vec<Action>),
    /// Both ends are there. `renewed` if the other end has restarted.
    Up { session: Session, renewed: bool },
}

impl Party {
    pub(super) fn new(
        setup: Setup,
        secret: Secret,
        position: u64,
        outbound: Direction,
        mut random: Random,
    ) -> Self {
        let mut incarnation = Incarnation([0; 16]);
        random(&mut incarnation.0);
        Self {
            setup,
            secret,
            reserve: Reserve::new(position),
            random,
            next_block: 1,
            outbound,
            incarnation,
            peer: None,
            link: Link::Down,
        }
    }

    /// Greets.
    pub(super) fn connect(&mut self) -> Vec<Action> {
        if self.reserve.is_empty(&self.secret) {
            return vec![Action::Close(Closed::ReserveEmpty)];
        }
        let mut ours = Hello {
            version: VERSION,
            incarnation: self.incarnation,
            setup: self.setup.digest(),
            next_block: self.next_block,
            position: self.reserve.position(),
            nonce: [0; 16],
        };
        (self.random)(&mut ours.nonce);
        let mut message = ours.octets();
        let mac = self.secret.mac(&[&[label(self.outbound)], &message]);
        message.extend(mac);
        self.link = Link::Greeting { ours, theirs: None };
        vec![Action::Send(message)]
    }

    pub(super) fn disconnect(&mut self) {
        self.link = Link::Down;
    }

    pub(super) fn session(&self) -> Option<Session> {
        match self.link {
            Link::Up(session) => Some(session),
            Link::Down | Link::Greeting { .. } => None,
        }
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.link, Link::Down)
    }

    /// A message of the greeting.
    pub(super) fn greet(&mut self, message: &[u8]) -> Result<Greeted, Closed> {
        let inbound = label(opposite(self.outbound));
        let Link::Greeting { ours, theirs } = &mut self.link else {
            return Err(Closed::Refused);
        };
        let Some(peer) = *theirs else {
            let (hello, octets, mac) = Hello::parse(message).ok_or(Closed::Refused)?;
            if !self.secret.verifies(&[&[inbound], octets], mac) {
                return Err(Closed::Refused);
            }
            if hello.version != VERSION {
                return Err(Closed::Version);
            }
            if hello.setup != ours.setup {
                return Err(Closed::Setup);
            }
            let heard = [&[label(self.outbound)][..], &ours.octets(), octets];
            let answer = ready(self.secret.mac(&heard));
            *theirs = Some(hello);
            return Ok(Greeted::On(vec![Action::Send(answer)]));
        };
        let mac = parse_ready(message).ok_or(Closed::Refused)?;
        let heard = [&[inbound][..], &peer.octets(), &ours.octets()];
        if !self.secret.verifies(&heard, mac) {
            return Err(Closed::Refused);
        }
        let renewed = self.peer.replace(peer.incarnation) != Some(peer.incarnation);
        if renewed {
            self.reserve.forget_blocks();
        }
        self.reserve.skip_to(peer.position);
        self.next_block = self.next_block.max(peer.next_block);
        let (alice, bob) = match self.outbound {
            Direction::AliceToBob => (self.incarnation, peer.incarnation),
            Direction::BobToAlice => (peer.incarnation, self.incarnation),
        };
        let session = Session { alice, bob };
        self.link = Link::Up(session);
        Ok(Greeted::Up { session, renewed })
    }

    /// The number of the next block, which begins now.
    pub(super) fn begin(&mut self) -> u64 {
        let block = self.next_block;
        self.next_block += 1;
        block
    }
}

fn label(direction: Direction) -> u8 {
    match direction {
        Direction::AliceToBob => b'A',
        Direction::BobToAlice => b'B',
    }
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::AliceToBob => Direction::BobToAlice,
        Direction::BobToAlice => Direction::AliceToBob,
    }
}
