//! Frames against the independent vectors, and everything that is not a frame.

use std::time::Duration;

use proptest::prelude::{Strategy, any, prop};
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};
use secy::{SaId, Suite};
use wire::{An, KeyId, MacAddr, Sci};

use super::{
    Answer, Body, Envelope, FRAME_LEN, FRAME_LEN_MAX, Header, Message, Nonce, Reject, SessionId,
    Transfer,
};
use crate::announced::{Announced, LedgerHead, LineSettings};
use crate::event::Refusal;
use crate::key_policy::KeyPolicy;
use crate::limits::TX_SCS_MAX;
use crate::schedule::{Kcv, MacKey};
use crate::secret::{Origin, RootSecret};
use crate::transfer::{ALL, PIECE_LEN, PIECES, Piece};

const VECTORS: &str = include_str!("../../vectors/frames.txt");
const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xA]);
const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xB]);

fn key() -> MacKey {
    let psk: Vec<u8> = (0..32).collect();
    RootSecret::from_slice(&psk)
        .expect("32 octets")
        .schedule()
        .0
}

fn envelope(source: MacAddr) -> Envelope {
    let destination = MacAddr([0x01, 0x80, 0xC2, 0, 0, 3]);
    Envelope {
        destination,
        source,
        ethertype: 0x88B5,
    }
}

fn vector(name: &str) -> Vec<u8> {
    let of = |line: &'static str| line.split_once(" = ").filter(|(key, _)| *key == name);
    let (_, text) = VECTORS.lines().find_map(of).expect("a vector of this name");
    (0..text.len() / 2)
        .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("hex"))
        .collect()
}

fn parse(frame: &[u8]) -> Result<Message, Reject> {
    Message::parse(frame, 0x88B5, &key())
}

/// Puts a right MAC under a bent frame: what only a holder of the secret can send.
fn signed(mut frame: Vec<u8>) -> Vec<u8> {
    let end = frame.len() - 16;
    let mac = key().mac(&frame[..end]);
    frame[end..].copy_from_slice(&mac);
    frame
}

#[test]
fn rekey_1_frames_are_those_of_the_independent_implementation() {
    for name in [
        "hello",
        "hello_answer",
        "offer",
        "ready",
        "ready_refused",
        "bye",
        "kem_key",
        "kem_text",
        "kem_have",
        "kem_done",
    ] {
        let frame = vector(name);
        let message = parse(&frame).expect(name);
        let source = message.header.sci.mac();
        assert_eq!(
            message.emit(&envelope(source), &key()).as_slice(),
            frame,
            "{name}"
        );
    }
    let offer = parse(&vector("offer")).expect("an offer");
    let Body::Offer {
        id,
        key_id,
        origin,
        root,
    } = offer.body
    else {
        panic!("an offer")
    };
    assert_eq!(
        id,
        SaId {
            an: An::from_tci(2),
            epoch: 7
        }
    );
    assert_eq!(key_id.as_str(), "bc490419-7d60-487f-adc1-4ddcc177c139");
    assert_eq!((origin, offer.header.tx_epoch), (Origin::Modelled, 6));
    assert_eq!((root, offer.header.root_epoch), (2, 3));
    assert_eq!((offer.header.sci, offer.header.tx_scs), (Sci::new(A, 1), 2));
    let ready = parse(&vector("ready")).expect("a ready");
    assert_eq!(
        (ready.header.sci, ready.header.ctr),
        (Sci::new(B, 1), 0x0102_0304_0506_0708)
    );
}

#[test]
fn rekey_10_whatever_is_bent_is_rejected_before_it_means_anything() {
    bend(&vector("ready"));
    bend(&vector("kem_key"));
}

fn bend(frame: &[u8]) {
    let len = frame.len();
    for bit in 0..len * 8 {
        let mut bent = frame.to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        let reject = parse(&bent).expect_err("one bit is bent");
        let expected = match bit / 8 {
            12..14 => Reject::Malformed,
            14 => Reject::UnknownVersion,
            15 if !(1..=8).contains(&bent[15]) => Reject::UnknownType,
            15 if [5, 6].contains(&bent[15]) != (len == FRAME_LEN_MAX) => Reject::Malformed,
            _ => Reject::Forged(MacAddr(bent[6..12].try_into().expect("6 octets"))),
        };
        assert_eq!(reject, expected, "bit {bit}");
    }
    for len in (0..len).chain([len + 1, FRAME_LEN, FRAME_LEN_MAX, 1500]) {
        if len == frame.len() {
            continue;
        }
        let mut cut = frame.to_vec();
        cut.resize(len, 0);
        assert_eq!(parse(&cut).expect_err("wrong length"), Reject::Malformed);
    }
}

/// Frames only a broken peer sends: authentic, and still not taken.
#[test]
fn rekey_11_authentic_nonsense_is_malformed() {
    let nonsense: [(&str, usize, u8); 26] = [
        ("bye", 16, 1),       // a reason in a BYE
        ("ready", 16, 200),   // a reason nobody knows
        ("hello", 17, 9),     // a suite nobody knows
        ("offer", 18, 4),     // no AN
        ("offer", 19, 7),     // no origin
        ("hello", 21, 0),     // no transmit SC
        ("hello", 21, 17),    // more than a peer has rx SCs
        ("hello", 29, 2),     // an SCI that is not the source's first
        ("offer", 60, 1),     // a challenge in an OFFER
        ("offer", 110, 1),    // a check value in an OFFER
        ("offer", 118, 0),    // no key_ID
        ("offer", 118, 65),   // a key_ID too long
        ("offer", 182, b'x'), // octets behind the key_ID
        ("hello", 129, 1),    // a ledger without a hash
        ("hello", 162, 1),    // octets behind what it announces
        ("hello", 183, 0),    // no policy
        ("hello", 183, 9),    // a policy nobody knows
        ("hello", 191, 1),    // a root named in a HELLO
        ("hello", 192, 1),    // a piece's index in a HELLO
        ("offer", 194, 1),    // a report in an OFFER
        ("hello", 199, 1),    // reserved
        ("kem_key", 192, 10), // a piece too many
        ("kem_text", 89, 1),  // an epoch of an SA
        ("kem_have", 193, 4), // a piece too many
        ("kem_done", 192, 1), // a piece's index
        ("kem_key", 199, 1),  // reserved
    ];
    for (name, at, octet) in nonsense {
        let mut frame = vector(name);
        assert_ne!(frame[at], octet);
        frame[at] = octet;
        let frame = signed(frame);
        assert_eq!(
            parse(&frame).expect_err(name),
            Reject::Malformed,
            "{name}, octet {at}"
        );
    }
    let mut no_session = vector("hello");
    no_session[30..38].fill(0);
    assert_eq!(
        parse(&signed(no_session)).expect_err("session 0"),
        Reject::Malformed
    );
    let mut no_epoch = vector("offer");
    no_epoch[86..90].fill(0);
    assert_eq!(
        parse(&signed(no_epoch)).expect_err("epoch 0"),
        Reject::Malformed
    );
    for name in ["kem_key", "kem_text", "kem_have", "kem_done"] {
        let mut no_root = vector(name);
        no_root[188..192].fill(0);
        assert_eq!(
            parse(&signed(no_root)).expect_err("root 0"),
            Reject::Malformed
        );
    }
}

#[test]
fn another_ethertype_is_a_setting() {
    let elsewhere = Envelope {
        ethertype: 0x9999,
        ..envelope(A)
    };
    let frame = parse(&vector("bye"))
        .expect("a bye")
        .emit(&elsewhere, &key());
    assert!(Message::parse(&frame, 0x9999, &key()).is_ok());
    assert_eq!(
        parse(&frame).expect_err("of another EtherType"),
        Reject::Malformed
    );
}

fn body() -> impl Strategy<Value = Body> {
    let sa = (0..4_u8, 1..=u32::MAX, "[!-~]{1,64}").prop_map(|(an, epoch, text)| {
        (
            SaId {
                an: An::from_tci(an),
                epoch,
            },
            KeyId::new(&text).expect("visible ASCII"),
        )
    });
    let refusal = prop::sample::select(Refusal::ALL.to_vec());
    let origin = prop::sample::select(vec![
        Origin::Unlabelled,
        Origin::Modelled,
        Origin::Distilled,
    ]);
    prop_oneof![
        (
            any::<([u8; 16], [u8; 16], [u8; 16])>(),
            any::<(u16, u8, Option<(u64, [u8; 31])>)>()
        )
            .prop_map(|((a, b, c), (mtu, clear_vlan_tags, ledger))| Body::Hello {
                root_check: Kcv(c),
                challenge: Nonce(a),
                response: Nonce(b),
                announced: Announced {
                    settings: LineSettings {
                        mtu,
                        clear_vlan_tags
                    },
                    ledger: ledger.map(|(number, octets)| {
                        let mut hash = [1; 32];
                        hash[..31].copy_from_slice(&octets);
                        LedgerHead { number, hash }
                    }),
                },
            }),
        (sa.clone(), origin, any::<u32>()).prop_map(|((id, key_id), origin, root)| Body::Offer {
            id,
            key_id,
            origin,
            root
        }),
        (
            any::<bool>(),
            1..=u32::MAX,
            0..PIECES,
            prop::collection::vec(any::<u8>(), PIECE_LEN)
        )
            .prop_map(|(text, root, index, octets)| {
                let piece = octets.try_into().expect("a piece's length");
                let of = if text {
                    Transfer::Ciphertexts
                } else {
                    Transfer::PublicKeys
                };
                Body::Piece {
                    of,
                    root,
                    index,
                    piece: Piece(Box::new(piece)),
                }
            }),
        (1..=u32::MAX, 0..=ALL).prop_map(|(root, have)| Body::Have { root, have }),
        (1..=u32::MAX, any::<[u8; 16]>()).prop_map(|(root, tag)| Body::Done {
            root,
            tag: Kcv(tag)
        }),
        (sa.clone(), any::<[u8; 16]>()).prop_map(|((id, key_id), kcv)| {
            Body::Ready {
                id,
                key_id,
                answer: Answer::Installed(Kcv(kcv)),
            }
        }),
        (sa, refusal).prop_map(|((id, key_id), refusal)| {
            Body::Ready {
                id,
                key_id,
                answer: Answer::Refused(refusal),
            }
        }),
        proptest::strategy::Just(Body::Bye),
    ]
}

fn header() -> impl Strategy<Value = Header> {
    let numbers = any::<(u64, u32, u32, u32, u32)>();
    let sessions = (1..=u64::MAX, any::<u64>());
    let suite = prop::sample::select(Suite::ALL.to_vec());
    let policy = prop::sample::select(vec![KeyPolicy::QkdAndPqc, KeyPolicy::Qkd]);
    let root = (policy, any::<u32>());
    let parts = (
        any::<[u8; 6]>(),
        1..=TX_SCS_MAX,
        suite,
        sessions,
        numbers,
        root,
    );
    parts.prop_map(
        |(
            mac,
            tx_scs,
            suite,
            (src, dst),
            (ctr, tx_epoch, rx_epoch, rx_held, ms),
            (policy, root_epoch),
        )| {
            Header {
                sci: Sci::new(MacAddr(mac), 1),
                tx_scs,
                suite,
                src: SessionId(src.to_be_bytes()),
                dst: SessionId(dst.to_be_bytes()),
                ctr,
                tx_epoch,
                rx_epoch,
                rx_held,
                interval: Duration::from_millis(u64::from(ms)),
                policy,
                root_epoch,
            }
        },
    )
}

proptest! {
    #[test]
    fn rekey_1_parse_gives_back_what_emit_took(header in header(), body in body()) {
        let envelope = envelope(header.sci.mac());
        let frame = Message { header, body }.emit(&envelope, &key());
        let parsed = parse(&frame);
        prop_assert!(parsed.is_ok());
        let again = parsed.expect("checked").emit(&envelope, &key());
        prop_assert_eq!(frame, again);
    }

    #[test]
    fn rekey_10_no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(parse(&octets).is_err());
        // The same behind a right shape and MAC: no more than the parser may see.
        let mut frame = octets;
        frame.resize(FRAME_LEN, 0);
        let kind = 1 + frame[15] % 8;
        if [5, 6].contains(&kind) {
            frame.resize(FRAME_LEN_MAX, 0);
        }
        frame[12..16].copy_from_slice(&[0x88, 0xB5, 1, kind]);
        let _ = parse(&signed(frame));
    }
}
