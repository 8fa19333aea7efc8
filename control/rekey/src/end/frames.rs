//! Frames of one end: how those that come in are sorted, how those that go out get their header.

use core::time::Duration;

use wire::Sci;

use super::Rekey;
use crate::action::ControlFrame;
use crate::config::RxTimers;
use crate::event::{Ended, Event};
use crate::guards::{self, Guard};
use crate::message::{Body, Envelope, Header, Message, Reject};
use crate::session::{Hello, Untimely};

impl Rekey {
    /// Each frame is counted once. REKEY-10: nothing of a frame matters before its MAC verified.
    pub(super) fn sort(&mut self, now: Duration, frame: &[u8]) {
        let Some(source) = frame
            .get(6..12)
            .and_then(|mac| <[u8; 6]>::try_from(mac).ok())
        else {
            self.counters.malformed += 1;
            return;
        };
        if source == self.config.local.0 && guards::on(Guard::NotOwnFrame) {
            self.counters.reflected += 1; // REKEY-12
            return self
                .complaint
                .own(now)
                .into_iter()
                .for_each(|event| self.out.event(event));
        }
        if self.config.peer.is_some_and(|peer| peer.0 != source) {
            self.counters.foreign += 1;
            return;
        }
        let counter = match Message::parse(frame, self.config.ethertype, &self.mac) {
            Ok(message) => {
                self.complaint.verified();
                match self.take(now, message) {
                    Ok(()) => &mut self.counters.accepted,
                    Err(Untimely::Replayed) => &mut self.counters.replayed,
                    Err(Untimely::Stale) => &mut self.counters.stale,
                }
            }
            Err(Reject::Malformed) => &mut self.counters.malformed,
            Err(Reject::UnknownVersion) => &mut self.counters.unknown_version,
            Err(Reject::UnknownType) => &mut self.counters.unknown_type,
            Err(Reject::Forged(peer)) => {
                let event = self.complaint.forged(now, peer, self.session.agreed());
                event.into_iter().for_each(|event| self.out.event(event));
                &mut self.counters.forged
            }
        };
        *counter += 1;
    }

    /// An authentic frame.
    fn take(&mut self, now: Duration, message: Message) -> Result<(), Untimely> {
        let Message { header, body } = message;
        let header = &header;
        let mut check = None;
        let (known, change) = match &body {
            Body::Hello {
                challenge,
                response,
                root_check,
                announced,
            } => {
                check = Some(root_check);
                let before = self.session.far().map(|far| far.mac());
                let (hello, change) = self.session.on_hello(now, header, *challenge, *response)?;
                match hello {
                    Hello::Adopted { returned } => {
                        self.adopted(now, before, returned, header);
                        self.compare(announced.settings);
                    }
                    Hello::Forgotten => self.end_session(now, Ended::Forgotten),
                    Hello::Known | Hello::Challenged => {}
                }
                let known = matches!(hello, Hello::Known | Hello::Adopted { .. });
                if known {
                    self.peer_ledger = announced.ledger;
                }
                (known, change)
            }
            Body::Piece { .. } => match self.session.on_other(now, header) {
                // REKEY-43: a late piece counts as any other, but proves nothing about the peer's
                // present state.
                Err(Untimely::Replayed) => {
                    return match self.ratchet(|ratchet, cx| ratchet.on_body(now, &body, cx)) {
                        true => Ok(()),
                        false => Err(Untimely::Replayed),
                    };
                }
                change => (true, change?),
            },
            Body::Offer { .. }
            | Body::Ready { .. }
            | Body::Bye
            | Body::Have { .. }
            | Body::Done { .. } => (true, self.session.on_other(now, header)?),
        };
        if !known {
            return Ok(());
        }
        self.changed(now, change);
        if header.dst == self.session.id() && !self.root.agrees(header.root_epoch, check) {
            self.end_session(now, Ended::Roots);
            return Ok(());
        }
        self.ratchet(|ratchet, cx| ratchet.on_peer_root(now, header.root_epoch, cx));
        self.rx
            .set_timers(RxTimers::new(&self.config, header.interval));
        let (tx, rx, mut cx) = self.split();
        tx.on_peer_epoch(now, header.rx_epoch, &mut cx);
        tx.on_peer_held(now, header.rx_held, &mut cx);
        rx.on_announced(now, header.tx_epoch, &mut cx);
        match body {
            Body::Hello { .. } => {}
            Body::Offer {
                id,
                key_id,
                origin,
                root,
            } => rx.on_offer(now, header, (id, key_id, origin, root), &mut cx),
            Body::Ready { id, key_id, answer } => {
                tx.on_ready(now, id, key_id, &answer, &mut cx);
            }
            Body::Piece { .. } | Body::Have { .. } | Body::Done { .. } => {
                self.ratchet(|ratchet, cx| ratchet.on_body(now, &body, cx));
                if !self.root.agrees(header.root_epoch, None) {
                    self.end_session(now, Ended::Roots); // a wrong tag
                }
            }
            Body::Bye => {
                self.end_keys(now);
                if guards::on(Guard::RootEndsWithSession) {
                    self.root.reset();
                }
                self.session.on_bye();
                self.out.event(Event::SessionEnded {
                    peer: header.sci.mac(),
                    why: Ended::Bye,
                });
            }
        }
        Ok(())
    }

    /// Turns bodies into frames.
    pub(super) fn flush(&mut self) {
        let envelope = Envelope {
            destination: self.config.destination,
            source: self.config.local,
            ethertype: self.config.ethertype,
        };
        for body in self.out.take_bodies() {
            let header = Header {
                sci: Sci::new(self.config.local, 1),
                tx_scs: self.config.scis,
                suite: self.config.suite,
                src: self.session.id(),
                dst: self.session.dst(),
                ctr: self.session.next_ctr(),
                tx_epoch: self.tx.epoch_in_use(),
                rx_epoch: self.rx.epoch_seen(),
                rx_held: self.rx.epoch_held(),
                interval: self.config.interval,
                policy: self.config.policy,
                root_epoch: self.root.epoch(),
            };
            let frame = Message { header, body }.emit(&envelope, &self.mac);
            self.counters.sent += 1;
            self.out.frame(ControlFrame(frame));
        }
    }
}
