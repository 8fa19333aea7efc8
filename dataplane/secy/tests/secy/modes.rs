//! validateFrames: the treatment of frames that are not authentic, in each mode.

use gcm::Engine;
use secy::{Discard, Protection, RxConfig, RxCounters, RxScs, Suite, TxScConfig, ValidateFrames};

use crate::line::{Key, frame, line, protect, protect_one, tx_config, validate, validate_one};

use ValidateFrames::{Check, Disabled, Strict};

/// The result for a spoilt frame: the counter of a passed frame, or the discard of a dropped one.
fn outcome(validate: ValidateFrames, protection: Protection, spoil: fn(&mut [u8])) -> String {
    let mut names = Vec::new();
    for engine in Engine::available() {
        let key = Key {
            engine,
            ..Key::new(Suite::GcmAesXpn256, 1)
        };
        let config = TxScConfig {
            protection,
            ..tx_config()
        };
        let rx_config = RxConfig {
            validate,
            ..RxConfig::default()
        };
        let (mut tx, mut rx) = line(&key, config, rx_config);
        let mut spoilt = protect_one(&mut tx, &frame(64));
        spoil(&mut spoilt);
        let (out, before) = (validate_one(&mut rx, &spoilt), *rx.counters());
        let name = match out {
            Err(discard) => format!("drop {discard}"),
            Ok(out) => {
                // A passed frame has no SecTAG and no ICV.
                let len = if before.in_pkts_untagged > 0 {
                    76 + 32
                } else {
                    76
                };
                assert_eq!(out.len(), len);
                if protection == Protection::IntegrityOnly && len == 76 {
                    assert_eq!(out[12..75], frame(64)[12..75]);
                }
                passed_by(&before)
            }
        };
        // A frame that is not authentic does not move the replay window.
        if !name.ends_with("InPktsOK") {
            assert_eq!(
                rx.sas().map(|sa| sa.next_pn.value()).collect::<Vec<_>>(),
                [1]
            );
        }
        names.push(name);
    }
    assert!(
        names.windows(2).all(|pair| pair[0] == pair[1]),
        "engines differ: {names:?}"
    );
    names.remove(0)
}

fn passed_by(counters: &RxCounters) -> String {
    let octets = |name: &str| name.starts_with("InOctets");
    let (name, _) = counters
        .iter()
        .find(|(name, n)| *n > 0 && !octets(name))
        .expect("counted");
    format!("pass {name}")
}

#[test]
fn table() {
    type Row = (&'static str, Protection, fn(&mut [u8]), [&'static str; 3]);
    let (c_1, c_0) = (Protection::Confidentiality, Protection::IntegrityOnly);
    let rows: [Row; 14] = [
        ("good, C=1", c_1, |_| {}, ["pass InPktsOK"; 3]),
        ("good, C=0", c_0, |_| {}, ["pass InPktsOK"; 3]),
        ("bad ICV, C=1", c_1, bad_icv, ["drop InPktsNotValid"; 3]),
        (
            "bad ICV, C=0",
            c_0,
            bad_icv,
            [
                "drop InPktsNotValid",
                "pass InPktsInvalid",
                "pass InPktsUnchecked",
            ],
        ),
        (
            "unknown AN, C=1",
            c_1,
            other_an,
            ["drop InPktsNotUsingSA"; 3],
        ),
        (
            "unknown AN, C=0",
            c_0,
            other_an,
            [
                "drop InPktsNotUsingSA",
                "pass InPktsUnusedSA",
                "pass InPktsUnusedSA",
            ],
        ),
        ("unknown SCI, C=1", c_1, other_sci, ["drop InPktsNoSCI"; 3]),
        (
            "unknown SCI, C=0",
            c_0,
            other_sci,
            [
                "drop InPktsNoSCI",
                "pass InPktsUnknownSCI",
                "pass InPktsUnknownSCI",
            ],
        ),
        (
            "untagged",
            c_1,
            untagged,
            [
                "drop InPktsNoTag",
                "pass InPktsUntagged",
                "pass InPktsUntagged",
            ],
        ),
        ("V=1, C=1", c_1, |f| f[14] |= 0x80, ["drop InPktsBadTag"; 3]),
        ("V=1, C=0", c_0, |f| f[14] |= 0x80, ["drop InPktsBadTag"; 3]),
        (
            "E=1, C=0",
            c_1,
            |f| f[14] &= !0x04,
            ["drop InPktsForKay"; 3],
        ),
        (
            "E=0, C=1",
            c_1,
            |f| f[14] &= !0x08,
            ["drop InPktsNotValid"; 3],
        ),
        ("PN 0", c_0, |f| f[16..20].fill(0), ["drop InPktsLate"; 3]),
    ];
    for (case, protection, spoil, want) in rows {
        let got = [Strict, Check, Disabled].map(|mode| outcome(mode, protection, spoil));
        assert_eq!(got, want, "{case}");
    }
}

fn bad_icv(frame: &mut [u8]) {
    *frame.last_mut().expect("an ICV") ^= 1;
}

fn other_an(frame: &mut [u8]) {
    frame[14] ^= 3;
}

fn other_sci(frame: &mut [u8]) {
    frame[20] ^= 4;
}

fn untagged(frame: &mut [u8]) {
    frame[12] = 8;
}

/// A replayed frame is dropped in every mode.
#[test]
fn replay_protection_is_never_off() {
    for validate in [Strict, Check, Disabled] {
        for replay_window in [0, 8] {
            let rx_config = RxConfig {
                validate,
                replay_window,
                ..RxConfig::default()
            };
            let protection = Protection::IntegrityOnly;
            let config = TxScConfig {
                protection,
                ..tx_config()
            };
            let (mut tx, mut rx) = line(&Key::new(Suite::GcmAes128, 1), config, rx_config);
            let sent = protect_one(&mut tx, &frame(64));
            assert!(validate_one(&mut rx, &sent).is_ok());
            let again = if replay_window == 0 {
                Discard::InPktsLate
            } else {
                Discard::InPktsDuplicate
            };
            assert_eq!(validate_one(&mut rx, &sent), Err(again));
        }
    }
}

#[test]
fn strict_is_the_default() {
    assert_eq!(RxConfig::default().validate, Strict);
    let mut rx = RxScs::new(RxConfig::default());
    assert_eq!(validate_one(&mut rx, &frame(64)), Err(Discard::InPktsNoTag));
}

/// Tags in clear are skipped up to the configured number and no further.
#[test]
fn tags_in_clear() {
    let tag = [0x88, 0xa8, 0x00, 0x07];
    for tags in 0..3_u8 {
        for taken in 0..4_u8 {
            let config = TxScConfig {
                clear_vlan_tags: tags,
                ..tx_config()
            };
            let rx_config = RxConfig {
                clear_vlan_tags: taken,
                ..RxConfig::default()
            };
            let (mut tx, mut rx) = line(&Key::new(Suite::GcmAesXpn256, 1), config, rx_config);
            let plain = [&frame(0)[..], &tag.repeat(2), &frame(64)[12..]].concat();
            let sent = protect_one(&mut tx, &plain);
            assert_eq!(sent[12 + 4 * usize::from(tags)..][..2], [0x88, 0xe5]);
            assert_eq!(
                sent[..12 + 4 * usize::from(tags)],
                plain[..12 + 4 * usize::from(tags)]
            );
            let want = if tags <= taken {
                Ok(plain)
            } else {
                Err(Discard::InPktsNoTag)
            };
            assert_eq!(
                validate_one(&mut rx, &sent),
                want,
                "{tags} sent, {taken} taken"
            );
        }
    }
}

/// Frames with and without tags alternate: none may be taken for one with the header of the frame
/// before.
#[test]
fn tags_in_clear_or_not_by_turns() {
    let tag = [0x81, 0x00, 0x00, 0x07];
    let config = TxScConfig {
        clear_vlan_tags: 2,
        ..tx_config()
    };
    let rx_config = RxConfig {
        clear_vlan_tags: 2,
        ..RxConfig::default()
    };
    let (mut tx, mut rx) = line(&Key::new(Suite::GcmAesXpn256, 1), config, rx_config);
    let plain = [0, 1, 2, 0, 2, 1, 0, 0, 3, 0]
        .map(|tags| [&frame(0)[..], &tag.repeat(tags), &frame(64)[12..]].concat());
    let sent: Vec<_> = protect(&mut tx, &plain)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(validate(&mut rx, &sent), plain.map(Ok));
}
