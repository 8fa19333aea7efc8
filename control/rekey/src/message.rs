//! Rekey frames on the line: eight types of two fixed sizes (spec, section 4).
//!
//! [`Message::parse`] checks everything once, the MAC before anything that is inside; what it
//! returns cannot hold a wrong value, and [`Message::emit`] gives back the same octets.

use core::ops::Range;
use core::time::Duration;

use secy::{SaId, Suite};
use wire::{An, KeyId, MacAddr, Sci};

use crate::announced::{Announced, LedgerHead, LineSettings};
use crate::event::Refusal;
use crate::key_policy::KeyPolicy;
use crate::limits;
use crate::schedule::{Kcv, MAC_LEN, MacKey};
use crate::secret::Origin;
use crate::session_id::SessionId;
use crate::transfer::{ALL, PIECE_LEN, PIECES, Piece};

mod layout;

use layout::{
    AN_AT, BYE, CHALLENGE, CLEAR_TAGS_AT, COMMON, CTR, DESTINATION, EPOCH, ETHERTYPE, HAVE, HELLO,
    INDEX_AT, INTERVAL_MS, KCV, KEM_DONE, KEM_HAVE, KEM_KEY, KEM_TEXT, KEY_ID, KEY_ID_LEN_AT,
    LEDGER_HASH, LEDGER_NUMBER, MTU, OFFER, ORIGIN_AT, POLICY_AT, READY, REASON_AT, RESPONSE, ROOT,
    ROOT_EPOCH, RX_EPOCH, RX_HELD, SCI_SRC, SESSION_DST, SESSION_SRC, SOURCE, SUITE_AT, TX_EPOCH,
    TX_SCS, TYPE_AT, VERSION, VERSION_AT,
};
pub use layout::{FRAME_LEN, FRAME_LEN_MAX};

/// Random, for one answer only; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonce(pub(crate) [u8; 16]);

/// The fields of every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The sender's SCI with port identifier 1.
    pub(crate) sci: Sci,
    /// Its transmit SCs.
    pub(crate) tx_scs: u16,
    pub(crate) suite: Suite,
    /// Its session.
    pub(crate) src: SessionId,
    /// The session of the receiver that it has adopted.
    pub(crate) dst: SessionId,
    /// Grows with each frame of a session.
    pub(crate) ctr: u64,
    /// Epoch of its tx SA in use, 0 if none: announces switches on a quiet line.
    pub(crate) tx_epoch: u32,
    /// Highest epoch it has accepted in its receive direction.
    pub(crate) rx_epoch: u32,
    /// Highest epoch whose rx SA all its workers hold, 0 if none.
    pub(crate) rx_held: u32,
    /// Its rekey interval.
    pub(crate) interval: Duration,
    pub(crate) policy: KeyPolicy,
    /// Epoch of its root in force.
    pub(crate) root_epoch: u32,
}

/// The fields of one type of frame.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Hello {
        challenge: Nonce,
        response: Nonce,
        /// Check value of the root in force.
        root_check: Kcv,
        /// Settings and the head of the ledger (REKEY-60).
        announced: Announced,
    },
    Offer {
        id: SaId,
        key_id: KeyId,
        origin: Origin,
        /// Epoch of the root the keys are made with.
        root: u32,
    },
    Ready {
        id: SaId,
        key_id: KeyId,
        answer: Answer,
    },
    Bye,
    /// A piece of the public keys or of the ciphertexts.
    Piece {
        of: Transfer,
        /// Epoch of the root to come.
        root: u32,
        index: u8,
        piece: Piece,
    },
    /// The pieces that have arrived.
    Have {
        root: u32,
        have: u16,
    },
    /// The end that asked holds the root to come.
    Done {
        root: u32,
        tag: Kcv,
    },
}

/// The two transfers of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// From the end that asks.
    PublicKeys,
    /// From the end that answers.
    Ciphertexts,
}

/// The answer to an offer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// All workers have it.
    Installed(Kcv),
    /// The receiver will not or cannot take it.
    Refused(Refusal),
}

/// A parsed frame.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) header: Header,
    pub(crate) body: Body,
}

/// Addresses and EtherType of the frames of one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) destination: MacAddr,
    pub(crate) source: MacAddr,
    pub(crate) ethertype: u16,
}

/// Why a frame is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reject {
    Malformed,
    UnknownVersion,
    UnknownType,
    /// With the address that the frame claims.
    Forged(MacAddr),
}

impl Message {
    /// REKEY-10: shape, then MAC, then fields.
    pub(crate) fn parse(frame: &[u8], ethertype: u16, key: &MacKey) -> Result<Self, Reject> {
        let (common, rest) = frame.split_first_chunk().ok_or(Reject::Malformed)?;
        let lengths = [FRAME_LEN, FRAME_LEN_MAX];
        if !lengths.contains(&frame.len()) || frame[ETHERTYPE] != ethertype.to_be_bytes() {
            return Err(Reject::Malformed);
        }
        if frame[VERSION_AT] != VERSION {
            return Err(Reject::UnknownVersion);
        }
        let long = match frame[TYPE_AT] {
            HELLO | OFFER | READY | BYE | KEM_HAVE | KEM_DONE => false,
            KEM_KEY | KEM_TEXT => true,
            _ => return Err(Reject::UnknownType),
        };
        if long != (frame.len() == FRAME_LEN_MAX) {
            return Err(Reject::Malformed);
        }
        let (octets, mac) = frame.split_at(frame.len() - MAC_LEN);
        if !key.verify(octets, mac) {
            return Err(Reject::Forged(MacAddr(array(common, SOURCE))));
        }
        let piece = rest.first_chunk().filter(|_| long);
        let message = Self::fields(common, piece).ok_or(Reject::Malformed)?;
        // REKEY-11: one meaning has one form. Whatever a type does not use must be zero.
        let envelope = Envelope {
            destination: MacAddr(array(common, DESTINATION)),
            source: MacAddr(array(common, SOURCE)),
            ethertype,
        };
        if message.octets(&envelope) != octets {
            return Err(Reject::Malformed);
        }
        Ok(message)
    }

    fn fields(frame: &[u8; COMMON.end], piece: Option<&[u8; PIECE_LEN]>) -> Option<Self> {
        let header = Header {
            sci: Sci::from_bytes(array(frame, SCI_SRC)),
            tx_scs: u16::from_be_bytes(array(frame, TX_SCS)),
            suite: Suite::from_code(frame[SUITE_AT])?,
            src: SessionId(array(frame, SESSION_SRC)),
            dst: SessionId(array(frame, SESSION_DST)),
            ctr: u64::from_be_bytes(array(frame, CTR)),
            tx_epoch: u32::from_be_bytes(array(frame, TX_EPOCH)),
            rx_epoch: u32::from_be_bytes(array(frame, RX_EPOCH)),
            rx_held: u32::from_be_bytes(array(frame, RX_HELD)),
            interval: Duration::from_millis(u64::from(u32::from_be_bytes(array(
                frame,
                INTERVAL_MS,
            )))),
            policy: KeyPolicy::from_code(frame[POLICY_AT])?,
            root_epoch: u32::from_be_bytes(array(frame, ROOT_EPOCH)),
        };
        let source = MacAddr(array(frame, SOURCE));
        let scs = 1..=limits::TX_SCS_MAX; // REKEY-2
        let known = header.sci == Sci::new(source, 1) && header.src != SessionId::NONE;
        if !known || !scs.contains(&header.tx_scs) {
            return None;
        }
        let id = || {
            let an = An::new(frame[AN_AT])?;
            let epoch = u32::from_be_bytes(array(frame, EPOCH));
            (epoch != 0).then_some(SaId { an, epoch })
        };
        let key_id = || {
            let len = usize::from(frame[KEY_ID_LEN_AT]);
            KeyId::from_bytes(frame[KEY_ID].get(..len)?).ok()
        };
        let root = u32::from_be_bytes(array(frame, ROOT));
        let next_root = || (root != 0).then_some(root);
        let transfer = |of, piece: &[u8; PIECE_LEN]| {
            let index = Some(frame[INDEX_AT]).filter(|index| *index < PIECES)?;
            let piece = Piece(Box::new(*piece));
            let root = next_root()?;
            Some(Body::Piece {
                of,
                root,
                index,
                piece,
            })
        };
        let body = match frame[TYPE_AT] {
            HELLO => Body::Hello {
                challenge: Nonce(array(frame, CHALLENGE)),
                response: Nonce(array(frame, RESPONSE)),
                root_check: Kcv(array(frame, KCV)),
                announced: announced(frame)?,
            },
            OFFER => Body::Offer {
                root,
                id: id()?,
                key_id: key_id()?,
                origin: Origin::from_code(frame[ORIGIN_AT])?,
            },
            READY => Body::Ready {
                id: id()?,
                key_id: key_id()?,
                answer: match frame[REASON_AT] {
                    0 => Answer::Installed(Kcv(array(frame, KCV))),
                    reason => Answer::Refused(Refusal::from_code(reason)?),
                },
            },
            BYE => Body::Bye,
            KEM_KEY => transfer(Transfer::PublicKeys, piece?)?,
            KEM_TEXT => transfer(Transfer::Ciphertexts, piece?)?,
            KEM_HAVE => Body::Have {
                root: next_root()?,
                have: Some(u16::from_be_bytes(array(frame, HAVE))).filter(|have| *have <= ALL)?,
            },
            KEM_DONE => Body::Done {
                root: next_root()?,
                tag: Kcv(array(frame, KCV)),
            },
            _ => return None,
        };
        Some(Self { header, body })
    }

    /// The frame, with its MAC.
    pub(crate) fn emit(&self, envelope: &Envelope, key: &MacKey) -> Vec<u8> {
        let mut frame = self.octets(envelope);
        let mac = key.mac(&frame);
        frame.extend(mac);
        frame
    }

    /// All but the MAC.
    fn octets(&self, envelope: &Envelope) -> Vec<u8> {
        let Self { header, body } = self;
        let mut frame = Vec::with_capacity(FRAME_LEN_MAX);
        frame.resize(COMMON.end, 0);
        frame[DESTINATION].copy_from_slice(&envelope.destination.0);
        frame[SOURCE].copy_from_slice(&envelope.source.0);
        frame[ETHERTYPE].copy_from_slice(&envelope.ethertype.to_be_bytes());
        frame[VERSION_AT] = VERSION;
        frame[SUITE_AT] = header.suite.code();
        frame[TX_SCS].copy_from_slice(&header.tx_scs.to_be_bytes());
        frame[SCI_SRC].copy_from_slice(&header.sci.to_bytes());
        frame[SESSION_SRC].copy_from_slice(&header.src.0);
        frame[SESSION_DST].copy_from_slice(&header.dst.0);
        frame[CTR].copy_from_slice(&header.ctr.to_be_bytes());
        frame[TX_EPOCH].copy_from_slice(&header.tx_epoch.to_be_bytes());
        frame[RX_EPOCH].copy_from_slice(&header.rx_epoch.to_be_bytes());
        frame[RX_HELD].copy_from_slice(&header.rx_held.to_be_bytes());
        let interval_ms = u32::try_from(header.interval.as_millis()).unwrap_or(u32::MAX);
        frame[INTERVAL_MS].copy_from_slice(&interval_ms.to_be_bytes());
        frame[POLICY_AT] = header.policy.code();
        frame[ROOT_EPOCH].copy_from_slice(&header.root_epoch.to_be_bytes());
        let mut sa = |id: &SaId, key_id: &KeyId| {
            frame[AN_AT] = id.an.value();
            frame[EPOCH].copy_from_slice(&id.epoch.to_be_bytes());
            let text = key_id.as_bytes();
            frame[KEY_ID_LEN_AT] =
                u8::try_from(text.len()).expect("a key_ID has at most 64 octets");
            frame[KEY_ID][..text.len()].copy_from_slice(text);
        };
        match body {
            Body::Hello {
                challenge,
                response,
                root_check,
                announced: Announced { settings, ledger },
            } => {
                frame[TYPE_AT] = HELLO;
                frame[MTU].copy_from_slice(&settings.mtu.to_be_bytes());
                frame[CLEAR_TAGS_AT] = settings.clear_vlan_tags;
                if let Some(head) = ledger {
                    frame[LEDGER_NUMBER].copy_from_slice(&head.number.to_be_bytes());
                    frame[LEDGER_HASH].copy_from_slice(&head.hash);
                }
                frame[CHALLENGE].copy_from_slice(&challenge.0);
                frame[RESPONSE].copy_from_slice(&response.0);
                frame[KCV].copy_from_slice(&root_check.0);
            }
            Body::Offer {
                id,
                key_id,
                origin,
                root,
            } => {
                sa(id, key_id);
                frame[TYPE_AT] = OFFER;
                frame[ROOT].copy_from_slice(&root.to_be_bytes());
                frame[ORIGIN_AT] = origin.code();
            }
            Body::Ready { id, key_id, answer } => {
                sa(id, key_id);
                frame[TYPE_AT] = READY;
                match answer {
                    Answer::Installed(kcv) => frame[KCV].copy_from_slice(&kcv.0),
                    Answer::Refused(refusal) => frame[REASON_AT] = refusal.code(),
                }
            }
            Body::Bye => frame[TYPE_AT] = BYE,
            Body::Piece {
                of,
                root,
                index,
                piece,
            } => {
                frame[TYPE_AT] = match of {
                    Transfer::PublicKeys => KEM_KEY,
                    Transfer::Ciphertexts => KEM_TEXT,
                };
                frame[ROOT].copy_from_slice(&root.to_be_bytes());
                frame[INDEX_AT] = *index;
                frame.extend(piece.0.as_slice());
            }
            Body::Have { root, have } => {
                frame[TYPE_AT] = KEM_HAVE;
                frame[ROOT].copy_from_slice(&root.to_be_bytes());
                frame[HAVE].copy_from_slice(&have.to_be_bytes());
            }
            Body::Done { root, tag } => {
                frame[TYPE_AT] = KEM_DONE;
                frame[ROOT].copy_from_slice(&root.to_be_bytes());
                frame[KCV].copy_from_slice(&tag.0);
            }
        }
        frame
    }
}

impl Nonce {
    pub(crate) const NONE: Self = Self([0; 16]);
}

/// Reads the announcement of a HELLO. A ledger without a hash has no number.
fn announced(frame: &[u8; COMMON.end]) -> Option<Announced> {
    let number = u64::from_be_bytes(array(frame, LEDGER_NUMBER));
    let hash = array(frame, LEDGER_HASH);
    let ledger = (hash != [0; 32]).then_some(LedgerHead { number, hash });
    let settings = LineSettings {
        mtu: u16::from_be_bytes(array(frame, MTU)),
        clear_vlan_tags: frame[CLEAR_TAGS_AT],
    };
    (ledger.is_some() || number == 0).then_some(Announced { settings, ledger })
}

/// The octets of one field. The ranges are constants inside the frame.
fn array<const N: usize>(frame: &[u8; COMMON.end], field: Range<usize>) -> [u8; N] {
    frame[field]
        .try_into()
        .expect("a field has the length of its type")
}

#[cfg(test)]
mod tests;
