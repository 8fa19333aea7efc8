//! Known answers from an independent implementation (`vectors/make_vectors.py`), and what must
//! make a difference.

use std::collections::BTreeMap;

use secy::{Sak, Suite};
use subtle::ConstantTimeEq;
use wire::{An, KeyId, Sci};
use zeroize::Zeroize;

use super::{MacKey, Root, RootContext, SaContext, SaKeys, pqc_key_id};
use crate::kem::{KEM_SECRET_LEN, KemSecret};
use crate::secret::{Origin, QkdKey, RootSecret};
use crate::session_id::SessionId;

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
        root: case["root"].parse().expect("a number"),
        an: An::new(case["an"].parse().expect("a number")).expect("an AN"),
        key_id: KeyId::from_bytes(&hex(case["key_id"])).expect("a key_ID"),
    }
}

fn kem_secret(text: &str) -> KemSecret {
    KemSecret::new(&octets(text))
}

/// The end with the lower SCI asks.
fn root_context(case: &BTreeMap<&str, &str>) -> RootContext {
    let [tx, rx] = ["tx", "rx"].map(|end| {
        let sci = Sci::from_bytes(octets(case[format!("sci_{end}").as_str()]));
        let session = SessionId(octets(case[format!("session_{end}").as_str()]));
        (sci, session)
    });
    let tx_asks = tx.0.to_bytes() < rx.0.to_bytes();
    RootContext {
        epoch: case["root"].parse().expect("a number"),
        asks: if tx_asks { tx } else { rx },
        answers: if tx_asks { rx } else { tx },
        transcript: octets(case["transcript"]),
    }
}

fn key(octets: &[u8]) -> QkdKey {
    QkdKey::from_slice(octets, Origin::Modelled).expect("32 octets")
}

fn keys(case: &BTreeMap<&str, &str>, context: &SaContext) -> (MacKey, Root, SaKeys) {
    let root = RootSecret::from_slice(&hex(case["psk"])).expect("a root secret");
    let (mac, root) = root.schedule();
    let root = match case.get("kem_secret") {
        None => root,
        Some(secret) => {
            let (next, tags) = root.next(&kem_secret(secret), &root_context(case));
            assert_eq!(tags.answer.0.as_slice(), hex(case["tag_answer"]));
            assert_eq!(tags.done.0.as_slice(), hex(case["tag_done"]));
            assert_eq!(next.check.0.as_slice(), hex(case["root_check"]));
            next
        }
    };
    let made = match case.get("qkd_key") {
        Some(octets) => root.mix.sa_keys(&key(&hex(octets)), context),
        None => root.mix.sa_keys_alone(context),
    };
    (mac, root, made)
}

#[test]
fn rekey_30_to_37_known_answers() {
    let cases = cases();
    assert_eq!(cases.len(), 8);
    for case in &cases {
        let context = context(case);
        let (mac, root, made) = keys(case, &context);
        assert_eq!(mac.0.as_slice(), hex(case["mac_key"]));
        assert_eq!(root.mix.0.as_slice(), hex(case["mix_key"]));
        assert_eq!(root.chain.0.as_slice(), hex(case["chain_key"]));
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
            root: base.root + 1,
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
    let (_, root, made) = keys(case, &base);
    let others = changed.iter().map(|context| keys(case, context).2);
    let other_key = root.mix.sa_keys(&key(&[1; 32]), &base);
    let mut long = case.clone();
    let psk = format!("{}00", case["psk"]);
    long.insert("psk", &psk);
    let other_root = keys(&long, &base).2;
    let alone = root.mix.sa_keys_alone(&base);
    for other in others.chain([other_key, other_root, alone]) {
        assert!(!bool::from(made.sak.ct_eq(&other.sak)));
        assert!(!bool::from(made.kcv.ct_eq(&other.kcv)));
        assert_ne!(made.salt.0, other.salt.0);
    }
}

/// REKEY-53: two SAs of one root have two contexts, and by these two keys.
#[test]
fn rekey_53_a_root_gives_no_key_twice() {
    let cases = cases();
    let case = cases.iter().find(|case| !case.contains_key("qkd_key"));
    let case = case.expect("a case of the root alone");
    let base = context(case);
    let (_, root, made) = keys(case, &base);
    let epochs = (1..200).filter(|epoch| *epoch != base.epoch);
    let epochs = epochs.map(|epoch| SaContext { epoch, ..base });
    let sessions = (0x20..0xF0).map(|n| SaContext {
        session_tx: SessionId([n; 8]),
        ..base
    });
    let turned = SaContext {
        sci_tx: base.sci_rx,
        sci_rx: base.sci_tx,
        ..base
    };
    for other in epochs.chain(sessions).chain([turned]) {
        let other = root.mix.sa_keys_alone(&other);
        assert!(!bool::from(made.sak.ct_eq(&other.sak)));
        assert_ne!(made.salt.0, other.salt.0);
    }
    let name = pqc_key_id(base.session_tx, base.epoch);
    assert_eq!(name, base.key_id);
    let longest = pqc_key_id(SessionId([0xFF; 8]), u32::MAX);
    assert_eq!(longest.as_bytes().len(), 31);
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
    let (mut mac, mut root) = RootSecret::from_slice(&[3; 32])
        .expect("32 octets")
        .schedule();
    assert!(*mac.0 != [0; 32] && *root.mix.0 != [0; 32] && *root.chain.0 != [0; 32]);
    mac.zeroize();
    root.mix.zeroize();
    root.chain.zeroize();
    assert_eq!([*mac.0, *root.mix.0, *root.chain.0], [[0; 32]; 3]);
}

/// REKEY-46: the types wipe themselves when the ratchet lets go of them.
#[test]
fn rekey_46_what_a_root_consists_of_wipes_itself_on_drop() {
    fn wipes<T: zeroize::ZeroizeOnDrop>(_: &T) {}
    let (_, root) = RootSecret::from_slice(&[3; 32])
        .expect("32 octets")
        .schedule();
    wipes(&root.chain);
    wipes(&root.mix);
    wipes(&KemSecret::new(&[1; KEM_SECRET_LEN]));
}

/// REKEY-36: the next root changes with the chain, with each KEM's secret, and with the context.
#[test]
fn rekey_36_every_input_makes_another_root() {
    let cases = cases();
    let case = cases
        .iter()
        .find(|case| case.contains_key("kem_secret"))
        .expect("a ratcheted case");
    let base = root_context(case);
    let psk = |octet| {
        RootSecret::from_slice(&[octet; 32])
            .expect("32 octets")
            .schedule()
            .1
    };
    let made = |octet, small, large, context: &RootContext| {
        let mut secret = [small; KEM_SECRET_LEN];
        secret[32..].fill(large);
        let (root, tags) = psk(octet).next(&KemSecret::new(&secret), context);
        (*root.chain.0, *root.mix.0, tags.answer.0, tags.done.0)
    };
    let (chain, mix, answer, done) = made(1, 2, 3, &base);
    assert!(chain != mix && answer != done && chain[..16] != answer);
    let other = (Sci::from_bytes([9; 8]), SessionId([9; 8]));
    let contexts = [
        RootContext {
            epoch: base.epoch + 1,
            ..base
        },
        RootContext {
            asks: (other.0, base.asks.1),
            ..base
        },
        RootContext {
            asks: (base.asks.0, other.1),
            ..base
        },
        RootContext {
            answers: (other.0, base.answers.1),
            ..base
        },
        RootContext {
            answers: (base.answers.0, other.1),
            ..base
        },
        RootContext {
            asks: base.answers,
            answers: base.asks,
            ..base
        },
        RootContext {
            transcript: [9; 32],
            ..base
        },
    ];
    let others = contexts.iter().map(|context| made(1, 2, 3, context));
    let secrets = [
        made(9, 2, 3, &base),
        made(1, 9, 3, &base),
        made(1, 2, 9, &base),
        made(1, 3, 2, &base),
    ];
    for other in others.chain(secrets) {
        assert!(chain != other.0 && mix != other.1 && answer != other.2 && done != other.3);
    }
}
