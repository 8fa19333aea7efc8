//! The steps of a KEM exchange, in the order in which it goes: ask, answer, confirm.

use core::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Exchange, Ratchet, RatchetContext};
use crate::event::RatchetFailure;
use crate::guards::{self, Guard};
use crate::kem::{KEM_PUBLIC_LEN, KEM_TEXT_LEN};
use crate::limits;
use crate::message::{Body, Transfer};
use crate::schedule::{KCV_LEN, Kcv, RootContext};
use crate::transfer::{ALL, Incoming, Outgoing, Piece, TRANSFER_LEN};

/// Octets of the ciphertexts and the tag behind them.
const ANSWER_LEN: usize = KEM_TEXT_LEN + KCV_LEN;

const _: () = assert!(KEM_PUBLIC_LEN <= TRANSFER_LEN && ANSWER_LEN <= TRANSFER_LEN);

impl Ratchet {
    /// Key pairs for this exchange only; REKEY-42: an epoch above all before.
    pub(super) fn ask(&mut self, now: Duration, cx: &mut RatchetContext<'_>) {
        self.asked = self.asked.saturating_add(1);
        let root = self.asked;
        let Ok((public, keys)) = self.kem.generate() else {
            return self.fail(now, root, RatchetFailure::Kem, cx);
        };
        self.exchange = Exchange::Asking {
            root,
            begun: now,
            out: Outgoing::new(now, &[&public[..]]),
            public,
            keys,
            text: Incoming::new(),
        };
    }

    /// A piece of the public keys of the end that asks.
    pub(super) fn take_key(
        &mut self,
        now: Duration,
        root: u32,
        (index, piece): (u8, &Piece),
        cx: &mut RatchetContext<'_>,
    ) -> bool {
        if !self.policy.ratchets() || self.asks(cx) {
            return false;
        }
        if now < self.rest {
            return false; // the peer sends it again
        }
        let taking =
            matches!(&self.exchange, Exchange::Taking { root: taken, .. } if *taken == root);
        if !taking {
            // Only an exchange above all before; it also ends one that the other end gave up.
            if root <= self.taken && guards::on(Guard::RootEpochGrows) {
                return false;
            }
            self.taken = root;
            self.exchange = Exchange::Taking {
                root,
                begun: now,
                public: Incoming::new(),
            };
        }
        let Exchange::Taking { public, begun, .. } = &mut self.exchange else {
            return false;
        };
        let (news, begun) = (public.put(now, index, piece), *begun);
        if let Some(whole) = public.whole() {
            let whole = Box::new(*whole);
            self.answer(now, root, begun, &whole, cx);
        }
        news
    }

    /// A piece of the ciphertexts, and of the tag behind them.
    pub(super) fn take_text(
        &mut self,
        now: Duration,
        asked: u32,
        (index, piece): (u8, &Piece),
        cx: &mut RatchetContext<'_>,
    ) -> bool {
        let Exchange::Asking {
            root, out, text, ..
        } = &mut self.exchange
        else {
            return false;
        };
        if *root != asked {
            return false;
        }
        out.on_have(now, ALL); // whoever answers has all of it
        let news = text.put(now, index, piece);
        if let Some(whole) = text.whole() {
            let whole = Box::new(*whole);
            self.confirm(now, &whole, cx);
        }
        news
    }

    pub(super) fn on_have(&mut self, now: Duration, about: u32, have: u16) -> bool {
        match &mut self.exchange {
            Exchange::Asking { root, out, .. } if *root == about => out.on_have(now, have),
            Exchange::Answering { next, out, .. } if next.epoch == about => out.on_have(now, have),
            _ => return false,
        }
        true
    }

    /// REKEY-45: the end that asked holds the root, so both do.
    pub(super) fn on_done(
        &mut self,
        now: Duration,
        root: u32,
        tag: &Kcv,
        cx: &mut RatchetContext<'_>,
    ) -> bool {
        if self.epoch() == root {
            cx.session.hello_now(now); // it has not heard that we know
            return true;
        }
        let Exchange::Answering { next, done, .. } = &self.exchange else {
            return false;
        };
        if next.epoch != root {
            return false;
        }
        if bool::from(tag.ct_eq(done)) {
            self.promote(now, cx);
        } else {
            self.fail(now, root, RatchetFailure::Tag, cx);
        }
        true
    }

    /// Sends what is due: pieces, reports, KEM_DONE.
    pub(super) fn repeat(&mut self, now: Duration, cx: &mut RatchetContext<'_>) {
        let RatchetContext { session, out, .. } = cx;
        let jitter = |pause| session.jitter(pause, 20);
        let (root, sent, of, taken) = match &mut self.exchange {
            Exchange::Waiting => return,
            Exchange::Confirming {
                next,
                done,
                send_at,
                pause,
                ..
            } => {
                if now >= *send_at {
                    *send_at = now + session.jitter(*pause, 20);
                    *pause = (*pause * 2).min(limits::PIECES_REPEAT_LAST);
                    let (root, tag) = (next.epoch, *done);
                    out.body(Body::Done { root, tag });
                }
                return;
            }
            Exchange::Asking {
                root,
                out: ours,
                text,
                ..
            } => (*root, Some(ours), Transfer::PublicKeys, Some(text)),
            Exchange::Taking { root, public, .. } => {
                (*root, None, Transfer::Ciphertexts, Some(public))
            }
            Exchange::Answering {
                next, out: ours, ..
            } => (next.epoch, Some(ours), Transfer::Ciphertexts, None),
        };
        if let Some(have) = taken.and_then(|taken| taken.report(now)) {
            out.body(Body::Have { root, have });
        }
        for (index, piece) in sent.map_or_else(Vec::new, |sent| sent.due(now, jitter)) {
            out.body(Body::Piece {
                of,
                root,
                index,
                piece,
            });
        }
    }

    /// The public keys are here: the next root, and the ciphertexts for the other end.
    fn answer(
        &mut self,
        now: Duration,
        root: u32,
        begun: Duration,
        public: &[u8; TRANSFER_LEN],
        cx: &mut RatchetContext<'_>,
    ) {
        let made = public
            .first_chunk()
            .filter(|_| padded(&public[KEM_PUBLIC_LEN..]))
            .and_then(|public| self.kem.encapsulate(public).ok());
        let Some((text, secret)) = made else {
            return self.fail(now, root, RatchetFailure::Kem, cx);
        };
        let context = self.context(root, &public[..KEM_PUBLIC_LEN], &text[..], false, cx);
        let before = self.current.as_ref().unwrap_or(&self.base);
        let (next, tags) = before.next(&secret, &context);
        self.exchange = Exchange::Answering {
            next,
            begun,
            done: tags.done,
            out: Outgoing::new(now, &[&text[..], &tags.answer.0]),
        };
        if !guards::on(Guard::RootConfirmed) {
            self.promote(now, cx);
        }
    }

    /// The ciphertexts are here: the next root, if the tag behind them proves it.
    fn confirm(&mut self, now: Duration, answer: &[u8; TRANSFER_LEN], cx: &mut RatchetContext<'_>) {
        let Exchange::Asking {
            root,
            begun,
            public,
            keys,
            ..
        } = core::mem::replace(&mut self.exchange, Exchange::Waiting)
        else {
            return;
        };
        let opened = answer
            .first_chunk()
            .filter(|_| padded(&answer[ANSWER_LEN..]))
            .and_then(|text| keys.decapsulate(text).ok());
        let Some(secret) = opened else {
            return self.fail(now, root, RatchetFailure::Kem, cx);
        };
        let context = self.context(root, &public[..], &answer[..KEM_TEXT_LEN], true, cx);
        let before = self.current.as_ref().unwrap_or(&self.base);
        let (next, tags) = before.next(&secret, &context);
        let proved = tags.answer.0.ct_eq(&answer[KEM_TEXT_LEN..ANSWER_LEN]);
        if !bool::from(proved) {
            return self.fail(now, root, RatchetFailure::Tag, cx);
        }
        self.exchange = Exchange::Confirming {
            next,
            begun,
            done: tags.done,
            send_at: now,
            pause: limits::PIECES_REPEAT,
        };
    }

    /// REKEY-37. `asks`: we began.
    fn context(
        &self,
        epoch: u32,
        public: &[u8],
        text: &[u8],
        asks: bool,
        cx: &RatchetContext<'_>,
    ) -> RootContext {
        let transcript = Sha256::new().chain_update(public).chain_update(text);
        let us = (self.local, cx.session.id());
        let far = cx.session.far().map(|far| &far.first);
        let peer = far.map_or(us, |first| (first.sci, first.src));
        let (asks, answers) = if asks { (us, peer) } else { (peer, us) };
        RootContext {
            epoch,
            asks,
            answers,
            transcript: transcript.finalize().into(),
        }
    }
}

/// Padding is zero: one message has one form.
fn padded(octets: &[u8]) -> bool {
    octets.iter().all(|octet| *octet == 0)
}
