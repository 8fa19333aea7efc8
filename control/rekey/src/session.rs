//! Sessions: which run of the peer we talk to, and whether it is alive.
//!
//! Each run of a process draws a session id. A peer session is adopted only when one of its frames
//! returns our nonce. We then draw a new nonce, so no recorded frame can restore an old session
//! (spec, section 5).
//!
//! Keys and roots belong to a pair of sessions, ours and the peer's. The end that wipes them never
//! enters that pair again: it draws another session id first. The peer then sees a new session and
//! wipes too. Without this rule one end could lose what the other still holds (REKEY-54).
//!
//! Not here: what a new session means for keys ([`crate::Rekey`] wipes them), frames' octets.

use core::time::Duration;

use subtle::ConstantTimeEq;
use wire::MacAddr;

use crate::guards::{self, Guard};
use crate::limits;
use crate::message::{Header, Nonce};
use crate::session_id::SessionId;
use crate::status::{SessionState, SessionStatus};

/// Fills a slice with unpredictable octets.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// Our session, and the peer's.
pub(crate) struct Session {
    entropy: Entropy,
    id: SessionId,
    /// Peer sessions that were adopted under this `id` and later left.
    left: Vec<SessionId>,
    ctr: u64,
    /// Good for one adoption.
    nonce: Nonce,
    /// The nonce of the peer that our next HELLO answers.
    answer: Nonce,
    peer: Peer,
    hello: Duration,
    dead: Duration,
    next_hello: Option<Duration>,
    /// Limits answers to sessions that are not adopted (REKEY-13).
    answers: Ration,
    /// Limits sessions adopted instead of another (REKEY-57).
    changes: Ration,
}

/// A rate limit: `burst` at once, and one more after each `every`.
struct Ration {
    burst: u32,
    every: Duration,
    left: u32,
    /// The time of the last refill.
    since: Duration,
}

/// How far we are with the peer.
#[derive(Clone, Copy, Debug)]
enum Peer {
    None,
    /// It has proved itself.
    Adopted(Far),
    /// And it has shown that it adopted us: keys may be offered.
    Agreed(Far),
    /// Agreed, and silent for longer than `dead`. Keys are kept (REKEY-14).
    Lost(Far),
}

/// The far end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Far {
    /// From the frame that brought back our nonce.
    pub(crate) first: Header,
    ctr: u64,
    heard: Duration,
}

/// The meaning of a HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// It belongs to the adopted session.
    Known,
    /// It belongs to a session that has just proved itself; keys of the session before are void.
    Adopted {
        /// It was adopted and left before, so our own session is new as well.
        returned: bool,
    },
    /// The known session, but it no longer knows ours.
    Forgotten,
    /// It belongs to another session, which gets our nonce to answer.
    Challenged,
}

/// Why an authentic frame is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untimely {
    Replayed,
    Stale,
}

/// A change that the rest of the protocol must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Agreed,
    Resumed,
    Lost { heard: Duration },
}

impl Session {
    pub(crate) fn new(hello: Duration, dead: Duration, entropy: Entropy) -> Self {
        let mut session = Self {
            entropy,
            id: SessionId::NONE,
            left: Vec::new(),
            ctr: 0,
            nonce: Nonce::NONE,
            answer: Nonce::NONE,
            peer: Peer::None,
            hello,
            dead,
            next_hello: None,
            answers: Ration::new(limits::ANSWERS_BURST, limits::ANSWER_EVERY),
            changes: Ration::new(limits::CHANGES_BURST, limits::CHANGE_EVERY),
        };
        session.draw_id();
        session.draw_nonce();
        session
    }

    pub(crate) const fn id(&self) -> SessionId {
        self.id
    }

    /// The far end, once it has proved itself.
    pub(crate) const fn far(&self) -> Option<&Far> {
        match &self.peer {
            Peer::None => None,
            Peer::Adopted(far) | Peer::Agreed(far) | Peer::Lost(far) => Some(far),
        }
    }

    /// Both ends know each other, and the peer is heard.
    pub(crate) const fn agreed(&self) -> bool {
        matches!(self.peer, Peer::Agreed(_))
    }

    /// The peer's session for the header of our frames.
    pub(crate) fn dst(&self) -> SessionId {
        self.far().map_or(SessionId::NONE, |far| far.first.src)
    }

    /// REKEY-9: each frame of ours has a higher counter than all before.
    pub(crate) fn next_ctr(&mut self) -> u64 {
        self.ctr += 1;
        self.ctr
    }

    /// REKEY-5: what our HELLO carries: our nonce, and the answer to the peer's.
    pub(crate) const fn nonces(&self) -> (Nonce, Nonce) {
        (self.nonce, self.answer)
    }

    /// A HELLO is due as soon as possible.
    pub(crate) fn hello_now(&mut self, now: Duration) {
        self.next_hello = Some(now);
    }

    /// True when a HELLO is to be sent now; the next one is then set.
    pub(crate) fn hello_due(&mut self, now: Duration) -> bool {
        if self.next_hello.is_none_or(|due| now < due) {
            return false;
        }
        let period = self.jitter(self.hello, 10);
        self.next_hello = Some(now + period);
        true
    }

    pub(crate) fn on_hello(
        &mut self,
        now: Duration,
        header: &Header,
        challenge: Nonce,
        response: Nonce,
    ) -> Result<(Hello, Option<Change>), Untimely> {
        if self.far().is_some_and(|far| far.first.src == header.src) {
            let knew_us = matches!(self.peer, Peer::Agreed(_) | Peer::Lost(_));
            let change = self.heard(now, header)?;
            self.answer = challenge;
            // REKEY-55
            if knew_us && header.dst != self.id && guards::on(Guard::PeerForgets) {
                return Ok((Hello::Forgotten, None));
            }
            if header.dst != self.id && self.answers.take(now) {
                self.hello_now(now);
            }
            return Ok((Hello::Known, change));
        }
        self.answer = challenge;
        let proved = self.proves(header, response);
        if proved && (self.far().is_none() || self.changes.take(now)) {
            if guards::on(Guard::NonceOnce) {
                self.draw_nonce();
            }
            let returned = self.pair_with(header.src);
            let far = Far {
                first: *header,
                ctr: header.ctr,
                heard: now,
            };
            self.peer = Peer::Adopted(far);
            self.hello_now(now);
            return Ok((Hello::Adopted { returned }, self.agree(header)));
        }
        if self.answers.take(now) {
            self.hello_now(now);
        }
        Ok((Hello::Challenged, None))
    }

    /// Any other frame: REKEY-8, of the session adopted and for ours.
    pub(crate) fn on_other(
        &mut self,
        now: Duration,
        header: &Header,
    ) -> Result<Option<Change>, Untimely> {
        let src = self.far().is_some_and(|far| far.first.src == header.src);
        if !(src && header.dst == self.id) && guards::on(Guard::SameSessions) {
            return Err(Untimely::Stale);
        }
        self.heard(now, header)
    }

    /// The peer ended its session. Its nonce answers are void too.
    pub(crate) fn on_bye(&mut self) {
        self.leave();
        self.answer = Nonce::NONE;
        self.draw_nonce();
    }

    /// Ends the session with the peer, which may still use it. Our new session id shows that to the
    /// peer.
    pub(crate) fn renew(&mut self, now: Duration) {
        self.leave();
        self.draw_id();
        self.draw_nonce();
        if self.answers.take(now) {
            self.hello_now(now);
        }
    }

    pub(crate) fn on_time(&mut self, now: Duration) -> Option<Change> {
        match self.peer {
            Peer::Agreed(far) if now >= far.heard + self.dead => {
                self.peer = Peer::Lost(far);
                Some(Change::Lost { heard: far.heard })
            }
            Peer::None | Peer::Adopted(_) | Peer::Agreed(_) | Peer::Lost(_) => None,
        }
    }

    pub(crate) fn next_wake(&self) -> Option<Duration> {
        let dead = match self.peer {
            Peer::Agreed(far) => Some(far.heard + self.dead),
            Peer::None | Peer::Adopted(_) | Peer::Lost(_) => None,
        };
        [self.next_hello, dead].into_iter().flatten().min()
    }

    pub(crate) fn status(&self, now: Duration) -> SessionStatus {
        let (state, far) = match &self.peer {
            Peer::None => (SessionState::Searching, None),
            Peer::Adopted(far) => (SessionState::Adopted, Some(far)),
            Peer::Agreed(far) => (SessionState::Agreed, Some(far)),
            Peer::Lost(far) => (SessionState::Lost, Some(far)),
        };
        SessionStatus {
            state,
            peer: far.map(Far::mac),
            peer_scis: far.map_or(0, |far| far.first.tx_scs),
            silence: far.map(|far| now.saturating_sub(far.heard)),
        }
    }

    /// `time` ± `percent`, so that two ends or many lines do not beat together.
    pub(crate) fn jitter(&mut self, time: Duration, percent: u32) -> Duration {
        let mut draw = [0; 2];
        (self.entropy)(&mut draw);
        let span = time * percent / 100;
        time - span + span * 2 * u32::from(u16::from_be_bytes(draw)) / u32::from(u16::MAX)
    }

    /// A frame of the peer session: REKEY-9, newer than all before.
    fn heard(&mut self, now: Duration, header: &Header) -> Result<Option<Change>, Untimely> {
        let (far, resumed) = match &mut self.peer {
            Peer::None => return Err(Untimely::Stale),
            Peer::Adopted(far) | Peer::Agreed(far) => (far, false),
            Peer::Lost(far) => (far, true),
        };
        if header.ctr <= far.ctr && guards::on(Guard::FrameOnce) {
            return Err(Untimely::Replayed);
        }
        far.ctr = header.ctr;
        far.heard = now;
        if resumed {
            self.peer = Peer::Agreed(*far);
            return Ok(Some(Change::Resumed));
        }
        Ok(self.agree(header))
    }

    /// The peer has adopted us when its frames name our session.
    fn agree(&mut self, header: &Header) -> Option<Change> {
        match self.peer {
            Peer::Adopted(far) if header.dst == self.id => {
                self.peer = Peer::Agreed(far);
                Some(Change::Agreed)
            }
            Peer::None | Peer::Adopted(_) | Peer::Agreed(_) | Peer::Lost(_) => None,
        }
    }

    /// REKEY-54: no pair of sessions is used twice, because the other end may still hold what one
    /// end wiped. True if the peer session was left before.
    fn pair_with(&mut self, theirs: SessionId) -> bool {
        self.leave();
        let returned = self.left.contains(&theirs);
        let full = self.left.len() >= limits::SESSIONS_LEFT_MAX;
        if (returned || full) && guards::on(Guard::PairOnce) {
            self.draw_id();
        }
        returned
    }

    /// Leaves the adopted session, if any.
    fn leave(&mut self) {
        if let Some(far) = self.far() {
            let theirs = far.first.src;
            self.left.push(theirs);
        }
        self.peer = Peer::None;
    }

    /// REKEY-3: the id comes from a random generator and is never stored.
    fn draw_id(&mut self) {
        self.left.clear();
        self.id = SessionId::NONE;
        while self.id == SessionId::NONE {
            (self.entropy)(&mut self.id.0);
        }
    }

    /// REKEY-6: only an answer to the nonce that is out now proves a session.
    fn proves(&self, header: &Header, response: Nonce) -> bool {
        if !guards::on(Guard::AdoptOnAnswer) {
            return header.dst == self.id || self.far().is_none(); // an echo: what a replay has too
        }
        response != Nonce::NONE && bool::from(response.0.ct_eq(&self.nonce.0))
    }

    /// REKEY-4.
    fn draw_nonce(&mut self) {
        self.nonce = Nonce::NONE;
        while self.nonce == Nonce::NONE {
            (self.entropy)(&mut self.nonce.0);
        }
    }
}

impl Ration {
    const fn new(burst: u32, every: Duration) -> Self {
        Self {
            burst,
            every,
            left: burst,
            since: Duration::ZERO,
        }
    }

    /// Takes one from the ration, if one is left.
    fn take(&mut self, now: Duration) -> bool {
        while self.left < self.burst && now >= self.since + self.every {
            self.left += 1;
            self.since += self.every;
        }
        if self.left == self.burst {
            self.since = now;
        }
        let may = self.left > 0;
        self.left -= u32::from(may);
        may
    }
}

impl Far {
    pub(crate) const fn mac(&self) -> MacAddr {
        self.first.sci.mac()
    }
}

#[cfg(test)]
mod tests;
