//! The 48 published frames, octet for octet, in both directions and with each engine.

use gcm::Engine;
use secy::{Protection, RxConfig, RxSa, RxScs, SaId, Sak, Salt, Suite, TxSa, TxSc, TxScConfig};
use serde::Deserialize;
use wire::{An, Pn, Sci, Ssci};

use crate::line::{Outcome, id, pn, protect_one, validate_one};

#[derive(Deserialize)]
struct Text {
    name: String,
    suite: String,
    key: String,
    salt: Option<String>,
    ssci: Option<String>,
    sci: String,
    pn_hex: String,
    an: u8,
    mode: String,
    sci_in_tag: bool,
    clear_vlan_octets: u8,
    plain_frame: String,
    protected_frame: String,
}

/// A case of the vector file.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) suite: Suite,
    key: Vec<u8>,
    salt: [u8; 12],
    ssci: Ssci,
    pub(crate) sci: Sci,
    pub(crate) pn: Pn,
    an: An,
    explicit_sci: bool,
    protection: Protection,
    pub(crate) clear_vlan_tags: u8,
    pub(crate) plain: Vec<u8>,
    pub(crate) protected: Vec<u8>,
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| digit.to_digit(16).expect("a hex digit") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    octets(hex).try_into().expect("its length")
}

pub(crate) fn vectors() -> Vec<Vector> {
    let texts: Vec<Text> =
        serde_json::from_str(include_str!("../../vectors/macsec_vectors.json")).expect("JSON");
    assert_eq!(texts.len(), 48);
    texts.iter().map(Vector::from_text).collect()
}

impl Vector {
    fn from_text(text: &Text) -> Self {
        Self {
            name: text.name.clone(),
            suite: text.suite.to_lowercase().parse().expect("a suite"),
            key: octets(&text.key),
            salt: text.salt.as_deref().map_or([0; 12], array),
            ssci: Ssci(u32::from_be_bytes(
                text.ssci.as_deref().map_or([0; 4], array),
            )),
            sci: Sci::from_bytes(array(&text.sci)),
            pn: pn(u64::from_be_bytes(array(&text.pn_hex))),
            an: An::new(text.an).expect("below 4"),
            explicit_sci: text.sci_in_tag,
            protection: if text.mode == "confidentiality" {
                Protection::Confidentiality
            } else {
                assert_eq!(text.mode, "integrity");
                Protection::IntegrityOnly
            },
            clear_vlan_tags: text.clear_vlan_octets / 4,
            plain: octets(&text.plain_frame),
            protected: octets(&text.protected_frame),
        }
    }

    fn id(&self) -> SaId {
        id(self.an.value(), 1)
    }

    fn sak(&self) -> Sak {
        Sak::from_slice(self.suite, &self.key).expect("the suite's length")
    }

    fn tx(&self, engine: Engine) -> TxSc {
        let mut tx = TxSc::new(TxScConfig {
            sci: self.sci,
            explicit_sci: self.explicit_sci,
            protection: self.protection,
            clear_vlan_tags: self.clear_vlan_tags,
            frame_len_max: 1546,
        });
        let salt = Salt(self.salt);
        let sa = TxSa::new(self.id(), self.suite, &self.sak(), salt, self.ssci, engine);
        tx.install(sa.with_next_pn(self.pn));
        tx
    }

    /// A receiver that expects no PN below `lowest`.
    pub(crate) fn rx(&self, engine: Engine, replay_window: u32, lowest: Pn) -> RxScs {
        let clear_vlan_tags = self.clear_vlan_tags;
        let config = RxConfig {
            replay_window,
            clear_vlan_tags,
            ..RxConfig::default()
        };
        let mut rx = RxScs::new(config);
        let salt = Salt(self.salt);
        let sa = RxSa::new(self.id(), self.suite, &self.sak(), salt, self.ssci, engine);
        rx.install(self.sci, sa.with_lowest_pn(lowest))
            .expect("the first SA");
        rx
    }
}

#[test]
fn protect_gives_the_protected_frame() {
    for engine in Engine::available() {
        for vector in vectors() {
            let protected = protect_one(&mut vector.tx(engine), &vector.plain);
            assert_eq!(protected, vector.protected, "{} by {engine}", vector.name);
        }
    }
}

#[test]
fn validate_gives_the_plain_frame() {
    for engine in Engine::available() {
        for vector in vectors() {
            let mut rx = vector.rx(engine, 0, vector.pn);
            let plain = validate_one(&mut rx, &vector.protected);
            assert_eq!(
                plain.as_ref(),
                Ok(&vector.plain),
                "{} by {engine}",
                vector.name
            );
            let user_data_len = vector.plain.len() - 12 - 4 * usize::from(vector.clear_vlan_tags);
            let counters = rx.counters();
            let octets = match vector.protection {
                Protection::Confidentiality => counters.in_octets_decrypted,
                Protection::IntegrityOnly => counters.in_octets_validated,
            };
            assert_eq!((counters.in_pkts_ok, octets), (1, user_data_len as u64));
        }
    }
}

/// The published replay cases: window 32, the fourth frame is late; also across 2^32.
#[test]
fn replay_cases() {
    let vectors = vectors();
    let cases: Vec<_> = vectors
        .iter()
        .filter(|v| v.name.starts_with("anti_replay"))
        .collect();
    for case in cases.chunks(4) {
        for engine in Engine::available() {
            let mut rx = case[0].rx(engine, 32, Pn::FIRST);
            let outcomes: Vec<Outcome> = case
                .iter()
                .map(|v| validate_one(&mut rx, &v.protected))
                .collect();
            let want: Vec<Outcome> = case[..3].iter().map(|v| Ok(v.plain.clone())).collect();
            assert_eq!(outcomes[..3], want, "{}", case[0].suite);
            assert_eq!(outcomes[3], Err(secy::Discard::InPktsLate));
        }
    }
}
