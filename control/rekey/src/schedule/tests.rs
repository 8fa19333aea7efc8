//! Known answers from an independent implementation (`vectors/make_vectors.py`), and what must
//! make a difference.

use std::collections::BTreeMap;

use secy::{Sak, Suite};
use subtle::ConstantTimeEq;
use wire::{An, KeyId, Sci};
use zeroize::Zeroize;

use super::{MacKey, MixKey, SaContext, SaKeys};
use crate::message::SessionId;
use crate::secret::{Origin, QkdKey, RootSecret};

const VECTORS: &str = include_str!("../../vectors/key_schedule.txt");

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("hex"))
        .collect()
}

fn cases() -> Vec<BTreeMap<&'static str, &'static str>> {
    let sections = VECTORS.split('[').skip(1);
    sections
        .map(|case| {
            case.lines()
                .filter_map(|line| line.split_once(" = "))
                .collect()
        })
        .collect()
}

fn octets<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().expect("the field's length")
}

fn context(case: &BTreeMap<&str, &str>) -> SaContext {
    SaContext {
        suite: case["suite"].parse().expect("a suite"),
        origin: Origin::from_code(case["origin"].parse().expect("a number")).expect("an origin"),
        sci_tx: Sci::from_bytes(octets(case["sci_tx"])),
        scs_tx: case["scs_tx"].parse().expect("a number"),
        sci_rx: Sci::from_bytes(octets(case["sci_rx"])),
        session_tx: SessionId(octets(case["session_tx"])),
        session_rx: SessionId(octets(case["session_rx"])),
        epoch: case["epoch"].parse().expect("a number"),
        an: An::new(case["an"].parse().expect("a number")).expect("an AN"),
        key_id: KeyId::from_bytes(&hex(case["key_id"])).expect("a key_ID"),
    }
}

fn key(octets: &[u8]) -> QkdKey {
    QkdKey::from_slice(octets, Origin::Modelled).expect("32 octets")
}

fn keys(case: &BTreeMap<&str, &str>, context: &SaContext) -> (MacKey, MixKey, SaKeys) {
    let root = RootSecret::from_slice(&hex(case["psk"])).expect("a root secret");
    let (mac, mix) = root.schedule();
    let made = mix.sa_keys(&key(&hex(case["qkd_key"])), context);
    (mac, mix, made)
}

#[test]
fn rekey_30_to_34_known_answers() {
    let cases = cases();
    assert_eq!(cases.len(), 5);
    for case in &cases {
        let context = context(case);
        let (mac, mix, made) = keys(case, &context);
        assert_eq!(mac.0.as_slice(), hex(case["mac_key"]));
        assert_eq!(mix.0.as_slice(), hex(case["mix_key"]));
        let sak = Sak::from_slice(context.suite, &hex(case["sak"])).expect("the suite's length");
        assert!(bool::from(made.sak.ct_eq(&sak)));
        assert_eq!(made.salt.0.as_slice(), hex(case["salt"]));
        assert_eq!(made.kcv.0.as_slice(), hex(case["kcv"]));
    }
}

#[test]
fn rekey_33_every_part_of_the_context_makes_another_key() {
    let cases = cases();
    let case = &cases[0];
    let base = context(case);
    let other_id = KeyId::new("bc490419-7d60-487f-adc1-4ddcc177c13a").expect("a key_ID");
    let changed = [
        SaContext {
            suite: Suite::GcmAes256,
            ..base
        },
        SaContext {
            origin: Origin::Distilled,
            ..base
        },
        SaContext {
            sci_tx: base.sci_rx,
            sci_rx: base.sci_tx,
            ..base
        },
        SaContext {
            scs_tx: base.scs_tx + 1,
            ..base
        },
        SaContext {
            session_tx: SessionId([9; 8]),
            ..base
        },
        SaContext {
            session_rx: SessionId([9; 8]),
            ..base
        },
        SaContext {
            session_tx: base.session_rx,
            session_rx: base.session_tx,
            ..base
        },
        SaContext {
            epoch: base.epoch + 1,
            ..base
        },
        SaContext {
            an: base.an.next(),
            ..base
        },
        SaContext {
            key_id: other_id,
            ..base
        },
    ];
    let (_, mix, made) = keys(case, &base);
    let others = changed.iter().map(|context| keys(case, context).2);
    let other_key = mix.sa_keys(&key(&[1; 32]), &base);
    let mut long = case.clone();
    let psk = format!("{}00", case["psk"]);
    long.insert("psk", &psk);
    let other_root = keys(&long, &base).2;
    for other in others.chain([other_key, other_root]) {
        assert!(!bool::from(made.sak.ct_eq(&other.sak)));
        assert!(!bool::from(made.kcv.ct_eq(&other.kcv)));
        assert_ne!(made.salt.0, other.salt.0);
    }
}

#[test]
fn rekey_31_a_mac_covers_every_bit_and_its_whole_length() {
    let (mac, _) = RootSecret::from_slice(&[3; 32])
        .expect("32 octets")
        .schedule();
    let octets = [0x55; 40];
    let good = mac.mac(&octets);
    assert!(mac.verify(&octets, &good));
    for bit in 0..octets.len() * 8 {
        let mut bent = octets;
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(!mac.verify(&bent, &good));
    }
    for len in 0..good.len() {
        assert!(
            !mac.verify(&octets, &good[..len]),
            "a shortened MAC of {len} octets"
        );
    }
}

#[test]
fn rekey_34_stages_can_be_wiped() {
    let (mut mac, mut mix) = RootSecret::from_slice(&[3; 32])
        .expect("32 octets")
        .schedule();
    mac.zeroize();
    mix.zeroize();
    assert_eq!((*mac.0, *mix.0), ([0; 32], [0; 32]));
}
