//! Rekey frames on the line: one fixed size, four types (spec, section 4).
//!
//! [`Message::parse`] checks everything once, the MAC before anything that is inside; what it
//! returns cannot hold a wrong value, and [`Message::emit`] gives back the same octets.

use core::fmt;
use core::ops::Range;
use core::time::Duration;

use secy::{SaId, Suite};
use wire::{An, KeyId, MacAddr, Sci};

use crate::event::Refusal;
use crate::limits;
use crate::schedule::{KCV_LEN, Kcv, MAC_LEN, MacKey};
use crate::secret::Origin;

/// REKEY-1: octets of every rekey frame, addresses included, FCS not.
pub const FRAME_LEN: usize = 208;

const VERSION: u8 = 1;

// Octets from the destination address on.
const DESTINATION: Range<usize> = 0..6;
const SOURCE: Range<usize> = 6..12;
const ETHERTYPE: Range<usize> = 12..14;
const VERSION_AT: usize = 14;
const TYPE_AT: usize = 15;
const REASON_AT: usize = 16;
const SUITE_AT: usize = 17;
const AN_AT: usize = 18;
const ORIGIN_AT: usize = 19;
const TX_SCS: Range<usize> = 20..22;
const SCI_SRC: Range<usize> = 22..30;
const SESSION_SRC: Range<usize> = 30..38;
const SESSION_DST: Range<usize> = 38..46;
const CTR: Range<usize> = 46..54;
const CHALLENGE: Range<usize> = 54..70;
const RESPONSE: Range<usize> = 70..86;
const EPOCH: Range<usize> = 86..90;
const TX_EPOCH: Range<usize> = 90..94;
const RX_EPOCH: Range<usize> = 94..98;
const INTERVAL_MS: Range<usize> = 98..102;
const KCV: Range<usize> = 102..118;
const KEY_ID_LEN_AT: usize = 118;
const KEY_ID: Range<usize> = 119..183;
const RESERVED: Range<usize> = 183..192;
const MAC: Range<usize> = 192..208;

const _: () = {
    assert!(MAC.end == FRAME_LEN && MAC.end - MAC.start == MAC_LEN && RESERVED.end == MAC.start);
    assert!(KCV.end - KCV.start == KCV_LEN);
    assert!(KEY_ID.end - KEY_ID.start == KeyId::LEN_MAX);
};

/// Random per start of a process; 0 is no session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(pub(crate) [u8; 8]);

/// Random, for one answer only; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonce(pub(crate) [u8; 16]);

/// What every frame carries.
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
    /// Its rekey interval.
    pub(crate) interval: Duration,
}

/// What is special to a type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    Hello {
        challenge: Nonce,
        response: Nonce,
    },
    Offer {
        id: SaId,
        key_id: KeyId,
        origin: Origin,
    },
    Ready {
        id: SaId,
        key_id: KeyId,
        answer: Answer,
    },
    Bye,
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
#[derive(Clone, Copy, Debug)]
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
        let frame: &[u8; FRAME_LEN] = frame.try_into().map_err(|_| Reject::Malformed)?;
        if frame[ETHERTYPE] != ethertype.to_be_bytes() {
            return Err(Reject::Malformed);
        }
        if frame[VERSION_AT] != VERSION {
            return Err(Reject::UnknownVersion);
        }
        if !(1..=4).contains(&frame[TYPE_AT]) {
            return Err(Reject::UnknownType);
        }
        if !key.verify(&frame[..MAC.start], &frame[MAC]) {
            return Err(Reject::Forged(MacAddr(array(frame, SOURCE))));
        }
        let message = Self::fields(frame).ok_or(Reject::Malformed)?;
        // REKEY-11: one meaning has one form. Whatever a type does not use must be zero.
        let envelope = Envelope {
            destination: MacAddr(array(frame, DESTINATION)),
            source: MacAddr(array(frame, SOURCE)),
            ethertype,
        };
        if message.octets(&envelope)[..MAC.start] != frame[..MAC.start] {
            return Err(Reject::Malformed);
        }
        Ok(message)
    }

    fn fields(frame: &[u8; FRAME_LEN]) -> Option<Self> {
        let header = Header {
            sci: Sci::from_bytes(array(frame, SCI_SRC)),
            tx_scs: u16::from_be_bytes(array(frame, TX_SCS)),
            suite: Suite::from_code(frame[SUITE_AT])?,
            src: SessionId(array(frame, SESSION_SRC)),
            dst: SessionId(array(frame, SESSION_DST)),
            ctr: u64::from_be_bytes(array(frame, CTR)),
            tx_epoch: u32::from_be_bytes(array(frame, TX_EPOCH)),
            rx_epoch: u32::from_be_bytes(array(frame, RX_EPOCH)),
            interval: Duration::from_millis(u64::from(u32::from_be_bytes(array(
                frame,
                INTERVAL_MS,
            )))),
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
        let body = match frame[TYPE_AT] {
            1 => Body::Hello {
                challenge: Nonce(array(frame, CHALLENGE)),
                response: Nonce(array(frame, RESPONSE)),
            },
            2 => Body::Offer {
                id: id()?,
                key_id: key_id()?,
                origin: Origin::from_code(frame[ORIGIN_AT])?,
            },
            3 => Body::Ready {
                id: id()?,
                key_id: key_id()?,
                answer: match frame[REASON_AT] {
                    0 => Answer::Installed(Kcv(array(frame, KCV))),
                    reason => Answer::Refused(Refusal::from_code(reason)?),
                },
            },
            4 => Body::Bye,
            _ => return None,
        };
        Some(Self { header, body })
    }

    /// The frame, with its MAC.
    pub(crate) fn emit(&self, envelope: &Envelope, key: &MacKey) -> [u8; FRAME_LEN] {
        let mut frame = self.octets(envelope);
        let mac = key.mac(&frame[..MAC.start]);
        frame[MAC].copy_from_slice(&mac);
        frame
    }

    fn octets(&self, envelope: &Envelope) -> [u8; FRAME_LEN] {
        let Self { header, body } = self;
        let mut frame = [0; FRAME_LEN];
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
        let interval_ms = u32::try_from(header.interval.as_millis()).unwrap_or(u32::MAX);
        frame[INTERVAL_MS].copy_from_slice(&interval_ms.to_be_bytes());
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
            } => {
                frame[TYPE_AT] = 1;
                frame[CHALLENGE].copy_from_slice(&challenge.0);
                frame[RESPONSE].copy_from_slice(&response.0);
            }
            Body::Offer { id, key_id, origin } => {
                sa(id, key_id);
                frame[TYPE_AT] = 2;
                frame[ORIGIN_AT] = origin.code();
            }
            Body::Ready { id, key_id, answer } => {
                sa(id, key_id);
                frame[TYPE_AT] = 3;
                match answer {
                    Answer::Installed(kcv) => frame[KCV].copy_from_slice(&kcv.0),
                    Answer::Refused(refusal) => frame[REASON_AT] = refusal.code(),
                }
            }
            Body::Bye => frame[TYPE_AT] = 4,
        }
        frame
    }
}

impl Refusal {
    const ALL: [Self; 6] = [
        Self::KeyNotFound,
        Self::KmeFailed,
        Self::AnInUse,
        Self::KeyIdUsed,
        Self::Suite,
        Self::Origin,
    ];

    const fn code(self) -> u8 {
        match self {
            Self::KeyNotFound => 1,
            Self::KmeFailed => 2,
            Self::AnInUse => 3,
            Self::KeyIdUsed => 4,
            Self::Suite => 5,
            Self::Origin => 6,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

impl SessionId {
    pub(crate) const NONE: Self = Self([0; 8]);
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl Nonce {
    pub(crate) const NONE: Self = Self([0; 16]);
}

/// The octets of one field. The ranges are constants inside the frame.
fn array<const N: usize>(frame: &[u8; FRAME_LEN], field: Range<usize>) -> [u8; N] {
    frame[field]
        .try_into()
        .expect("a field has the length of its type")
}

#[cfg(test)]
mod tests;
